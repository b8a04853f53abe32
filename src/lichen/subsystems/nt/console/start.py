"""Who gets a console: the console program that a Linux program starts, and those to which it passes it on.

Where a standard file is a terminal, the console is on that. Else it is a hidden one, as on Windows: it has code pages, a
title and control events, but neither keys nor a screen, and the standard handles are what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access
from lichen.executive.io.terminal import GetWindowSize, PseudoNumber
from lichen.executive.objects.handles import handle_of
from lichen.executive.status import Failure
from lichen.subsystems.nt.console.console import Console, HiddenConsole
from lichen.subsystems.nt.console.control import INPUT, OUTPUT
from lichen.subsystems.nt.console.events import group_of_creator
from lichen.subsystems.nt.console.files import ConsoleFile, attached_console, join
from lichen.subsystems.nt.state import nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process
    from lichen.subsystems.nt.parameters import Parameters

_STANDARD: Final = (INPUT, OUTPUT, OUTPUT)
_NEW_CONSOLE, _NEW_WITHOUT_WINDOW = (1 << 64) - 1, (1 << 64) - 2
"""Console handles that CREATE_NEW_CONSOLE and CREATE_NO_WINDOW make of the parent's."""
_NEW_GROUP: Final = 1
"""ConsoleFlags of a process that was made with CREATE_NEW_PROCESS_GROUP, which also has it ignore ^C."""


class Seat(NamedTuple):
    """A console that a process is going to have: which standard files are terminals, and where its Reference will be.

    Without terminals it is a hidden one.
    """

    terminals: dict[int, File]
    reference: int

    @property
    def handle(self) -> int:
        """The console handle of the process."""
        return handle_of(self.reference)


def seat_for(process: Process, wants_console: bool) -> Seat | None:
    """The console for a process that a Linux program started; None when it wants none and no standard file is a terminal."""
    terminals = {
        index: handle.object
        for index, handle in process.handles
        if index < len(_STANDARD) and isinstance(handle.object, File) and _is_terminal(handle.object)
    }
    if not terminals and not wants_console:
        return None
    highest = max((index for index, _ in process.handles), default=-1)
    reference = max(highest + 1, len(_STANDARD))
    return Seat(terminals, reference) if reference < process.handles.limit else None


def _is_terminal(file: File) -> bool:
    """What isatty(3) says; the master side of a pseudo terminal is none."""
    if file.node.kind != Kind.CHARACTER:
        return False
    try:
        file.control(GetWindowSize())
    except Failure:
        return False
    try:
        file.control(PseudoNumber())
    except Failure:
        return True
    return False


def take_seat(process: Process, seat: Seat) -> None:
    """Make the console, and its handles out of the terminals'."""
    if not seat.terminals:
        console: Console = HiddenConsole(process)
    else:
        console = _console_on(process, seat)
    reference = ConsoleFile(console, 0)
    process.handles.place(seat.reference, reference, reference.access, inherit=False)
    join(process, console)


def _console_on(process: Process, seat: Seat) -> Console:
    files = list(seat.terminals.values())
    input = next((file for file in files if file.access & Access.READ), files[0])
    output = next((file for file in reversed(files) if file.access & Access.CONTENT), files[-1])
    interactive = 0 in seat.terminals and 1 in seat.terminals
    session = process.session if process.session.terminal is not None else None
    console = Console(process.machine, input.reference(), output.reference(), interactive, session)
    for index in seat.terminals:
        inherit = process.handles.handle(index).inherit
        file = ConsoleFile(console.reference(), _STANDARD[index])
        process.handles.place(index, file, file.access, inherit)
    return console


def settle_console(parent: Process, child: Process, given: Parameters) -> None:
    """What becomes of a wish for a new console, which kernelbase would start a host for: there is but one terminal.

    With a window, it is the parent's console, with new handles for those that are missing; without one, or when the parent
    has no terminal, it is a hidden console.
    """
    wish = given.console
    if wish not in (_NEW_CONSOLE, _NEW_WITHOUT_WINDOW):
        return
    console = attached_console(parent)
    if wish == _NEW_WITHOUT_WINDOW or console is None or console.hidden:
        given.console = _new_handle(child, ConsoleFile(HiddenConsole(child), 0))
        return
    there = {handle_of(index) for index, _ in child.handles}
    first, second, third = (
        number if number in there else _new_handle(child, ConsoleFile(console.reference(), role))
        for number, role in zip(given.standard, _STANDARD, strict=True)
    )
    given.standard = first, second, third
    given.console = _new_handle(child, ConsoleFile(console.reference(), 0))


def _new_handle(process: Process, file: ConsoleFile) -> int:
    return handle_of(process.handles.insert(file, file.access, lowest=len(_STANDARD)))


def inherit_console(process: Process, parameters: Parameters) -> None:
    """The console of a process that a Windows program started is the one of its console handle, if that is one."""
    if not parameters.console:
        return
    try:
        found = process.handles.named(parameters.console & 0xFFFFFFFF).object
    except Failure:
        return
    if isinstance(found, ConsoleFile):
        join(process, found.console)
        begins_group = parameters.console_flags & _NEW_GROUP
        nt_of_process(process).console_group = process.id if begins_group else group_of_creator(process)
