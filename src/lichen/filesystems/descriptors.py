"""How few host descriptors the host folders' drivers keep: the last used few hundred, and those of open files.

A node without open files can be opened again by its name, so its descriptor is only a saving. One with open files may have
lost its name or its permissions meanwhile: its descriptor stays.
"""

from __future__ import annotations

import errno
import os
import resource
from typing import TYPE_CHECKING, Final

from lichen.executive.io import watch

if TYPE_CHECKING:
    from lichen.filesystems.hostobject import HostObject

KEPT: Final = 512
_IN_USE: Final = 8
"""How many of the last used ones an operation of this moment may be working with."""


def share_of_descriptors() -> int:
    """How many of the kernel's descriptors one kind of guests' files may take: nobody may take the last one."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4


class Descriptors:
    """The nodes of one file system that have a descriptor, the longest unused first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._slack = kept, kept // 8
        self._most = max(share_of_descriptors(), 2 * kept)
        self._nodes: dict[HostObject, None] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def open(self, path: str, flags: int, mode: int = 0, directory: int | None = None) -> int:
        """open(2); when this process has no descriptor left, the unneeded ones are given back first."""
        try:
            return os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=directory)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._evict(len(self._nodes)):
                raise
        return os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=directory)

    def keep(self, node: HostObject, descriptor: int) -> int:
        """Give `node` a descriptor, in the place of the one it may have."""
        self.drop(node)
        if len(self._nodes) >= self._most:
            os.close(descriptor)
            raise OSError(errno.ENFILE, "too many files are open")
        node.descriptor = descriptor
        self._nodes[node] = None
        if len(self._nodes) > self._kept + self._slack:
            self._evict(len(self._nodes) - self._kept)
        return descriptor

    def touch(self, node: HostObject) -> None:
        """`node` was used just now."""
        if node in self._nodes:
            del self._nodes[node]
            self._nodes[node] = None

    def drop(self, node: HostObject) -> None:
        """Close the descriptor of `node`."""
        if node in self._nodes:
            del self._nodes[node]
            wrote = node.writable
            os.close(node.descriptor)
            node.descriptor, node.writable = -1, False
            if wrote and node.file_system.devices.watches:
                node.changed_here(watch.Change.CLOSE_WRITE, None)
                if node.parent is not None:
                    node.parent.changed_here(watch.Change.CLOSE_WRITE, node.name)

    def close(self) -> None:
        for node in list(self._nodes):
            self.drop(node)

    def _evict(self, count: int) -> int:
        """Close up to `count` of the longest unused; returns how many."""
        unneeded = [node for node in list(self._nodes)[:-_IN_USE] if not node.files][:count]
        for node in unneeded:
            self.drop(node)
        return len(unneeded)
