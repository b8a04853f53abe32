"""Guests that are nothing but memory and a state: what the kernel asks of a platform, and whether it asks in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import (
    PAGE,
    GuestGone,
    Map,
    MappingUsage,
    MemoryOperation,
    MemoryUsage,
    Move,
    ProcessorTime,
    TaskUsage,
)
from lichen.executive.registers import Registers

ARENA: Final = 0x7F0000000000
SIZE: Final = 1 << 16
MOST_AT_ONCE: Final = 1 << 26
"""The kernel may not take more than this out of a guest by one operation: the guest names the size."""
_EXTENDED_STATE: Final = 832
_LARGEST_MAPPING, _MOST_MAPPINGS = 8 << 20, 12


class Broken(Exception):
    """The kernel asked for what no platform can do."""


class Memory:
    """Bytes at ARENA and in what was mapped last; a fault names the first byte that is not there, as a guest's memory does."""

    def __init__(self, data: bytes | bytearray = bytes(SIZE)) -> None:
        self.data = bytearray(data)
        self._mapped: list[tuple[int, bytearray]] = []

    def map(self, address: int, size: int) -> None:
        """Hold zeros there, until much else has been mapped: nobody looks at what a call has mapped but loaders."""
        if size <= _LARGEST_MAPPING:
            self._mapped = [(address, bytearray(size)), *self._mapped[: _MOST_MAPPINGS - 1]]

    def read(self, address: int, size: int) -> bytes:
        if size > MOST_AT_ONCE:
            raise Broken(f"{size:#x} bytes are read at once")
        start, data = self._at(address, size)
        self._check(address, size, start, data)
        return bytes(data[address - start : address - start + size])

    def write(self, address: int, data: bytes | bytearray | memoryview) -> None:
        start, held = self._at(address, len(data))
        inside = max(0, min(len(data), start + len(held) - address))
        held[address - start : address - start + inside] = data[:inside]
        self._check(address, len(data), start, held)

    def cstring(self, address: int, limit: int) -> bytes:
        start, data = self._at(address, 1)
        found = bytes(data[address - start : address - start + limit]).partition(b"\0")[0]
        self._check(address, min(len(found) + 1, limit), start, data)
        return found

    def _at(self, address: int, size: int) -> tuple[int, bytearray]:
        """Where the memory that holds `address` begins, and its bytes."""
        if size < 0 or address < 0:
            raise Broken(f"{size} bytes at {address:#x}")
        for start, data in ((ARENA, self.data), *self._mapped):
            if start <= address < start + len(data):
                return start, data
        if size:
            raise BadAddress(address)
        return address, bytearray()

    @staticmethod
    def _check(address: int, size: int, start: int, data: bytearray) -> None:
        if address + size > start + len(data):
            raise BadAddress(start + len(data))


class Guest:
    """A guest thread. It runs, or the kernel `held` a call of it, or it is `stopped`, or `gone`."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.registers = Registers()
        self.registers.rsp = ARENA + SIZE - PAGE
        self.state = "stopped"
        self.owner: Any = None
        self.answered: Callable[[int], None] = lambda result: None

    @property
    def stopped(self) -> bool:
        return self.state == "stopped"

    def _goes_on(self, *states: str) -> None:
        if self.state == "gone":
            return
        if self.state not in states:
            raise Broken(f"a guest that is {self.state} is to go on")
        self.state = "runs"

    def call(self, number: int, arguments: tuple[int, ...]) -> None:
        """The guest makes a call."""
        self.state = "held"
        self.registers.rax = self.registers.orig_rax = number

    def complete(self, result: int) -> None:
        result.to_bytes(8, "little", signed=result < 0)
        self._goes_on("held", "stopped")
        self.answered(result)

    def proceed(self) -> None:
        self._goes_on("held", "stopped")

    def resume(self) -> None:
        self._goes_on("stopped")

    def stop(self) -> bool:
        if self.state == "gone":
            return False
        self.state = "stopped"
        return True

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        runs = self.state == "runs"
        if not self.stop():
            raise GuestGone("the guest is gone")
        yield
        if runs:
            self.resume()

    def kill(self) -> None:
        self.state = "gone"

    exit = kill

    def change_memory(self, operations: Sequence[MemoryOperation]) -> None:
        """What is asked for must be possible. The guest is stopped for it."""
        if self.state == "gone":
            raise GuestGone("the guest is gone")
        for operation in operations:
            size = operation.new_size if isinstance(operation, Move) else operation.size
            if operation.address % PAGE or size <= 0 or operation.address + size > 1 << 47:
                raise Broken(f"{operation} is impossible")
            if isinstance(operation, Map):
                self.memory.map(operation.address, operation.size)
        self.state = "stopped"

    def change_memory_on_return(self, operations: Sequence[MemoryOperation]) -> None:
        state = self.state
        self.change_memory(operations)
        self.state = state

    def advise(self, address: int, size: int, advice: int) -> None:
        """Advice changes nothing."""

    def clone_process(self, share_memory: bool = False) -> Guest:
        return self._copy(self.memory if share_memory else Memory(self.memory.data))

    def clone_thread(self, stack: int, tls: int | None, clear_tid: int) -> Guest:
        return self._copy(self.memory)

    def _copy(self, memory: Memory) -> Guest:
        if self.state != "stopped":
            raise Broken(f"a guest that is {self.state} is copied")
        copy = Guest(memory)
        copy.registers.restore(self.registers.save())
        copy.answered = self.answered
        return copy

    def set_clear_tid(self, address: int) -> None:
        """Nobody waits for it."""

    def wake_futex(self, address: int) -> None:
        """Nobody waits for it."""

    def extended_state(self) -> bytes:
        return bytes(_EXTENDED_STATE)

    @property
    def extended_state_size(self) -> int:
        return _EXTENDED_STATE

    def set_extended_state(self, state: bytes) -> None:
        """It has no floating point."""

    def processor_time(self) -> ProcessorTime:
        return ProcessorTime(0.5, 0.25)

    def memory_usage(self) -> MemoryUsage:
        return MemoryUsage(1 << 20, 2 << 20)

    def mappings(self) -> Iterator[MappingUsage]:
        return iter(())

    def usage(self) -> TaskUsage:
        return TaskUsage()

    def run_on(self, processors: frozenset[int] | None) -> None:
        """It runs nowhere."""

    def run_at(self, nice: int) -> None:
        """It does not run."""


class PageCache:
    """Takes content, and closes what it is given as the real one does."""

    def __init__(self) -> None:
        self._next = PAGE
        self.empty = -1  # nobody maps anything from it

    def allocate(self, size: int) -> int:
        offset, self._next = self._next, self._next + (size + PAGE - 1) // PAGE * PAGE
        return offset

    def admits(self, key: object, size: int) -> bool:
        return size <= 1 << 25

    def insert(self, key: object, open_host: Callable[[], int], size: int) -> int:
        os.close(open_host())
        return self.allocate(size)


class Platform:
    """Nothing comes from outside: who waits for a descriptor of the host is asked whether it is ready."""

    def __init__(self) -> None:
        self.page_cache = PageCache()
        self.watched: dict[int, Callable[[int], None]] = {}

    def step(self, timeout: float | None) -> None:
        for ready in list(self.watched.values()):
            ready(1)

    def blank(self) -> Guest:
        return Guest()

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self.watched[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        self.watched.pop(descriptor, None)
