"""Trees of files that are made up when somebody looks: what /proc and /sys are described with.

Whoever knows the content is not who knows how to be a file system: a subsystem writes such a tree down as a table of names
and functions, and the driver `filesystems.generated` shows it. An entry belongs to no one thing; the subject that its
functions are given is what it tells of, so that one table serves every process (Linux: struct pid_entry).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from lichen.executive.io.attributes import Kind

if TYPE_CHECKING:
    from lichen.executive.io.location import Location


class Subject:
    """What entries tell of. Two subjects that are equal are the same thing; these defaults are those of the machine itself."""

    __slots__ = ()

    def exists(self) -> bool:
        """Whether it is still there; what tells of something that is gone cannot be found, and not be read."""
        return True

    def owner(self, private: bool) -> tuple[int, int]:
        """(uid, gid) of the entries that tell of it."""
        return 0, 0

    def admit(self) -> None:
        """ACCESS_DENIED unless whoever asks now may see what is private about it."""


S = TypeVar("S", bound=Subject)


@dataclass(frozen=True, eq=False, kw_only=True)
class GeneratedEntry(Generic[S]):
    """Something with a name in a folder; `private` asks `Subject.admit` of whoever opens or follows it."""

    kind: ClassVar[int]
    mode: int
    private: bool = False


@dataclass(frozen=True, eq=False)
class Text(GeneratedEntry[S]):
    """A file. `read` gives all of its content as it is now, what may be long in pieces between which others run; `write`
    takes what one write(2) brought."""

    kind: ClassVar[int] = Kind.REGULAR
    read: Callable[[S], bytes | Iterator[bytes]]
    write: Callable[[S, bytes], None] | None = None
    mode: int = field(default=0o444, kw_only=True)


class Attached(Protocol):
    """What a Window shows, as it was when somebody opened it."""

    def read(self, offset: int, size: int) -> bytes: ...

    def write(self, offset: int, data: bytes) -> int: ...


@dataclass(frozen=True, eq=False)
class Window(GeneratedEntry[S]):
    """A file whose content is not made but looked at, byte by byte, where it is; `attach` is asked once for each open."""

    kind: ClassVar[int] = Kind.REGULAR
    attach: Callable[[S], Attached]
    mode: int = field(default=0o600, kw_only=True)


@dataclass(frozen=True, eq=False)
class Link(GeneratedEntry[S]):
    """A symlink with the text that `read` gives; a magic one leads to what `follow` gives, whatever its text is."""

    kind: ClassVar[int] = Kind.SYMLINK
    read: Callable[[S], str]
    follow: Callable[[S], Location] | None = None
    mode_of: Callable[[S], int] | None = None
    """The mode, where it depends on the subject."""
    mode: int = field(default=0o777, kw_only=True)


@dataclass(frozen=True, eq=False)
class Members(Generic[S]):
    """Names that come and go: each leads to the same `entry`, about a subject of its own."""

    names: Callable[[S], Iterable[str]]
    find: Callable[[S, str], Subject | None]
    entry: GeneratedEntry[Any]


@dataclass(frozen=True, eq=False)
class Folder(GeneratedEntry[S]):
    """A folder of entries about its own subject, and perhaps of members."""

    kind: ClassVar[int] = Kind.DIRECTORY
    entries: Mapping[str, GeneratedEntry[S]]
    members: Members[S] | None = None
    mode: int = field(default=0o555, kw_only=True)
