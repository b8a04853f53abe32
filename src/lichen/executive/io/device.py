"""Which driver answers for a device number, a FIFO or a socket node: the only registry that drivers sign."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from lichen.executive.io.anonymous import AnonymousFileSystem
from lichen.executive.io.attributes import Kind
from lichen.executive.io.locks import LockTable
from lichen.executive.network.sockets import Families
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.location import Location
    from lichen.executive.io.node import Node
    from lichen.executive.io.opening import Open
    from lichen.executive.io.outside import Source
    from lichen.executive.io.watch import Watcher
    from lichen.executive.security.tokens import Token
    from lichen.executive.wait import Blocks
    from lichen.executive.worker import Worker

Opener = Callable[["Location", "Open", "Token"], "File | Blocks[File]"]
"""Makes an open file of a special node that was found at a location; may have to wait (a FIFO's other end)."""


class Devices:
    """The drivers of one machine, by kind and device number, and what its open files have in common.

    `now` gives nanoseconds since 1970.
    """

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        self.now = now
        self._openers: dict[tuple[int, int], Opener] = {}
        self._majors: dict[tuple[int, int], Opener] = {}
        self.anonymous = AnonymousFileSystem(self)
        self.families = Families()
        self.worker: Worker | None = None
        """Who does what would make the kernel wait for a disk; None: the kernel waits."""
        self.watches: dict[tuple[Node, Watcher], None] = {}
        """Who watches what: empty most of the time (io.watch)."""
        self.moves = count(1)
        """Numbers for the two events of each move."""
        self.locks = LockTable()
        self.outside: list[Source] = []
        """To be asked by whoever is about to trust what is remembered: `if told := pending(0, 1): learn(told)` for each."""

    def register(self, kind: int, opener: Opener, major: int = 0, minor: int | None = None) -> None:
        """Let `opener` answer for one device, or (without `minor`) for all of a major number; FIFOs have number 0."""
        if minor is None:
            self._majors[kind, major] = opener
        else:
            self._openers[kind, device_number(major, minor)] = opener

    def open(self, location: Location, open: Open, token: Token) -> File | Blocks[File]:
        """Open the special node at `location`; NO_SUCH_DEVICE when no driver answers for it."""
        node = location.node
        rdev = node.attributes().rdev if node.kind in (Kind.CHARACTER, Kind.BLOCK) else 0
        opener = self._openers.get((node.kind, rdev)) or self._majors.get((node.kind, major(rdev)))
        if opener is None:
            raise Failure(Status.NO_SUCH_DEVICE)
        return opener(location, open, token)


def device_number(major: int, minor: int) -> int:
    """Linux's encoding of a device number (what st_rdev holds)."""
    return minor & 0xFF | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32


def major(rdev: int) -> int:
    return rdev >> 8 & 0xFFF | rdev >> 32 & ~0xFFF


def minor(rdev: int) -> int:
    return rdev & 0xFF | rdev >> 12 & ~0xFF


def kernel_number(rdev: int) -> int:
    """A device's number as the kernel writes it to itself: twelve bits of major, twenty of minor."""
    return major(rdev) << 20 | minor(rdev)
