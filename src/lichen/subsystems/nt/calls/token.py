"""Access tokens: who a process is, in SIDs made of the executive's ids.

User 0 is the Administrator of the machine; other ids are users of the machine's own authority. Elevated <=> uid 0.

Source: NtOpenProcessToken, NtQueryInformationToken (ntifs.h); [MS-DTYP] 2.4.2 SIDs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import layout, ptr, u32
from lichen.executive.objects.rights import ProcessAccess, ThreadAccess, TokenAccess
from lichen.executive.security.descriptors import Known
from lichen.executive.security.inspection import may_inspect
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.access import opened_handle
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import object_of, process_of, thread_of
from lichen.subsystems.nt.objects.token import TokenObject
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.security import (
    Luid,
    SidAndAttributes,
    TokenGroups,
    TokenOwner,
    TokenStatistics,
)
from lichen.subsystems.nt.sids import groups_of, sid, sid_of, user_sid
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Flags, Handle

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_NEVER, _PRIMARY = 0x7FFFFFFFFFFFFFFF, 1
_INTEGRITY, _LOGON = 0x60, 0xC0000007
"""Attributes of a label, and of the logon's SID: mandatory, enabled by default, enabled, and what it is."""
CURRENT_PROCESS_TOKEN, CURRENT_THREAD_TOKEN, CURRENT_EFFECTIVE_TOKEN = 0xFFFFFFFC, 0xFFFFFFFB, 0xFFFFFFFA


def _token(thread: Thread, handle: int, access: int) -> Token:
    if handle in (CURRENT_PROCESS_TOKEN, CURRENT_EFFECTIVE_TOKEN):
        if access & ~TokenAccess.QUERY:
            raise Failure(Status.ACCESS_DENIED)
        return thread.process.files.token
    if handle == CURRENT_THREAD_TOKEN:
        raise Failure(NtStatus.NO_TOKEN)
    return object_of(thread, handle, TokenObject, access).token


@nt.call()
def NtOpenProcessToken(thread: Thread, process: Handle, access: Flags, handle: Out[ptr]) -> int:
    """The token of a process."""
    target = process_of(thread, process, ProcessAccess.QUERY_LIMITED)
    if not may_inspect(thread.process, target):
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
    raise Failure(NtStatus.NO_TOKEN)


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
    asked = access or thread.process.handles.named(handle).access
    new.write(opened_handle(thread, TokenObject(token), asked))
    return Status.SUCCESS


# ---- what a token says


information: Final = Information[Token](too_small=Status.BUFFER_TOO_SMALL)
_GROUPS, _GROUP = layout(TokenGroups, MODEL), layout(SidAndAttributes, MODEL)


@information.tailed(1, SidAndAttributes)
def _user(at: int, token: Token) -> tuple[SidAndAttributes, bytes]:
    return SidAndAttributes(at, 0), user_sid(token)


@information.raw(2)
def _groups(at: int, token: Token) -> bytes:
    return _group_list(at, groups_of(token))


@information.value(3, u32)
@information.value(21, u32)
@information.value(23, u32)
@information.value(24, u32)
@information.value(29, u32)
def _none(token: Token) -> int:
    """How many privileges; that there are restrictions, that files and registry are virtual, that it is an app's: no."""
    return 0


@information.tailed(4, TokenOwner)
def _owner(at: int, token: Token) -> tuple[TokenOwner, bytes]:
    return TokenOwner(at), user_sid(token)


@information.tailed(5, TokenOwner)
def _primary_group(at: int, token: Token) -> tuple[TokenOwner, bytes]:
    return TokenOwner(at), sid_of(Known.ADMINISTRATORS) if token.elevated else user_sid(token)


@information.value(6, ptr)
def _default_list(token: Token) -> int:
    return 0


@information.value(8, u32)
@information.value(12, u32)
@information.value(18, u32)
@information.value(26, u32)
def _one(token: Token) -> int:
    """Primary; the session; default elevation; may use the user interface."""
    return 1


@information(10, TokenStatistics)
def _statistics(token: Token) -> TokenStatistics:
    groups = len(groups_of(token))
    return TokenStatistics(Luid(1), Luid(1), _NEVER, _PRIMARY, 0, 0, 0, groups, 0, Luid(1))


@information.value(20, u32)
def _elevation(token: Token) -> int:
    return int(token.elevated)


@information.tailed(25, SidAndAttributes)
def _integrity(at: int, token: Token) -> tuple[SidAndAttributes, bytes]:
    return SidAndAttributes(at, _INTEGRITY), sid(0x3000 if token.elevated else 0x2000, authority=16)


@information.raw(28)
def _logon(at: int, token: Token) -> bytes:
    return _group_list(at, [(sid(5, 0, 0x3E7), _LOGON)])


def _group_list(at: int, groups: list[tuple[bytes, int]]) -> bytes:
    """TOKEN_GROUPS at an address: the records, then the SIDs."""
    at += _GROUPS.size + _GROUP.size * (len(groups) - 1)
    known, blob = [], b""
    for data, attributes in groups:
        known.append(SidAndAttributes(at + len(blob), attributes))
        blob += data
    return _GROUPS.pack(TokenGroups(len(groups), known[0])) + b"".join(map(_GROUP.pack, known[1:])) + blob


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
    token = _token(thread, handle, TokenAccess.QUERY)
    information.find(information_class).answer(thread.memory, buffer, size, needed, token)
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
    return Status.SUCCESS if token.elevated else NtStatus.NOT_ALL_ASSIGNED


@nt.call()
def NtPrivilegeCheck(thread: Thread, handle: Handle, privileges: Address, result: Out[u32]) -> int:
    """Whether a token holds privileges."""
    result.write(int(_token(thread, handle, TokenAccess.QUERY).elevated))
    return Status.SUCCESS
