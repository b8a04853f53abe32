"""Two trees as one: the read-only tree below and the machine's private layer over it (G21, G22).

The tree below may be the host's own root, an imported one, or none at all; the layer takes every change. A node shows its
upper object if it has one, else its lower one; directories with both show both. The union is the only writer of the layer.
What others change below is seen where the layer hides nothing of it, as the tree below says whether its names can be kept.
"""

from __future__ import annotations

import os
from typing import ClassVar, cast
from weakref import WeakValueDictionary

from lichen.executive.io.attributes import FileSystemStatistics, Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.node import FileSystem
from lichen.executive.status import Failure, Status
from lichen.executive.worker import Work
from lichen.filesystems.disk import Disk
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.hostnode import HostNode
from lichen.filesystems.hostobject import HostObject
from lichen.filesystems.layer import Layer
from lichen.filesystems.records import WHITEOUT, Record
from lichen.filesystems.unionnode import UnionNode


class UnionFileSystem(FileSystem):
    """The union of `lower` and the private layer in `folder`, which is made when it is missing.

    The union takes `lower` over, which shows as the same device and is closed with it. `root_mode` is the mode of the root
    when there is no lower tree to take it from. `disk` has the room for the layer.
    """

    type: ClassVar[str] = "overlay"
    root: UnionNode

    @hosted
    def __init__(
        self,
        lower: HostFileSystem | None,
        folder: str | os.PathLike[str],
        device: int,
        devices: Devices,
        root_mode: int = 0o755,
        disk: Disk | None = None,
    ) -> None:
        super().__init__(device, devices)
        self.lower, self.layer = lower, Layer(folder, devices, disk)
        self.nodes: WeakValueDictionary[HostNode, UnionNode] = WeakValueDictionary()
        record = self.layer.record_of(self.layer.files)
        if record is None and lower is None:
            record = Record(Kind.DIRECTORY, root_mode, os.geteuid(), os.getegid())
            self.layer.records.set(self.layer.files, record)
        elif record is None and lower is not None:
            below = lower.root.attributes()
            record = Record(Kind.DIRECTORY, below.mode, below.uid, below.gid, 0, below.file_id)
            self.layer.records.set(self.layer.files, record)
        self._lower_root: HostNode | None = None
        if lower is not None:
            lower.device = device
            self._lower_root = lower.root
        self.root = UnionNode(self, None, "", self._lower_root, self.layer.files, record)

    def statistics(self) -> FileSystemStatistics:
        return self.layer.host.statistics()

    def sync_work(self) -> Work | None:
        return self.layer.host.sync_work()

    def close(self) -> None:
        self.layer.close()
        if self.lower is not None:
            self.lower.close()

    def find(self, directory: UnionNode, name: str) -> UnionNode | None:
        """The node of a name in a directory."""
        upper = None if directory.upper is None else self.layer.find(directory.upper, name)
        if upper is None:
            lower = self.find_lower(directory, name)
            return None if lower is None else self._lower_only(directory, name, lower)
        found, record = upper
        if record is not None and record.kind == WHITEOUT:
            return None
        node = self.nodes.get(found)
        if node is None:
            lower = self._below(directory, name, found, record)
            node = self.nodes[found] = UnionNode(self, directory, name, lower, found, record)
        else:
            node.parent, node.name = directory, name
            if node.kind == Kind.DIRECTORY:
                node.merge(self._below(directory, name, found, record))
        return node

    def find_lower(self, directory: UnionNode, name: str) -> HostNode | None:
        """What the tree below has at a name of this directory, whether or not it shows."""
        if directory.lower is None:
            return None
        try:
            found = directory.lower.lookup(name)
        except Failure as failure:
            if failure.status != Status.OBJECT_NAME_NOT_FOUND:  # others have removed the directory
                raise
            return None
        return None if found is None else cast(HostNode, found[1])

    def _lower_only(self, directory: UnionNode, name: str, lower: HostNode) -> UnionNode:
        """A file with several names has a node for each: the first one that is written to parts from the others."""
        node = self.nodes.get(lower)
        if node is None or (node.parent, node.name) != (directory, name):
            node = UnionNode(self, directory, name, lower, None, None)
            self.nodes[lower] = node
        else:
            node.learn()
        return node

    def _below(
        self, directory: UnionNode, name: str, upper: HostNode, record: Record | None
    ) -> HostNode | None:
        """The directory of the tree below that an upper one is merged with."""
        if upper.kind != Kind.DIRECTORY:
            return None
        if record is not None and record.redirect is not None:
            lower = self._redirected(record.redirect)
        elif record is not None and record.opaque:
            return None
        else:
            lower = self.find_lower(directory, name)
        return lower if lower is not None and lower.kind == Kind.DIRECTORY else None

    def _redirected(self, path: tuple[str, ...]) -> HostNode | None:
        node = self._lower_root
        for name in path:
            found = node.lookup(name) if node is not None and node.kind == Kind.DIRECTORY else None
            if found is None:
                return None
            node = cast(HostNode, found[1])
        return node

    def lower_path(self, lower: HostNode) -> tuple[str, ...]:
        """The names that lead to a directory of the tree below."""
        names: list[str] = []
        node: HostObject | None = lower
        while node is not None and node.parent is not None:
            names.append(node.name)
            node = node.parent
        if node is not self._lower_root:
            raise Failure(Status.INTERNAL_ERROR)
        return tuple(reversed(names))
