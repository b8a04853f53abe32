"""The client's way to a machine: join the kernel that runs it, or start one.

Whoever gets the machine's lock starts the kernel and hands it the lock and one end of a socket pair, which is the kernel's
first connection; so nobody waits for a socket to appear, and what goes wrong during boot is told over that connection.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from lichen.daemon import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

_PATIENCE: Final = 20.0
"""Seconds to wait for a kernel that is starting or ending."""
_PAUSE: Final = 0.005
_MOST_LOG: Final = 1 << 20


class StartError(Exception):
    """The machine cannot be joined or started; the text is for the user."""


def join(folder: str) -> socket.socket | None:
    """A connection to the running kernel of a machine; None when there is none, or none yet."""
    try:
        directory = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"/proc/self/fd/{directory}/socket")  # a socket's own path may be too long
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    finally:
        os.close(directory)
    return connection


def join_or_start(name: str, arguments: list[str]) -> tuple[socket.socket, bool]:
    """A connection to the machine's kernel, which is started with `arguments` when it does not run; whether it ran."""
    deadline = time.monotonic() + _PATIENCE
    can_start = "--fresh" in arguments or not name.startswith(places.FRESH_PREFIX)
    while True:
        folder = places.make_folder(name) if can_start else places.folder_of(name)
        connection = join(folder)
        if connection is not None:
            return connection, True
        if not can_start:
            raise StartError(f"there is no throw-away machine {name}; `lichen list` shows those that are")
        lock = places.try_lock(folder)
        if lock is not None:
            try:
                return _start(folder, lock, arguments), False
            finally:
                os.close(lock)
        if time.monotonic() > deadline:
            log = places.log_of(folder)
            raise StartError(f"the machine {name} has been starting or ending for too long; see {log}")
        time.sleep(_PAUSE)


def _start(folder: str, lock: int, arguments: list[str]) -> socket.socket:
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                _become_kernel(folder, lock, theirs.fileno(), arguments)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs.close()
    return ours


def _become_kernel(folder: str, lock: int, connection: int, arguments: list[str]) -> NoReturn:
    """Execute the kernel, whose standard files are its log and not ours."""
    log = places.log_of(folder)
    if os.path.exists(log) and os.path.getsize(log) > _MOST_LOG:
        os.replace(log, log + ".old")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(written, number)
    for descriptor in (lock, connection):
        os.set_inheritable(descriptor, True)
    words = kernel_command(folder, lock, connection, arguments)
    os.execv(words[0], words)


def kernel_command(folder: str, lock: int, connection: int, arguments: list[str]) -> list[str]:
    """How the kernel of a machine is executed: with descriptors of its lock and of its first client, or -1 without one."""
    program = os.path.dirname(os.path.abspath(__file__))
    return [sys.executable, "-I", "-S", program, folder, str(lock), str(connection), *arguments]
