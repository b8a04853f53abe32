"""`lichen run` and `lichen`: start one program on a machine, with the caller's standard files, and end as it ends.

This is the fast road: it imports no CLI library, and next to nothing of the standard one (G31).
"""

from __future__ import annotations

import os
import signal

from lichen.cli.variables import for_machine
from lichen.daemon import places, protocol, starting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from typing import Any, Final, NoReturn

    from lichen.cli.terminal import Terminal

FAILURE: Final = 125
"""The exit status when it is Lichen that failed; 126 and 127 are about the program, as shells have them."""
_MOST_ATTEMPTS: Final = 5
_LOOK: Final = 0.1
"""Seconds between two looks at whether the terminal is ours again."""
_ENDING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

USAGE: Final = """\
usage: lichen run [OPTION]... [--] PROGRAM [ARG]...

Run PROGRAM on a machine: a path of the machine's, or a name found on its PATH.

  --machine NAME                     the machine (default: default), started when it does not run
  --fresh                            a throw-away machine
  --user NAME                        as this user of the machine (root: as its administrator)
  --cwd DIR                          in this folder (default: the current one)
  --env NAME=VALUE                   with this variable
  --share HOSTDIR[:GUESTDIR][:ro]    with this folder of the host, where writes reach the host
  --disk SIZE                        let the machine take no more of the host's disk (10G, 500M, or none), and keep that
  --trace[=FILE]                     tell each system call on standard error or in FILE
  --root-files                       (as root) let the machine show files that only root may read

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
        self.user = self.folder = self.disk = ""
        self.environment: list[str] = []
        self.shares: list[str] = []
        self.trace: str | None = None
        """A file, or nothing for standard error; None when there is to be no trace."""


_VALUES: Final = {"--machine": "machine", "--user": "user", "--cwd": "folder", "--disk": "disk"}
_LISTS: Final = {"--env": "environment", "--share": "shares"}
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
        client = Client(options)
    except OSError as error:
        complain(f"{error.filename or 'cannot begin'}: {error.strerror}")
        return FAILURE
    try:
        return client.run()
    except (places.PlaceError, starting.StartError, protocol.ProtocolError) as error:
        client.restore()
        complain(str(error))
    except OSError as error:
        client.restore()
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
    finally:
        client.restore()
    return FAILURE


def complain(text: str) -> None:
    """Tell the user on standard error, if there is one."""
    try:
        os.write(2, f"lichen: {text}\n".encode(errors="surrogateescape"))
    except OSError:
        return


class Client:
    """One `lichen run` from its command line to its exit status."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.machine = places.new_fresh_name() if options.fresh else options.machine
        self.standard = [number for number in range(3) if _is_open(number)]
        self.terminal: Terminal | None = None
        if os.isatty(1):
            from lichen.cli.terminal import Terminal

            self.terminal = Terminal.in_front(1)
        self.stoppable = _has_shell()
        self._goes_on = False
        self.descriptors = list(self.standard)
        if options.trace is not None:
            self.descriptors.append(_trace_descriptor(options.trace))
        self.request = self._request().encode()
        self.connection: socket.socket
        self._buffer = bytearray()

    def _request(self) -> protocol.Start:
        options = self.options
        variables = for_machine()
        for text in options.environment:
            name, equals, value = os.fsencode(text).partition(b"=")
            if not name or not equals:
                raise UsageError(f"--env {text}: NAME=VALUE is needed")
            variables[name] = value
        flags = [protocol.TRACE] if options.trace is not None else []
        flags += [protocol.ROOT_FILES] if options.root_files else []
        flags += [_disk(options.disk)] if options.disk else []
        flags += [protocol.JOB_CONTROL] if self.stoppable else []
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
            standard=bytes(number in self.standard for number in range(3)),
            flags=flags,
            terminal=self.terminal.settings if self.terminal else b"",
            window=self.terminal.window() if self.terminal else b"",
        )

    def run(self) -> int:
        """Start the program, pass signals on, and wait for its end."""
        if not self.options.fresh:
            places.check_name(self.machine)
        places.remove_dead_fresh_machines()
        self._catch(_ENDING, self._end_by)
        if self.terminal:
            self.terminal.make_raw()
        for _ in range(_MOST_ATTEMPTS):
            status = self._attempt()
            if status is not None:
                return status
        raise starting.StartError(f"the machine {self.machine} ends as soon as it starts; {self._see_log()}")

    def restore(self) -> None:
        if self.terminal:
            self.terminal.restore()

    def _attempt(self) -> int | None:
        """Run the program; None when a machine ended just as we joined it, before the program began."""
        arguments = ["--fresh"] * self.options.fresh + ["--root-files"] * self.options.root_files
        self.connection, joined = starting.join_or_start(self.machine, arguments)
        self._buffer.clear()
        try:
            protocol.send(self.connection, self.request, self.descriptors)
        except (BrokenPipeError, ConnectionResetError):
            if joined:
                return None
        status = self._follow()
        return self._died() if status is None and not joined else status

    def _follow(self) -> int | None:
        """Act on the kernel's messages until there is an exit status; None when it went before the program began."""
        began = False
        while (message := protocol.receive(self.connection, self._buffer)) is not None:
            kind, fields = message
            if kind == protocol.STARTED:
                began = True
                self._pass_signals_on()
            elif kind == protocol.STOPPED:
                self._stop()
            elif kind == protocol.WARNING:
                complain(os.fsdecode(fields[0]) + "\r" * (self.terminal is not None))
            elif kind == protocol.FAILED:
                self.restore()
                complain(os.fsdecode(fields[1]))
                return int(protocol.WORD.unpack(fields[0])[0])
            elif kind == protocol.EXITED:
                return self._ended(*(int(protocol.WORD.unpack(field)[0]) for field in fields[:2]))
        return self._died() if began else None

    def _ended(self, status: int, errors: int) -> int:
        if errors and self.options.fresh:
            self.restore()
            complain(f"Lichen's kernel met {errors} errors of its own; {self._see_log()}")
            return FAILURE
        return status

    def _died(self) -> int:
        self.restore()
        complain(f"the kernel of the machine {self.machine} ended unexpectedly; {self._see_log()}")
        return FAILURE

    def _see_log(self) -> str:
        return f"see {places.log_of(places.folder_of(self.machine))}"

    # ---- signals

    def _catch(self, numbers: Iterable[int], handler: Callable[[int, Any], None]) -> None:
        """Catch signals; those that were ignored when we were started stay so."""
        for number in numbers:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)

    def _pass_signals_on(self) -> None:
        """From now on signals are for the program."""
        self._catch(_FORWARDED, self._forward)
        if self.terminal:
            signal.signal(signal.SIGWINCH, self._resize)
        if self.stoppable:
            self._catch((signal.SIGTSTP,), self._forward)
        if self.terminal or self.stoppable:
            signal.signal(signal.SIGCONT, self._continue)

    def _send(self, kind: int, field: bytes) -> None:
        try:
            self.connection.sendall(protocol.encode(kind, field))
        except OSError:  # the kernel is gone, which the next read tells
            return

    def _forward(self, number: int, frame: Any) -> None:
        self._send(protocol.SIGNAL, str(int(number)).encode())

    def _end_by(self, number: int, frame: Any) -> NoReturn:
        """End as the signal would have us end; the kernel sees the connection close."""
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)

    def _resize(self, number: int, frame: Any) -> None:
        if self.terminal:
            self._send(protocol.RESIZE, self.terminal.window())

    def _continue(self, number: int, frame: Any) -> None:
        """A shell had stopped us and used the terminal; it may have us go on without."""
        self._goes_on = True
        in_front = self.terminal is None or self.terminal.is_ours()
        self._send(protocol.CONTINUED, b"1" if in_front else b"0")
        if not in_front:
            signal.signal(signal.SIGALRM, self._look_for_terminal)
            signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
        elif self.terminal:
            self._take_terminal(self.terminal)

    def _take_terminal(self, terminal: Terminal) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        terminal.make_raw()
        self._send(protocol.RESIZE, terminal.window())

    def _look_for_terminal(self, number: int, frame: Any) -> None:
        """In the background: no shell says when it gives the terminal to somebody who runs already."""
        if self.terminal and self.terminal.is_ours():
            self._send(protocol.CONTINUED, b"1")
            self._take_terminal(self.terminal)

    def _stop(self) -> None:
        """The program has stopped: so do we, with whoever else is in our job; our shell says when to go on."""
        self.restore()
        signal.setitimer(signal.ITIMER_REAL, 0)
        handler = signal.getsignal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._goes_on = False
        os.killpg(os.getpgrp(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)
        if not self._goes_on:  # there was no shell any more, so nobody was stopped
            self._continue(signal.SIGCONT, None)


def _has_shell() -> bool:
    """Whether a shell would continue us when we are stopped: our parent is in another group of our session."""
    try:
        parent = os.getppid()
        return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
    except OSError:
        return False


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _disk(text: str) -> bytes:
    """The flag for a size of the machine's disk."""
    from lichen.filesystems.disk import size_of

    try:
        size = 0 if text == "none" else size_of(text)
    except ValueError:
        raise UsageError(f"--disk {text}: a size is needed, as 10G or 500M, or none") from None
    return protocol.DISK + str(size).encode()


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
