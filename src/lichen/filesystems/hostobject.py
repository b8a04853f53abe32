"""What is known of an object of the host, how it is reached, and how long what is known stays true.

Every step starts at a descriptor of a directory and takes one name with O_NOFOLLOW: a name holds no slash and is not `..`,
so no symlink of the host is ever followed and nothing outside the folder is reached. Attributes are remembered while a watch
(hostwatch.py) would tell of a change, and asked for otherwise.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING
from weakref import ref

from lichen.executive.io import outside
from lichen.executive.io.attributes import Attributes, Kind
from lichen.executive.io.node import Node
from lichen.executive.status import Failure, Status
from lichen.filesystems.disk import OBJECT
from lichen.filesystems.hostcalls import hosted, same_file

if TYPE_CHECKING:
    from lichen.filesystems.host import HostFileSystem
    from lichen.filesystems.unionnode import UnionNode


class HostObject(Node):
    """What is known of one file, folder or symlink. `parent` and `name` are one of its names, the one seen last."""

    __slots__ = (
        "_attributes",
        "_seen",
        "_state",
        "_teller",
        "charged",
        "descriptor",
        "generation",
        "gone",
        "identity",
        "name",
        "others",
        "parent",
        "reserved",
        "shown_by",
        "watch",
        "writable",
    )

    file_system: HostFileSystem

    def __init__(
        self, file_system: HostFileSystem, parent: HostObject | None, name: str, state: os.stat_result
    ) -> None:
        super().__init__(file_system, file_system.kind_of(state))
        self.parent, self.name = parent, name
        self.others: dict[tuple[HostObject, str], None] | None = None
        """More names of a file, as far as they were seen."""
        self.identity = (state.st_dev, state.st_ino)
        self.descriptor = -1
        """A directory's (O_PATH) or a regular file's content, while it has one; the file system closes it."""
        self.writable = False
        self.gone: Attributes | None = None
        """The last attributes, once the last name is removed."""
        self.watch = -1
        """A directory's number with the monitor, while it is watched."""
        self.generation = 0
        """How often something in this directory, or it itself, has changed as the host tells."""
        self.shown_by: tuple[ref[UnionNode], ...] = ()
        """The directories of unions that show the names of this one."""
        self.charged = state.st_blocks << 9
        """Bytes that its file system's disk counts for it."""
        self.reserved = 0
        """Bytes that are counted though its blocks may be fewer, as guests can fill them behind the kernel's back."""
        self.learn(state)

    def learn(self, state: os.stat_result) -> None:
        """What the host says of the object now."""
        file_system = self.file_system
        self._state = state
        self._attributes: Attributes | None = None
        self._teller: HostObject | None = None
        """The directory whose generation, now `_seen`, says how long the attributes are good; None: ask at each use."""
        self._seen = 0
        if not file_system.stable:
            return
        asks_nobody, above = file_system.monitor is None, self.parent
        if self.kind != Kind.DIRECTORY:
            told = asks_nobody or (above is not None and above.watch >= 0 and state.st_nlink == 1)
            if told and above is not None and file_system.read_only:
                self._teller, self._seen = above, above.generation
            return
        told = asks_nobody or self.watch >= 0
        if told and file_system.read_only:
            self._teller, self._seen = self, self.generation
        told = told or (above is not None and above.watch >= 0)
        self.everyone_searches = told and state.st_mode & 0o111 == 0o111

    # ---- what others change

    def keeps_names(self) -> bool:
        if self.watch >= 0:
            return True
        monitor = self.file_system.monitor
        if monitor is None or not self.file_system.stable:
            return self.file_system.stable
        try:
            return monitor.watch(self)
        except (OSError, Failure):  # it is gone
            return False

    def doubt(self, name: str | None) -> None:
        """A name in this directory may have come, gone, or be another object's now; None: any of them, and it itself."""
        self.touched(itself=name is None)
        outside.changed(self, name)
        for node in self._above_it():
            outside.changed(node, name)

    def touched(self, itself: bool) -> None:
        """Something in this directory, or it `itself`, has other attributes or another content now."""
        self.generation += 1
        if itself:
            self.everyone_searches = False
            for node in self._above_it():
                node.below_changed()

    def _above_it(self) -> list[UnionNode]:
        return [node for reference in self.shown_by if (node := reference()) is not None]

    def vanished(self) -> None:
        """The object may have other names, by which it is found again; until then it is as it was, with a name less."""
        if self.gone is None and self.descriptor < 0:
            self.gone = self.file_system.attributes_of(self._state)._replace(links=0)

    # ---- descriptors

    def directory(self) -> int:
        """An O_PATH descriptor of this directory, good until the next few are asked for."""
        node: HostObject = self
        missing = []
        while node.descriptor < 0:
            missing.append(node)
            if node.parent is None or node.gone is not None:
                raise Failure(Status.OBJECT_NAME_NOT_FOUND)
            node = node.parent
        descriptors = self.file_system.descriptors
        descriptors.touch(node)
        for node in reversed(missing):
            above = node.parent.descriptor if node.parent is not None else -1
            flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptors.keep(node, node._verified(descriptors.open(node.name, flags, 0, above)))
        return self.descriptor

    def _verified(self, descriptor: int) -> int:
        """The descriptor, if it is of this node's object and not of what has taken its name meanwhile."""
        state = os.fstat(descriptor)
        if (state.st_dev, state.st_ino) != self.identity or self.file_system.kind_of(state) != self.kind:
            os.close(descriptor)
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return descriptor

    def _above(self) -> int:
        """A descriptor of the directory that the name is in."""
        if self.parent is None or self.gone is not None:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        return self.parent.directory()

    def path_descriptor(self) -> int:
        """A new O_PATH descriptor of the object; the caller closes it."""
        descriptors = self.file_system.descriptors
        if self.descriptor >= 0:
            return descriptors.open(same_file(self.descriptor), os.O_PATH)
        return self._verified(descriptors.open(self.name, os.O_PATH | os.O_NOFOLLOW, 0, self._above()))

    def content(self, write: bool = False) -> int:
        """A descriptor of a regular file's content, good until the next few are asked for."""
        if self.descriptor < 0 or (write and not self.writable):
            path = self.path_descriptor()
            try:
                flags = os.O_RDWR if write else os.O_RDONLY
                flags |= os.O_NONBLOCK | os.O_NOCTTY
                descriptor = self.file_system.descriptors.open(same_file(path), flags)
            finally:
                os.close(path)
            self.file_system.descriptors.keep(self, descriptor)
            self.writable = write
        return self.descriptor

    def abandoned(self) -> None:
        if self.gone is not None:
            self.file_system.descriptors.drop(self)
            self.give_back()

    # ---- the disk's room

    def account(self, state: os.stat_result | None = None) -> None:
        """Count the blocks that the object takes now."""
        disk = self.file_system.disk
        if disk is not None and self.charged >= 0:
            now = max((state or self.state()).st_blocks << 9, self.reserved)
            if now != self.charged:
                disk.added(now - self.charged)
                self.charged = now

    def require(self, size: int) -> None:
        """DISK_FULL unless the disk has room for so many bytes."""
        if self.file_system.disk is not None:
            self.file_system.disk.require(size)

    def count_new(self, node: HostObject) -> None:
        """Count what was made just now in this directory, which may have grown by its name."""
        disk = self.file_system.disk
        if disk is not None:
            disk.added(max(node.charged, 0) + OBJECT)
            self.account()

    def give_back(self) -> None:
        """The object is no more."""
        disk = self.file_system.disk
        if disk is not None and self.charged >= 0:
            disk.added(-self.charged - OBJECT)
            self.charged = -1

    # ---- attributes

    def attributes(self) -> Attributes:
        teller = self._teller
        if teller is not None:
            for pending, learn in self.file_system.devices.outside:
                if told := pending(0, 1):
                    learn(told)
            if self._seen == teller.generation:
                known = self._attributes
                if known is None:
                    known = self._attributes = self.file_system.attributes_of(self._state)
                return known
        return self.current_attributes()

    @hosted
    def current_attributes(self) -> Attributes:
        """The attributes as the host has them, whatever is remembered."""
        if self.descriptor < 0 and self.gone is not None:
            return self.gone
        try:
            state = self.state()
        except FileNotFoundError:  # others have removed it
            self.vanished()
            state = None
        if state is None:
            return self.gone or self.file_system.attributes_of(self._state)
        self.learn(state)
        return self.file_system.attributes_of(state)

    def state(self) -> os.stat_result:
        """What the host knows of the object."""
        if self.descriptor >= 0:
            return os.fstat(self.descriptor)
        state = os.stat(self.name, dir_fd=self._above(), follow_symlinks=False)
        if (state.st_dev, state.st_ino) != self.identity:
            raise FileNotFoundError(errno.ENOENT, self.name)
        return state


def state_of(name: str, directory: int) -> os.stat_result | None:
    """What the host knows of a name in a directory; None when there is none."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
