"""Where things of a machine lie on the host, and how one tells from there whether it runs.

A machine is a folder: `root` (its private layer), `log`, `lock`, `socket`, `running` with what its kernel says of itself,
`disk` with the size that its user gave it, `network` with the network that its user chose for it, and `started`, which is
there while it is to stay until it is stopped.
The kernel holds a lock on `lock` all its life, which the host drops however it dies; so "is it running" needs no guess.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

DEFAULT: Final = "default"
FRESH_PREFIX: Final = "fresh."
"""Names of throw-away machines; no user's machine can have one."""
NETWORKS: Final = ("own", "host", "none")
_LONGEST_NAME: Final = 64
_BACKLOG: Final = 64
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


class PlaceError(Exception):
    """The state folder cannot be used as it is; the text is for the user."""


def home() -> str:
    """Lichen's state folder of this user."""
    environment = os.environ
    if own := environment.get("LICHEN_HOME"):
        return os.path.abspath(own)
    data = environment.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(os.path.abspath(data), "lichen")


def check_name(name: str) -> None:
    """PlaceError unless `name` may be a machine's name."""
    if not _is_name(name):
        raise PlaceError(
            f"{name[:_LONGEST_NAME]!r} is no name for a machine: at most {_LONGEST_NAME} letters, digits, - and _ are, "
            "and the first is no -"
        )


def _is_name(name: str) -> bool:
    plain = name.removeprefix(FRESH_PREFIX)
    return (
        bool(plain)
        and len(name) <= _LONGEST_NAME
        and _NAME_CHARACTERS.issuperset(plain)
        and not plain.startswith("-")
    )


def machines() -> str:
    return os.path.join(home(), "machines")


def folder_of(name: str) -> str:
    return os.path.join(machines(), name)


def state_of(folder: str) -> str:
    """Lichen's state folder that a machine's folder is in: whatever the environment says."""
    return os.path.dirname(os.path.dirname(folder))


def make_folder(name: str) -> str:
    """The folder of a machine, made if it is missing; nobody else can look into it."""
    folder = folder_of(name)
    try:
        os.makedirs(home(), 0o700, exist_ok=True)
        for path in (machines(), folder):
            os.makedirs(path, 0o700, exist_ok=True)
            check_private(path)
    except FileExistsError as error:
        raise PlaceError(f"cannot make {folder}: {error.filename} is no folder") from error
    except OSError as error:
        raise PlaceError(f"cannot make {folder}: {error.strerror}") from error
    return folder


def check_private(path: str) -> None:
    """PlaceError unless a folder is this user's alone."""
    state = os.stat(path)
    if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o077:
        raise PlaceError(
            f"{path} must belong to you alone: chmod 700 {path}, or choose a folder by LICHEN_HOME"
        )


def new_fresh_name() -> str:
    return f"{FRESH_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"


def service_log_of(folder: str) -> str:
    """Where what services write is kept."""
    return os.path.join(folder, "services.log")


def log_of(folder: str) -> str:
    return os.path.join(folder, "log")


