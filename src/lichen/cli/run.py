"""`lichen run` and `lichen`: start one program on a machine, with the caller's standard files, and end as it ends.

This is the fast road: it imports no CLI library, and next to nothing of the standard one (G31).
"""

from __future__ import annotations

import os

from lichen.cli.client import FAILURE, Client, complain
from lichen.cli.variables import for_machine
from lichen.daemon import places, protocol, starting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


USAGE: Final = """\
usage: lichen run [OPTION]... [--] PROGRAM [ARG]...

Run PROGRAM on a machine: a path of the machine's, or a name found on its PATH.

  --machine NAME                     the machine (default: default), booted when it does not run
  --fresh                            a throw-away machine, which ends with PROGRAM
  --user NAME                        as this user of the machine (root: as its administrator)
  --cwd DIR                          in this folder (default: the current one)
  --env NAME=VALUE                   with this variable
  --share HOSTDIR[:GUESTDIR][:ro]    with this folder of the host, where writes reach the host
  --disk SIZE                        let the machine take no more of the host's disk (10G, 500M, or none), and keep that
  --network own|host|none            (when the machine starts) with a network of its own, on the host's, or with the
                                     loopback alone, and keep that; default: own if the host has a way out of it
  --publish [HOSTADDR:]HOST:GUEST[/udp]
                                     with this port of the host leading into the machine (HOSTADDR: 127.0.0.1)
  --trace[=FILE]                     tell each system call on standard error or in FILE
  --root-files                       (as root) let the machine show files that only root may read

What PROGRAM leaves running goes on, and the machine with it; `lichen ps` shows it.
The exit status is the program's (128+n for signal n); 125: Lichen failed, 126: PROGRAM cannot be run, 127: there is none.

  lichen run ls -l /                 lichen run --fresh --share . -- make test
  lichen run sh -c 'ps -ef | wc -l'  lichen run --trace=calls.txt true"""


class UsageError(Exception):
    """The command line makes no sense."""


class Options:
    """What the command line of `run` asks for."""

    def __init__(self) -> None:
        self.program: list[str] = []
        """The program and its arguments; nothing for the user's login shell."""
        self.machine = places.DEFAULT
        self.fresh = self.root_files = self.help = False
        self.user = self.folder = self.disk = self.network = ""
        self.environment: list[str] = []
        self.shares: list[str] = []
        self.ports: list[str] = []
        self.trace: str | None = None
        """A file, or nothing for standard error; None when there is to be no trace."""


_VALUES: Final = {
    "--machine": "machine",
    "--user": "user",
    "--cwd": "folder",
    "--disk": "disk",
    "--network": "network",
}
_LISTS: Final = {"--env": "environment", "--share": "shares", "--publish": "ports"}
_SWITCHES: Final = {"--fresh": "fresh", "--root-files": "root_files", "--help": "help", "-h": "help"}


def parse(arguments: list[str]) -> Options:
    """Take the arguments of `run` apart; options end at the first word that is none, or at `--`."""
    options = Options()
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name in _SWITCHES and not equals:
            setattr(options, _SWITCHES[name], True)
        elif name == "--trace":
            options.trace = _given(name, value) if equals else ""
        elif name in _VALUES:
            setattr(options, _VALUES[name], _given(name, value if equals else _next(name, rest)))
        elif name in _LISTS:
            getattr(options, _LISTS[name]).append(_given(name, value if equals else _next(name, rest)))
        else:
            raise UsageError(f"unknown option {word}")
    if not options.help and not (rest and rest[0]):
        raise UsageError("the program's name is empty" if rest else "a program is needed")
    if options.fresh and options.machine != places.DEFAULT:
        raise UsageError("--fresh and --machine exclude each other")
    if options.network and options.network not in places.NETWORKS:
        raise UsageError(f"--network {options.network}: own, host or none is needed")
    options.program = rest
    return options


def _next(name: str, rest: list[str]) -> str:
    return rest.pop(0) if rest else _given(name, "")


def _given(name: str, value: str) -> str:
    """The value of an option; an empty one is a variable that the caller's script forgot to set."""
    if not value:
        raise UsageError(f"{name} needs a value")
    return value


