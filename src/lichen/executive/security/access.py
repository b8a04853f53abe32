"""The rights that somebody has to an object: by its descriptor, or without one by who made it.

An object without a descriptor of its own is its maker's, the administrators' and the system's; what no user made is for
everybody to use. The inside of a process is for who may look into it, and its descriptor can only take rights away. Files are
opened by owner and mode (modes.py).

Whoever acts as somebody else is allowed what both are, and denied what either is. A group of the machine only denies: an entry
that allows something to it may as well mean the user of the same number.

Source: [MS-DTYP] 2.5.3.2 access check; NtDuplicateObject and NtCreateEvent for who is asked when.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, ClassVar, Final

from lichen.executive.objects.rights import (
    DELETE,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    WRITE_DAC,
    WRITE_OWNER,
    Rights,
)
from lichen.executive.security.descriptors import (
    EVERYBODY,
    AccessList,
    Account,
    Descriptor,
    Known,
    Principal,
    allowing,
)
from lichen.executive.security.inspection import may_inspect
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Process

_OF_OWNERS: Final = DELETE | WRITE_DAC | WRITE_OWNER


class Secured:
    """What may be given a descriptor of its own."""

    __slots__ = ("security",)
    security: Descriptor | None

    @property
    def by_mode(self) -> File | None:
        """The file whose owner and mode protect it, as it keeps no descriptor; None for everything else."""
        return None

    def usual_descriptor(self, caller: Token, rights: Rights) -> Descriptor:
        """What protects it while it was given no descriptor, as one."""
        return default_descriptor(caller, rights)


class Guarded(Secured):
    """What has a maker, and rights for others to have."""

    __slots__ = ("maker",)
    rights: ClassVar[Rights]
    """The rights that handles to it can have."""
    of_others: ClassVar[int] = 0
    """The rights that everybody has to it who is not its maker."""
    maker: Token | None
    """Whose it is; None for what is the machine's, and for everybody to use as far as no descriptor says otherwise."""

    def usual_descriptor(self, caller: Token, rights: Rights) -> Descriptor:
        return default_descriptor(self.maker or caller, rights, self.of_others)

    @property
    def secured(self) -> Secured:
        """What its descriptor belongs to, which is more than the handle's own object when there are many of those."""
        return self

    @property
    def inside(self) -> Process | None:
        """The process whose inside handles to it open."""
        return None


# ---- who somebody is


def allowed_as(token: Token) -> frozenset[Principal]:
    """As whom a token is allowed something."""
    return _with_administrators(
        token, EVERYBODY | ({Account(token.uid)} if token.uid == token.euid else set())
    )


def denied_as(token: Token) -> frozenset[Principal]:
    """As whom a token is denied something."""
    ids = (token.uid, token.euid, token.gid, token.egid, *token.groups)
    return _with_administrators(token, EVERYBODY | {Account(id) for id in ids})


def _with_administrators(token: Token, who: frozenset[Principal]) -> frozenset[Principal]:
    return who | {Known.ADMINISTRATORS} if token.elevated else who


def owner_of(token: Token) -> Principal:
    """Whose it is what somebody makes: what an elevated user makes is the administrators'."""
    return Known.ADMINISTRATORS if token.elevated and token.uid else Account(token.uid)


# ---- what they are given


def granted_by(
    found: AccessList | None, allowed: Container[Principal], denied: Container[Principal], rights: Rights
) -> int:
    """What a list grants: the first entry for a right decides, and what no entry allows is not. No list denies nothing."""
    if found is None:
        return rights.all
    given = taken = 0
    for entry in found.entries:
        meant = rights.spell(entry.rights)
        if entry.allows and entry.who in allowed:
            given |= meant & ~taken
        elif not entry.allows and entry.who in denied:
            taken |= meant & ~given
    return given & rights.all


def allowed_by(descriptor: Descriptor, token: Token, rights: Rights) -> int:
    """What a descriptor grants; its owner may always read and change it, an administrator take the object over."""
    allowed = allowed_as(token)
    able = granted_by(descriptor.access, allowed, denied_as(token), rights)
    if descriptor.owner in allowed:
        able |= READ_CONTROL | WRITE_DAC
    return able | WRITE_OWNER if token.elevated else able


def allowed(process: Process, found: Guarded) -> int:
    """All the rights that a process may have to an object."""
    token, descriptor, inside = process.files.token, found.secured.security, found.inside
    if inside is not None:
        if not may_inspect(process, inside):
            return found.of_others
        if descriptor is None or token.elevated:
            return found.rights.all
    if descriptor is not None:
        return allowed_by(descriptor, token, found.rights)
    maker = found.maker
    if maker is None:
        return found.rights.all if token.elevated else found.rights.all & ~_OF_OWNERS
    if token.elevated or (maker.uid, maker.euid) == (token.uid, token.euid):
        return found.rights.all
    return found.of_others


def granted(process: Process, found: Guarded, asked: int) -> int:
    """What a new handle to an object is given of what was asked for; ACCESS_DENIED when that is less."""
    able = allowed(process, found)
    wanted = found.rights.spell(asked) & found.rights.all
    if wanted & ~able:
        raise Failure(Status.ACCESS_DENIED)
    return able if asked & MAXIMUM_ALLOWED else wanted


def require(process: Process, found: Guarded, right: int) -> None:
    """ACCESS_DENIED unless a process may have a right to an object."""
    if right & ~allowed(process, found):
        raise Failure(Status.ACCESS_DENIED)


# ---- descriptors of what is made


def default_descriptor(maker: Token, rights: Rights, of_others: int = 0) -> Descriptor:
    """The descriptor of what somebody makes without saying whose it shall be."""
    who = owner_of(maker)
    entries = [(who, rights.all), (Known.ADMINISTRATORS, rights.all), (Known.SYSTEM, rights.all)]
    if of_others:
        entries.append((Known.EVERYONE, of_others))
    return allowing(who, Account(maker.gid), *entries)


def may_own(token: Token, owner: Principal | None) -> bool:
    """Whether a user may make somebody the owner of an object: ordinary ones are that themselves."""
    return token.elevated or owner == Account(token.uid)


def protect(process: Process, made: Guarded, descriptor: Descriptor | None) -> None:
    """Make a new object its maker's, with a descriptor that it was given."""
    made.maker = process.files.token
    if descriptor is not None:
        made.security = descriptor
