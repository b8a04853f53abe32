"""The private layer of a machine: a folder of the host that holds what differs from the tree below.

It has only folders and regular files: symlinks, FIFOs, sockets and devices are regular files whose record says what they
are, so nothing in it can lead a program of the host astray, and everything in it can have a record. A name of the tree
below is hidden by a file whose record says WHITEOUT. What is made of several steps is made in `work` and comes to its
place by one rename, so a killed kernel leaves a whole old state or a whole new one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, cast

from lichen.executive.io.attributes import Kind
from lichen.executive.io.device import Devices
from lichen.executive.io.node import RENAME_EXCHANGE, RENAME_NO_REPLACE
from lichen.executive.worker import Worker
from lichen.filesystems import hostcalls
from lichen.filesystems.disk import OBJECT, PAGE, Disk
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.hostnode import PRIVATE_PREFIX, HostNode
from lichen.filesystems.hostobject import state_of
from lichen.filesystems.records import WHITEOUT, AttributeRecords, Record, Records
from lichen.filesystems.removal import remove_tree

_WHITEOUT_NAME: Final = "whiteout"


class Layer:
    """The folder and its records. Errors of the host come out as OSError, but those of HostNode as Failure."""

    def __init__(self, folder: str | os.PathLike[str], devices: Devices, disk: Disk | None = None) -> None:
        path = Path(folder)
        for name in ("files", "work"):
            (path / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_tree(path / "work")
        (path / "work").mkdir(mode=0o700, exist_ok=True)
        self.host = HostFileSystem(path, 0, devices, private=True, disk=disk)
        self.records = _records_for(path, devices.worker)
        self.files = self._folder("files")
        self.work = self._folder("work")
        self._numbers = count(1)

    def _folder(self, name: str) -> HostNode:
        found = self.host.root.lookup(name)
        assert found is not None
        return cast(HostNode, found[1])

    def close(self) -> None:
        self.records.close()
        self.host.close()

    # ---- looking

    def find(self, directory: HostNode, name: str) -> tuple[HostNode, Record | None] | None:
        """What the layer has at a name, a whiteout included."""
        found = directory.lookup(name)
        if found is None:
            return None
        node = cast(HostNode, found[1])
        return node, self.records.get(directory.directory(), name, node.identity[1])

    def hides(self, directory: HostNode, name: str) -> bool:
        """Whether there is a whiteout at a name."""
        found = self.find(directory, name)
        return found is not None and found[1] is not None and found[1].kind == WHITEOUT

    def record_of(self, node: HostNode) -> Record | None:
        assert node.parent is not None
        return self.records.get(node.parent.directory(), node.name, node.identity[1])

    # ---- making

    @contextmanager
    def prepared(self, kind: int, mode: int, record: Record | None) -> Iterator[HostNode]:
        """A new file or folder in `work`, with its record, to be filled and `put`; on a failure it is removed again."""
        name = self.temporary()
        node = self.work.create(name, kind, mode, 0, 0)
        try:
            self.records.set(node, record)
            yield node
        except BaseException:
            self.discard(self.work, name)
            raise

    def temporary(self) -> str:
        """A free name in `work`."""
        return str(next(self._numbers))

    def put(self, node: HostNode, directory: HostNode, name: str) -> None:
        """Bring what was prepared to its place, over whatever the layer has there, in one step."""
        temporary = node.name
        self.place(temporary, directory, name, node.kind == Kind.DIRECTORY)
        node.moved(self.work, temporary, directory, name)
        directory.account()

    def whiteout(self, directory: HostNode, name: str) -> None:
        """Hide a name of the tree below, in the place of whatever the layer has there."""
        temporary = self.temporary()
        self._link_whiteout(temporary, self.work)
        self.place(temporary, directory, name)
        directory.account()

    def place(self, temporary: str, directory: HostNode, name: str, is_directory: bool = False) -> None:
        """Bring a name in `work` to its place, as `put` does."""
        work, there = self.work.directory(), directory.directory()
        state = state_of(name, there)
        if state is None:
            hostcalls.rename(temporary, work, name, there, RENAME_NO_REPLACE)
            return
        if not is_directory and state.st_mode >> 12 != Kind.DIRECTORY:
            hostcalls.rename(temporary, work, name, there, 0)
        else:
            hostcalls.rename(temporary, work, name, there, RENAME_EXCHANGE)
            self._purge(temporary)
        self._lost(directory, name, state)

    def _lost(self, directory: HostNode, name: str, state: os.stat_result) -> None:
        """What was at a name of the layer, where `state` was seen, has lost that name.

        To be told at once: the next file that is made may get the same inode number.
        """
        lost = self.host.nodes.get((state.st_dev, state.st_ino))
        if lost is not None:
            lost.lost_name(directory, name, state)
            if lost.gone is not None:
                self.records.gone(lost)
        elif self.host.disk is not None and (state.st_nlink <= 1 or state.st_mode >> 12 == Kind.DIRECTORY):
            self.host.disk.added(-(state.st_blocks << 9) - OBJECT)

    def _link_whiteout(self, name: str, directory: HostNode) -> None:
        """Give the one whiteout file of this run another name."""
        if self.host.disk is not None:
            self.host.disk.require(PAGE)
        work = self.work.directory()
        try:
            os.link(_WHITEOUT_NAME, name, src_dir_fd=work, dst_dir_fd=directory.directory())
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EMLINK):
                raise
            with self.prepared(Kind.REGULAR, 0o600, Record(WHITEOUT)) as fresh:
                hostcalls.rename(fresh.name, work, _WHITEOUT_NAME, work, 0)
            os.link(_WHITEOUT_NAME, name, src_dir_fd=work, dst_dir_fd=directory.directory())

    # ---- removing and moving

    def discard(self, directory: HostNode, name: str) -> None:
        """Remove a name from the layer; a folder goes with the whiteouts in it, in one step."""
        there = directory.directory()
        state = state_of(name, there)
        if state is None:
            return
        if state.st_mode >> 12 == Kind.DIRECTORY:
            temporary = self.temporary()
            hostcalls.rename(name, there, temporary, self.work.directory(), RENAME_NO_REPLACE)
            self._purge(temporary)
        else:
            os.unlink(name, dir_fd=there)
        self._lost(directory, name, state)

    def _purge(self, temporary: str) -> None:
        """Delete something in `work`: a file, or a folder of whiteouts only."""
        work = self.work.directory()
        try:
            os.unlink(temporary, dir_fd=work)
        except IsADirectoryError:
            remove_tree(temporary, work)

    def move(
        self, node: HostNode, directory: HostNode, old: str, target: HostNode, name: str, hide: bool
    ) -> None:
        """Rename, over whatever the layer has at the target; `hide` leaves a whiteout at the old name."""
        here, there = directory.directory(), target.directory()
        state = state_of(name, there)
        if self.host.disk is not None:
            self.host.disk.require(PAGE)
        if state is None and hide:
            # A whiteout where nothing is hides nothing: put it there first, and let the two change places at once.
            self._link_whiteout(name, target)
            hostcalls.rename(old, here, name, there, RENAME_EXCHANGE)
            node.moved(directory, old, target, name)
        elif state is None or (node.kind != Kind.DIRECTORY and state.st_mode >> 12 != Kind.DIRECTORY):
            hostcalls.rename(old, here, name, there, 0)
            node.moved(directory, old, target, name)
            if state is not None:
                self._lost(target, name, state)
            if hide:  # killed before this, the old name shows the file below again: nothing is lost
                self.whiteout(directory, old)
        else:
            hostcalls.rename(old, here, name, there, RENAME_EXCHANGE)
            node.moved(directory, old, target, name)
            replaced = self.host.nodes.get((state.st_dev, state.st_ino))
            if replaced is not None:
                replaced.moved(target, name, directory, old)
            if hide:
                self.whiteout(directory, old)
            else:
                self.discard(directory, old)
        target.account()

    def exchange(
        self,
        node: HostNode,
        directory: HostNode,
        name: str,
        other: HostNode,
        target: HostNode,
        target_name: str,
    ) -> None:
        """Let two objects of the layer change places."""
        hostcalls.rename(name, directory.directory(), target_name, target.directory(), RENAME_EXCHANGE)
        node.moved(directory, name, target, target_name)
        other.moved(target, target_name, directory, name)


def _records_for(folder: Path, worker: Worker | None) -> Records:
    """The records of the private layer in `folder`: in the table if there is one, or if attributes do not work."""
    table = folder / "metadata.sqlite"
    if not table.exists() and _has_attributes(folder):
        return AttributeRecords()
    from lichen.filesystems.tablerecords import TableRecords

    return TableRecords(table, worker)


def _has_attributes(folder: Path) -> bool:
    """Whether files in a folder can have extended attributes of a user's."""
    try:
        os.setxattr(folder, PRIVATE_PREFIX + "probe", b"1")
        os.removexattr(folder, PRIVATE_PREFIX + "probe")
    except OSError:
        return False
    return True