def share_of(text: str) -> list[str]:
    """HOSTDIR[:GUESTDIR][:ro] as three strings: two absolute folders and `ro` or `rw`."""
    parts = text.split(":")
    mode = parts.pop() if len(parts) > 1 and parts[-1] in ("ro", "rw") else "rw"
    if len(parts) > 2 or not all(parts):
        raise UsageError(f"--share {text}: HOSTDIR[:GUESTDIR][:ro] is needed")
    guest = os.path.normpath(parts[-1] if len(parts) == 2 else os.path.abspath(parts[0]))
    if not guest.startswith("/"):
        raise UsageError(f"--share {text}: the machine's folder must begin with /")
    return [os.path.realpath(parts[0]), guest, mode]


def run(arguments: list[str]) -> int:
    """Carry out `lichen run`; returns its exit status."""
    try:
        options = parse(arguments)
        if options.help:
            print(USAGE)
            return 0
        return start(options)
    except UsageError as error:
        complain(f"{error}; `lichen run --help` tells what can be said")
        return 2


def shell() -> int:
    """Carry out `lichen`: the login shell of the default machine."""
    return start(Options())


def start(options: Options) -> int:
    """Run what the options say; every failure ends as a message and a status."""
    try:
        client = Client(options.machine, options.fresh, options.root_files, options.network)
        request = _request(options, client)
        trace = None if options.trace is None else _trace_descriptor(options.trace)
    except OSError as error:
        complain(f"{error.filename or 'cannot begin'}: {error.strerror}")
        return FAILURE
    try:
        return client.run(request, trace)
    except (places.PlaceError, starting.StartError, protocol.ProtocolError) as error:
        client.restore()
        complain(str(error))
    except OSError as error:
        client.restore()
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
    finally:
        client.restore()
    return FAILURE


def _request(options: Options, client: Client) -> protocol.Start:
    """What the kernel is asked for."""
    variables = for_machine()
    for text in options.environment:
        name, equals, value = os.fsencode(text).partition(b"=")
        if not name or not equals:
            raise UsageError(f"--env {text}: NAME=VALUE is needed")
        variables[name] = value
    flags = [protocol.TRACE] if options.trace is not None else []
    flags += [protocol.ROOT_FILES] if options.root_files else []
    flags += [_disk(options.disk)] if options.disk else []
    flags += [protocol.NETWORK + options.network.encode()] if options.network else []
    flags += [_port(text) for text in options.ports]
    flags += [protocol.JOB_CONTROL] if client.stoppable else []
    program = [os.fsencode(word) for word in options.program]
    return protocol.Start(
        version=protocol.version().encode(),
        program=program[0] if program else b"",
        arguments=program,
        environment=[name + b"=" + value for name, value in variables.items()],
        folder=os.fsencode(_folder(options)),
        user=os.fsencode(options.user),
        groups=[str(group).encode() for group in os.getgroups()],
        shares=[os.fsencode(word) for text in options.shares for word in share_of(text)],
        standard=bytes(number in client.standard for number in range(3)),
        flags=flags,
        terminal=client.terminal.settings if client.terminal else b"",
        window=client.terminal.window() if client.terminal else b"",
    )


def _disk(text: str) -> bytes:
    """The flag for a size of the machine's disk."""
    from lichen.filesystems.disk import size_of

    try:
        size = 0 if text == "none" else size_of(text)
    except ValueError:
        raise UsageError(f"--disk {text}: a size is needed, as 10G or 500M, or none") from None
    return protocol.DISK + str(size).encode()


def _port(text: str) -> bytes:
    """The flag for a port of the host that leads into the machine."""
    from lichen.daemon.ports import port_of

    try:
        port_of(text)
    except (ValueError, OSError):
        raise UsageError(f"--publish {text}: [HOSTADDR:]HOST:GUEST[/udp] is needed") from None
    return protocol.PUBLISH + os.fsencode(text)


def _folder(options: Options) -> str:
    """Where to start; a login shell whose caller's folder is gone starts at the top."""
    if options.folder.startswith("/"):
        return options.folder
    try:
        return os.path.join(os.getcwd(), options.folder)
    except FileNotFoundError:
        if options.program:
            raise UsageError("the current folder is gone; choose one of the machine's with --cwd") from None
        return "/"


def _trace_descriptor(file: str) -> int:
    """Where the trace goes: a new file, or standard error."""
    if not file:
        return 2
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
