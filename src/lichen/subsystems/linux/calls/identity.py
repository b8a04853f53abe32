"""Who a process acts as: user and group ids, supplementary groups, capabilities.

Linux keeps credentials for each thread, and C libraries work to make all threads of a process change together. Here they
belong to the process from the start.

Source: credentials(7), capabilities(7), setuid(2), setreuid(2), setresuid(2), setfsuid(2), setgroups(2), capget(2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut, Out
from lichen.abi.layout import LP64, layout, layout_of, u32
from lichen.executive.security.tokens import ALL_CAPABILITIES, Capability, Token
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.processes import become, token_of
from lichen.subsystems.linux.records import CapUserData, CapUserHeader
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Int, Uid

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_PARTIAL: Final = "the whole process changes, not only the calling thread"
_KEEP: Final = 0xFFFFFFFF
_MOST_GROUPS: Final = 65536
_IDS: Final = layout_of(u32, LP64)
_CAPABILITIES: Final = layout(CapUserData, LP64)
_VERSION_1, _VERSION_2, _VERSION_3 = 0x19980330, 0x20071026, 0x20080522
_LOW: Final = 0xFFFFFFFF


@linux.call(amd64=102)
def getuid(thread: Thread) -> int:
    """The real user id."""
    return token_of(thread).uid


@linux.call(amd64=107)
def geteuid(thread: Thread) -> int:
    """The effective user id."""
    return token_of(thread).euid


@linux.call(amd64=104)
def getgid(thread: Thread) -> int:
    """The real group id."""
    return token_of(thread).gid


@linux.call(amd64=108)
def getegid(thread: Thread) -> int:
    """The effective group id."""
    return token_of(thread).egid


@linux.call(amd64=118)
def getresuid(thread: Thread, real: Out[u32], effective: Out[u32], saved: Out[u32]) -> int:
    """The real, effective and saved user id."""
    token = token_of(thread)
    real.write(token.uid)
    effective.write(token.euid)
    saved.write(token.suid)
    return 0


@linux.call(amd64=120)
def getresgid(thread: Thread, real: Out[u32], effective: Out[u32], saved: Out[u32]) -> int:
    """The real, effective and saved group id."""
    token = token_of(thread)
    real.write(token.gid)
    effective.write(token.egid)
    saved.write(token.sgid)
    return 0


# ---- changing ids


def _require(token: Token, capability: int, wanted: tuple[int, ...], own: tuple[int, ...]) -> None:
    """PRIVILEGE_NOT_HELD unless every wanted id is kept, is one of the token's own, or the capability allows any."""
    if not token.has(capability) and any(id not in (_KEEP, *own) for id in wanted):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def _valid(id: int) -> int:
    if id == _KEEP:
        raise Failure(Status.INVALID_PARAMETER)
    return id


def _or(id: int, kept: int) -> int:
    return kept if id == _KEEP else id


@linux.call(amd64=105, partial=_PARTIAL)
def setuid(thread: Thread, uid: Uid) -> int:
    """Change the effective user id; with CAP_SETUID the real and the saved one too."""
    token = token_of(thread)
    _require(token, Capability.SETUID, (_valid(uid),), (token.uid, token.suid))
    if token.has(Capability.SETUID):
        become(thread.process, token.with_users(uid, uid, uid))
    else:
        become(thread.process, token.with_users(token.uid, uid, token.suid))
    return 0


@linux.call(amd64=106, partial=_PARTIAL)
def setgid(thread: Thread, gid: Uid) -> int:
    """Change the effective group id; with CAP_SETGID the real and the saved one too."""
    token = token_of(thread)
    _require(token, Capability.SETGID, (_valid(gid),), (token.gid, token.sgid))
    if token.has(Capability.SETGID):
        become(thread.process, token.with_groups(gid, gid, gid))
    else:
        become(thread.process, token.with_groups(token.gid, gid, token.sgid))
    return 0


@linux.call(amd64=113, partial=_PARTIAL)
def setreuid(thread: Thread, real: Uid, effective: Uid) -> int:
    """Change the real and the effective user id."""
    token = token_of(thread)
    _require(token, Capability.SETUID, (real,), (token.uid, token.euid))
    _require(token, Capability.SETUID, (effective,), (token.uid, token.euid, token.suid))
    changes_saved = real != _KEEP or effective not in (_KEEP, token.uid)
    new = _or(effective, token.euid)
    become(thread.process, token.with_users(_or(real, token.uid), new, new if changes_saved else token.suid))
    return 0


@linux.call(amd64=114, partial=_PARTIAL)
def setregid(thread: Thread, real: Uid, effective: Uid) -> int:
    """Change the real and the effective group id."""
    token = token_of(thread)
    _require(token, Capability.SETGID, (real,), (token.gid, token.egid))
    _require(token, Capability.SETGID, (effective,), (token.gid, token.egid, token.sgid))
    changes_saved = real != _KEEP or effective not in (_KEEP, token.gid)
    new = _or(effective, token.egid)
    become(thread.process, token.with_groups(_or(real, token.gid), new, new if changes_saved else token.sgid))
    return 0


