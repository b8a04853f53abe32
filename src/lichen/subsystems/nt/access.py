"""What handles are given when they are made, and the descriptors that programs give to new objects.

The rules are the executive's (executive/security/access.py). Keys of the registry are protected by registry_access.

Source: NtDuplicateObject and NtCreateEvent for who is asked when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.io.file import File
from lichen.executive.objects.rights import MAXIMUM_ALLOWED, Rights
from lichen.executive.security.access import default_descriptor, granted, may_own
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import descriptors
from lichen.subsystems.nt.objects import new_handle
from lichen.subsystems.nt.status import NtStatus

if TYPE_CHECKING:
    from lichen.executive.objects.handles import Handle
    from lichen.executive.objects.object import Object
    from lichen.executive.processes import Process, Thread
    from lichen.executive.security.descriptors import Descriptor, Principal
    from lichen.executive.security.tokens import Token
    from lichen.subsystems.nt.types import Named


def check_owner(token: Token, owner: Principal | None) -> None:
    """INVALID_OWNER for somebody whom a user may not make the owner of an object."""
    if owner is not None and not may_own(token, owner):
        raise Failure(NtStatus.INVALID_OWNER)


def given_descriptor(thread: Thread, name: Named, rights: Rights, of_others: int) -> Descriptor | None:
    """The descriptor that an OBJECT_ATTRIBUTES wants for a new object; None when it says nothing."""
    if not name.security:
        return None
    given = descriptors.read(thread.memory, name.security)
    token = thread.process.files.token
    check_owner(token, given.owner)
    which = given.parts
    return default_descriptor(token, rights, of_others).changed(given, which) if which else None


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
