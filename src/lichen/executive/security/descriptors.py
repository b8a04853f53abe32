"""Whose an object is and who may do what with it: an owner, a group and a list of entries, whatever they look like outside."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Account(NamedTuple):
    """A user or a group of the machine: outside, the same name stands for the user and the group of one number."""

    id: int


class Known(Enum):
    """Whom no number stands for."""

    EVERYONE = 1
    AUTHENTICATED = 2
    USERS = 3
    ADMINISTRATORS = 4
    SYSTEM = 5


class Foreign(NamedTuple):
    """Somebody whom this machine does not know, as he was named: is kept, and is nobody."""

    name: bytes


Principal = Account | Known | Foreign
EVERYBODY: Final = frozenset({Known.EVERYONE, Known.AUTHENTICATED, Known.USERS})
"""What everybody is: no more is known of a stranger."""


class Part:
    """The parts of a descriptor, in NT's numbers."""

    OWNER: Final = 1
    GROUP: Final = 2
    LIST: Final = 4
    ALL: Final = 7


LISTED: Final = 0x4
_OF_LIST: Final = LISTED | 0x1500


class AccessEntry(NamedTuple):
    """Allows or denies `rights`, generic ones among them, to `who`."""

    allows: bool
    rights: int
    who: Principal


class AccessList(NamedTuple):
    """Entries in the order in which they count."""

    entries: tuple[AccessEntry, ...]
    given: bytes = b""
    """The form in which a program gave it, which can hold what has no meaning here: it is told again as it was."""


class Descriptor(NamedTuple):
    """An access list that is None lets everybody do everything."""

    owner: Principal | None
    group: Principal | None
    access: AccessList | None
    marks: int = LISTED
    """Whether anything is said of a list, and how that came to be: SE_DACL_* in NT's numbers."""

    @property
    def parts(self) -> int:
        """Which parts it says something of."""
        given = Part.OWNER if self.owner is not None else 0
        given |= Part.GROUP if self.group is not None else 0
        return given | (Part.LIST if self.marks & LISTED else 0)

    def changed(self, other: Descriptor, which: int) -> Descriptor:
        """This descriptor with some parts from another."""
        of_list = bool(which & Part.LIST)
        return Descriptor(
            other.owner if which & Part.OWNER else self.owner,
            other.group if which & Part.GROUP else self.group,
            other.access if of_list else self.access,
            self.marks & ~_OF_LIST | other.marks & _OF_LIST if of_list else self.marks,
        )


def allowing(owner: Principal, group: Principal, *entries: tuple[Principal, int]) -> Descriptor:
    """A descriptor whose list allows each one his rights."""
    return Descriptor(
        owner, group, AccessList(tuple(AccessEntry(True, rights, who) for who, rights in entries))
    )