@linux.call(amd64=117, partial=_PARTIAL)
def setresuid(thread: Thread, real: Uid, effective: Uid, saved: Uid) -> int:
    """Change the real, the effective and the saved user id."""
    token = token_of(thread)
    own = token.uid, token.euid, token.suid
    _require(token, Capability.SETUID, (real, effective, saved), own)
    become(
        thread.process,
        token.with_users(_or(real, token.uid), _or(effective, token.euid), _or(saved, token.suid)),
    )
    return 0


@linux.call(amd64=119, partial=_PARTIAL)
def setresgid(thread: Thread, real: Uid, effective: Uid, saved: Uid) -> int:
    """Change the real, the effective and the saved group id."""
    token = token_of(thread)
    own = token.gid, token.egid, token.sgid
    _require(token, Capability.SETGID, (real, effective, saved), own)
    become(
        thread.process,
        token.with_groups(_or(real, token.gid), _or(effective, token.egid), _or(saved, token.sgid)),
    )
    return 0


@linux.call(amd64=122, partial=_PARTIAL)
def setfsuid(thread: Thread, uid: Uid) -> int:
    """Change the user id that files are judged by; returns the old one, whether it was changed or not."""
    token = token_of(thread)
    own = token.uid, token.euid, token.suid, token.fsuid
    if uid != _KEEP and (uid in own or token.has(Capability.SETUID)):
        become(thread.process, token.with_users(token.uid, token.euid, token.suid, uid))
    return token.fsuid


@linux.call(amd64=123, partial=_PARTIAL)
def setfsgid(thread: Thread, gid: Uid) -> int:
    """Change the group id that files are judged by; returns the old one, whether it was changed or not."""
    token = token_of(thread)
    own = token.gid, token.egid, token.sgid, token.fsgid
    if gid != _KEEP and (gid in own or token.has(Capability.SETGID)):
        become(thread.process, token.with_groups(token.gid, token.egid, token.sgid, gid))
    return token.fsgid


# ---- supplementary groups


@linux.call(amd64=115)
def getgroups(thread: Thread, count: Int, groups: Address) -> int:
    """The supplementary groups, or with no room for any, how many there are."""
    found = token_of(thread).groups
    if count < 0 or 0 < count < len(found):
        raise Failure(Status.INVALID_PARAMETER)
    if count and found:
        thread.memory.write(groups, b"".join(_IDS.pack(group) for group in found))
    return len(found)


@linux.call(amd64=116, partial=_PARTIAL)
def setgroups(thread: Thread, count: Int, groups: Address) -> int:
    """Replace the supplementary groups."""
    token = token_of(thread)
    if not token.has(Capability.SETGID):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if not 0 <= count <= _MOST_GROUPS:
        raise Failure(Status.INVALID_PARAMETER)
    wanted = _IDS.unpack_array(thread.memory.read(groups, count * _IDS.size)) if count else []
    if _KEEP in wanted:
        raise Failure(Status.INVALID_PARAMETER)
    become(thread.process, replace(token, groups=tuple(sorted(wanted))))
    return 0


# ---- capabilities


def _records(header: InOut[CapUserHeader], found: CapUserHeader) -> int:
    """How many records a version of the interface takes; for an unknown one, INVALID_PARAMETER and the version to use."""
    if found.version == _VERSION_1:
        return 1
    if found.version in (_VERSION_2, _VERSION_3):
        return 2
    header.write(found._replace(version=_VERSION_3))
    raise Failure(Status.INVALID_PARAMETER)


@linux.call(amd64=125)
def capget(thread: Thread, header: InOut[CapUserHeader], data: Address) -> int:
    """The capabilities of a process; without room for them, only the version is looked at."""
    found = header.read()
    try:
        count = _records(header, found)
    except Failure:
        if not data:
            return 0
        raise
    if not data:
        return 0
    if found.pid < 0:
        raise Failure(Status.INVALID_PARAMETER)
    target = thread if found.pid == 0 else thread.process.machine.processes.threads.get(found.pid)
    if target is None:
        raise Failure(Status.INVALID_CID)
    token = token_of(target)
    words = [
        CapUserData(*((set >> shift) & _LOW for set in (token.effective, token.permitted, token.inheritable)))
        for shift in (0, 32)
    ]
    thread.memory.write(data, b"".join(_CAPABILITIES.pack(word) for word in words[:count]))
    return 0


@linux.call(amd64=126, partial=_PARTIAL)
def capset(thread: Thread, header: InOut[CapUserHeader], data: Address) -> int:
    """Change the caller's own capabilities."""
    found = header.read()
    count = _records(header, found)
    if found.pid not in (0, thread.id):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    words = _CAPABILITIES.unpack_array(thread.memory.read(data, count * _CAPABILITIES.size))
    effective = permitted = inheritable = 0
    for shift, word in zip((0, 32), words, strict=False):
        effective |= word.effective << shift
        permitted |= word.permitted << shift
        inheritable |= word.inheritable << shift
    become(
        thread.process,
        token_of(thread).with_capabilities(
            effective & ALL_CAPABILITIES, permitted & ALL_CAPABILITIES, inheritable & ALL_CAPABILITIES
        ),
    )
    return 0
