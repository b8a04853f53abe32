"""Security descriptors: owner, group and lists of who may do what, as programs give and get them.

Source: [MS-DTYP] 2.4.2 SID, 2.4.4 ACE, 2.4.5 ACL, 2.4.6 SECURITY_DESCRIPTOR; winnt.h for the form with pointers.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from typing import Final, NamedTuple, Protocol

from lichen.executive.objects.rights import Rights
from lichen.executive.status import Failure

OWNER, GROUP, DACL, SACL = 1, 2, 4, 8
"""SECURITY_INFORMATION: which parts of a descriptor are meant."""
_INVALID_ACL, _INVALID_SID, _UNKNOWN_REVISION = 0xC0000077, 0xC0000078, 0xC0000058
_INVALID_SECURITY_DESCRIPTOR: Final = 0xC0000079
_REVISION: Final = 1
_DACL_PRESENT, _SACL_PRESENT, _SELF_RELATIVE = 0x4, 0x10, 0x8000
_KEPT_CONTROL: Final = 0x3F00 | _DACL_PRESENT | _SACL_PRESENT
_HEADER_SIZE: Final = 20
_MOST_PARTS: Final = 15
_ALLOWED, _DENIED = 0, 1
_INHERIT_ONLY: Final = 0x8


class Readable(Protocol):
    """Where a descriptor can be read: a guest's memory, or bytes."""

    def read(self, address: int, size: int) -> bytes: ...


class Entry(NamedTuple):
    """An ACE that allows or denies `rights` to `who`."""

    allows: bool
    rights: int
    who: bytes


class Descriptor(NamedTuple):
    """A descriptor; a list that is there but None lets everybody do everything."""

    control: int
    owner: bytes | None
    group: bytes | None
    sacl: bytes | None
    dacl: bytes | None

    def pack(self, wanted: int) -> bytes:
        """SECURITY_DESCRIPTOR_RELATIVE with the parts that are wanted."""
        parts, offsets = b"", [0, 0, 0, 0]
        choices = ((OWNER, self.owner), (GROUP, self.group), (SACL, self.sacl), (DACL, self.dacl))
        for number, (bit, data) in enumerate(choices):
            if wanted & bit and data is not None:
                offsets[number] = _HEADER_SIZE + len(parts)
                parts += data
        control = self.control & _KEPT_CONTROL | _SELF_RELATIVE
        for bit, present in ((DACL, _DACL_PRESENT), (SACL, _SACL_PRESENT)):
            control &= ~(0 if wanted & bit else present)
        return struct.pack("<BBH4I", _REVISION, 0, control, *offsets) + parts

    @property
    def parts(self) -> int:
        """Which parts it says something of."""
        given = OWNER if self.owner is not None else 0
        given |= GROUP if self.group is not None else 0
        given |= DACL if self.control & _DACL_PRESENT else 0
        return given | (SACL if self.control & _SACL_PRESENT else 0)

    def changed(self, other: Descriptor, which: int) -> Descriptor:
        """This descriptor with some parts from another."""
        taken = (_DACL_PRESENT | 0x1500 if which & DACL else 0) | (
            _SACL_PRESENT | 0x2A00 if which & SACL else 0
        )
        return Descriptor(
            self.control & ~taken | other.control & taken,
            other.owner if which & OWNER else self.owner,
            other.group if which & GROUP else self.group,
            other.sacl if which & SACL else self.sacl,
            other.dacl if which & DACL else self.dacl,
        )


def present(owner: bytes, group: bytes, dacl: bytes) -> Descriptor:
    """A descriptor of an owner, a group and one list."""
    return Descriptor(_DACL_PRESENT, owner, group, None, dacl)


def read(memory: Readable, address: int) -> Descriptor:
    """The descriptor at an address, in either form; INVALID_SID, INVALID_ACL and the like."""
    revision, _, control = struct.unpack("<BBH", memory.read(address, 4))
    if revision != _REVISION:
        raise Failure(_UNKNOWN_REVISION)
    if control & _SELF_RELATIVE:
        offsets = struct.unpack("<4I", memory.read(address + 4, 16))
        owner, group, sacl, dacl = (address + offset if offset else 0 for offset in offsets)
    else:
        owner, group, sacl, dacl = struct.unpack("<4Q", memory.read(address + 8, 32))
    return Descriptor(
        control,
        _read_sid(memory, owner) if owner else None,
        _read_sid(memory, group) if group else None,
        _read_list(memory, sacl) if sacl and control & _SACL_PRESENT else None,
        _read_list(memory, dacl) if dacl and control & _DACL_PRESENT else None,
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
            raise Failure(_INVALID_SECURITY_DESCRIPTOR)
        return self.data[address : address + size]


def _read_sid(memory: Readable, address: int) -> bytes:
    revision, count = memory.read(address, 2)
    if revision != _REVISION or count > _MOST_PARTS:
        raise Failure(_INVALID_SID)
    return memory.read(address, 8 + 4 * count)


def _read_list(memory: Readable, address: int) -> bytes:
    revision, _, size, count, _ = struct.unpack("<BBHHH", memory.read(address, 8))
    if not 2 <= revision <= 4 or size < 8:
        raise Failure(_INVALID_ACL)
    data = memory.read(address, size)
    if sum(1 for _ in _aces(data)) != count:
        raise Failure(_INVALID_ACL)
    return data


def _aces(data: bytes) -> Iterator[bytes]:
    """The ACEs of an ACL, one after the other."""
    (count,) = struct.unpack_from("<H", data, 4)
    offset = 8
    for _ in range(count):
        if offset + 4 > len(data):
            raise Failure(_INVALID_ACL)
        (size,) = struct.unpack_from("<H", data, offset + 2)
        if size < 4 or size % 4 or offset + size > len(data):
            raise Failure(_INVALID_ACL)
        yield data[offset : offset + size]
        offset += size


def entries(data: bytes) -> Iterator[Entry]:
    """The entries of an ACL that allow or deny something to somebody here."""
    for ace in _aces(data):
        kind, flags = ace[:2]
        if kind in (_ALLOWED, _DENIED) and not flags & _INHERIT_ONLY and len(ace) >= 16:
            (rights,) = struct.unpack_from("<I", ace, 4)
            yield Entry(kind == _ALLOWED, rights, ace[8 : 16 + 4 * ace[9]])


def granted(dacl: bytes | None, who: Container[bytes], rights: Rights) -> int:
    """What a list gives somebody who is all of `who`: the first entry for a right decides. No list denies nothing."""
    if dacl is None:
        return rights.all
    allowed = denied = 0
    for entry in entries(dacl):
        if entry.who in who:
            meant = rights.spell(entry.rights)
            if entry.allows:
                allowed |= meant & ~denied
            else:
                denied |= meant & ~allowed
    return allowed


def make_list(allowed: list[tuple[bytes, int]]) -> bytes:
    """An ACL that allows each SID its rights."""
    records = [struct.pack("<BBHI", _ALLOWED, 0, 8 + len(who), rights) + who for who, rights in allowed]
    body = b"".join(records)
    return struct.pack("<BBHHH", 2, 0, 8 + len(body), len(records), 0) + body
