"""Which process a Linux call means, who may look into it, and as whom it acts.

Source: ptrace(2) "Ptrace access mode checking", credentials(7), prctl(2) PR_SET_DUMPABLE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.security import Capability, Token
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.state import LinuxProcess

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


def token_of(thread: Thread) -> Token:
    """As whom a thread acts."""
    return thread.process.files.token


def become(process: Process, token: Token) -> None:
    """Let a process act as somebody else. What it was allowed before must not leak: it is not to be looked into now."""
    old, state = process.files.token, process.personality
    process.files.token = token
    ids = (old.euid, old.egid, old.fsuid, old.fsgid) != (token.euid, token.egid, token.fsuid, token.fsgid)
    if isinstance(state, LinuxProcess) and (ids or token.permitted & ~old.permitted):
        state.dumpable = 0
        state.parent_death_signal = 0


def require(thread: Thread, capability: int) -> None:
    """PRIVILEGE_NOT_HELD unless the caller has a capability."""
    if not token_of(thread).has(capability):
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def thread_of(thread: Thread, id: int) -> Thread:
    """The thread that an id names, where 0 is the caller; INVALID_CID when there is none."""
    found = thread if id == 0 else thread.process.machine.threads.get(id)
    if found is None:
        raise Failure(Status.INVALID_CID)
    return found


def process_of(thread: Thread, id: int) -> Process:
    """The process that an id (of any of its threads) names, where 0 is the caller; INVALID_CID when there is none."""
    machine = thread.process.machine
    if id == 0:
        return thread.process
    found = machine.threads.get(id)
    return found.process if found is not None else machine.process(id)


def check_inspection(thread: Thread, target: Process) -> None:
    """PRIVILEGE_NOT_HELD unless the caller may read and change the inside of `target` (by real ids)."""
    if target is thread.process:
        return
    mine, theirs, state = token_of(thread), target.files.token, target.personality
    if mine.has(Capability.SYS_PTRACE):
        return
    same = {theirs.uid, theirs.euid, theirs.suid} == {mine.uid} and {
        theirs.gid,
        theirs.egid,
        theirs.sgid,
    } == {mine.gid}
    open_ = isinstance(state, LinuxProcess) and state.dumpable == 1 and not theirs.permitted & ~mine.permitted
    if not same or not open_:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
