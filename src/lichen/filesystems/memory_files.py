"""A file system in memory (tmpfs): /tmp, /run, /dev, and the files of memfd_create, which have no name at all.

Content is a bytearray while it is small and nobody maps it, then a host memfd: that can be mapped, is sparse, and costs a
descriptor. Whatever nobody can reach any more is freed at once, not when Python's collector or the name cache lets go of
the node.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import ClassVar, Final, cast

from lichen.executive.io.attributes import (
    AttributeChange,
    Attributes,
    DirectoryEntry,
    FileSystemStatistics,
    Kind,
)
from lichen.executive.io.device import Devices
from lichen.executive.io.location import fold
from lichen.executive.io.node import FileSystem, MappedContent, Node
from lichen.executive.status import Failure, Status
from lichen.filesystems.content import Content

_TMPFS: Final = 0x01021994
_MOST_ATTACHED: Final = 64 << 20
"""Bytes of attributes and symlinks in one file system."""
_BLOCK: Final = 4096
_ENTRY_SIZE: Final = 20
"""What each name adds to the size of a directory, as on Linux's tmpfs."""


def half_of_memory() -> int:
    """What a tmpfs may take by default, in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


_PUNCHES: Final = 0x2


class Seal:
    """What may no longer be done to a file (fcntl F_ADD_SEALS)."""

    SEAL: Final = 0x1
    SHRINK: Final = 0x2
    GROW: Final = 0x4
    WRITE: Final = 0x8
    FUTURE_WRITE: Final = 0x10


class Pool:
    """What several of them may take together: half of the memory, as one may on Linux, and a share of the descriptors."""

    def __init__(self) -> None:
        self.capacity, self.used = half_of_memory(), 0
        self.on_host: set[int] = set()


class MemoryFileSystem(FileSystem):
    """One tmpfs. `capacity` (bytes; None: half of the memory) and `most_files` are its limits; `clock` gives ns since 1970.

    What it takes counts in `pool` too.
    """

    type: ClassVar[str] = "tmpfs"
    root: MemoryNode

    def __init__(
        self,
        device: int,
        devices: Devices,
        mode: int = 0o1777,
        uid: int = 0,
        gid: int = 0,
        capacity: int | None = None,
        most_files: int = 1 << 18,
        clock: Callable[[], int] | None = None,
        pool: Pool | None = None,
    ) -> None:
        super().__init__(device, devices)
        self.pool = pool or Pool()
        self.capacity = half_of_memory() if capacity is None else capacity
        self.most_files, self.clock = most_files, clock or devices.now
        self.used = self.files = self.attached = 0
        self._ids = count(1)
        self.root = self.make(Kind.DIRECTORY, mode, uid, gid)
        self.root.links = 2

    def make(self, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> MemoryNode:
        """A new object without a name; DISK_FULL when there are too many."""
        if self.files >= self.most_files:
            raise Failure(Status.DISK_FULL)
        self.files += 1
        return MemoryNode(self, next(self._ids), kind, mode, uid, gid, rdev)

    def charge(self, size: int) -> None:
        """Count `size` more bytes (fewer when negative); DISK_FULL when they do not fit."""
        if size > self.free():
            raise Failure(Status.DISK_FULL)
        self.count(size)

    def count(self, size: int) -> None:
        """Take so many bytes, whether or not there is room; give them back when negative."""
        self.used += size
        self.pool.used += size

    def free(self) -> int:
        """The bytes that there is room for."""
        return max(0, min(self.capacity - self.used, self.pool.capacity - self.pool.used))

    def attach(self, size: int) -> None:
        """As `charge`, for what is in the kernel's own memory: attributes and the texts of symlinks."""
        if size > 0 and self.attached + size > _MOST_ATTACHED:
            raise Failure(Status.DISK_FULL)
        self.charge(size)
        self.attached += size

    def count_name(self) -> None:
        """One more name for an object that has one; DISK_FULL when there are too many."""
        if self.files >= self.most_files:
            raise Failure(Status.DISK_FULL)
        self.files += 1

    def statistics(self) -> FileSystemStatistics:
        blocks, free = self.capacity // _BLOCK, self.free() // _BLOCK
        return FileSystemStatistics(
            _TMPFS, _BLOCK, blocks, free, free, self.most_files, self.most_files - self.files
        )

    def close(self) -> None:
        stack = [self.root]
        while stack:
            node = stack.pop()
            stack += node.children.values()
            node.children.clear()
            node.content.close()


