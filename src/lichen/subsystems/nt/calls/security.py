"""Security descriptors: owners and permissions of the executive, told in SIDs and access-control lists.

Source: NtQuerySecurityObject (ntifs.h); [MS-DTYP] 2.4.5 and 2.4.6.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import u32
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access
from lichen.executive.objects.handles import index_of
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.calls.token import id_sid, sid
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_OWNER, _GROUP, _DACL = 1, 2, 4
_REVISION: Final = 1
_DACL_PRESENT, _SELF_RELATIVE = 0x4, 0x8000
_HEADER_SIZE: Final = 20
_EVERYONE: Final = sid(0, authority=1)
_READ: Final = 0x120089
_WRITE: Final = 0x120116
_RUN: Final = 0x1200A0


@nt.call(partial="no audit lists and labels; only files have permissions of their own")
def NtQuerySecurityObject(
    thread: Thread, handle: Handle, wanted: Flags, buffer: Address, size: u32, needed: Out[u32]
) -> int:
    """Who owns an object and who may do what with it."""
    found = thread.process.handles.get(index_of(handle))
    if isinstance(found, File):
        attributes = found.attributes()
        uid, gid, mode = attributes.uid, attributes.gid, attributes.mode
    else:
        token = thread.process.files.token
        uid, gid, mode = token.uid, token.gid, 0o700
    data = _descriptor(wanted, id_sid(uid), id_sid(gid), mode)
    needed.write(len(data))
    if size < len(data):
        raise Failure(Status.BUFFER_TOO_SMALL)
    thread.memory.write(buffer, data)
    return Status.SUCCESS


def _descriptor(wanted: int, owner: bytes, group: bytes, mode: int) -> bytes:
    """SECURITY_DESCRIPTOR_RELATIVE with the parts that are wanted."""
    parts, offsets = b"", [0, 0, 0]
    entries = ((owner, mode >> 6 & 7 | 0o10), (group, mode >> 3 & 7), (_EVERYONE, mode & 7))
    choices = ((_OWNER, owner), (_GROUP, group), (_DACL, _list(entries)))
    for number, (bit, data) in enumerate(choices):
        if wanted & bit:
            offsets[number] = _HEADER_SIZE + len(parts)
            parts += data
    control = _SELF_RELATIVE | (_DACL_PRESENT if wanted & _DACL else 0)
    return struct.pack("<BBH4I", _REVISION, 0, control, offsets[0], offsets[1], 0, offsets[2]) + parts


def _list(entries: tuple[tuple[bytes, int], ...]) -> bytes:
    """An ACL that allows each SID what its three bits say; bit 3 marks the owner, who may also delete and change it."""
    records = [struct.pack("<BBHI", 0, 0, 8 + len(who), _rights(bits)) + who for who, bits in entries if bits]
    body = b"".join(records)
    return struct.pack("<BBHHH", 2, 0, 8 + len(body), len(records), 0) + body


def _rights(bits: int) -> int:
    if bits & 0o10 and bits & 7 == 7:
        return Access.ALL
    rights = (_READ if bits & 4 else 0) | (_WRITE if bits & 2 else 0) | (_RUN if bits & 1 else 0)
    owned = Access.DELETE | Access.WRITE_DAC | Access.WRITE_OWNER | Access.READ_CONTROL
    return rights | (owned if bits & 0o10 else 0)
