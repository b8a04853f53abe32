"""What the private layer has to remember of a file beside its content, and where it keeps that.

A record is in a `user.*` extended attribute of the file itself where the host's file system has them, so that it moves,
vanishes and is copied with its file; else in one SQLite table by inode number. Rows of the table may outlive their file
when the kernel is killed; that does no harm, because whoever makes a file says what its record is, also when it has none.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Final, NamedTuple, Protocol

from lichen.filesystems.hostnode import PRIVATE_PREFIX, HostNode

ATTRIBUTE: Final = PRIVATE_PREFIX + "node"
_FORMAT: Final = struct.Struct("<BBHIIQQIqB")
_VERSION: Final = 1
WHITEOUT: Final = 0
"""The kind of a record that hides a name of the layer below."""


class Record(NamedTuple):
    """A file's true attributes. `file_id` 0: its own; `created` 0: unknown.

    For directories: `opaque` hides the directory of the same name below; `redirect` names the one below that it shows.
    """

    kind: int
    mode: int = 0
    uid: int = 0
    gid: int = 0
    rdev: int = 0
    file_id: int = 0
    flags: int = 0
    created: int = 0
    opaque: bool = False
    redirect: tuple[str, ...] | None = None

    def pack(self) -> bytes:
        """The form in which it is stored."""
        path = "" if self.redirect is None else "/" + "/".join(self.redirect)
        return _FORMAT.pack(_VERSION, *self[:8], self.opaque) + os.fsencode(path)

    @classmethod
    def unpack(cls, data: bytes) -> Record:
        """The record that was stored; OSError(EIO) when it is damaged or of another version."""
        if len(data) < _FORMAT.size or data[0] != _VERSION:
            raise OSError(errno.EIO, "damaged record")
        _, kind, mode, uid, gid, rdev, file_id, flags, created, opaque = _FORMAT.unpack_from(data)
        path = os.fsdecode(data[_FORMAT.size :])
        redirect = tuple(part for part in path.split("/") if part) if path else None
        return cls(kind, mode, uid, gid, rdev, file_id, flags, created, bool(opaque), redirect)


class Records(Protocol):
    """Where records are."""

    def get(self, directory: int, name: str, inode: int) -> Record | None:
        """The record of a file by its directory's descriptor and name."""

    def set(self, node: HostNode, record: Record | None) -> None:
        """Make `record` the record of a file; None: it has none."""

    def made(self, node: HostNode) -> None:
        """A file was made that has no record."""

    def gone(self, node: HostNode) -> None:
        """The last name of a file was removed."""

    def close(self) -> None: ...


class AttributeRecords:
    """Records in an extended attribute of the file."""

    def get(self, directory: int, name: str, inode: int) -> Record | None:
        try:
            data = os.getxattr(f"/proc/self/fd/{directory}/{name}", ATTRIBUTE, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENODATA, errno.ENOENT):
                return None
            raise
        return Record.unpack(data)

    def set(self, node: HostNode, record: Record | None) -> None:
        if record is not None:
            node.with_path(lambda path: os.setxattr(path, ATTRIBUTE, record.pack()))
            return
        try:
            node.with_path(lambda path: os.removexattr(path, ATTRIBUTE))
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise

    def made(self, node: HostNode) -> None:
        return

    def gone(self, node: HostNode) -> None:
        return

    def close(self) -> None:
        return
