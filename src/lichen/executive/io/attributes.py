"""What is known of an object of a file system, and what may be changed about it."""

from __future__ import annotations

from typing import Final, NamedTuple


class Kind:
    """What an object is: the file type bits of a POSIX mode, shifted down (dirent's d_type)."""

    FIFO: Final = 1
    CHARACTER: Final = 2
    DIRECTORY: Final = 4
    BLOCK: Final = 6
    REGULAR: Final = 8
    SYMLINK: Final = 10
    SOCKET: Final = 12


KINDS: Final = frozenset(
    {Kind.FIFO, Kind.CHARACTER, Kind.DIRECTORY, Kind.BLOCK, Kind.REGULAR, Kind.SYMLINK, Kind.SOCKET}
)
SPECIAL_MODE: Final = 0o7000
SET_UID: Final = 0o4000
SET_GID: Final = 0o2000
STICKY: Final = 0o1000


class Flag:
    """NT's FILE_ATTRIBUTE_* bits that are kept with a file; the others follow from its kind."""

    READONLY: Final = 0x1
    HIDDEN: Final = 0x2
    SYSTEM: Final = 0x4
    DIRECTORY: Final = 0x10
    """Of a symlink that NT shows: it leads to a directory. Never kept."""
    ARCHIVE: Final = 0x20
    NOT_CONTENT_INDEXED: Final = 0x2000
    KEPT: Final = 0x2027


class Attributes(NamedTuple):
    """The state of an object: ids as numbers, `mode` without the kind, sizes in bytes, times in ns since 1970 UTC."""

    file_id: int
    device: int
    kind: int
    mode: int
    links: int
    uid: int
    gid: int
    rdev: int
    size: int
    blocks: int
    block_size: int
    accessed: int
    modified: int
    changed: int
    created: int
    flags: int = 0

    @property
    def read_only(self) -> bool:
        """NT's read-only attribute: a file that its mode lets nobody write."""
        return self.kind == Kind.REGULAR and not self.mode & 0o222


class AttributeChange(NamedTuple):
    """New values for some attributes; None leaves one alone. Whether the caller may is the I/O manager's question."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    accessed: int | None = None
    modified: int | None = None
    created: int | None = None
    flags: int | None = None


class DirectoryEntry(NamedTuple):
    """One name of a directory."""

    name: str
    file_id: int
    kind: int


class FileSystemStatistics(NamedTuple):
    """How large and how full a file system is: statfs(2), NT's FileFsFullSizeInformation. Counts are of blocks."""

    type: int
    block_size: int
    blocks: int
    free: int
    available: int
    files: int
    free_files: int
    name_length: int = 255


def without_set_ids(mode: int) -> int:
    """A mode after a write or a change of owner: set-group-id without group execution means something else and stays."""
    return mode & ~(SET_UID | SET_GID if mode & 0o010 else SET_UID)
