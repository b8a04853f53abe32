"""Security descriptors of objects. What counts for a file are its owner and mode: they are told as a list, and set by one.

A list can say more than a mode. What was set is kept with the file as it was, and told again as long as owner and mode are
what it led to. Other objects keep their descriptors while they live, and are protected by them (access.py).

Source: NtQuerySecurityObject, NtSetSecurityObject (ntifs.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import layout, u32
from lichen.executive.io.attributes import SPECIAL_MODE, AttributeChange, Attributes
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.opening import Access
from lichen.executive.objects.rights import PROCESS, THREAD, Rights
from lichen.executive.security.descriptors import Account, Descriptor, Part, Principal
from lichen.executive.security.modes import as_descriptor, as_mode
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import descriptors
from lichen.subsystems.nt.access import check_owner
from lichen.subsystems.nt.descriptors import AUDIT_LIST
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.security import KeptFor
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import CURRENT_PROCESS, CURRENT_THREAD, Address, Flags, Handle

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread
    from lichen.executive.security.access import Secured

_KEPT_AS: Final = "security.lichen"
_KEPT_FOR: Final = layout(KeptFor, MODEL)


@nt.call(partial="no audit lists and labels")
def NtQuerySecurityObject(
    thread: Thread, handle: Handle, wanted: Flags, buffer: Address, size: u32, needed: Out[u32]
) -> int:
    """Who owns an object and who may do what with it."""
    found, access, rights = _reached(thread, handle)
    _require(access, Access.READ_CONTROL)
    data = descriptors.pack(_descriptor(thread, found, rights), wanted)
    needed.write(len(data))
    if size < len(data):
        raise Failure(Status.BUFFER_TOO_SMALL)
    thread.memory.write(buffer, data)
    return Status.SUCCESS


@nt.call(
    partial="no audit lists and labels; only files keep what is set for ever, keys are not protected by it"
)
def NtSetSecurityObject(thread: Thread, handle: Handle, which: Flags, address: Address) -> int:
    """Set an object's owner, group and list of who may do what."""
    found, access, rights = _reached(thread, handle)
    if which & AUDIT_LIST:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if which & (Part.OWNER | Part.GROUP):
        _require(access, Access.WRITE_OWNER)
    if which & Part.LIST:
        _require(access, Access.WRITE_DAC)
    given = descriptors.read(thread.memory, address)
    if which & Part.OWNER and given.owner is None:
        raise Failure(NtStatus.INVALID_OWNER)
    if which & Part.GROUP and given.group is None:
        raise Failure(NtStatus.INVALID_PRIMARY_GROUP)
    changed = _descriptor(thread, found, rights).changed(given, which)
    if found.by_mode is not None:
        _set_file(thread, found.by_mode, changed, which)
    else:
        if which & Part.OWNER:
            check_owner(thread.process.files.token, given.owner)
        found.security = changed
    return Status.SUCCESS


def _reached(thread: Thread, number: int) -> tuple[Secured, int, Rights]:
    """What a handle stands for in the end, as every handle to one process has an object of its own, its access and rights."""
    if number == CURRENT_PROCESS:
        return thread.process, PROCESS.all, PROCESS
    if number == CURRENT_THREAD:
        return thread, THREAD.all, THREAD
    slot = thread.process.handles.named(number)
    return slot.object.secured, slot.access, slot.object.rights


def _require(access: int, right: int) -> None:
    if right & ~access:
        raise Failure(Status.ACCESS_DENIED)


def _descriptor(thread: Thread, found: Secured, rights: Rights) -> Descriptor:
    file = found.by_mode
    if file is not None:
        attributes = file.attributes()
        return _kept(file, attributes) or as_descriptor(attributes)
    return found.security or found.usual_descriptor(thread.process.files.token, rights)


# ---- files


def _kept(file: File, attributes: Attributes) -> Descriptor | None:
    """What was set, unless owner or mode have been changed since by other means."""
    try:
        data = file.node.get_attribute(_KEPT_AS)
    except (Failure, OSError):
        return None
    meant = _KEPT_FOR.pack(KeptFor(attributes.mode, attributes.uid, attributes.gid))
    return descriptors.unpack(data[len(meant) :]) if data.startswith(meant) else None


def _set_file(thread: Thread, file: File, wanted: Descriptor, which: int) -> None:
    before = file.attributes()
    uid = _id(wanted.owner, NtStatus.INVALID_OWNER) if which & Part.OWNER else before.uid
    gid = _id(wanted.group, NtStatus.INVALID_PRIMARY_GROUP) if which & Part.GROUP else before.gid
    mode = as_mode(wanted.access, uid, gid) | before.mode & SPECIAL_MODE if which & Part.LIST else before.mode
    change = AttributeChange(
        mode=mode if mode != before.mode else None,
        uid=uid if uid != before.uid else None,
        gid=gid if gid != before.gid else None,
    )
    if change != AttributeChange():
        change_attributes(thread.process.files, file.location, change)
    after = file.attributes()
    meant = _KEPT_FOR.pack(KeptFor(after.mode, after.uid, after.gid))
    file.node.set_attribute(_KEPT_AS, meant + descriptors.pack(wanted, Part.ALL))


def _id(who: Principal | None, otherwise: int) -> int:
    if not isinstance(who, Account):
        raise Failure(otherwise)
    return who.id
