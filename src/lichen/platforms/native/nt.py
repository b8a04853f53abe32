"""NT guests on the native platform: a second zygote, and calls that come through the dispatcher in the stub page.

ntdll's stubs call `[0x7ffe1000]` when bit 0 of 0x7ffe0308 is set. That leads to the dispatcher, whose few bytes put rsp where
a notification can see it, so that an ordinary NT call costs no ptrace stop. Memory operations ride in the reply: the stub
carries them out before the call returns. Raw `syscall` from NT code is turned into a stop by a second filter.
"""

from __future__ import annotations

import mmap
import struct
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lichen.executive.interfaces import PAGE, Backing, Map, MemoryOperation, Unmap
from lichen.platforms.native import filters, host, stub
from lichen.platforms.native.guest_memory import SLOT, Space
from lichen.platforms.native.steps import MASK, OPERATION, Step, encode
from lichen.platforms.native.thread import RESTARTS, Call, NativeThread, State

if TYPE_CHECKING:
    from lichen.platforms.native.platform import NativePlatform

SHARED_DATA: Final = 0x7FFE0000
SHARED_DATA_SIZE: Final = 2 * PAGE
_DISPATCHER_POINTER: Final = PAGE
_CALL_INSTRUCTION: Final = bytes.fromhex("ff14250010fe7f")  # call [0x7ffe1000]
_SECCOMP: Final = 317
_STATUS_NO_MEMORY: Final = 0xC0000017
_RIDES: Final = 1 << 32
_MOST_STEPS: Final = 256
"""More instructions than the dispatcher has for a slot full of operations."""


class NtThread(NativeThread):
    """A thread of an NT guest: knows the way in and out of the dispatcher."""

    def __init__(self, platform: NativePlatform, tid: int, memory: Space) -> None:
        super().__init__(platform, tid, memory)
        self.expected: deque[Step] = deque()
        self._riding: list[Step] = []
        self._slot: int | None = None

    def call_arguments(self, arguments: tuple[int, ...]) -> tuple[int, ...]:
        """(r10, rdx, r8, r9, address of the fifth argument) of a raw `syscall`."""
        _, _, rdx, r10, r8, r9 = arguments
        return r10, rdx, r8, r9, self.registers.rsp + 0x28

    # ---- the dispatcher

    def called_from_stub(self, call: Call) -> None:
        """An NT call, or a mapping that rides in a reply."""
        _, _, number, pointer, arguments = call
        if pointer == stub.NT_OPERATION_RETURNED and self.expected:
            self.state = State.RUNNING
            self._admit(call, self.expected)
        elif number == filters.NT_FLOOR + stub.REFUSED:
            self.expected.clear()
            self.complete(_STATUS_NO_MEMORY)
        elif pointer == stub.NT_RETURNED and number >= filters.NT_FLOOR:
            self._release_slot()
            rdi, _, rdx, r10, r8, r9 = arguments
            self.platform.events.system_call(self, number - filters.NT_FLOOR, (r10, rdx, r8, r9, rdi + 0x38))
        else:
            raise self._damaged()

    def stopped_in_stub(self) -> None:
        """An NT call that needs a stop."""
        registers = self.registers
        number = registers.orig_rax - filters.NT_FLOOR
        if registers.rip != stub.NT_RETURNED or number < 0:
            raise self._damaged()
        self._release_slot()
        self._leave_call()
        self.in_call = False
        arguments = registers.r10, registers.rdx, registers.r8, registers.r9, registers.rsp + 0x28
        self.platform.events.system_call(self, number, arguments)

    def _leave_call(self) -> None:
        """Stand where ntdll's `call` returns to, as if the dispatcher had just answered."""
        registers = self.registers
        if stub.holds(registers.rip):
            registers.rdi, registers.rip = struct.unpack("<2Q", self.memory.read(registers.rsp, 16))
            registers.rsp += 16
        registers.rax, registers.orig_rax = 0, -1

    def _take_back(self) -> None:
        """Have the call made again, from ntdll's own `call` instruction; an operation of a reply is made at once."""
        registers = self.registers
        if registers.rip == stub.NT_RETURNED:
            self._roll_back(registers.orig_rax - filters.NT_FLOOR, pushed=True)
            return
        super()._take_back()
        if stub.holds(registers.rip):
            self._step_out()

    def _roll_back(self, number: int, pushed: bool) -> None:
        registers = self.registers
        if pushed:
            (registers.rdi,) = struct.unpack("<Q", self.memory.read(registers.rsp, 8))
            registers.rsp += 8
        registers.rax, registers.orig_rax = number, -1
        (back,) = struct.unpack("<Q", self.memory.read(registers.rsp, 8))
        if self.memory.read(back - len(_CALL_INSTRUCTION), len(_CALL_INSTRUCTION)) == _CALL_INSTRUCTION:
            registers.rip = back - len(_CALL_INSTRUCTION)
            registers.rsp += 8
        else:
            registers.rip = stub.NT_DISPATCH

    def _normalise(self, status: int) -> None:
        registers = self.registers
        if not stub.holds(registers.rip) or status >> 16 == host.EVENT_SECCOMP:
            super()._normalise(status)
        elif registers.rip == stub.NT_RETURNED and registers.rax in RESTARTS:
            self._take_back()
        elif registers.rip >= stub.UNIX_DISPATCH:
            registers.rip = stub.UNIX_DISPATCH
        elif registers.rip <= stub.NT_SYSCALL:
            raw = registers.rax - filters.NT_FLOOR if registers.rip == stub.NT_SYSCALL else registers.rax
            self._roll_back(raw & 0xFFFFFFFF, pushed=registers.rip != stub.NT_DISPATCH)
        else:
            self._step_out()

    def _step_out(self) -> None:
        """Finish what the dispatcher does behind its call, with the operations that ride in the reply."""
        for _ in range(_MOST_STEPS):
            if not stub.holds(self.registers.rip):
                break
            self._continue(host.SINGLESTEP)
            event = self.platform.next_event(self)
            while len(event) != 2:
                self._ride_on(event)
                event = self.platform.next_event(self)
            self._alive(event[1])
            self.entered(False)
        else:  # it has made itself a longer way, over a list or a stack of its own
            raise self._damaged()
        self.registers.orig_rax = -1

    # ---- operations that ride in replies

    def change_memory_on_return(self, operations: Sequence[MemoryOperation]) -> None:
        """Carry out memory operations before the current call returns: in the reply when it is held, else at once."""
        if self.state == State.HELD:
            self._riding += [step for operation in operations for step in encode(operation)]
        else:
            self.change_memory(operations)

    def complete(self, result: int) -> None:
        """End the current call with a 32-bit status."""
        result &= 0xFFFFFFFF
        if self._riding:
            result = self._ride(result)
        super().complete(result)

    def _ride(self, status: int) -> int:
        steps, self._riding = self._riding, []
        slot = self.memory.slots.pop() if self.memory.slots and self.state == State.HELD else None
        data = b"".join(OPERATION.pack(*(word & MASK for word in step.words)) for step in steps)
        data += struct.pack("<QQ", stub.END_OF_LIST, status)
        if slot is None or len(data) > SLOT:
            if slot is not None:
                self.memory.slots.append(slot)
            self.stop()
            self._run(steps)
            return status
        self._slot = slot
        self.memory.write(stub.SCRATCH + slot, data)
        self.expected = deque(step for step in steps if step.checked)
        return _RIDES | slot

    def _ride_on(self, call: Call) -> None:
        """Answer a call that the stub makes on behalf of a reply."""
        if call[2] == filters.NT_FLOOR + stub.REFUSED:
            self.expected.clear()
            host.core.reply(self.platform.listener, call[1], _STATUS_NO_MEMORY, 0)
        else:
            self._admit(call, self.expected)

    def _release_slot(self) -> None:
        self.expected.clear()
        if self._slot is not None:
            self.memory.slots.append(self._slot)
            self._slot = None


