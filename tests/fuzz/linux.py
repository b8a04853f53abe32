"""Linux's half of the fuzzer: processes with descriptors of every kind, and what its parameter types may hold."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from functools import cached_property
from itertools import islice
from typing import Any, Final

from lichen.abi.layout import LP64
from lichen.executive.interfaces import PAGE
from lichen.executive.processes import Process, Thread
from lichen.subsystems.linux import records, types
from lichen.subsystems.linux.calls.mapping import MappingFlags, ProtectionFlags
from lichen.subsystems.linux.calls.open import OpenFlags
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from tests.fuzz.arguments import WORD, Source
from tests.fuzz.guests import ARENA
from tests.fuzz.linux_recipes import NEVER, RECIPES, UNANSWERED
from tests.fuzz.world import ROOT, USER, World

_CURRENT: Final = WORD - 99
_OPEN: Final = (0, 1, 2, 0o100, 0o102, 0o1102, 0o2101, 0o200000, 0o4000, 0o10000000, 0o20200002, 0o302)


_USUAL: Final = {
    "whence": range(5),
    "protection": range(8),
    "family": (1, 1, 1, 2, 16),
    "protocol": (0,),
    "type": (1, 2, 5, 0x801),
    "most": range(1, 9),
    "milliseconds": (0, 1, 20),
    "how": range(3),
    "clock": range(12),
    "kind": range(4),
    "who": (0, 1, WORD),
    "which": range(3),
    "advice": range(26),
    "resource": range(16),
    "policy": range(7),
    "count": range(4),
    "locals": (1,),
    "remotes": (1,),
    "length": (2, 16, 110),
    "limit": range(20),
    "high": (0,),
    "old_size": (4096, 8192),
    "new_size": (4096, 65536),
    "level": (1,),
    "offset": (0, 0, 1, 4096),
    "nice": range(20),
    "operation": range(10),
    "number": range(40),
    "code": range(3),
    "id": (0, 0, 1, 2),
    "action": (3, 10),
    "mode": (0, 4, 0o644, 0o755),
    "priority": (0x4004,),
    "processor": (0,),
}
_PAGES: Final = tuple(ARENA + page * PAGE for page in range(16))


class LinuxSource(Source):
    """Arguments of Linux calls."""

    def __init__(self, generator: random.Random) -> None:
        super().__init__(generator, LP64)

    usual = _USUAL

    def makers(self) -> dict[Any, Callable[[], int]]:
        return self._makers

    @cached_property
    def _makers(self) -> dict[Any, Callable[[], int]]:
        return {
            types.Fd: self.handle,
            types.PathName: self.path,
            types.OptionalPathName: self.path,
            types.Address: self.address,
            types.Content: self.address,
            types.Strings: self.address,
            types.Size: self.size,
            types.Pid: self.task,
            types.Signal: lambda: self.random.randrange(66),
            types.Flags: self.flags,
            MappingFlags: self.flags,
            ProtectionFlags: self.flags,
            types.Mode: lambda: self.random.choice((0o644, 0o755, 0o777, 0o100644, 0o10600, 0o20666, 0)),
            types.Uid: lambda: self.random.choice((0, 1000, 7, WORD)),
            "flags": self.flags,
            "vectors": self.vectors,
            "local": self.vectors,
            "remote": self.vectors,
            "header": self.message,
            OpenFlags: lambda: self.random.choice(_OPEN),
        }

    def handle(self) -> int:
        """A descriptor that is open, most of the time."""
        if self.random.random() < 0.2:
            return _CURRENT
        slots = self.thread.process.handles
        open = [index for index, _ in islice(slots, 40)]
        return self.random.choice(open) if open else 0

    def address(self) -> int:
        """Most calls take a null pointer for something left out."""
        if self._module.endswith("calls.mapping"):
            return self.random.choice((0, *_PAGES))
        kind = self.random.randrange(8)
        if kind == 0:
            return 0
        if kind == 1:
            return self.socket_address()
        if kind == 2:
            return self.message()
        return self.buffer()

    def vectors(self) -> int:
        """An array of struct iovec."""
        return self.put(
            struct.pack("<6Q", *[v for _ in range(3) for v in (self.buffer(0), self.size() & 0xFF)])
        )

    def size(self) -> int:
        """Sizes of signal sets are fixed, and memory comes in pages."""
        if self._module.endswith("calls.mapping"):
            return self.random.randrange(4) * PAGE
        return 8 if self.random.random() < 0.5 else super().size()

    def flags(self) -> int:
        """mmap wants to know of whom the memory is."""
        if self._module.endswith("calls.mapping"):
            return self.random.choice((0, 1, 2, 0x22, 0x21, 0x32, 0x4022))
        return super().flags()

    def socket_address(self) -> int:
        family = self.random.choice((1, 1, 1, 0, 2, 10, 16))
        return self.put(struct.pack("<H", family) + self.text()[:100] + b"\0")

    def message(self) -> int:
        control = struct.pack("<QiiQ", 20, 1, self.random.choice((1, 2)), self.handle() & 0xFFFFFFFF)
        vectors = self.put(struct.pack("<2Q", self.put(bytes(32)), 32))
        name = self.socket_address() if self.random.random() < 0.3 else 0
        size = self.random.choice((0, 20, 24, 100))
        return self.put(struct.pack("<QI4xQQQQI4x", name, 20, vectors, 1, self.put(control), size, 0))

    def record(self, hint: Any) -> int:
        """Times must be small, or every call that waits would wait for ever."""
        if hint is records.Msghdr and self.random.random() < 0.8:
            return self.message()
        if hint in (records.Timespec, records.Itimerspec) and self.random.random() < 0.8:
            times = [v for _ in range(2) for v in (self.random.randrange(2), self.random.randrange(10**6))]
            return self.put(struct.pack("<4Q", *times))
        return super().record(hint)


class LinuxHalf:
    """Makes processes on a world, and their calls."""

    def __init__(self, world: World, generator: random.Random) -> None:
        self.world, self.random = world, generator
        self.calls = {entry.call.name: entry.call for entry in world.linux.table.values()}
        self.source = LinuxSource(generator)
        self.recipes, self.never, self.unanswered = RECIPES, NEVER, UNANSWERED

    def number(self, name: str) -> int:
        return AMD64_NUMBERS[name]

    def raw(self, values: list[int]) -> tuple[int, ...]:
        """The registers of a call."""
        return tuple(value & WORD for value in (*values, *[0] * 6)[:6])

    def succeeded(self, result: int) -> bool:
        return result >= 0

    def process(self) -> Process:
        """A process of root's or of a user's that has descriptors of every kind."""
        process = self.world.process(self.random.choice((ROOT, USER)))
        thread = process.first_thread
        for name in ("/tmp/a", "/tmp/b", "/dev/ptmx", "/dev/null"):
            self.make(thread, "open", self._text(thread, name), 0o102, 0o666)
        self.make(thread, "open", self._text(thread, "/tmp"), 0, 0)
        self.make(thread, "pipe", self._text(thread, ""))
        self.make(thread, "socketpair", 1, self.random.choice((1, 2, 5)), 0, self._text(thread, ""))
        for kind in (1, 1, 2):
            self.make(thread, "socket", 1, kind, 0)
        for name in ("epoll_create1", "inotify_init1"):
            self.make(thread, name, 0)
        self.make(thread, "eventfd2", 1, 0)
        self.make(thread, "timerfd_create", 1, 0)
        self.make(thread, "memfd_create", self._text(thread, "m"), 2)
        self.make(thread, "signalfd4", WORD, self._text(thread, "\x01" * 8), 8, 0)
        self.make(thread, "pidfd_open", process.id, 0)
        return process

    def _text(self, thread: Thread, text: str) -> int:
        self.source.thread = thread
        return self.source.put(text.encode() + bytes(16))

    def make(self, thread: Thread, name: str, *arguments: int) -> None:
        """Have a thread make a call."""
        raw = self.raw(list(arguments))
        guest: Any = thread.guest
        guest.call(self.number(name), raw)
        self.world.scheduler.system_call(guest, self.number(name), raw)
