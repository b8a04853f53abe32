"""The client's side of a session: one program of a machine, with the caller's descriptors, terminal and signals.

It imports next to nothing, so that a program starts fast (G31).
"""

from __future__ import annotations

import os
import signal

from lichen.daemon import places, protocol, starting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from typing import Final, NoReturn

    from lichen.cli.terminal import Terminal

FAILURE: Final = 125
"""The exit status when it is Lichen that failed; 126 and 127 are about the program, as shells have them."""
_MOST_ATTEMPTS: Final = 5
_LOOK: Final = 0.1
"""Seconds between two looks at whether the terminal is ours again."""
_ENDING: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def complain(text: str) -> None:
    """Tell the user on standard error, if there is one."""
    try:
        os.write(2, f"lichen: {text}\n".encode(errors="surrogateescape"))
    except OSError:
        return


class Client:
    """One program of a session, from its request to its exit status; `machine` is made anew when it is `fresh`."""

    def __init__(
        self, machine: str, fresh: bool = False, root_files: bool = False, network: str = ""
    ) -> None:
        self.fresh, self.root_files, self.network = fresh, root_files, network
        self.machine = places.new_fresh_name() if fresh else machine
        self.standard = [number for number in range(3) if _is_open(number)]
        self.terminal: Terminal | None = None
        if os.isatty(1):
            from lichen.cli.terminal import Terminal

            self.terminal = Terminal.in_front(1)
        self.stoppable = _has_shell()
        self._goes_on = False
        self.connection: socket.socket
        self._buffer = bytearray()

    def run(self, request: protocol.Start, trace: int | None) -> int:
        """Start the program, pass signals on, and wait for its end; its calls are told in the descriptor `trace`."""
        descriptors = [*self.standard, *([] if trace is None else [trace])]
        if not self.fresh:
            places.check_name(self.machine)
        places.remove_dead_fresh_machines()
        self._catch(_ENDING, self._end_by)
        if self.terminal:
            self.terminal.make_raw()
        for _ in range(_MOST_ATTEMPTS):
            status = self._attempt(request.encode(), descriptors)
            if status is not None:
                return status
        raise starting.StartError(f"the machine {self.machine} ends as soon as it starts; {self._see_log()}")

    def restore(self) -> None:
        if self.terminal:
            self.terminal.restore()

    def _attempt(self, request: bytes, descriptors: list[int]) -> int | None:
        """Run the program; None when a machine ended just as we joined it, before the program began."""
        arguments = ["--fresh"] * self.fresh + ["--root-files"] * self.root_files
        arguments += [f"--network={self.network}"] if self.network else []
        self.connection, joined = starting.join_or_start(self.machine, arguments)
        self._buffer.clear()
        try:
            protocol.send(self.connection, request, descriptors)
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
        if errors and self.fresh:
            self.restore()
            complain(f"Lichen's kernel met {errors} errors of its own; {self._see_log()}")
            return FAILURE
        return status

    def _died(self) -> int:
        from lichen.daemon import history

        self.restore()
        history.seen_dead(places.folder_of(self.machine))
        complain(f"the kernel of the machine {self.machine} ended unexpectedly; {self._see_log()}")
        return FAILURE

    def _see_log(self) -> str:
        return f"see {places.log_of(places.folder_of(self.machine))}"

    # ---- signals

    def _catch(self, numbers: Iterable[int], handler: Callable[[int, object], None]) -> None:
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

    def _forward(self, number: int, frame: object) -> None:
        self._send(protocol.SIGNAL, str(int(number)).encode())

    def _end_by(self, number: int, frame: object) -> NoReturn:
        """End as the signal would have us end; the kernel sees the connection close."""
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)

    def _resize(self, number: int, frame: object) -> None:
        if self.terminal:
            self._send(protocol.RESIZE, self.terminal.window())

    def _continue(self, number: int, frame: object) -> None:
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

    def _look_for_terminal(self, number: int, frame: object) -> None:
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
