"""Programs that need windows on a screen, which no machine has: what they ask of win32u is refused, and they say why they end.

Many graphics programs crash or end at once, and often successfully, when they get no window. Who has asked for one as the
last thing that it did, or crashes after it asked for anything of the kind, ends with CANNOT_RUN instead. A program that goes
on without its window (rundll32 has one that nobody sees) is left alone, as console programs are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.memory import BadAddress
from lichen.subsystems.nt import crash
from lichen.subsystems.nt.allocations import MEM_IMAGE, allocation_of
from lichen.subsystems.nt.pe import SUBSYSTEM_CONSOLE
from lichen.subsystems.nt.records import POINTER
from lichen.subsystems.nt.state import nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

CANNOT_RUN: Final = 126
"""The status of a program that was found and cannot be run, to shells."""
_REGISTER_CLASS: Final = "NtUserRegisterClassExWOW"
_ASKS: Final = "NtUserCreateWindowEx", "NtUserGetClassInfoEx", _REGISTER_CLASS
_INSTANCE: Final = 0x18
"""Offset in WNDCLASSEX of the module that a class belongs to."""
_EXPLANATION: Final = (
    "needs windows on a screen, which this machine does not have; use an option of it that needs none"
    " (such as /quiet or /S), a program for the console, or run it under Windows"
)


def refused(thread: Thread, number: int, arguments: tuple[int, ...]) -> None:
    """A thread has asked win32u for something: remember it of a graphics program."""
    process = thread.process
    state = nt_of_process(process)
    if state.image.file.subsystem == SUBSYSTEM_CONSOLE:
        return
    state.wants_graphics = True
    name = _names(process).get(number)
    if name == _REGISTER_CLASS and _instance_of(thread, arguments[0]) != state.base:
        return  # the system's DLLs register theirs in each program
    if name is not None and state.has_begun:
        state.refused_window = _work_of(process)


def _names(process: Process) -> dict[int, str]:
    """The names of those calls that ask for windows, by the numbers of the win32u that the process has mapped."""
    state = nt_of_process(process)
    if state.window_calls is None:
        for region in process.space.regions:
            view = allocation_of(region)
            if view is not None and view.image is not None and view.path.lower().endswith("\\win32u.dll"):
                calls = view.image.system_calls
                state.window_calls = {calls[name]: name for name in _ASKS if name in calls}
                break
    return state.window_calls or {}


def _instance_of(thread: Thread, description: int) -> int:
    try:
        return POINTER.read(thread.memory, description + _INSTANCE)
    except BadAddress:
        return 0


def _work_of(process: Process) -> tuple[int, int, int]:
    """What changes when a program does anything worth mentioning: what it reads and writes, and how many DLLs it has."""
    views = {allocation_of(region) for region in process.space.regions}
    images = sum(view is not None and view.type == MEM_IMAGE for view in views)
    return process.counters.reads, process.counters.writes, images


def about_to_end(process: Process) -> None:
    """The process is about to end by itself, and its DLLs will clean up: see whether it got no window before that."""
    state = nt_of_process(process)
    state.gives_up = state.refused_window is not None and state.refused_window == _work_of(process)


def status_at_end(process: Process, code: int) -> int:
    """The code that a process ends with which gives `code`: not 0 if all that it did was to ask for a window."""
    if not nt_of_process(process).gives_up:
        return code
    crash.tell(process, _EXPLANATION)
    return code or CANNOT_RUN


def explains_crash(process: Process) -> bool:
    """Whether a crash is what becomes of a program that gets no graphics; its error output then says so."""
    if not nt_of_process(process).wants_graphics:
        return False
    crash.tell(process, _EXPLANATION)
    return True
