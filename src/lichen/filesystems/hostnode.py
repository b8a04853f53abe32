"""A file, folder or symlink of the host: what can be done to its names and its content.

How it is reached, and what is remembered of it, is in hostobject.py. Content is opened by way of O_PATH and a look at the
kind, so that nothing special can open even if it takes a file's name at the wrong moment.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from lichen.executive.io.attributes import SPECIAL_MODE, AttributeChange, DirectoryEntry, Kind
from lichen.executive.io.location import fold
from lichen.executive.io.node import RENAME_EXCHANGE, RENAME_NO_REPLACE, MappedContent, Node
from lichen.executive.io.opening import Access
from lichen.executive.status import Failure, Status
from lichen.executive.worker import Work
from lichen.filesystems import hostcalls
from lichen.filesystems.disk import PAGE, has_blocks
from lichen.filesystems.hostcalls import hosted, same_file
from lichen.filesystems.hostobject import HostObject, state_of
from lichen.filesystems.sharerecords import ShareRecord

if TYPE_CHECKING:
    from lichen.filesystems.unionnode import UnionNode

R = TypeVar("R")

PRIVATE_PREFIX: Final = "user.lichen."
"""Extended attributes that are Lichen's own and no guest's."""
_KEEP_SIZE, _PUNCH_HOLE = 0x1, 0x2
_SETTLED: Final = 100_000_000
"""Nanoseconds after which one more change shows in a file's times, whose clock ticks slowly."""
_LONG: Final = 1 << 20
"""Reads longer than this look at the size first: the buffer is allocated whole."""


