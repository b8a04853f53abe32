"""Starting a program: one executive operation for every format (ELF, PE, scripts).

Each subsystem brings loaders; the first that recognises a file's head gets it. exec of a PE file by a Linux process and
CreateProcess of an ELF file both come here. A loader first builds everything aside (`load`) and only then commits, so that a
failure leaves the caller as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lichen.executive import images, scheduling
from lichen.executive.address_space import AddressSpace
from lichen.executive.interfaces import GuestThread, Subsystem
from lichen.executive.scheduling import Scheduling
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process, Thread

HEAD_SIZE: Final = 256
_MOST_SHOWN: Final = 1 << 15
"""Bytes of the arguments that are kept of a process."""


class Program(NamedTuple):
    """What to start: an opened file, the name it was started by, and what it is given.

    Names, arguments and environment are bytes as the Linux ABI has them (UTF-8 for programs of the other world).
    """

    file: File
    name: bytes
    arguments: tuple[bytes, ...]
    environment: tuple[bytes, ...]
    invoked: bytes = b""
    """The name that exec was given, when that was a script's."""
    reachable: bool = True
    """Whether `name` will still lead to the file: not when it is a descriptor that exec closes, so a script cannot be run."""
    parameters: object = None
    """What a creator of the program's own subsystem says besides: NT's command line, consoles, handles."""


@dataclass
class Loaded:
    """A program built in a blank process, ready to become one: `enter` sets the first thread's registers."""

    subsystem: Subsystem
    guest: GuestThread
    space: AddressSpace
    program: Program
    enter: Callable[[Process], None]


class Loader(Protocol):
    """Knows one executable format."""

    def recognises(self, head: bytes) -> bool:
        """Whether a file that begins with `head` is this loader's."""

    def load(self, process: Process, program: Program, head: bytes) -> Loaded:
        """Build the program; Failure when the file is damaged or a part of it is missing."""


def is_program(machine: MachineState, head: bytes) -> bool:
    """Whether some loader knows the format of a file that begins with `head`."""
    return any(loader.recognises(head) for loader in machine.loaders)


def load(process: Process, program: Program) -> Loaded:
    """Build a program with the loader that knows its format; Failure(INVALID_IMAGE_FORMAT) when none does."""
    head = program.file.node.read_at(0, HEAD_SIZE)
    for loader in process.machine.loaders:
        if loader.recognises(head):
            return loader.load(process, program, head)
    raise Failure(Status.INVALID_IMAGE_FORMAT)


def start(process: Process, loaded: Loaded, suspended: bool = False, how: Scheduling | None = None) -> Thread:
    """Give a process without threads its first thread, running the loaded program at once or once it is resumed."""
    process.subsystem, process.last_guest = loaded.subsystem, loaded.guest
    _install(process, loaded)
    thread = process.machine.processes.new_thread(process, loaded.guest, how=how)
    scheduling.apply(thread)
    process.processor_limit.changed()
    loaded.subsystem.thread_started(thread, None)
    loaded.enter(process)
    thread.begin(suspended)
    return thread


def execute(thread: Thread, loaded: Loaded) -> None:
    """Replace the calling thread's program: other threads end, the process keeps id, parent, handles (G14)."""
    process = thread.process
    for other in list(process.threads.values()):
        if other is not thread:
            other._end(0)
    _take_leader_id(thread)
    thread.cancel()
    thread.deferred, thread.waiting_to_run = None, False
    old = process.space
    if process.handles.users > 1:
        process.handles.users -= 1
        process.handles = process.handles.duplicate()
    process.handles.close_on_exec()
    before, process.subsystem = process.subsystem, loaded.subsystem
    if before is not loaded.subsystem:
        process.ignored = before.leave(process)
    _install(process, loaded)
    thread.adopt(loaded.guest)
    process.last_guest = loaded.guest
    old.users -= 1
    if old.users == 0:
        old.clear()
    process.left_image()
    loaded.subsystem.program_replaced(thread, before)
    loaded.enter(process)
    thread.name = process.name
    thread.begin(suspended=False)


def _shown(arguments: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The arguments as the kernel keeps them, to tell of a process: of thousands of processes it cannot keep megabytes."""
    room, shown = _MOST_SHOWN, []
    for argument in arguments:
        if room <= 0:
            break
        shown.append(argument[:room])
        room -= len(argument) + 1
    return tuple(shown)


def _install(process: Process, loaded: Loaded) -> None:
    program = loaded.program
    process.space = loaded.space
    process.arguments = _shown(program.arguments)
    process.command_line = b" ".join(process.arguments).decode("utf-8", "replace")
    process.image = program.file.location
    process.dumpable = True
    images.became_image(process.machine, program.file.node)
    process.name = program.name.rpartition(b"/")[2].decode(errors="surrogateescape")[:15]


def _take_leader_id(thread: Thread) -> None:
    """After exec the only thread is the first one, has the process's id, and is scheduled as it was."""
    process = thread.process
    if thread.id == process.id:
        return
    for table in (process.threads, process.machine.processes.threads):
        table.pop(thread.id, None)
        table[process.id] = thread
    thread.id = process.id
    process.scheduling = thread.scheduling
