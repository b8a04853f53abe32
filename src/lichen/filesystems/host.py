"""Folders of the host as file systems: the host's root (read-only), shares, and the folders that a machine owns.

What a guest may see of the host is decided here; how it is reached without following anything is in hostnode.py. Only
regular files, folders and symlinks show: the host's FIFOs, devices and sockets do not exist for guests (G21).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final
from weakref import WeakValueDictionary

from lichen.executive.io.attributes import Attributes, FileSystemStatistics, Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.node import FileSystem
from lichen.executive.security.modes import EXECUTE, READ
from lichen.executive.worker import Work
from lichen.filesystems import hostcalls
from lichen.filesystems.descriptors import Descriptors
from lichen.filesystems.disk import Disk
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.hostnode import HostNode
from lichen.filesystems.hostwatch import HostMonitor
from lichen.filesystems.sharerecords import ShareRecords

SHOWN: Final = frozenset({Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK})
_EXT4: Final = 0xEF53
_LAST_SYSTEM_USER: Final = 999
"""Whose files are the system's, by the convention of distributions."""


@dataclass(frozen=True)
class Owners:
    """How ids of the host show to guests; an id without an entry shows as itself."""

    users: Mapping[int, int] = field(default_factory=dict)
    groups: Mapping[int, int] = field(default_factory=dict)


def _permissions(state: os.stat_result) -> int:
    """How the kernel may use an object of the host but for writing, by its mode."""
    if state.st_uid == os.geteuid():
        return state.st_mode >> 6 & (READ | EXECUTE)
    in_group = state.st_gid == os.getegid() or state.st_gid in os.getgroups()
    return state.st_mode >> (3 if in_group else 0) & (READ | EXECUTE)


class HostFileSystem(FileSystem):
    """One folder of the host.

    `stable`: nobody else changes it while the machine runs, or `monitor` hears of it. `public_only`: what others may not read
    does not show (the kernel runs as root, and its own eyes must not be lent to guests). `readable_only`: what is the system's
    does not show if the kernel, of an ordinary user, may not use it: the machine's administrator has such files of their own.
    `private`: the folder is a machine's own, and the driver on top uses attributes that guests do not see. `executable`: every
    file shows as one that may be run (Windows has no such bit). `records` are of what guests have there and the host has not.
    `disk` has the room for what is written; None: the folder's own.
    """

    type: ClassVar[str] = "host"
    root: HostNode

    def __init__(
        self,
        folder: str | os.PathLike[str],
        device: int,
        devices: Devices,
        read_only: bool = False,
        stable: bool = True,
        owners: Owners | None = None,
        public_only: bool = False,
        readable_only: bool = False,
        private: bool = False,
        executable: bool = False,
        monitor: HostMonitor | None = None,
        records: ShareRecords | None = None,
        disk: Disk | None = None,
    ) -> None:
        super().__init__(device, devices, read_only)
        self.stable, self.public_only, self.private = stable, public_only, private
        self.executable, self.readable_only = executable, readable_only
        self.filters = public_only or readable_only
        """Whether there may be objects that do not show."""
        self.monitor, self.records = monitor, records
        self._own_disk = None if disk is not None or read_only else Disk(folder)
        self.disk = disk or self._own_disk
        self.owners = owners or Owners()
        self.descriptors = Descriptors()
        self.nodes: WeakValueDictionary[tuple[int, int], HostNode] = WeakValueDictionary()
        self._top = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        state = os.fstat(self._top)
        self.host_device = state.st_dev
        self.root = HostNode(self, None, "", state)
        self.root.descriptor = self._top

    def is_at(self, folder: str) -> bool:
        """Whether a name of the host still leads to this folder; OSError when it leads nowhere."""
        return os.path.samestat(os.stat(folder), os.fstat(self._top))

    @hosted
    def statistics(self) -> FileSystemStatistics:
        state = os.fstatvfs(self._top)
        size = state.f_frsize or state.f_bsize
        found = FileSystemStatistics(
            _EXT4, size, state.f_blocks, state.f_bfree, state.f_bavail, state.f_files, state.f_ffree
        )
        return found if self.disk is None else self.disk.statistics(found)

    @hosted
    def sync_work(self) -> Work:
        descriptor = os.open(".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._top)
        return hostcalls.syncing(descriptor, hostcalls.syncfs)

    def close(self) -> None:
        self.descriptors.close()
        if self._own_disk is not None:
            self._own_disk.close()
        if self._top >= 0:
            os.close(self._top)
            self._top = self.root.descriptor = -1

    def node_of(self, parent: HostNode, name: str, state: os.stat_result) -> HostNode:
        """The node of an object of the host that was seen at a name just now."""
        key = (state.st_dev, state.st_ino)
        if self.records is not None:
            self.records.see(name, parent.directory(), state)
        node = self.nodes.get(key)
        if node is None or node.kind != self.kind_of(state) or node.gone is not None:
            self.nodes[key] = node = HostNode(self, parent, name, state)
        elif node is not self.root:
            node.found_at(parent, name)
            node.learn(state)
        return node

    def kind_of(self, state: os.stat_result) -> int:
        """What an object is for guests."""
        return state.st_mode >> 12 if self.records is None else self.records.kind_of(state)

    def shows(self, state: os.stat_result) -> bool:
        """Whether guests see an object at all."""
        kind = state.st_mode >> 12
        if kind not in SHOWN:
            return False
        if not self.filters or kind == Kind.SYMLINK:
            return True
        if self.readable_only:
            everybody = state.st_mode & (READ | EXECUTE)
            return bool(everybody or state.st_uid > _LAST_SYSTEM_USER or _permissions(state))
        return bool(state.st_mode & (0o001 if kind == Kind.DIRECTORY else 0o004))

    def file_id(self, device: int, inode: int) -> int:
        """One number for an object, though the folder may span several devices of the host."""
        return inode if device == self.host_device else inode | (device & 0x3FFF) << 48

    def attributes_of(self, state: os.stat_result) -> Attributes:
        """What guests are told about an object of the host."""
        record = self.records.of(state) if self.records is not None else None
        kind, bits = (state.st_mode >> 12, 0) if record is None else (record.kind, record.bits)
        return Attributes(
            self.file_id(state.st_dev, state.st_ino),
            self.device,
            kind,
            state.st_mode & 0o7777 | bits | (0o111 if self.executable and kind == Kind.REGULAR else 0),
            state.st_nlink,
            self.owners.users.get(state.st_uid, state.st_uid),
            self.owners.groups.get(state.st_gid, state.st_gid),
            0 if record is None else record.rdev,
            state.st_size,
            state.st_blocks,
            state.st_blksize,
            state.st_atime_ns,
            state.st_mtime_ns,
            state.st_ctime_ns,
            min(state.st_mtime_ns, state.st_ctime_ns),
        )
