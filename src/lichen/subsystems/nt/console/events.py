"""Control events: a key, a program or the end of its console asks a process to end, and a new thread of it runs its handlers.

Of the end of the console or of the machine it can only be told: it has five seconds, and is ended when its handlers are
through, whatever they say.

Source: SetConsoleCtrlHandler, GenerateConsoleCtrlEvent (learn.microsoft.com); ntdll names the routine with which it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.interfaces import GuestGone
from lichen.executive.status import Failure
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt import signals, threads
from lichen.subsystems.nt.state import as_nt_process, nt_of

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_ROUTINE: Final = "__wine_ctrl_routine"
_STACK: Final = 0x100000
_LAST_SECONDS: Final = 5.0
"""Source: SPI_GETHUNGAPPTIMEOUT, HandlerRoutine (learn.microsoft.com)."""


def start_handler(process: Process, event: int) -> Thread | None:
    """Start the thread that handles an event; None when the process cannot have one any more."""
    state = as_nt_process(process)
    if state is None or process.exit_status is not None:
        return None
    routine = state.subsystem.ntdll.file.exports.get(_ROUTINE)
    if routine is None:
        return None
    try:
        handler = threads.create(
            process.first_thread, state.ntdll + routine, event, (_STACK, 0), suspended=False
        )
    except (Failure, GuestGone, OSError):
        return None
    nt_of(handler).control_event = event
    return handler


def end_by(process: Process, event: int) -> bool:
    """Have a process handle an event after which it ends; False when it cannot be told any more."""
    handler = start_handler(process, event)
    if handler is None:
        return False
    process.machine.scheduler.spawn(_end_after(process, handler, event))
    return True


def _end_after(process: Process, handler: Thread, event: int) -> Blocks[None]:
    deadline = process.machine.scheduler.clock() + _LAST_SECONDS
    yield Wait((process.ended, handler.ended), deadline)
    process.terminate(signals.ended_by(event))


def group_of(process: Process) -> int:
    """The id of the process group that control events are sent to: begun by CREATE_NEW_PROCESS_GROUP."""
    state = as_nt_process(process)
    return state.console_group if state is not None else 0


def group_of_creator(process: Process) -> int:
    """The group that a new process belongs to, unless it begins one."""
    creator = process.machine.processes.get(process.creator)
    return group_of(creator) if creator is not None else 0
