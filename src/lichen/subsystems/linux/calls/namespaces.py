"""Ceasing to share things with other processes. A machine has one namespace of each kind, which nobody leaves.

Source: unshare(2), setns(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.calls.process import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_SIGHAND,
    CLONE_SYSVSEM,
    CLONE_THREAD,
    CLONE_VM,
    NAMESPACES,
)
from lichen.subsystems.linux.files import file_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Fd, Flags, Int

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_OF_THREADS: Final = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM
_KNOWN: Final = _OF_THREADS | CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | NAMESPACES


@linux.call(amd64=272, partial="namespaces are refused, and a process of several threads stays together")
def unshare(thread: Thread, flags: Flags) -> int:
    """Stop sharing descriptors or folders with other processes."""
    process = thread.process
    if flags & ~_KNOWN or (flags & ~(CLONE_SYSVSEM | NAMESPACES) and len(process.threads) > 1):
        raise Failure(Status.INVALID_PARAMETER)
    if flags & NAMESPACES:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if flags & CLONE_FILES:
        shared = process.handles
        process.handles = shared.duplicate()
        shared.release()
    if flags & CLONE_FS:
        process.files = process.files.copy()
    return 0


@linux.call(amd64=308, partial="there are no other namespaces to enter")
def setns(thread: Thread, fd: Fd, kind: Int) -> int:
    """Enter a namespace."""
    file_of(thread, fd)
    raise Failure(Status.INVALID_PARAMETER)
