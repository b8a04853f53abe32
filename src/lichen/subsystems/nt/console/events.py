"""Control events: a key or a program asks a process to end, and a new thread of that process runs its handlers.

Source: SetConsoleCtrlHandler, GenerateConsoleCtrlEvent (learn.microsoft.com); ntdll names the routine with which it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.interfaces import GuestGone
from lichen.executive.status import Failure
from lichen.subsystems.nt import threads
from lichen.subsystems.nt.state import as_nt_process, nt_of

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_ROUTINE: Final = "__wine_ctrl_routine"
_STACK: Final = 0x100000


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


def group_of(process: Process) -> int:
    """The id of the process group that control events are sent to: begun by CREATE_NEW_PROCESS_GROUP."""
    state = as_nt_process(process)
    return state.console_group if state is not None else 0


def group_of_creator(process: Process) -> int:
    """The group that a new process belongs to, unless it begins one."""
    creator = process.machine.processes.get(process.creator)
    return group_of(creator) if creator is not None else 0