def try_lock(folder: str) -> int | None:
    """A descriptor that holds the machine's lock, or None while its kernel runs, starts or ends."""
    path = os.path.join(folder, "lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):  # held, or removed while we waited
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def is_running(folder: str) -> bool:
    """Whether somebody holds the machine's lock."""
    try:
        descriptor = os.open(os.path.join(folder, "lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_for_end(folder: str) -> None:
    """Wait until nobody holds the machine's lock."""
    descriptor = os.open(os.path.join(folder, "lock"), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def names() -> Iterator[str]:
    """Every machine that has a folder, in order; what else somebody has put there is none."""
    try:
        found = sorted(os.listdir(machines()))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in found:
        if _is_name(name) and os.path.isdir(folder_of(name)):
            yield name


def remove_dead_fresh_machines() -> None:
    """Remove what throw-away machines left behind whose kernels were killed; not those that are about to start."""
    for name in names():
        if name.startswith(FRESH_PREFIX) and not _has_client(name):
            remove_if_dead(folder_of(name))


def _has_client(name: str) -> bool:
    """Whether the client that a throw-away machine is named after is still there."""
    pid = name.removeprefix(FRESH_PREFIX).partition("-")[0]
    return pid.isdigit() and os.path.exists(f"/proc/{pid}")


def remove_if_dead(folder: str) -> bool:
    """Remove a machine that does not run; False when it does."""
    from lichen.filesystems.removal import remove_tree

    try:
        lock = try_lock(folder)
    except FileNotFoundError:
        return True
    if lock is None:
        return False
    stop_listening(folder)
    remove_tree(folder)
    os.close(lock)
    return True


def facts(folder: str) -> dict[str, str]:
    """What a machine's kernel wrote of itself: `pid`, `version`, `processor`, and what `history` keeps there."""
    try:
        with open(os.path.join(folder, "running")) as file:
            return dict(line.rstrip("\n").split(" ", 1) for line in file)
    except (FileNotFoundError, ValueError):
        return {}


def write_facts(folder: str, facts: dict[str, object]) -> None:
    text = "".join(f"{name} {value}\n" for name, value in facts.items())
    path = os.path.join(folder, "running")
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
    os.replace(f"{path}.new", path)


def is_started(folder: str) -> bool:
    """Whether a machine is to stay until it is stopped, also after its kernel was killed."""
    return os.path.exists(os.path.join(folder, "started"))


def set_started(folder: str, started: bool) -> None:
    path = os.path.join(folder, "started")
    if started:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    elif os.path.exists(path):
        os.unlink(path)


def disk_size(folder: str) -> int | None:
    """The bytes that a machine may take of the host's disk, as its user said once; None when nobody has."""
    try:
        with open(os.path.join(folder, "disk")) as file:
            return int(file.read()) or None
    except (FileNotFoundError, ValueError):
        return None


def set_disk_size(folder: str, size: int) -> None:
    """Keep a machine's size for its next start; 0: it has none."""
    _keep(folder, "disk", str(size))


def network(folder: str) -> str:
    """The network that a machine is to be on, as its user said once; nothing when nobody has."""
    try:
        with open(os.path.join(folder, "network")) as file:
            text = file.read().strip()
    except FileNotFoundError:
        return ""
    return text if text in NETWORKS else ""


def set_network(folder: str, network: str) -> None:
    """Keep a machine's network for its next start."""
    _keep(folder, "network", network)


def _keep(folder: str, name: str, text: str) -> None:
    path = os.path.join(folder, name)
    unfinished = f"{path}.new"
    with open(unfinished, "w") as file:
        file.write(f"{text}\n")
    os.replace(unfinished, path)


# ---- the socket


def listen(folder: str) -> socket.socket:
    """The socket that clients of a machine connect to: in the runtime folder when there is one, with a link in `folder`."""
    stop_listening(folder)
    link = os.path.join(folder, "socket")
    runtime = _runtime_folder()
    if runtime is None:
        return _bound(folder, "socket")
    state = os.stat(folder)
    name = f"{state.st_dev:x}-{state.st_ino:x}"
    listener = _bound(runtime, name)
    os.symlink(os.path.join(runtime, name), link)
    return listener


def _bound(folder: str, name: str) -> socket.socket:
    directory = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    path = f"/proc/self/fd/{directory}/{name}"  # a socket's own path may be too long
    try:
        listener = socket.socket(socket.AF_UNIX)
        if os.path.lexists(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(_BACKLOG)
    finally:
        os.close(directory)
    return listener


def stop_listening(folder: str) -> None:
    """Remove the socket of a machine, of this kernel or of one that was killed."""
    link = os.path.join(folder, "socket")
    for path in (os.path.realpath(link), link):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue


def _runtime_folder() -> str | None:
    """The folder for sockets that the host gives this user, if it does."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not runtime:
        return None
    folder = os.path.join(runtime, "lichen")
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        check_private(folder)
    except (OSError, PlaceError):
        return None
    return folder