class NtGuests:
    """The NT zygote: a clone of the first, with the shared data page and the second filter, without the vDSO."""

    def __init__(self, platform: NativePlatform, mother: NativeThread) -> None:
        self.platform = platform
        cache = platform.page_cache
        offset = cache.allocate(SHARED_DATA_SIZE)
        self.shared_data = mmap.mmap(cache.descriptor, SHARED_DATA_SIZE, offset=offset)
        """KUSER_SHARED_DATA and the page behind it, which every NT guest sees read-only."""
        struct.pack_into("<Q", self.shared_data, _DISPATCHER_POINTER, stub.NT_DISPATCH)
        self._mother = mother.clone_process()
        self._mother.idle = True
        operations: list[MemoryOperation] = [
            Unmap(mapping.address, mapping.size) for mapping in platform.vdso
        ]
        operations.append(Map(SHARED_DATA, SHARED_DATA_SIZE, 1, Backing(None, offset), shared=True))
        self._mother.change_memory(operations)
        self._install_filter()

    def _install_filter(self) -> None:
        program = filters.nt_filter()
        header = struct.pack("<H6xQ", len(program) // 8, stub.SCRATCH + 16)
        self._mother.memory.write(stub.SCRATCH, header + program)
        self._mother.call_host(_SECCOMP, 1, 0, stub.SCRATCH)

    @property
    def unix_dispatch(self) -> int:
        return stub.UNIX_DISPATCH

    def blank(self) -> NtThread:
        """A new NT process with empty memory and one stopped thread."""
        guest = self._mother.clone_as(NtThread)
        guest.idle = True
        return guest
