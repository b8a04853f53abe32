"""Which process a Linux call means, who may look into it, as whom it acts and for how long.

Source: ptrace(2) "Ptrace access mode checking", credentials(7), prctl(2) PR_SET_DUMPABLE, getrlimit(2) RLIMIT_CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.security import Capability, Token
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.state import as_linux_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


def token_of(thread: Thread) -> Token:
    """As whom a thread acts."""
    return thread.process.files.token


def become(process: Process, token: Token) -> None:
    """Let a process act as somebody else. What it was allowed before must not leak: it is not to be looked into now."""
    old, state = process.files.token, as_linux_process(process)
    process.files.token = token
    ids = (old.euid, old.egid, old.fsuid, old.fsgid) != (token.euid, token.egid, token.fsuid, token.fsgid)
    gained = ids or token.is_changed or token.permitted & ~old.permitted
    if gained:
        process.dumpable = False
        if state is not None:
            state.parent_death_signal = 0


def rules_over(token: Token, target: Process) -> bool:
    """Whether whoever acts so may signal a process: root, and the user who started it or whom it can become again."""
    theirs = target.files.token
    return token.euid == 0 or not {token.uid, token.euid}.isdisjoint((theirs.uid, theirs.suid))


def require(thread: Thread, capability: int) -> None:
    """PRIVILEGE_NOT_HELD unless the caller has a capability."""
    if not token_of(thread).has(capability):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def thread_of(thread: Thread, id: int) -> Thread:
    """The thread that an id names, where 0 is the caller; INVALID_CID when there is none."""
    found = thread if id == 0 else thread.process.machine.processes.threads.get(id)
    if found is None:
        raise Failure(Status.INVALID_CID)
    return found


def process_of(thread: Thread, id: int) -> Process:
    """The process that an id (of any of its threads) names, where 0 is the caller; INVALID_CID when there is none."""
    machine = thread.process.machine
    if id == 0:
        return thread.process
    found = machine.processes.threads.get(id)
    return found.process if found is not None else machine.processes.find(id)


def check_same_user(mine: Token, theirs: Token) -> None:
    """PRIVILEGE_NOT_HELD unless all ids of the other are the caller's real ones."""
    users, groups = {theirs.uid, theirs.euid, theirs.suid}, {theirs.gid, theirs.egid, theirs.sgid}
    if users != {mine.uid} or groups != {mine.gid}:
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def check_inspection(thread: Thread, target: Process) -> None:
    """PRIVILEGE_NOT_HELD unless the caller may read and change the inside of `target`."""
    mine, theirs = token_of(thread), target.files.token
    if target is thread.process or mine.has(Capability.SYS_PTRACE):
        return
    check_same_user(mine, theirs)
    if not target.dumpable or theirs.permitted & ~mine.permitted:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