class MemoryNode(Node):
    """One object in memory; a directory's names are `children`, a symlink's text is `text`."""

    __slots__ = (
        "accessed",
        "changed",
        "charged",
        "children",
        "content",
        "created",
        "extended",
        "file_id",
        "flags",
        "gid",
        "links",
        "mode",
        "modified",
        "rdev",
        "seals",
        "text",
        "uid",
    )

    file_system: MemoryFileSystem

    def __init__(
        self,
        file_system: MemoryFileSystem,
        file_id: int,
        kind: int,
        mode: int,
        uid: int,
        gid: int,
        rdev: int,
    ) -> None:
        super().__init__(file_system, kind)
        self.file_id, self.mode, self.uid, self.gid, self.rdev = file_id, mode, uid, gid, rdev
        self.links = self.charged = 0
        self.flags = self.seals = 0
        self.accessed = self.modified = self.changed = self.created = file_system.clock()
        self.everyone_searches = kind == Kind.DIRECTORY and mode & 0o111 == 0o111
        self.children: dict[str, MemoryNode] = {}
        self.extended: dict[str, bytes] = {}
        self.text = ""
        self.content = Content(file_system.pool.on_host)

    # ---- attributes

    def attributes(self) -> Attributes:
        size, blocks = self._extent()
        return Attributes(
            self.file_id,
            self.file_system.device,
            self.kind,
            self.mode,
            self.links,
            self.uid,
            self.gid,
            self.rdev,
            size,
            blocks,
            _BLOCK,
            self.accessed,
            self.modified,
            self.changed,
            self.created,
            self.flags,
        )

    def _extent(self) -> tuple[int, int]:
        """(size, blocks of 512 bytes)."""
        if self.kind == Kind.REGULAR:
            return self.content.size, self.content.allocated() + 511 >> 9
        if self.kind == Kind.DIRECTORY:
            return (len(self.children) + 2) * _ENTRY_SIZE, 0
        return len(os.fsencode(self.text)), 0

    def change(self, change: AttributeChange) -> None:
        mode, uid, gid, size, accessed, modified, created, flags = change
        if size is not None:
            self._resize(size)
        if mode is not None:
            self.mode = mode
            self.everyone_searches = self.kind == Kind.DIRECTORY and mode & 0o111 == 0o111
        self.uid = self.uid if uid is None else uid
        self.gid = self.gid if gid is None else gid
        self.accessed = self.accessed if accessed is None else accessed
        self.modified = self.modified if modified is None else modified
        self.created = self.created if created is None else created
        self.flags = self.flags if flags is None else flags
        self.changed = self.file_system.clock()

    def _resize(self, size: int) -> None:
        before = self.content.size
        if self.seals & (Seal.SHRINK if size < before else Seal.GROW if size > before else 0):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        self._account(lambda: self.content.resize(size))
        self.modified = self.changed = self.file_system.clock()

    def _account(self, operation: Callable[[], None]) -> None:
        """Do something to the content and count what it takes now, what mappings have filled included."""
        operation()
        allocated = self.content.allocated()
        self.file_system.count(allocated - self.charged)
        self.charged = allocated

    # ---- names

    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node] | None:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        node = self.children.get(name)
        if node is None and case_blind:
            folded = fold(name)
            name = next((known for known in self.children if fold(known) == folded), "")
            node = self.children.get(name)
        return None if node is None else (name, node)

    def entries(self) -> Iterator[DirectoryEntry]:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        return iter([DirectoryEntry(name, node.file_id, node.kind) for name, node in self.children.items()])

    def _enter(self, name: str, node: MemoryNode) -> None:
        self.children[name] = node
        node.links += 2 if node.kind == Kind.DIRECTORY else 1
        self.links += node.kind == Kind.DIRECTORY
        self.modified = self.changed = node.changed = self.file_system.clock()

    def _leave(self, name: str) -> MemoryNode:
        node = self.children.pop(name)
        node.links -= 2 if node.kind == Kind.DIRECTORY else 1
        self.links -= node.kind == Kind.DIRECTORY
        self.modified = self.changed = node.changed = self.file_system.clock()
        return node

    def create(self, name: str, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> MemoryNode:
        node = self.file_system.make(kind, mode, uid, gid, rdev)
        self._enter(name, node)
        return node

    def create_unnamed(self, mode: int, uid: int, gid: int) -> MemoryNode:
        return self.file_system.make(Kind.REGULAR, mode, uid, gid)

    def symlink(self, name: str, target: str, uid: int, gid: int) -> MemoryNode:
        self.file_system.attach(len(target))
        try:
            node = self.file_system.make(Kind.SYMLINK, 0o777, uid, gid)
        except Failure:
            self.file_system.attach(-len(target))
            raise
        node.text = target
        self._enter(name, node)
        return node

    def link(self, name: str, node: Node) -> None:
        node = cast(MemoryNode, node)
        if node.links:
            self.file_system.count_name()
        self._enter(name, node)

    def unlink(self, name: str, node: Node) -> None:
        self._leave(name)._lost_name()

    def rmdir(self, name: str, node: Node) -> None:
        if cast(MemoryNode, node).children:
            raise Failure(Status.DIRECTORY_NOT_EMPTY)
        self._leave(name)._freed_if_unreachable()

    def rename(self, name: str, node: Node, target: Node, target_name: str, replaced: Node | None) -> None:
        target = cast(MemoryNode, target)
        if replaced is not None:
            if cast(MemoryNode, replaced).children:
                raise Failure(Status.DIRECTORY_NOT_EMPTY)
            target._leave(target_name)._lost_name()
        target._enter(target_name, self._leave(name))

    def exchange(self, name: str, node: Node, target: Node, target_name: str, other: Node) -> None:
        target = cast(MemoryNode, target)
        here, there = self._leave(name), target._leave(target_name)
        self._enter(name, there)
        target._enter(target_name, here)

    def readlink(self) -> str:
        if self.kind != Kind.SYMLINK:
            raise Failure(Status.INVALID_PARAMETER)
        return self.text

    def abandoned(self) -> None:
        self._freed_if_unreachable()

    def _lost_name(self) -> None:
        if self.links and self.kind != Kind.DIRECTORY:
            self.file_system.files -= 1
        self._freed_if_unreachable()

    def _freed_if_unreachable(self) -> None:
        if not self.links and not self.files and self.content.open:
            self.file_system.files -= 1
            self._account(self.content.close)
            self.file_system.attach(-len(self.text))
            for name in list(self.extended):
                self.remove_attribute(name)

    # ---- content

    def read_at(self, offset: int, size: int) -> bytes:
        if self.accessed <= self.modified:
            self.accessed = self.file_system.clock()
        return self.content.read(offset, size)

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        content, end = self.content, offset + len(data)
        if self.seals and (self.seals & (Seal.WRITE | Seal.FUTURE_WRITE) or end > content.size):
            self._check_seals(end)
        if len(data) > self.file_system.free() and not content.has(offset, end):
            raise Failure(Status.DISK_FULL)
        self._account(lambda: content.write(offset, data))
        self.modified = self.changed = self.file_system.clock()
        return len(data)

    def _check_seals(self, end: int) -> None:
        forbidden = Seal.WRITE | Seal.FUTURE_WRITE
        if end > self.content.size:
            forbidden |= Seal.GROW
        if self.seals & forbidden:
            raise Failure(Status.PRIVILEGE_NOT_HELD)

    def size(self) -> int:
        return self._extent()[0]

    def check_room(self, mode: int, offset: int, size: int) -> None:
        if size - self.content.allocated() > self.file_system.free():
            raise Failure(Status.DISK_FULL)

    def allocate(self, mode: int, offset: int, size: int) -> None:
        end = offset + size
        forbidden = Seal.WRITE | Seal.FUTURE_WRITE if mode & _PUNCHES else 0
        if end > self.content.size:
            forbidden |= Seal.GROW
        if self.seals & forbidden:
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        growth = 0 if mode & 2 or self.content.has(offset, end) else size
        if growth > self.file_system.free():
            raise Failure(Status.DISK_FULL)
        self._account(lambda: self.content.allocate(mode, offset, size))
        self.modified = self.changed = self.file_system.clock()

    def seek_data(self, offset: int) -> int:
        return self.content.seek(offset, os.SEEK_DATA)

    def seek_hole(self, offset: int) -> int:
        return self.content.seek(offset, os.SEEK_HOLE)

    def mapping(self) -> MappedContent:
        if self.kind != Kind.REGULAR:
            raise Failure(Status.NO_DEVICE)
        return MappedContent(None, self.content.size)

    def open_host(self, writable: bool) -> int:
        return self.content.open_host(writable)

    def touch(self) -> None:
        self.modified = self.changed = self.file_system.clock()

    # ---- extended attributes

    def get_attribute(self, name: str) -> bytes:
        try:
            return self.extended[name]
        except KeyError:
            raise Failure(Status.NO_ATTRIBUTE) from None

    def set_attribute(self, name: str, value: bytes) -> None:
        known = self.extended.get(name)
        self.file_system.attach(len(value) - len(known) if known is not None else len(name) + len(value))
        self.extended[name] = value
        self.changed = self.file_system.clock()

    def list_attributes(self) -> list[str]:
        return list(self.extended)

    def remove_attribute(self, name: str) -> None:
        value = self.extended.pop(name, None)
        if value is None:
            raise Failure(Status.NO_ATTRIBUTE)
        self.file_system.attach(-len(name) - len(value))
        self.changed = self.file_system.clock()
