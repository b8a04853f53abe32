"""Register values for calls: half of them valid for the declared type, the others whatever hurts.

A fuzzer is as good as its dictionary. That of a call are the constants that its own module names, the descriptors and ids
that exist, paths of the tree, and records whose words are small numbers, descriptors or pointers to further such records.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, get_args, get_origin

from lichen.abi.argument import InOut, OptionalInOut, OptionalOut, Out, _ByPointer, _pointed_to, argument
from lichen.abi.declare import Call
from lichen.abi.layout import DataModel, layout_of
from lichen.executive.processes import Thread
from tests.fuzz.guests import ARENA, SIZE

WORD: Final = 0xFFFFFFFFFFFFFFFF
EDGES: Final = (
    0, 1, 2, 3, 7, 8, 0xFF, 0xFFF, 0x1000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
    0x7FFFFFFFFFFF, 0x7FFFFFFFF000, 0x800000000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, WORD, WORD - 1, WORD - 4095,
)  # fmt: skip
_TEMPORARY: Final = tuple(f"/tmp/{name}" for name in "abcd")
_TASK: Final = [
    "stat",
    "status",
    "statm",
    "cmdline",
    "environ",
    "maps",
    "fd",
    "fd/0",
    "fd/3",
    "fdinfo",
    "fdinfo/3",
    "exe",
    "cwd",
    "root",
    "task",
    "limits",
    "mounts",
    "comm",
    "oom_score",
    "oom_score_adj",
    "mountinfo",
    "smaps",
    "io",
    "sched",
    "wchan",
    "attr/current",
    "ns",
    "net/dev",
    "net/unix",
    "auxv",
    "personality",
]
_WHOLE: Final = [
    "meminfo",
    "cpuinfo",
    "stat",
    "uptime",
    "loadavg",
    "mounts",
    "filesystems",
    "version",
    "devices",
    "sys/kernel/hostname",
    "sys/kernel/pid_max",
    "sys/vm/overcommit_memory",
    "sys/fs/file-max",
    "self",
    "thread-self",
    "net",
    "partitions",
    "swaps",
    "cmdline",
]
PATHS: Final = (
    *(_TEMPORARY * 6), *(f"{p}/{n}" for p in _TEMPORARY for n in "ab"), "a", "b", "./c", "../tmp/d", ".", "..", "/", "/tmp",
    "/tmp/", "/tmp/a/", "", "//", "/nothing/at/all", "/tmp/loop", "/tmp/up/tmp/a", "/tmp/" + "n" * 255, "/tmp/" + "n" * 256,
    "x/" * 2047, "y" * 5000, "/tmp/\udcff\udcfe", "/tmp/\n\t\x7f", "/dev", "/dev/null", "/dev/zero", "/dev/full",
    "/dev/urandom",
    "/dev/tty", "/dev/ptmx", "/dev/pts", "/dev/pts/0", "/dev/pts/1", "/dev/fd/0", "/dev/stdin", "/proc", "/sys",
    "/sys/devices/system/cpu/online", *(f"/proc/self/{name}" for name in _TASK), *(f"/proc/{name}" for name in _WHOLE),
    "/proc/1/stat", "/proc/1/fd/0", "/proc/8/mem", "/proc/self/mem", "user.a", "user.b", "security.capability",
    "system.posix_acl_access", "trusted.x", "tmpfs", "proc",
)  # fmt: skip


@cache
def constants(module: str) -> tuple[int, ...]:
    """The integers that a module has names for, those of the classes in it included."""
    names = vars(sys.modules[module])
    found = {value for value in names.values() if isinstance(value, int)}
    for value in names.values():
        if isinstance(value, type) and value.__module__.startswith("lichen"):
            found |= {item for item in vars(value).values() if isinstance(item, int)}
    return tuple(sorted(int(value) & WORD for value in found))


class Source:
    """Makes arguments for the calls of one front-end; everything comes from one seeded generator."""

    def __init__(self, generator: random.Random, model: DataModel) -> None:
        self.random, self.model = generator, model
        self.thread: Thread
        self._module = ""
        self._dictionary: tuple[int, ...] = ()
        self._used = 0

    def arguments(self, thread: Thread, call: Call, slots: int = 6) -> tuple[int, ...]:
        """Raw values for one call of `thread`, whose memory holds what they point to."""
        self.thread, self._module = thread, call.body.__module__
        self._dictionary = constants(self._module)
        sane = self.random.choice((0.0, 0.5, 1.0, 1.0))
        values = [
            self.valid(name, hint) if self.random.random() < sane else self.wild()
            for name, hint in call.parameters.items()
        ]
        return tuple(value & WORD for value in (*values, *(self.wild() for _ in range(slots)))[:slots])

    def wild(self) -> int:
        """Anything."""
        kind = self.random.randrange(6)
        if kind == 0:
            return self.random.getrandbits(64)
        if kind == 1:
            return self.random.choice(self._dictionary) if self._dictionary else 0
        if kind == 2:
            return ARENA + SIZE - self.random.randrange(64)
        if kind == 3:
            return self.buffer()
        return self.random.choice(EDGES)

    def valid(self, name: str, hint: Any) -> int:
        """A value that the declared type allows."""
        if get_origin(hint) in (Out, OptionalOut, InOut, OptionalInOut):
            return self.record(get_args(hint)[0])
        marks = getattr(hint, "__metadata__", ())
        if marks and isinstance(marks[-1], _ByPointer):
            return self.record(_pointed_to(hint))
        if name in self.usual and self.random.random() < 0.8:
            return self.random.choice(self.usual[name])
        maker = self.makers().get(name) or self.makers().get(hint)
        if maker is not None:
            return maker()
        return self.path() if "memory" in argument(hint, self.model).decode else self.number()

    usual: Mapping[str, Sequence[int]] = {}
    """By name of parameter: numbers that calls accept there."""

    def makers(self) -> dict[Any, Callable[[], int]]:
        """By declared type or name of parameter."""
        raise NotImplementedError

    # ---- values

    def number(self) -> int:
        """A small number, or one that the call knows, or two such together."""
        kind = self.random.randrange(8)
        if kind < 3:
            return self.random.randrange(16)
        if kind < 6 and self._dictionary:
            return self.random.choice(self._dictionary)
        if kind == 6 and self._dictionary:
            return self.random.choice(self._dictionary) | self.random.choice(self._dictionary)
        return 1 << self.random.randrange(32)

    def flags(self) -> int:
        """No flag at all more often than not."""
        return 0 if self.random.random() < 0.5 else self.number()

    def size(self) -> int:
        """A length that is not too long for the arena, and often that of a small record."""
        return self.random.choice(
            (1, 4, 8, 16, 24, 64, self.random.randrange(256), self.random.randrange(8192))
        )

    def task(self) -> int:
        """The id of a process or thread that there is, or of a group, or of the caller."""
        machine = self.thread.process.machine
        ids = (0, self.thread.id, self.thread.process.id, *list(machine.processes.threads)[:8], WORD)
        return self.random.choice(ids)

    def put(self, data: bytes) -> int:
        """Store bytes somewhere in the arena; the address."""
        if self._used + len(data) > SIZE - 8192:
            self._used = 0
        address = ARENA + self._used
        self._used += len(data) + 15 & -16
        if len(data) < SIZE:
            self.thread.memory.write(address, data)
        return address

    def text(self) -> bytes:
        """A path or another name."""
        return self.random.choice(PATHS).encode("utf-8", "surrogateescape")

    def path(self) -> int:
        return self.put(self.text() + b"\0")

    def handle(self) -> int:
        """A number by which the front-end knows objects."""
        raise NotImplementedError

    def word(self, depth: int = 1) -> int:
        """One word of a record: a number, a handle, or a pointer to something that may be such a record too."""
        kind = self.random.randrange(8)
        if kind < 3:
            return self.number()
        if kind == 3:
            return self.handle() & WORD
        if kind == 4:
            return self.size()
        if kind == 5 and depth:
            return self.buffer(depth - 1)
        return 0 if kind == 6 else self.wild() if depth and kind == 7 else 1

    def fill(self, size: int, depth: int = 1) -> bytes:
        """`size` bytes of a record of which nothing else is known."""
        kind, words = self.random.randrange(6), size // 8 + 1
        if kind == 0:
            return bytes(size)
        if kind == 1:
            return self.random.randbytes(size)
        if kind == 2:
            return struct.pack(f"<{words * 2}I", *(self.number() & 0xFFFFFFFF for _ in range(words * 2)))[
                :size
            ]
        return struct.pack(f"<{words}Q", *(self.word(depth) for _ in range(words)))[:size]

    def record(self, hint: Any) -> int:
        """The address of a record of this type."""
        return self.put(self.fill(layout_of(hint, self.model).size))

    def buffer(self, depth: int = 1) -> int:
        """The address of some bytes: a record, a name, a list of buffers with their lengths, a list of names."""
        kind = self.random.randrange(6)
        if kind == 0:
            return self.path()
        if kind == 1 and depth:
            pairs = [v for _ in range(3) for v in (self.put(bytes(64)), self.random.randrange(64))]
            return self.put(struct.pack("<6Q", *pairs))
        if kind == 2 and depth:
            return self.put(struct.pack("<3Q", self.path(), self.path(), 0))
        return self.put(self.fill(self.random.choice((8, 16, 32, 56, 128)), depth))
