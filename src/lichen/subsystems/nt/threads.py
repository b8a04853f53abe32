"""Threads of NT processes: TEB, stack, and the registers with which LdrInitializeThunk finds them.

Source: winternl.h (TEB); facts/nt-userland, "Boot contract of a process".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.abi.memory import Fault
from lichen.executive.interfaces import GuestMemory, GuestThread, MemoryOperation
from lichen.executive.memory import AddressSpace
from lichen.subsystems.nt import context, memory, stacks
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.records import MODEL, POINTER
from lichen.subsystems.nt.records.common import ClientId, UnicodeString
from lichen.subsystems.nt.records.startup import ActivationContextStack, ListEntry, NtTib, Teb
from lichen.subsystems.nt.state import NtThread, nt_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.subsystem import Entries

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
    space: AddressSpace, stack_reserve: int, stack_commit: int, room: memory.Room = memory.ANYWHERE
) -> NewThread:
    """Find room for a thread's TEB, and for its stack where that may be; NO_MEMORY."""
    stack, limit, stack_operations = stacks.reserve(space, stack_reserve, stack_commit, room)
    teb, teb_operations = memory.allocate(space, TEB_SIZE, PAGE_READWRITE)
    return NewThread(teb, stack.base, stack.size, limit, [*teb_operations, *stack_operations])


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
    except Fault:
        return False
