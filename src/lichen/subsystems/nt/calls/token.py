"""Access tokens: who a process is, in SIDs made of the executive's ids.

User 0 is the Administrator of the machine; other ids are users of the machine's own authority. Elevated <=> uid 0.

Source: NtOpenProcessToken, NtQueryInformationToken (ntifs.h); [MS-DTYP] 2.4.2 SIDs.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, ClassVar, Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import ptr, u32
from lichen.executive.objects.handles import index_of
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import TOKEN, ProcessAccess, Rights, ThreadAccess, TokenAccess
from lichen.executive.security import Token
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.objects import is_limited, object_of, process_of, thread_of
from lichen.subsystems.nt.sids import ADMINISTRATORS, groups_of, sid, user_sid
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Flags, Handle, pointer

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_STATUS_NO_TOKEN: Final = 0xC000007C
CURRENT_PROCESS_TOKEN, CURRENT_THREAD_TOKEN, CURRENT_EFFECTIVE_TOKEN = 0xFFFFFFFC, 0xFFFFFFFB, 0xFFFFFFFA


class TokenObject(Object):
    """A token."""

    __slots__ = ("token",)
    type_name: ClassVar[str] = "Token"
    rights: ClassVar[Rights] = TOKEN

    def __init__(self, token: Token) -> None:
        super().__init__()
        self.token = self.maker = token


def _token(thread: Thread, handle: int, access: int) -> Token:
    if handle in (CURRENT_PROCESS_TOKEN, CURRENT_EFFECTIVE_TOKEN):
        if access & ~TokenAccess.QUERY:
            raise Failure(Status.ACCESS_DENIED)
        return thread.process.files.token
    if handle == CURRENT_THREAD_TOKEN:
        raise Failure(_STATUS_NO_TOKEN)
    return object_of(thread, handle, TokenObject, access).token


@nt.call()
def NtOpenProcessToken(thread: Thread, process: Handle, access: Flags, handle: Out[ptr]) -> int:
    """The token of a process."""
    target = process_of(thread, process, ProcessAccess.QUERY_LIMITED)
    if is_limited(thread.process, target):
        raise Failure(Status.ACCESS_DENIED)
    handle.write(opened_handle(thread, TokenObject(target.files.token), access))
    return Status.SUCCESS


@nt.call()
def NtOpenProcessTokenEx(
    thread: Thread, process: Handle, access: Flags, attributes: Flags, handle: Out[ptr]
) -> int:
    """The token of a process."""
    return NtOpenProcessToken(thread, process, access, handle)


@nt.call()
def NtOpenThreadToken(
    thread: Thread, target: Handle, access: Flags, as_self: Boolean, handle: Out[ptr]
) -> int:
    """Threads do not impersonate."""
    thread_of(thread, target, ThreadAccess.QUERY_LIMITED)
    raise Failure(_STATUS_NO_TOKEN)


@nt.call()
def NtOpenThreadTokenEx(
    thread: Thread, target: Handle, access: Flags, as_self: Boolean, attributes: Flags, handle: Out[ptr]
) -> int:
    """Threads do not impersonate."""
    return NtOpenThreadToken(thread, target, access, as_self, handle)


@nt.call(partial="the copy is of the same kind as the original")
def NtDuplicateToken(
    thread: Thread, handle: Handle, access: Flags, name: Address, effective: Boolean, kind: u32, new: Out[ptr]
) -> int:
    """A copy of a token."""
    token = _token(thread, handle, TokenAccess.DUPLICATE)
    asked = access or thread.process.handles.handle(index_of(handle)).access
    new.write(opened_handle(thread, TokenObject(token), asked))
    return Status.SUCCESS


def _integrity(token: Token) -> bytes:
    return sid(0x3000 if token.elevated else 0x2000, authority=16)


def _with_sid(data: bytes, buffer: int, head: int, tail: bytes = b"") -> bytes:
    """A record that begins with a pointer to a SID behind its fixed part."""
    return (pointer(buffer + head) + tail).ljust(head, b"\0") + data


def _group_list(groups: list[tuple[bytes, int]], buffer: int) -> bytes:
    """TOKEN_GROUPS."""
    head = 8 + 16 * len(groups)
    records, blob = b"", b""
    for data, attributes in groups:
        records += pointer(buffer + head + len(blob)) + struct.pack("<I4x", attributes)
        blob += data
    return struct.pack("<I4x", len(groups)) + records + blob


def _information(token: Token, information_class: int, buffer: int) -> bytes:
    user = user_sid(token)
    group = ADMINISTRATORS if token.elevated else user
    fixed = {
        8: struct.pack("<I", 1),  # primary
        12: struct.pack("<I", 1),  # session
        18: struct.pack("<I", 1),  # default elevation
        20: struct.pack("<I", int(token.elevated)),
        21: struct.pack("<I", 0),  # no restrictions
        23: struct.pack("<I", 0),
        24: struct.pack("<I", 0),
        26: struct.pack("<I", 1),  # UI access
        29: struct.pack("<I", 0),  # no app container
    }
    if information_class in fixed:
        return fixed[information_class]
    if information_class == 1:
        return _with_sid(user, buffer, 16)
    if information_class == 2:
        return _group_list(groups_of(token), buffer)
    if information_class == 3:
        return struct.pack("<I", 0)
    if information_class in (4, 5):
        return _with_sid(user if information_class == 4 else group, buffer, 8)
    if information_class == 6:
        return struct.pack("<Q", 0)
    if information_class == 10:
        return struct.pack("<3Qq4I", 1, 1, 0, 0x7FFFFFFFFFFFFFFF, 1, 0, 0, 0).ljust(56, b"\0")
    if information_class == 25:
        return _with_sid(_integrity(token), buffer, 16, struct.pack("<I", 0x60))
    if information_class == 28:
        logon = sid(5, 0, 0x3E7)
        return _group_list([(logon, 0xC0000007)], buffer)
    raise Failure(Status.INVALID_INFO_CLASS)


@nt.call(partial="classes that console programs ask for")
def NtQueryInformationToken(
    thread: Thread,
    handle: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """What a token says."""
    data = _information(_token(thread, handle, TokenAccess.QUERY), information_class, buffer)
    needed.write(len(data))
    if size < len(data):
        raise Failure(Status.BUFFER_TOO_SMALL)
    thread.memory.write(buffer, data)
    return Status.SUCCESS


@nt.call()
def NtAdjustPrivilegesToken(
    thread: Thread,
    handle: Handle,
    disable_all: Boolean,
    new: Address,
    size: u32,
    old: Address,
    needed: OptionalOut[u32],
) -> int:
    """Tokens hold no privileges that could be switched: an administrator has all, others none."""
    token = _token(thread, handle, TokenAccess.ADJUST_PRIVILEGES)
    if old and size >= 4:
        thread.memory.write(old, bytes(4))
    needed.write(4)
    return Status.SUCCESS if token.elevated else 0x106  # NOT_ALL_ASSIGNED


@nt.call()
def NtPrivilegeCheck(thread: Thread, handle: Handle, privileges: Address, result: Out[u32]) -> int:
    """Whether a token holds privileges."""
    result.write(int(_token(thread, handle, TokenAccess.QUERY).elevated))
    return Status.SUCCESS
