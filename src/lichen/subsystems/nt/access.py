"""What a user may do with an object, by its descriptor: the rights that a handle is given when it is made.

An object without a descriptor of its own is its maker's, the administrators' and the system's. Files and keys of the registry
are protected elsewhere: the former by their owner and mode, the latter by registry_access.

Source: [MS-DTYP] 2.5.3.2 access check; NtDuplicateObject and NtCreateEvent for who is asked when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.io.file import File
from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.rights import (
    DELETE,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    WRITE_DAC,
    WRITE_OWNER,
    Rights,
)
from lichen.executive.security import descriptors
from lichen.executive.security.descriptors import Descriptor
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.objects import is_limited, new_handle
from lichen.subsystems.nt.sids import ADMINISTRATORS, EVERYONE, SYSTEM, groups_of, id_sid, user_sid

if TYPE_CHECKING:
    from lichen.executive.objects.handles import Handle
    from lichen.executive.objects.object import Object
    from lichen.executive.processes import Process, Thread
    from lichen.executive.security import Token
    from lichen.subsystems.nt.types import Named

INVALID_OWNER: Final = 0xC000005A
_OF_OWNERS: Final = DELETE | WRITE_DAC | WRITE_OWNER


class Secured(Protocol):
    """What may be given a descriptor of its own."""

    security: Descriptor | None


class Guarded(Secured, Protocol):
    """What has a maker, and rights for others to have."""

    maker: Token | None

    @property
    def rights(self) -> Rights: ...
    @property
    def of_others(self) -> int: ...


def default_descriptor(owner: Token, rights: Rights, of_others: int = 0) -> Descriptor:
    """The descriptor of what somebody makes without saying whose it shall be."""
    who = ADMINISTRATORS if owner.elevated and owner.uid else user_sid(owner)
    allowed = [(who, rights.all), (ADMINISTRATORS, rights.all), (SYSTEM, rights.all)]
    if of_others:
        allowed.append((EVERYONE, of_others))
    return descriptors.present(who, id_sid(owner.gid), descriptors.make_list(allowed))


def check_owner(token: Token, owner: bytes | None) -> None:
    """INVALID_OWNER for somebody whom a user may not make the owner of an object: ordinary ones are that themselves."""
    if owner is not None and not token.elevated and owner != user_sid(token):
        raise Failure(INVALID_OWNER)


def given_descriptor(thread: Thread, name: Named, rights: Rights, of_others: int) -> Descriptor | None:
    """The descriptor that an OBJECT_ATTRIBUTES wants for a new object; None when it says nothing."""
    if not name.security:
        return None
    given = descriptors.read(thread.memory, name.security)
    token = thread.process.files.token
    check_owner(token, given.owner)
    which = given.parts & ~descriptors.SACL
    return default_descriptor(token, rights, of_others).changed(given, which) if which else None


def protect(process: Process, made: Guarded, descriptor: Descriptor | None) -> None:
    """Make a new object its maker's, with a descriptor that it was given."""
    made.maker = process.files.token
    if descriptor is not None:
        made.security = descriptor


def allowed(process: Process, found: Guarded) -> int:
    """All the rights that a process may have to an object."""
    if isinstance(found, ProcessObject | ThreadObject):
        return _allowed_to_task(process, found)
    token = process.files.token
    if found.security is not None:
        return _allowed_by(found.security, token, found.rights)
    maker = found.maker
    if maker is None:
        return found.rights.all if token.elevated else found.rights.all & ~_OF_OWNERS
    if token.elevated or (maker.uid, maker.euid) == (token.uid, token.euid):
        return found.rights.all
    return found.of_others


def _allowed_to_task(process: Process, found: ProcessObject | ThreadObject) -> int:
    """A process and its threads are for who may trace it; others look at it. Its descriptor can only take rights away."""
    target = found.process if isinstance(found, ProcessObject) else found.thread.process
    if is_limited(process, target):
        return found.of_others
    token = process.files.token
    kept = (found.process if isinstance(found, ProcessObject) else found.thread).security
    if kept is None or token.elevated:
        return found.rights.all
    return _allowed_by(kept, token, found.rights)


def _allowed_by(kept: Descriptor, token: Token, rights: Rights) -> int:
    """The rights that a descriptor gives a user; its owner may always change it, an administrator take it over."""
    everybody = {user_sid(token), *(who for who, _ in groups_of(token))}
    able = rights.all & descriptors.granted(kept.dacl, everybody, rights)
    if kept.owner in everybody:
        able |= READ_CONTROL | WRITE_DAC
    return able | WRITE_OWNER if token.elevated else able


def granted(process: Process, found: Guarded, asked: int) -> int:
    """What a new handle to an object is given of what was asked for; ACCESS_DENIED when that is less."""
    able = allowed(process, found)
    wanted = found.rights.spell(asked) & found.rights.all
    if wanted & ~able:
        raise Failure(Status.ACCESS_DENIED)
    return able if asked & MAXIMUM_ALLOWED else wanted


def granted_again(process: Process, slot: Handle, asked: int) -> int:
    """What a duplicate of a handle is given: a part of what that has, or what the object's descriptor lets `process` have.

    A file is not asked again: ACCESS_DENIED.
    """
    found = slot.object
    wanted = found.rights.spell(asked) & found.rights.all
    if not (wanted & ~slot.access or asked & MAXIMUM_ALLOWED):
        return wanted
    if not isinstance(found, File):
        return granted(process, found, asked)
    if wanted & ~slot.access:
        raise Failure(Status.ACCESS_DENIED)
    return slot.access


def opened_handle(thread: Thread, found: Object, asked: int, named: Named | None = None) -> int:
    """A handle of the calling process to what was there before, as `granted` says; takes the reference over."""
    try:
        access = granted(thread.process, found, asked)
    except Failure:
        found.release()
        raise
    return new_handle(thread, found, access, named)


def require(process: Process, found: Guarded, right: int) -> None:
    """ACCESS_DENIED unless a process may have a right to an object."""
    if right & ~allowed(process, found):
        raise Failure(Status.ACCESS_DENIED)
