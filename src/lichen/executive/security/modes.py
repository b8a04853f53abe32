"""Mode bits: what they grant, and how they read as a list of entries and are made of one.

Source: path_resolution(7), capabilities(7) CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
"""

from __future__ import annotations

from typing import Final, Protocol

from lichen.executive.io.opening import Access
from lichen.executive.objects.rights import FILE
from lichen.executive.security.access import granted_by
from lichen.executive.security.descriptors import (
    EVERYBODY,
    AccessEntry,
    AccessList,
    Account,
    Descriptor,
    Known,
)
from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status

READ: Final = 4
WRITE: Final = 2
EXECUTE: Final = 1
"""What is asked of an object, in the bits of one class of its mode; EXECUTE is search on a directory."""
_ALL: Final = READ | WRITE | EXECUTE
_GIVEN: Final = {READ: 0x12_0089, WRITE: 0x12_0116, EXECUTE: 0x12_00A0}
"""The rights that each bit gives."""
_NEEDED: Final = {READ: Access.READ, WRITE: Access.WRITE, EXECUTE: Access.EXECUTE}
"""The one that makes the bit of a mode."""
_TAKEN: Final = _NEEDED | {WRITE: Access.WRITE | Access.APPEND}
_OWNED: Final = Access.DELETE | Access.WRITE_DAC | Access.WRITE_OWNER | Access.READ_CONTROL


class Owned(Protocol):
    """What a permission check has to know of an object."""

    @property
    def mode(self) -> int: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...


def allows(token: Token, owned: Owned, wanted: int, directory: bool = False) -> bool:
    """Whether the mode of an object grants `wanted` (READ, WRITE, EXECUTE) to `token`."""
    mode = owned.mode
    if token.fsuid == owned.uid:
        granted = mode >> 6
    elif token.member_of(owned.gid):
        granted = mode >> 3
    else:
        granted = mode
    if not wanted & ~granted:
        return True
    if token.overrides:
        return directory or not wanted & EXECUTE or bool(mode & 0o111)
    if token.has(Capability.DAC_READ_SEARCH):
        return not wanted & ~(READ | EXECUTE if directory else READ)
    return False


def check(token: Token, owned: Owned, wanted: int, directory: bool = False) -> None:
    """Raise ACCESS_DENIED unless the mode of an object grants `wanted` to `token`."""
    if not allows(token, owned, wanted, directory):
        raise Failure(Status.ACCESS_DENIED)


def check_owner(token: Token, owned: Owned) -> None:
    """Raise PRIVILEGE_NOT_HELD unless `token` owns the object or may act as the owner of any."""
    if token.fsuid != owned.uid and not token.has(Capability.FOWNER):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


# ---- the same as entries


def as_descriptor(owned: Owned) -> Descriptor:
    """What owner and mode come to as a list.

    Of a mode only the first class that fits counts: what it lacks and a later one has is denied. A group of the owner's number
    cannot be told from the owner, and is denied nothing.
    """
    user, group, others = (owned.mode >> shift & _ALL for shift in (6, 3, 0))
    owner, its_group = Account(owned.uid), Account(owned.gid)
    entries = [
        AccessEntry(False, _sum(_TAKEN, (group | others) & ~user), owner),
        AccessEntry(True, Access.ALL if user == _ALL else _sum(_GIVEN, user) | _OWNED, owner),
        AccessEntry(False, _sum(_TAKEN, others & ~group) if its_group != owner else 0, its_group),
        AccessEntry(True, _sum(_GIVEN, group), its_group),
        AccessEntry(True, _sum(_GIVEN, others), Known.EVERYONE),
    ]
    return Descriptor(owner, its_group, AccessList(tuple(entry for entry in entries if entry.rights)))


def as_mode(found: AccessList | None, uid: int, gid: int) -> int:
    """The permission bits that a list comes to. An entry for a number that is the owner's and the group's means the owner."""
    group = {Account(gid)} if gid != uid else set()
    mode = 0
    for who in ({Account(uid)} | EVERYBODY, group | EVERYBODY, EVERYBODY):
        rights = granted_by(found, who, who, FILE)
        mode = mode << 3 | sum(bit for bit, needed in _NEEDED.items() if rights & needed)
    return mode


def _sum(rights: dict[int, int], bits: int) -> int:
    """All that some bits stand for."""
    found = 0
    for bit, spelled in rights.items():
        found |= spelled if bits & bit else 0
    return found
