"""The character devices that need no hardware: null, zero, full, random, urandom, and the tree /dev they are in."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

from lichen.executive.io.attributes import Kind
from lichen.executive.io.device import Devices, device_number, minor
from lichen.executive.io.file import SEEK_SET, Data, File
from lichen.executive.io.location import Location
from lichen.executive.io.node import MappedContent, Node
from lichen.executive.io.opening import Access, Open
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.filesystems.memory_files import MemoryFileSystem, Pool

MEMORY_MAJOR: Final = 1
_LONGEST_READ: Final = 1 << 24


class NullFile(File):
    """/dev/null: reads end at once, writes vanish."""

    __slots__ = ()

    seekable = True
    discards = True
    splices_out = False

    def read(self, size: int, offset: int | None = None) -> bytes:
        self.require(Access.READ)
        return b""

    def write(self, data: Data, offset: int | None = None) -> int:
        self.require(Access.CONTENT)
        return len(data)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        return 0


class ZeroFile(NullFile):
    """/dev/zero: reads as zeros, and maps as anonymous memory."""

    __slots__ = ()

    splices_out = True

    def read(self, size: int, offset: int | None = None) -> bytes:
        self.require(Access.READ)
        return bytes(min(size, _LONGEST_READ))

    def mapping(self) -> MappedContent | None:
        return None


class FullFile(ZeroFile):
    """/dev/full: a disk without room."""

    __slots__ = ()

    discards = False
    splices_in = False

    def write(self, data: Data, offset: int | None = None) -> int:
        self.require(Access.CONTENT)
        raise Failure(Status.DISK_FULL)

    def mapping(self) -> MappedContent | None:
        raise Failure(Status.NO_DEVICE)


class RandomFile(NullFile):
    """/dev/random and /dev/urandom: the host's random bytes; what is written does not matter."""

    __slots__ = ()

    discards = False
    splices_out = True

    def read(self, size: int, offset: int | None = None) -> bytes:
        self.require(Access.READ)
        return os.urandom(min(size, _LONGEST_READ))


class Device(NamedTuple):
    """A name in /dev."""

    name: str
    major: int
    minor: int
    mode: int
    kind: int = Kind.CHARACTER


_FILES: Final[dict[int, type[File]]] = {
    3: NullFile,
    5: ZeroFile,
    7: FullFile,
    8: RandomFile,
    9: RandomFile,
}
SIMPLE: Final = (
    Device("null", 1, 3, 0o666),
    Device("zero", 1, 5, 0o666),
    Device("full", 1, 7, 0o666),
    Device("random", 1, 8, 0o666),
    Device("urandom", 1, 9, 0o666),
)
LINKS: Final = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


def register(devices: Devices) -> None:
    """Let the drivers of this module answer for their device numbers."""

    def opener(location: Location, open: Open, token: Token) -> File:
        file = _FILES.get(minor(location.node.attributes().rdev))
        if file is None:
            raise Failure(Status.NO_SUCH_DEVICE)
        return file(location, open)

    devices.register(Kind.CHARACTER, opener, MEMORY_MAJOR)


def device_tree(
    device: int, devices: Devices, names: Iterable[Device] = SIMPLE, pool: Pool | None = None
) -> MemoryFileSystem:
    """A file system for /dev with these devices, the usual links, and the folders that others mount on."""
    system = MemoryFileSystem(device, devices, mode=0o755, capacity=1 << 26, pool=pool)
    root: Node = system.root
    for entry in names:
        rdev = device_number(entry.major, entry.minor)
        root.create(entry.name, entry.kind, entry.mode, 0, 0, rdev)
    for name, target in LINKS.items():
        root.symlink(name, target, 0, 0)
    for name, mode in (("pts", 0o755), ("shm", 0o1777), ("mqueue", 0o1777)):
        root.create(name, Kind.DIRECTORY, mode, 0, 0)
    return system
