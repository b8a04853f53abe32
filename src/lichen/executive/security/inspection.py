"""Who may look into other processes, change them and signal them: one rule for /proc, ptrace's kin and NT's handles.

Source: ptrace(2) "Ptrace access mode checking", prctl(2) PR_SET_DUMPABLE, kill(2), setpriority(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.security.tokens import Capability, Token
from lichen.executive.status import Failure, Status

if TYPE_CHECKING:
    from lichen.executive.processes import Process


def is_same_user(mine: Token, theirs: Token) -> bool:
    """Whether all ids of another are the caller's real ones."""
    users, groups = {theirs.uid, theirs.euid, theirs.suid}, {theirs.gid, theirs.egid, theirs.sgid}
    return users == {mine.uid} and groups == {mine.gid}


def may_inspect(process: Process, target: Process) -> bool:
    """Whether a process may read and change the inside of `target`: itself, or one of its user that is no more privileged."""
    mine, theirs = process.files.token, target.files.token
    if target is process or mine.has(Capability.SYS_PTRACE):
        return True
    return target.dumpable and is_same_user(mine, theirs) and not theirs.permitted & ~mine.permitted


def check_inspection(process: Process, target: Process) -> None:
    """PRIVILEGE_NOT_HELD unless a process may read and change the inside of `target`."""
    if not may_inspect(process, target):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def rules_over(mine: Token, theirs: Token) -> bool:
    """Whether whoever acts so may signal another: root, and the user who started it or whom it can become again."""
    return mine.euid == 0 or not {mine.uid, mine.euid}.isdisjoint((theirs.uid, theirs.suid))


def may_schedule(mine: Token, theirs: Token) -> bool:
    """Whether whoever acts so may change how another is scheduled."""
    return mine.euid in (theirs.uid, theirs.euid) or mine.has(Capability.SYS_NICE)


def become(process: Process, token: Token) -> bool:
    """Let a process act as somebody else; whether it gained what must not leak, so that it is not to be inspected."""
    gained = token.gains(process.files.token)
    process.files.token = token
    if gained:
        process.dumpable = False
    return gained
