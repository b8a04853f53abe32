"""Threads of NT processes: TEB, stack, and the registers with which LdrInitializeThunk finds them.

Source: winternl.h (TEB); facts/nt-userland, "Boot contract of a process".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.abi.memory import Fault
from lichen.executive.interfaces import GuestMemory, GuestThread, MemoryOperation
from lichen.executive.memory import AddressSpace
from lichen.subsystems.nt import context, memory, stacks
from lichen.subsystems.nt.protection import PAGE_READWRITE
from lichen.subsystems.nt.state import NtThread, nt_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.subsystem import Entries

TEB_SIZE: Final = 0x8000
_TLS_LINKS: Final = 0x1680
_TEB_USED: Final = 0x1838
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
        return ((self.stack_top - _HOME_SPACE) & -16) - context.SIZE

    def state(self, start: int) -> NtThread:
        return NtThread(self.teb, self.stack, self.stack_size, start)

    def write(self, memory: GuestMemory, peb: int, process_id: int, thread_id: int) -> None:
        """Fill the TEB."""
        teb = bytearray(_TEB_USED)
        struct.pack_into("<3Q", teb, 0, 0, self.stack_top, self.stack_limit)
        struct.pack_into("<Q", teb, 0x30, self.teb)
        struct.pack_into("<2Q", teb, 0x40, process_id, thread_id)
        struct.pack_into("<Q", teb, 0x60, peb)
        struct.pack_into("<2Q", teb, 0x298, self.teb + 0x298, self.teb + 0x298)
        struct.pack_into("<Q", teb, 0x2C8, self.teb + 0x290)
        struct.pack_into("<HHIQ", teb, 0x1258, 0, 522, 0, self.teb + 0x1268)
        struct.pack_into("<Q", teb, 0x1478, self.stack)
        memory.write(self.teb, bytes(teb))

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
    links = teb + _TLS_LINKS
    try:
        before = int.from_bytes(memory.read(links + 8, 8), "little")
        return memory.read(before, 8) == links.to_bytes(8, "little")
    except Fault:
        return False
