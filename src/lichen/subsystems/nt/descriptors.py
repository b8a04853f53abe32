"""Security descriptors as programs give and get them, which are the executive's inside.

Source: [MS-DTYP] 2.4.2 SID, 2.4.4 ACE, 2.4.5 ACL, 2.4.6 SECURITY_DESCRIPTOR; winnt.h for the form with pointers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from lichen.abi.layout import layout
from lichen.executive.security.descriptors import LISTED, AccessEntry, AccessList, Descriptor, Part, Principal
from lichen.executive.status import Failure
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.security import (
    AccessAce,
    AceHeader,
    Acl,
    RelativeSecurityDescriptor,
    SecurityDescriptor,
    SecurityDescriptorHead,
)
from lichen.subsystems.nt.sids import principal_of, sid_of
from lichen.subsystems.nt.status import NtStatus

AUDIT_LIST: Final = 8
"""SACL_SECURITY_INFORMATION, the part that nothing has here; the others are the executive's `Part`."""
_REVISION: Final = 1
_SELF_RELATIVE, _AUDITED = 0x8000, 0x10
_KEPT_CONTROL: Final = 0x1500 | LISTED
_MOST_PARTS: Final = 15
_ALLOWED, _DENIED = 0, 1
_HEAD: Final = layout(SecurityDescriptorHead, MODEL)
_RELATIVE: Final = layout(RelativeSecurityDescriptor, MODEL)
_ABSOLUTE: Final = layout(SecurityDescriptor, MODEL)
_ACL, _ACE, _ACE_HEADER = layout(Acl, MODEL), layout(AccessAce, MODEL), layout(AceHeader, MODEL)
_INHERIT_ONLY: Final = 0x8


class Readable(Protocol):
    """Where a descriptor can be read: a guest's memory, or bytes."""

    def read(self, address: int, size: int) -> bytes: ...


def pack(descriptor: Descriptor, wanted: int) -> bytes:
    """SECURITY_DESCRIPTOR_RELATIVE with the parts that are wanted."""
    owner, group, access = descriptor.owner, descriptor.group, descriptor.access
    choices = (
        sid_of(owner) if wanted & Part.OWNER and owner is not None else b"",
        sid_of(group) if wanted & Part.GROUP and group is not None else b"",
        b"",
        pack_list(access) if wanted & Part.LIST and access is not None else b"",
    )
    parts, offsets = b"", []
    for data in choices:
        offsets.append(_RELATIVE.size + len(parts) if data else 0)
        parts += data
    control = descriptor.marks & _KEPT_CONTROL | _SELF_RELATIVE
    control &= ~(0 if wanted & Part.LIST else LISTED)
    head = SecurityDescriptorHead(_REVISION, 0, control)
    return _RELATIVE.pack(RelativeSecurityDescriptor(head, tuple(offsets))) + parts


def pack_list(access: AccessList) -> bytes:
    """An ACL: as it was given, or of entries of the executive's making."""
    if access.given:
        return access.given
    body = b""
    for entry in access.entries:
        who = sid_of(entry.who)
        kind = _ALLOWED if entry.allows else _DENIED
        body += _ACE.pack(AccessAce(AceHeader(kind, 0, _ACE.size + len(who)), entry.rights)) + who
    return _ACL.pack(Acl(2, 0, _ACL.size + len(body), len(access.entries))) + body


def read(memory: Readable, address: int) -> Descriptor:
    """The descriptor at an address, in either form; INVALID_SID, INVALID_ACL and the like."""
    revision, _, control = _HEAD.unpack(memory.read(address, _HEAD.size))
    if revision != _REVISION:
        raise Failure(NtStatus.UNKNOWN_REVISION)
    if control & _SELF_RELATIVE:
        relative = _RELATIVE.unpack(memory.read(address, _RELATIVE.size))
        owner, group, audit, access = (address + offset if offset else 0 for offset in relative.offsets)
    else:
        _, owner, group, audit, access = _ABSOLUTE.unpack(memory.read(address, _ABSOLUTE.size))
    if audit and control & _AUDITED:
        _read_list(memory, audit)
    return Descriptor(
        _read_principal(memory, owner) if owner else None,
        _read_principal(memory, group) if group else None,
        _read_list(memory, access) if access and control & LISTED else None,
        control & _KEPT_CONTROL,
    )


def unpack(data: bytes) -> Descriptor:
    """A descriptor that was packed with all of its parts."""
    return read(_Bytes(data), 0)


class _Bytes:
    """Bytes as if they were memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, address: int, size: int) -> bytes:
        if address + size > len(self.data):
            raise Failure(NtStatus.INVALID_SECURITY_DESCR)
        return self.data[address : address + size]


def _read_principal(memory: Readable, address: int) -> Principal:
    revision, count = memory.read(address, 2)
    if revision != _REVISION or count > _MOST_PARTS:
        raise Failure(NtStatus.INVALID_SID)
    return principal_of(memory.read(address, 8 + 4 * count))


def _read_list(memory: Readable, address: int) -> AccessList:
    revision, _, size, count, _ = _ACL.unpack(memory.read(address, _ACL.size))
    if not 2 <= revision <= 4 or size < _ACL.size:
        raise Failure(NtStatus.INVALID_ACL)
    data = memory.read(address, size)
    return AccessList(tuple(_entries(data, count)), data)


def _entries(data: bytes, count: int) -> Iterator[AccessEntry]:
    """The entries of an ACL that allow or deny something to somebody here."""
    offset = _ACL.size
    for _ in range(count):
        if offset + _ACE_HEADER.size > len(data):
            raise Failure(NtStatus.INVALID_ACL)
        kind, flags, size = _ACE_HEADER.unpack(data, offset)
        if size < _ACE_HEADER.size or size % 4 or offset + size > len(data):
            raise Failure(NtStatus.INVALID_ACL)
        if kind in (_ALLOWED, _DENIED) and not flags & _INHERIT_ONLY and size >= 16:
            rights = _ACE.unpack(data, offset).mask
            who = principal_of(data[offset + 8 : offset + min(size, 16 + 4 * data[offset + 9])])
            yield AccessEntry(kind == _ALLOWED, rights, who)
        offset += size
