"""One object of a union: what it shows, and how it comes into the private layer when it is changed (copy-up)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, cast
from weakref import ref

from lichen.executive.io import outside
from lichen.executive.io.attributes import (
    AttributeChange,
    Attributes,
    DirectoryEntry,
    Kind,
)
from lichen.executive.io.location import fold
from lichen.executive.io.node import MappedContent, Node
from lichen.executive.io.opening import Access
from lichen.executive.status import Failure, Status
from lichen.executive.worker import Work
from lichen.filesystems.copying import FOREIGN_PREFIX, copy_content, permitted, plain, stored
from lichen.filesystems.hostcalls import hosted
from lichen.filesystems.hostnode import PRIVATE_PREFIX, HostNode
from lichen.filesystems.records import WHITEOUT, Record

if TYPE_CHECKING:
    from lichen.filesystems.union import UnionFileSystem

_UPPER_ID: Final = 0x4000 << 48
"""Set in the file ids of what was made in the layer: the tree below and the layer may count inodes alike."""


class UnionNode(Node):
    """One object: `upper` in the layer with its `record`, `lower` below; `parent` and `name` are where it was seen last."""

    __slots__ = ("host", "lower", "name", "parent", "record", "removed", "upper")

    file_system: UnionFileSystem

    def __init__(
        self,
        file_system: UnionFileSystem,
        parent: UnionNode | None,
        name: str,
        lower: HostNode | None,
        upper: HostNode | None,
        record: Record | None,
    ) -> None:
        host = upper if upper is not None else lower
        assert host is not None
        super().__init__(file_system, record.kind if record is not None else host.kind)
        self.parent, self.name = parent, name
        self.lower, self.upper, self.record = lower, upper, record
        self.host: HostNode = host
        """The one whose content shows. It shares the open files, which keep its descriptor."""
        host.files = self.files
        self.removed = False
        if self.kind == Kind.DIRECTORY:
            if lower is not None:
                self._show(lower)
            self.learn()

    def learn(self) -> None:
        """See anew who may search the directory."""
        if self.upper is None:
            self.everyone_searches = self.host.everyone_searches
        else:
            self.everyone_searches = self.kind == Kind.DIRECTORY and self.attributes().mode & 0o111 == 0o111

    # ---- being watched, and what others change below

    def watched(self, begins: bool) -> None:
        below = self.lower if self.upper is None or self.kind == Kind.DIRECTORY else None
        if below is not None:
            below.report(self, begins)

    def hides(self, name: str) -> bool:
        """Whether the layer has something at a name, or hides what is below."""
        return self.upper is not None and self.file_system.layer.find(self.upper, name) is not None

    def keeps_names(self) -> bool:
        return self.lower is None or self.lower.keeps_names()

    def vanished(self) -> None:
        if self.upper is None:
            self.removed = True
            self.host.vanished()

    def below_changed(self) -> None:
        """The directory below, not a name in it, is another one or has other attributes."""
        if self.upper is None:
            self.everyone_searches = False

    def merge(self, lower: HostNode | None) -> None:
        """Show another directory below from now on."""
        if lower is self.lower:
            return
        is_watched = self.watchers is not None
        if self.lower is not None:
            self.lower.report(self, begins=False)
            self.lower.shown_by = tuple(known for known in self.lower.shown_by if known() is not self)
        self.lower = lower
        if lower is not None:
            self._show(lower)
            if is_watched:
                lower.report(self, begins=True)
        outside.changed(self, None)

    def _show(self, lower: HostNode) -> None:
        lower.shown_by = *(known for known in lower.shown_by if known() is not None), ref(self)

    # ---- attributes

    def attributes(self) -> Attributes:
        if self.upper is not None:
            return self._above()
        known = self.host.attributes()
        self.everyone_searches = self.host.everyone_searches
        return known._replace(links=0) if self.removed else known

    @hosted
    def _above(self) -> Attributes:
        upper = self.upper
        assert upper is not None
        known = upper.attributes()
        record = self.record
        if record is None:
            return known._replace(file_id=known.file_id | _UPPER_ID, device=self.file_system.device)
        special = record.kind not in (Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK)
        return Attributes(
            record.file_id or known.file_id | _UPPER_ID,
            self.file_system.device,
            record.kind,
            record.mode,
            known.links,
            record.uid,
            record.gid,
            record.rdev,
            0 if special else known.size,
            known.blocks,
            known.block_size,
            known.accessed,
            known.modified,
            known.changed,
            record.created or known.created,
            record.flags,
        )

    @hosted
    def change(self, change: AttributeChange) -> None:
        upper = self.copy_up(whole=change.size is None or change.size > 0)
        if change.size is not None:
            upper.change(AttributeChange(size=change.size))
        if change.accessed is not None or change.modified is not None:
            upper.change(AttributeChange(accessed=change.accessed, modified=change.modified))
        wanted = (change.mode, change.uid, change.gid, change.created, change.flags)
        if any(value is not None for value in wanted):
            self._change_record(upper, change)
        self.learn()

    def _change_record(self, upper: HostNode, change: AttributeChange) -> None:
        known = self.attributes()
        record = self.record or Record(self.kind, known.mode, known.uid, known.gid)
        mode = record.mode if change.mode is None else change.mode
        uid = record.uid if change.uid is None else change.uid
        gid = record.gid if change.gid is None else change.gid
        unrecorded = self.record is None and change.created is None and not change.flags
        if unrecorded and plain(self.kind, mode, uid, gid):
            upper.change(AttributeChange(mode=mode))
            return
        self.set_record(
            record._replace(
                mode=mode,
                uid=uid,
                gid=gid,
                flags=record.flags if change.flags is None else change.flags,
                created=record.created if change.created is None else change.created,
            )
        )

    def set_record(self, record: Record) -> None:
        """Store the record of an object that is in the layer."""
        assert self.upper is not None
        self.file_system.layer.records.set(self.upper, record)
        self.record = record

    # ---- copy-up

    def copy_up(self, whole: bool = True) -> HostNode:
        """The object in the layer, copied there if it was not; without its content when not `whole`."""
        if self.upper is not None:
            return self.upper
        layer = self.file_system.layer
        known = self.attributes()
        # Names of one file part here: the copy is another file, also by its id.
        file_id = known.file_id if known.links == 1 or self.kind == Kind.DIRECTORY else 0
        record = Record(self.kind, known.mode, known.uid, known.gid, known.rdev, file_id)
        if self.removed:
            upper = layer.work.create_unnamed(0o600, 0, 0)
            layer.records.set(upper, record)
            self._fill(upper, known, whole)
        else:
            assert self.parent is not None
            directory = self.parent.copy_up()
            is_directory = self.kind == Kind.DIRECTORY
            kind, mode = (Kind.DIRECTORY, 0o700) if is_directory else (Kind.REGULAR, 0o600)
            with layer.prepared(kind, mode, record) as upper:
                self._fill(upper, known, whole)
                layer.put(upper, directory, self.name)
        self._rise(upper, record)
        return upper

    def _fill(self, upper: HostNode, known: Attributes, whole: bool) -> None:
        """Give a copy the content, attributes and times of its original."""
        if self.kind == Kind.SYMLINK:
            upper.write_at(0, os.fsencode(self.host.readlink()))
        elif self.kind == Kind.REGULAR and whole:
            upper.require(known.size)
            copy_content(self.host.content(), upper.content(write=True))
            upper.account()
        for name in self.host.list_attributes():
            upper.set_attribute(name, self.host.get_attribute(name))
        upper.change(AttributeChange(accessed=known.accessed, modified=known.modified))

    def _rise(self, upper: HostNode, record: Record) -> None:
        nodes = self.file_system.nodes
        if nodes.get(self.host) is self:
            del nodes[self.host]
        if self.kind != Kind.DIRECTORY:
            self.host.report(self, begins=False)
            self.lower = None
        self.host.files = {}
        self.host = self.upper = upper
        upper.files = self.files
        self.record = record
        nodes[upper] = self

    # ---- names

    @hosted
    def lookup(self, name: str, case_blind: bool = False) -> tuple[str, Node] | None:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        node = self.file_system.find(self, name)
        if node is None and case_blind:
            folded = fold(name)
            name = min((entry.name for entry in self.entries() if fold(entry.name) == folded), default="")
            node = self.file_system.find(self, name) if name else None
        return None if node is None else (name, node)

    @hosted
    def entries(self) -> Iterator[DirectoryEntry]:
        if self.kind != Kind.DIRECTORY:
            raise Failure(Status.NOT_A_DIRECTORY)
        if self.upper is None:
            return iter(self.host.entries())
        shown: dict[str, DirectoryEntry | None] = {}
        records, directory = self.file_system.layer.records, self.upper.directory()
        for name, inode, kind in self.upper.entries():
            record = records.get(directory, name, inode)
            if record is None:
                shown[name] = DirectoryEntry(name, inode | _UPPER_ID, kind)
            elif record.kind == WHITEOUT:
                shown[name] = None
            else:
                shown[name] = DirectoryEntry(name, record.file_id or inode | _UPPER_ID, record.kind)
        for entry in self._entries_below():
            shown.setdefault(entry.name, entry)
        return iter([entry for entry in shown.values() if entry is not None])

    def _entries_below(self) -> Iterable[DirectoryEntry]:
        if self.lower is None:
            return ()
        try:
            return self.lower.entries()
        except Failure as failure:
            if failure.status != Status.OBJECT_NAME_NOT_FOUND:  # others have removed it
                raise
        return ()

    @hosted
    def create(self, name: str, kind: int, mode: int, uid: int, gid: int, rdev: int = 0) -> UnionNode:
        record = None if plain(kind, mode, uid, gid) else Record(kind, mode, uid, gid, rdev)
        return self._create(name, kind, mode, record)

    def _create(self, name: str, kind: int, mode: int, record: Record | None, text: bytes = b"") -> UnionNode:
        layer, directory = self.file_system.layer, self.copy_up()
        hidden = self.lower is not None and layer.hides(directory, name)
        is_directory = kind == Kind.DIRECTORY
        if hidden and is_directory and self.file_system.find_lower(self, name) is not None:
            record = record or Record(kind, mode, os.geteuid(), os.getegid())
            record = record._replace(opaque=True)
        if record is not None:
            mode = 0o700 if is_directory else 0o600
        if record is None and not hidden:
            upper = directory.create(name, kind, mode, 0, 0)
            layer.records.made(upper)
        else:
            host_kind = Kind.DIRECTORY if is_directory else Kind.REGULAR
            with layer.prepared(host_kind, mode, record) as upper:
                if text:
                    upper.write_at(0, text)
                layer.put(upper, directory, name)
        node = UnionNode(self.file_system, self, name, None, upper, record)
        self.file_system.nodes[upper] = node
        return node

    @hosted
    def create_unnamed(self, mode: int, uid: int, gid: int) -> UnionNode:
        record = None if plain(Kind.REGULAR, mode, uid, gid) else Record(Kind.REGULAR, mode, uid, gid)
        layer = self.file_system.layer
        upper = layer.work.create_unnamed(mode if record is None else 0o600, 0, 0)
        layer.records.set(upper, record)
        node = UnionNode(self.file_system, self, "", None, upper, record)
        self.file_system.nodes[upper] = node
        return node

    @hosted
    def symlink(self, name: str, target: str, uid: int, gid: int) -> UnionNode:
        return self._create(
            name, Kind.SYMLINK, 0o777, Record(Kind.SYMLINK, 0o777, uid, gid), os.fsencode(target)
        )

    @hosted
    def link(self, name: str, node: Node) -> None:
        node = cast(UnionNode, node)
        upper, directory = node.copy_up(), self.copy_up()
        layer = self.file_system.layer
        if layer.hides(directory, name):
            temporary = layer.temporary()
            layer.work.link(temporary, upper)
            layer.place(temporary, directory, name)
            upper.moved(layer.work, temporary, directory, name)
        else:
            directory.link(name, upper)
        node.parent, node.name, node.removed = self, name, False

    @hosted
    def unlink(self, name: str, node: Node) -> None:
        self._remove(name, cast(UnionNode, node))

    @hosted
    def rmdir(self, name: str, node: Node) -> None:
        if any(node.entries()):
            raise Failure(Status.DIRECTORY_NOT_EMPTY)
        self._remove(name, cast(UnionNode, node))

    def _remove(self, name: str, node: UnionNode) -> None:
        layer, directory = self.file_system.layer, self.copy_up()
        if self.file_system.find_lower(self, name) is not None:
            layer.whiteout(directory, name)
        else:
            layer.discard(directory, name)
        node.lost_name()

    def lost_name(self) -> None:
        """The name that this node was reached by is gone; an upper object may have others."""
        if self.upper is None or self.kind == Kind.DIRECTORY:
            self.removed = True

    @hosted
    def rename(self, name: str, node: Node, target: Node, target_name: str, replaced: Node | None) -> None:
        node, target = cast(UnionNode, node), cast(UnionNode, target)
        if replaced is not None and replaced.kind == Kind.DIRECTORY and any(replaced.entries()):
            raise Failure(Status.DIRECTORY_NOT_EMPTY)
        upper = node.copy_up()
        directory = target.copy_up()
        node._prepare_move(target, target_name)
        hide = self.file_system.find_lower(self, name) is not None
        self.file_system.layer.move(upper, self.copy_up(), name, directory, target_name, hide)
        node.parent, node.name = target, target_name
        if replaced is not None:
            cast(UnionNode, replaced).lost_name()

    @hosted
    def exchange(self, name: str, node: Node, target: Node, target_name: str, other: Node) -> None:
        node, target, other = cast(UnionNode, node), cast(UnionNode, target), cast(UnionNode, other)
        first, second = node.copy_up(), other.copy_up()
        node._prepare_move(target, target_name)
        other._prepare_move(self, name)
        here, there = self.copy_up(), target.copy_up()
        self.file_system.layer.exchange(first, here, name, second, there, target_name)
        node.parent, node.name, other.parent, other.name = target, target_name, self, name

    def _prepare_move(self, target: UnionNode, name: str) -> None:
        """Have a directory go on showing the same below, and nothing else, wherever it is."""
        if self.kind != Kind.DIRECTORY:
            return
        known = self.attributes()
        record = self.record or Record(self.kind, known.mode, known.uid, known.gid)
        if self.lower is not None:
            redirect = self.file_system.lower_path(self.lower)
            if record.redirect != redirect:
                self.set_record(record._replace(redirect=redirect, opaque=False))
        elif not record.opaque and self.file_system.find_lower(target, name) is not None:
            self.set_record(record._replace(opaque=True))

    @hosted
    def readlink(self) -> str:
        if self.kind != Kind.SYMLINK:
            raise Failure(Status.INVALID_PARAMETER)
        if self.upper is None:
            return self.host.readlink()
        return os.fsdecode(self.upper.read_at(0, 4096))

    def abandoned(self) -> None:
        self.host.abandoned()

    # ---- content

    def opening(self, access: int) -> None:
        if access & Access.CONTENT:
            self.copy_up()
        self.host.opening(access)

    def read_at(self, offset: int, size: int) -> bytes:
        return self.host.read_at(offset, size)

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> int:
        return (self.upper or self.copy_up()).write_at(offset, data)

    def size(self) -> int:
        return self.host.size()

    def check_room(self, mode: int, offset: int, size: int) -> None:
        self.copy_up().check_room(mode, offset, size)

    def allocate(self, mode: int, offset: int, size: int) -> None:
        self.copy_up().allocate(mode, offset, size)

    def seek_data(self, offset: int) -> int:
        return self.host.seek_data(offset)

    def seek_hole(self, offset: int) -> int:
        return self.host.seek_hole(offset)

    def sync_work(self, data_only: bool = False) -> Work | None:
        return None if self.upper is None else self.upper.sync_work(data_only)

    def mapping(self) -> MappedContent:
        if self.kind != Kind.REGULAR:
            raise Failure(Status.NO_DEVICE)
        return self.host.mapping()

    def open_host(self, writable: bool) -> int:
        return (self.copy_up() if writable else self.host).open_host(writable)

    # ---- extended attributes

    @hosted
    def get_attribute(self, name: str) -> bytes:
        if name.startswith("user."):
            return self.host.get_attribute(permitted(name))
        if self.upper is None:
            raise Failure(Status.NO_ATTRIBUTE)
        return self.upper.get_attribute(FOREIGN_PREFIX + name)

    @hosted
    def set_attribute(self, name: str, value: bytes) -> None:
        self.copy_up().set_attribute(stored(name), value)

    @hosted
    def list_attributes(self) -> list[str]:
        names = []
        for name in self.host.list_attributes():
            if name.startswith(FOREIGN_PREFIX):
                names.append(name.removeprefix(FOREIGN_PREFIX))
            elif not name.startswith(PRIVATE_PREFIX):
                names.append(name)
        return names

    @hosted
    def remove_attribute(self, name: str) -> None:
        if name not in self.list_attributes():
            raise Failure(Status.NO_ATTRIBUTE)
        self.copy_up().remove_attribute(stored(name))
