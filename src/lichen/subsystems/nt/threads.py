"""Threads of NT processes: TEB, stack, and the registers with which LdrInitializeThunk finds them.

Source: winternl.h (TEB).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.abi.memory import BadAddress
from lichen.executive import scheduling
from lichen.executive.address_space import AddressSpace
from lichen.executive.interfaces import GuestMemory, GuestThread, MemoryOperation, Unmap
from lichen.subsystems.nt import context, stacks, virtual_memory
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.records import MODEL, POINTER
from lichen.subsystems.nt.records.common import ClientId, UnicodeString
from lichen.subsystems.nt.records.startup import ActivationContextStack, ListEntry, NtTib, Teb
from lichen.subsystems.nt.state import NtThread, nt_of, nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread
    from lichen.subsystems.nt.entries import Entries

TEB_SIZE: Final = 0x8000
_TEB, _LINKS = layout(Teb, MODEL), layout(ListEntry, MODEL)
_BUFFER_SIZE: Final = 522
"""Of the text that each TEB has room for."""
_HOME_SPACE: Final = 0x28


@dataclass
class NewThread:
    """Memory for a thread that is about to be made: `operations` map it, `write` fills it."""

    teb: int
    stack: int
    stack_size: int
    stack_limit: int
    operations: list[MemoryOperation]

    @property
    def stack_top(self) -> int:
        return self.stack + self.stack_size

    @property
    def context_address(self) -> int:
        return ((self.stack_top - _HOME_SPACE) & -16) - context.LAYOUT.size

    def state(self, start: int) -> NtThread:
        return NtThread(self.teb, self.stack, self.stack_size, start)

    def write(self, memory: GuestMemory, peb: int, process_id: int, thread_id: int) -> None:
        """Fill the TEB."""
        at = {name: self.teb + offset for name, offset in _TEB.offsets.items()}
        frames = at["activation_stack"] + layout(ActivationContextStack, MODEL).offsets["frame_list_cache"]
        teb = Teb(
            NtTib(0, self.stack_top, self.stack_limit, 0, 0, 0, self.teb),
            0,
            ClientId(process_id, thread_id),
            0,
            0,
            peb,
            b"",
            ActivationContextStack(0, ListEntry(frames, frames)),
            b"",
            at["activation_stack"],
            b"",
            UnicodeString(0, _BUFFER_SIZE, at["static_unicode_buffer"]),
            b"",
            self.stack,
            b"",
            ListEntry(0, 0),
        )
        memory.write(self.teb, _TEB.pack(teb))

    def enter(self, guest: GuestThread, entries: Entries, start: int, parameter: int) -> None:
        """Set the registers of the stopped host thread so that it begins at `start`(parameter)."""
        initial = context.initial(start, parameter, entries.thread_start, self.stack_top - _HOME_SPACE)
        guest.memory.write(self.context_address, initial)
        registers = guest.registers
        registers.clear()
        registers.rcx, registers.rsp = self.context_address, self.context_address - 8
        registers.rip, registers.gs_base, registers.eflags = entries.loader_start, self.teb, 0x200


def prepare(
    space: AddressSpace,
    stack_reserve: int,
    stack_commit: int,
    room: virtual_memory.Room = virtual_memory.ANYWHERE,
) -> NewThread:
    """Find room for a thread's TEB, and for its stack where that may be; NO_MEMORY."""
    stack, limit, stack_operations = stacks.reserve(space, stack_reserve, stack_commit, room)
    teb, teb_operations = virtual_memory.allocate(space, TEB_SIZE, PAGE_READWRITE)
    return NewThread(teb, stack.base, stack.size, limit, [*teb_operations, *stack_operations])


def create(
    creator: Thread,
    start: int,
    parameter: int,
    stack: tuple[int, int],
    suspended: bool,
    room: virtual_memory.Room = virtual_memory.ANYWHERE,
) -> Thread:
    """A new thread of the creator's process, which is stopped for the purpose and goes on afterwards.

    `stack` says how much of one is reserved and committed; 0 for what the program's image says.
    `room` says where it may be.
    """
    process, guest = creator.process, creator.guest
    state = nt_of_process(process)
    subsystem = state.subsystem
    id = process.machine.processes.new_id()
    with guest.at_rest():
        image = state.image.file
        reserve, commit = stack[0] or image.stack_reserve, stack[1] or image.stack_commit
        new = prepare(process.space, reserve, commit, room)
        guest.change_memory([*_given_back(process), *new.operations])
        host = guest.clone_thread(0, None, 0)
    created = process.machine.processes.new_thread(process, host, id, creator.scheduling.inherited())
    created.state = new.state(start)
    scheduling.follow(created)
    subsystem.thread_started(created, creator)
    try:
        new.write(host.memory, state.peb, process.id, id)
        new.enter(host, subsystem.entries(process), start, parameter)
    except BaseException:  # as when the host has no memory left
        created.exit(0)
        raise
    created.begin(suspended)
    return created


def _given_back(process: Process) -> list[Unmap]:
    """Stacks and TEBs of threads that have ended."""
    operations = []
    for start, size in nt_of_process(process).left_memory:
        operations += [Unmap(part.start, part.size) for part in process.space.remove(start, start + size)]
    nt_of_process(process).left_memory.clear()
    return operations


def left_memory(thread: Thread) -> list[tuple[int, int]]:
    """(address, size) of what may be unmapped of a thread that has ended.

    One that was ended by force did not take its TEB out of ntdll's list of TEBs, which therefore has to stay.
    """
    if thread.process.exit_status is not None:
        return []
    state = nt_of(thread)
    stack = [(state.stack, state.stack_size)]
    return stack if _is_listed(thread.memory, state.teb) else [*stack, (state.teb, TEB_SIZE)]


def _is_listed(memory: GuestMemory, teb: int) -> bool:
    """Whether the list entry before a TEB's own still leads to it."""
    links = teb + _TEB.offsets["tls_links"]
    try:
        before = _LINKS.read(memory, links).previous
        return POINTER.read(memory, before) == links
    except BadAddress:
        return False
