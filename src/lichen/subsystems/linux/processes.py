"""Which process a Linux call means, and as whom it acts.

Source: credentials(7), PR_SET_PDEATHSIG(2const).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.security import inspection
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.state import as_linux_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread


def token_of(thread: Thread) -> Token:
    """As whom a thread acts."""
    return thread.process.files.token


def become(process: Process, token: Token) -> None:
    """Let a process act as somebody else; with what it gains, its wish to be told of its parent's end is gone."""
    state = as_linux_process(process)
    if inspection.become(process, token) and state is not None:
        state.parent_death_signal = 0


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