class HostNode(HostObject):
    """One file, folder or symlink of the host: its names and its content."""

    __slots__ = ()

    # ---- being watched

    def watched(self, begins: bool) -> None:
        self.report(self, begins)

    def report(self, shown: HostNode | UnionNode, begins: bool) -> None:
        """Have the watchers of `shown`, this or a node of a union that shows it, hear of what others do; or no longer."""
        events = self.file_system.monitor.events if self.file_system.monitor is not None else None
        if events is not None and begins:
            events.follow(shown, self)
        elif events is not None:
            events.leave(shown)

    def hides(self, name: str) -> bool:
        """Whether something else shows at a name than what the host has there."""
        return False

    def changed_here(self, change: int, name: str | None) -> None:
        monitor = self.file_system.monitor
        if monitor is not None and monitor.events is not None:
            monitor.events.ours(self, change, name)

    # ---- attributes

    @hosted
    def change(self, change: AttributeChange) -> None:
        state = self.state()
        shown = self.file_system.attributes_of(state)
        if change.uid not in (None, shown.uid) or change.gid not in (None, shown.gid):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        if change.size is not None:
            os.ftruncate(self.content(write=True), change.size)
            self.reserved = min(self.reserved, change.size)
            self.account()
        mode = change.mode
        if mode is not None and self.kind != Kind.SYMLINK:
            self.with_path(lambda path: os.chmod(path, host_mode(self.kind, mode)))
        if change.accessed is not None or change.modified is not None:
            self._set_times(state, change)
        self.keep_mode(shown.mode if mode is None else mode)
        self.learn(self.state())

    def keep_mode(self, mode: int) -> None:
        """Remember what guests have of a mode and the host has not."""
        records, state = self.file_system.records, self.state()
        if records is not None and (mode & SPECIAL_MODE or records.of(state) is not None):
            self.with_path(lambda path: records.keep_bits(path, state, mode))

    def _set_times(self, state: os.stat_result, change: AttributeChange) -> None:
        accessed = state.st_atime_ns if change.accessed is None else change.accessed
        modified = state.st_mtime_ns if change.modified is None else change.modified
        if self.kind == Kind.SYMLINK:
            os.utime(self.name, ns=(accessed, modified), dir_fd=self._above(), follow_symlinks=False)
        else:
            self.with_path(lambda path: os.utime(path, ns=(accessed, modified)))

    # ---- names

    @hosted
    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node] | None:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        directory = self.directory()
        state = state_of(name, directory)
        if state is None and case_blind:
            name = self._spelling(name)
            state = state_of(name, directory) if name else None
        if state is None or not self.file_system.shows(state):
            return None
        return name, self.file_system.node_of(self, name, state)

    def _spelling(self, name: str) -> str:
        """The first name in the directory that is the same to the case-blind; empty when there is none."""
        folded = fold(name)
        return min((entry.name for entry in self._scan() if fold(entry.name) == folded), default="")

    def _scan(self) -> list[os.DirEntry[str]]:
        descriptor = self.file_system.descriptors.open(".", os.O_RDONLY | os.O_DIRECTORY, 0, self.directory())
        try:
            with os.scandir(descriptor) as entries:
                return list(entries)
        finally:
            os.close(descriptor)

    @hosted
    def entries(self) -> Iterator[DirectoryEntry]:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        return iter([entry for raw in self._scan() if (entry := self._entry(raw)) is not None])

    def _entry(self, raw: os.DirEntry[str]) -> DirectoryEntry | None:
        if not raw.is_file(follow_symlinks=False):
            if raw.is_symlink():
                return DirectoryEntry(
                    raw.name, self.file_system.file_id(self.identity[0], raw.inode()), Kind.SYMLINK
                )
            if not raw.is_dir(follow_symlinks=False):
                return None
        kind = Kind.DIRECTORY if raw.is_dir(follow_symlinks=False) else Kind.REGULAR
        if self.file_system.records is not None and self.file_system.records.knows(raw.inode()):
            found = self.lookup(raw.name)
            return DirectoryEntry(raw.name, found[1].attributes().file_id, found[1].kind) if found else None
        if self.file_system.filters:
            state = state_of(raw.name, self.directory())
            if state is None or not self.file_system.shows(state):
                return None
        return DirectoryEntry(raw.name, self.file_system.file_id(self.identity[0], raw.inode()), kind)

    @hosted
    def create(self, name: str, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> HostNode:
        self.require(PAGE)
        directory = self.directory()
        wanted = host_mode(kind, mode)
        if kind == Kind.DIRECTORY:
            os.mkdir(name, wanted, dir_fd=directory)
            state = os.stat(name, dir_fd=directory, follow_symlinks=False)
            node = self.file_system.node_of(self, name, state)
            self.count_new(node)
            if state.st_mode & 0o7777 != mode:
                node.change(AttributeChange(mode=mode))
            return node
        if kind != Kind.REGULAR:
            return self._create_special(name, kind, mode, rdev)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return self._created(name, self.file_system.descriptors.open(name, flags, wanted, directory), mode)

    def _create_special(self, name: str, kind: int, mode: int, rdev: int) -> HostNode:
        """Something that the host never has: there it is an empty file."""
        records, directory = self.file_system.records, self.directory()
        if records is None:
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        wanted = host_mode(kind, mode)
        descriptor = self.file_system.descriptors.open(name, flags, wanted, directory)
        try:
            os.fchmod(descriptor, wanted)
            state = os.fstat(descriptor)
            records.keep(same_file(descriptor), state, ShareRecord(kind, mode & SPECIAL_MODE, rdev))
        except OSError:
            os.unlink(name, dir_fd=directory)
            raise
        finally:
            os.close(descriptor)
        node = self.file_system.node_of(self, name, state)
        self.count_new(node)
        return node

    def _created(self, name: str, descriptor: int, mode: int) -> HostNode:
        """The node of a file that was made just now, with its descriptor."""
        state, wanted = os.fstat(descriptor), host_mode(Kind.REGULAR, mode)
        if state.st_mode & 0o7777 != wanted:
            os.fchmod(descriptor, wanted)
            state = os.fstat(descriptor)
        node = self.file_system.node_of(self, name, state)
        self.file_system.descriptors.keep(node, descriptor)
        node.writable = True
        self.count_new(node)
        if mode & SPECIAL_MODE:
            node.keep_mode(mode)
        return node

    @hosted
    def create_unnamed(self, mode: int, uid: int, gid: int) -> HostNode:
        self.require(PAGE)
        wanted = host_mode(Kind.REGULAR, mode)
        flags = os.O_RDWR | os.O_TMPFILE
        node = self._created(
            "", self.file_system.descriptors.open(".", flags, wanted, self.directory()), mode
        )
        node.gone = node.attributes()
        return node

    @hosted
    def symlink(self, name: str, target: str, uid: int, gid: int) -> HostNode:
        self.require(PAGE)
        directory = self.directory()
        os.symlink(target, name, dir_fd=directory)
        return self.file_system.node_of(self, name, os.stat(name, dir_fd=directory, follow_symlinks=False))

    @hosted
    def link(self, name: str, node: Node) -> None:
        assert isinstance(node, HostNode)
        self.require(PAGE)
        if node.descriptor < 0:
            above = node._above()
            os.link(node.name, name, src_dir_fd=above, dst_dir_fd=self.directory(), follow_symlinks=False)
        else:
            os.link(same_file(node.descriptor), name, dst_dir_fd=self.directory(), follow_symlinks=True)
        if node.gone is None:
            node.found_at(self, name)
        else:
            node.gone, node.parent, node.name = None, self, name
            self.file_system.nodes[node.identity] = node
        self.account()

    @hosted
    def unlink(self, name: str, node: Node) -> None:
        self._remove(name, node, directory=False)

    @hosted
    def rmdir(self, name: str, node: Node) -> None:
        self._remove(name, node, directory=True)

    def _remove(self, name: str, node: Node, directory: bool) -> None:
        assert isinstance(node, HostNode)
        state = state_of(name, self.directory())
        if directory:
            os.rmdir(name, dir_fd=self.directory())
        else:
            os.unlink(name, dir_fd=self.directory())
        if state is not None:
            node.lost_name(self, name, state)

    def found_at(self, directory: HostObject, name: str) -> None:
        """The object has this name too, or now: it is the one to reach it by."""
        if self.parent is directory and self.name == name:
            return
        if self.kind != Kind.DIRECTORY and self.parent is not None:
            self.others = self.others or {}
            self.others[self.parent, self.name] = None
        self.parent, self.name = directory, name

    def moved(self, directory: HostNode, name: str, target: HostNode, target_name: str) -> None:
        """A name of the object was renamed."""
        self.found_at(target, target_name)
        if self.others is not None:
            self.others.pop((directory, name), None)
            self.others = self.others or None

    def lost_name(self, directory: HostNode, name: str, state: os.stat_result) -> None:
        """The name `name` in `directory`, at which `state` was seen, is gone."""
        if (state.st_dev, state.st_ino) != self.identity:
            return
        others, self.others = self.others or {}, None
        others.pop((directory, name), None)
        if state.st_nlink <= 1 or self.kind == Kind.DIRECTORY:
            self.gone = self.file_system.attributes_of(state)._replace(links=0)
            self._teller = None
            if self.file_system.records is not None:
                self.file_system.records.forget(state)
            if not self.files:
                self.file_system.descriptors.drop(self)
                self.give_back()
            return
        if (self.parent, self.name) != (directory, name):
            self.others = others or None
            return
        while others:
            (parent, name), _ = others.popitem()
            known = state_of(name, parent.directory()) if parent.gone is None else None
            if known is not None and (known.st_dev, known.st_ino) == self.identity:
                self.parent, self.name, self.others = parent, name, others or None
                return

    @hosted
    def rename(self, name: str, node: Node, target: Node, target_name: str, replaced: Node | None) -> None:
        assert isinstance(node, HostNode)
        assert isinstance(target, HostNode)
        here, there = self.directory(), target.directory()
        lost = state_of(target_name, there) if isinstance(replaced, HostNode) else None
        hostcalls.rename(name, here, target_name, there, 0 if replaced is not None else RENAME_NO_REPLACE)
        node.moved(self, name, target, target_name)
        if lost is not None and isinstance(replaced, HostNode):
            replaced.lost_name(target, target_name, lost)

    @hosted
    def exchange(self, name: str, node: Node, target: Node, target_name: str, other: Node) -> None:
        assert isinstance(node, HostNode)
        assert isinstance(target, HostNode)
        assert isinstance(other, HostNode)
        hostcalls.rename(name, self.directory(), target_name, target.directory(), RENAME_EXCHANGE)
        node.moved(self, name, target, target_name)
        other.moved(target, target_name, self, name)

    @hosted
    def readlink(self) -> str:
        if self.kind != Kind.SYMLINK:
            raise Failure(Status.INVALID_PARAMETER)
        return os.readlink(self.name, dir_fd=self._above())

    # ---- content

    @hosted
    def opening(self, access: int) -> None:
        self.content(write=bool(access & Access.CONTENT))

    def read_at(self, offset: int, size: int) -> bytes:
        if size > _LONG:
            size = max(0, min(size, self.size() - offset))
        try:
            return os.pread(self.descriptor if self.descriptor >= 0 else self.content(), size, offset)
        except OSError as error:
            raise Failure.from_host(error) from None

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        disk = self.file_system.disk
        try:
            content = self.descriptor if self.writable else self.content(write=True)
            if disk is None:
                return os.pwrite(content, data, offset)
            written = os.pwrite(content, disk.fitting(content, offset, data), offset)
            if self.file_system.private:
                self.account(os.fstat(content))
            else:  # the host's own folder has no size: the host is asked again before long
                disk.added(written)
        except OSError as error:
            raise Failure.from_host(error) from None
        return written

    @hosted
    def size(self) -> int:
        return os.fstat(self.content()).st_size

    @hosted
    def check_room(self, mode: int, offset: int, size: int) -> None:
        content, disk = self.content(write=True), self.file_system.disk
        state, end = os.fstat(content), offset + size
        if (
            end > state.st_size
        ):  # punching there changes nothing: it only tells whether a file can be so large
            hostcalls.fallocate(content, _KEEP_SIZE | _PUNCH_HOLE, end - 1, 1)
        if disk is not None:
            disk.require(size - (state.st_blocks << 9))

    @hosted
    def allocate(self, mode: int, offset: int, size: int) -> None:
        content, disk = self.content(write=True), self.file_system.disk
        if disk is not None and not mode & _PUNCH_HOLE:
            # a host that finds out on the way has given away all its room by then
            disk.require(0 if has_blocks(content, offset, offset + size) else size)
        hostcalls.fallocate(content, mode, offset, size)
        self.account()

    @hosted
    def seek_data(self, offset: int) -> int:
        return os.lseek(self.content(), offset, os.SEEK_DATA)

    @hosted
    def seek_hole(self, offset: int) -> int:
        return os.lseek(self.content(), offset, os.SEEK_HOLE)

    @hosted
    def sync_work(self, data_only: bool = False) -> Work:
        if self.kind == Kind.DIRECTORY:
            return hostcalls.syncing(
                os.open(".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.directory()), os.fsync
            )
        return hostcalls.syncing(os.dup(self.content()), os.fdatasync if data_only else os.fsync)

    def mapping(self) -> MappedContent:
        if self.kind != Kind.REGULAR:
            raise Failure(Status.NO_DEVICE)
        attributes = self.current_attributes()
        size, changed = attributes.size, max(attributes.modified, attributes.changed)
        if not (self.file_system.read_only and self.file_system.stable):
            return MappedContent(None, size)
        if self.file_system.monitor is not None and time.time_ns() - changed < _SETTLED:
            return MappedContent(None, size)
        return MappedContent((*self.identity, attributes.modified, attributes.changed, size), size)

    @hosted
    def open_host(self, writable: bool) -> int:
        flags = os.O_RDWR if writable else os.O_RDONLY
        content = self.content(write=writable)
        if writable and self.file_system.disk is not None:
            self._reserve(content)
        return self.file_system.descriptors.open(same_file(content), flags)

    def _reserve(self, content: int) -> None:
        """Take room for a file's holes, which guests fill by a mapping without anybody seeing it."""
        state = os.fstat(content)
        self.require(state.st_size - max(state.st_blocks << 9, self.reserved))
        self.reserved = max(self.reserved, state.st_size)
        self.account(state)

    # ---- extended attributes

    @hosted
    def get_attribute(self, name: str) -> bytes:
        return self.with_path(lambda path: os.getxattr(path, self._permitted(name)))

    @hosted
    def set_attribute(self, name: str, value: bytes) -> None:
        self.require(len(value) + PAGE)
        self.with_path(lambda path: os.setxattr(path, self._permitted(name), value))
        self.account()

    @hosted
    def list_attributes(self) -> list[str]:
        if self.kind == Kind.SYMLINK:
            return []
        try:
            names = [name for name in self.with_path(os.listxattr) if name.startswith("user.")]
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return []
        if self.file_system.private:
            return names
        return [name for name in names if not name.startswith(PRIVATE_PREFIX)]

    @hosted
    def remove_attribute(self, name: str) -> None:
        self.with_path(lambda path: os.removexattr(path, self._permitted(name)))

    def _permitted(self, name: str) -> str:
        hidden = name.startswith(PRIVATE_PREFIX) and not self.file_system.private
        if not name.startswith("user.") or hidden or self.kind == Kind.SYMLINK:
            raise OSError(errno.EOPNOTSUPP, name)
        return name

    def with_path(self, operation: Callable[[str], R]) -> R:
        """Do something by a path of the host that leads to this object and nothing else."""
        if self.descriptor >= 0:
            return operation(same_file(self.descriptor))
        path = self.path_descriptor()
        try:
            return operation(same_file(path))
        finally:
            os.close(path)


def host_mode(kind: int, mode: int) -> int:
    """The part of a mode that reaches the host: no set-id bit, and the sticky bit on directories only."""
    return mode & (0o1777 if kind == Kind.DIRECTORY else 0o777)
