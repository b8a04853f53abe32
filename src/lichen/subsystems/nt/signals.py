"""Signals that concern the console of a Windows program: the keys of a terminal, its size, stops (G17)."""

from __future__ import annotations

import signal as posix
from typing import TYPE_CHECKING, Final

from lichen.executive.processes import ExitStatus
from lichen.subsystems.nt.state import as_nt_process, nt_of
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.subsystems.nt.state import Seen

CTRL_C, CTRL_BREAK, CTRL_CLOSE, CTRL_SHUTDOWN = 0, 1, 2, 6
_CONTROL_EVENTS: Final[dict[int, int]] = {posix.SIGINT: CTRL_C, posix.SIGQUIT: CTRL_BREAK}
_SIGNALS: Final[dict[int, int]] = {
    CTRL_C: posix.SIGINT,
    CTRL_BREAK: posix.SIGQUIT,
    CTRL_CLOSE: posix.SIGHUP,
    CTRL_SHUTDOWN: posix.SIGTERM,
}
"""What Linux sees of the end of a program by a control event."""


def _console_of(process: Process) -> Seen | None:
    state = as_nt_process(process)
    return state.console if state is not None else None


def is_for_console(process: Process, number: int) -> bool:
    """Give a signal to the process's console, if it has one and the signal is of that kind; whether that was it."""
    console = _console_of(process)
    if number == posix.SIGWINCH:
        if console is not None:
            console.resized()
        return True
    if number == posix.SIGHUP:
        return console is not None and not console.hidden and console.end_by(process, CTRL_CLOSE)
    event = _CONTROL_EVENTS.get(number)
    return event is not None and console is not None and console.raise_event(process, event)


def exit_status(thread: Thread, code: int) -> ExitStatus:
    """How a process has ended that ends itself. Whoever is ended by a control event is so for Linux parents too (G18).

    Wine's last handler ends a program with 0 where that of Windows says CONTROL_C_EXIT.
    """
    event = nt_of(thread).control_event
    if code == NtStatus.CONTROL_C_EXIT or (code == 0 and event is not None):
        return ended_by(CTRL_C if event is None else event)
    return ExitStatus(code)


def ended_by(event: int) -> ExitStatus:
    """The end of a process by a control event."""
    return ExitStatus(NtStatus.CONTROL_C_EXIT, _SIGNALS.get(event, posix.SIGINT))


def shut_down(process: Process) -> bool:
    """Tell a process that the machine goes down; False when it has no console to hear that by."""
    console = _console_of(process)
    return console is not None and console.end_by(process, CTRL_SHUTDOWN)


def job_changed(process: Process) -> None:
    """A process was stopped or continued: the terminal is its console's no more, or again."""
    console = _console_of(process)
    if console is not None:
        console.job_changed(process)


def left(process: Process) -> None:
    """A process ended or gave its console up."""
    state = as_nt_process(process)
    if state is not None and state.console is not None:
        console, state.console = state.console, None
        console.detach(process)
        console.release()
