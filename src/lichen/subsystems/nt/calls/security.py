"""Security descriptors of objects. What counts for a file are its owner and mode: they are told as a list, and set by one.

A list can say more than a mode. What was set is kept with the file as it was, and told again as long as owner and mode are
what it led to. Other objects keep their descriptors while they live, and are protected by them (access.py).

Source: NtQuerySecurityObject, NtSetSecurityObject (ntifs.h).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from lichen.abi.argument import Out
from lichen.abi.layout import u32
from lichen.executive import processes
from lichen.executive.io.attributes import SPECIAL_MODE, AttributeChange, Attributes
from lichen.executive.io.file import File
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.opening import Access
from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.handles import index_of
from lichen.executive.objects.rights import FILE, PROCESS, THREAD, Rights
from lichen.executive.security import descriptors
from lichen.executive.security.descriptors import DACL, GROUP, OWNER, SACL, Descriptor
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import INVALID_OWNER, Secured, check_owner, default_descriptor
from lichen.subsystems.nt.named_pipes import PipeEnd
from lichen.subsystems.nt.registry_keys import KeyObject
from lichen.subsystems.nt.sids import EVERYONE, id_of, id_sid, sid
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import CURRENT_PROCESS, CURRENT_THREAD, Address, Flags, Handle

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_INVALID_PRIMARY_GROUP: Final = 0xC000005B
_EVERYBODY: Final = (EVERYONE, sid(11), sid(32, 545))
"""Everyone, Authenticated Users, Users: no more is known of who somebody is."""
_READ, _WRITE, _RUN = 0x120089, 0x120116, 0x1200A0
_KEPT_AS: Final = "security.lichen"
_KEPT_FOR: Final = struct.Struct("<3I")
"""(mode, uid, gid) that a kept descriptor led to."""


@nt.call(partial="no audit lists and labels")
def NtQuerySecurityObject(
    thread: Thread, handle: Handle, wanted: Flags, buffer: Address, size: u32, needed: Out[u32]
) -> int:
    """Who owns an object and who may do what with it."""
    found, access, rights = _reached(thread, handle)
    _require(access, Access.READ_CONTROL)
    data = _descriptor(thread, found, rights).pack(wanted)
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
    if which & SACL:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if which & (OWNER | GROUP):
        _require(access, Access.WRITE_OWNER)
    if which & DACL:
        _require(access, Access.WRITE_DAC)
    given = descriptors.read(thread.memory, address)
    if which & OWNER and given.owner is None:
        raise Failure(INVALID_OWNER)
    if which & GROUP and given.group is None:
        raise Failure(_INVALID_PRIMARY_GROUP)
    changed = _descriptor(thread, found, rights).changed(given, which)
    if isinstance(found, File):
        _set_file(thread, found, changed, which)
    else:
        if which & OWNER:
            check_owner(thread.process.files.token, given.owner)
        found.security = changed
    return Status.SUCCESS


def _reached(thread: Thread, number: int) -> tuple[Secured, int, Rights]:
    """What a handle stands for in the end, as every handle to one process has an object of its own, its access and rights."""
    if number == CURRENT_PROCESS:
        return thread.process, PROCESS.all, PROCESS
    if number == CURRENT_THREAD:
        return thread, THREAD.all, THREAD
    slot = thread.process.handles.handle(index_of(number))
    found = slot.object
    stands_for: Any = found
    if isinstance(found, ProcessObject):
        stands_for = found.process
    elif isinstance(found, ThreadObject):
        stands_for = found.thread
    elif isinstance(found, KeyObject):
        stands_for = found.key
    elif isinstance(found, PipeEnd):
        found.require_pipe()
        stands_for = found.pipe
    return stands_for, slot.access, found.rights


def _require(access: int, right: int) -> None:
    if right & ~access:
        raise Failure(Status.ACCESS_DENIED)


def _descriptor(thread: Thread, found: Secured, rights: Rights) -> Descriptor:
    if isinstance(found, File):
        attributes = found.attributes()
        return _kept(found, attributes) or _of_mode(attributes.uid, attributes.gid, attributes.mode)
    if found.security is not None:
        return found.security
    task = found.process if isinstance(found, processes.Thread) else found
    owner = task.files.token if isinstance(task, processes.Process) else getattr(found, "maker", None)
    return default_descriptor(owner or thread.process.files.token, rights, getattr(found, "of_others", 0))


# ---- files


def _kept(file: File, attributes: Attributes) -> Descriptor | None:
    """What was set, unless owner or mode have been changed since by other means."""
    try:
        data = file.node.get_attribute(_KEPT_AS)
    except (Failure, OSError):
        return None
    meant = _KEPT_FOR.pack(attributes.mode, attributes.uid, attributes.gid)
    return descriptors.unpack(data[len(meant) :]) if data.startswith(meant) else None


def _set_file(thread: Thread, file: File, wanted: Descriptor, which: int) -> None:
    before = file.attributes()
    uid = _id(wanted.owner, INVALID_OWNER) if which & OWNER else before.uid
    gid = _id(wanted.group, _INVALID_PRIMARY_GROUP) if which & GROUP else before.gid
    mode = _mode(wanted, uid, gid) | before.mode & SPECIAL_MODE if which & DACL else before.mode
    change = AttributeChange(
        mode=mode if mode != before.mode else None,
        uid=uid if uid != before.uid else None,
        gid=gid if gid != before.gid else None,
    )
    if change != AttributeChange():
        change_attributes(thread.process.files, file.location, change)
    after = file.attributes()
    meant = _KEPT_FOR.pack(after.mode, after.uid, after.gid)
    file.node.set_attribute(_KEPT_AS, meant + wanted.pack(OWNER | GROUP | DACL))


def _id(who: bytes | None, otherwise: int) -> int:
    found = id_of(who) if who is not None else None
    if found is None:
        raise Failure(otherwise)
    return found


def _mode(wanted: Descriptor, uid: int, gid: int) -> int:
    """The permission bits that a list comes to."""
    if wanted.dacl is None:
        return 0o777
    mode = 0
    for known in (id_sid(uid), id_sid(gid), None):
        mode = mode << 3 | _bits(wanted.dacl, known)
    return mode


def _bits(dacl: bytes, known: bytes | None) -> int:
    """What a list lets somebody do of whom no more is known than this SID."""
    rights = descriptors.granted(dacl, (known, *_EVERYBODY) if known else _EVERYBODY, FILE)
    read, write = rights & Access.READ, rights & Access.WRITE
    return (4 if read else 0) | (2 if write else 0) | (1 if rights & Access.EXECUTE else 0)


def _of_mode(uid: int, gid: int, mode: int) -> Descriptor:
    """What an owner and a mode come to in NT's words."""
    owner, group = id_sid(uid), id_sid(gid)
    choices = ((owner, mode >> 6 & 7 | 0o10), (group, mode >> 3 & 7), (_EVERYBODY[0], mode & 7))
    allowed = [(who, _rights(bits)) for who, bits in choices if bits]
    return descriptors.present(owner, group, descriptors.make_list(allowed))


def _rights(bits: int) -> int:
    """The rights of three mode bits; bit 3 marks the owner, who may also delete and change the object."""
    if bits & 0o10 and bits & 7 == 7:
        return Access.ALL
    rights = (_READ if bits & 4 else 0) | (_WRITE if bits & 2 else 0) | (_RUN if bits & 1 else 0)
    owned = Access.DELETE | Access.WRITE_DAC | Access.WRITE_OWNER | Access.READ_CONTROL
    return rights | (owned if bits & 0o10 else 0)
