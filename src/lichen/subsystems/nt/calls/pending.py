"""Cancelling I/O that goes on, and byte-range locks.

Source: NtCancelIoFile, NtCancelIoFileEx, NtCancelSynchronousIoFile, NtLockFile, NtUnlockFile (ntifs.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import In, OptionalOut, Out
from lichen.abi.layout import i64
from lichen.executive.io.file import File
from lichen.executive.io.locks import Range, locks_of
from lichen.executive.io.opening import Access
from lichen.executive.objects.rights import ThreadAccess
from lichen.executive.status import Failure, Status
from lichen.executive.wait import then
from lichen.subsystems.nt.completions import Completion
from lichen.subsystems.nt.objects import file_of, thread_of
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.state import as_nt, nt_of_process
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Boolean, Handle, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread
    from lichen.subsystems.nt.state import Pending

_LARGEST: Final = (1 << 64) - 1


@nt.call()
def NtCancelIoFile(thread: Thread, handle: Handle, status: Out[IoStatusBlock]) -> int:
    """Cancel what the calling thread has going on with a file."""
    file = file_of(thread, handle)
    for pending in _pending(thread):
        if pending.file is file and pending.thread is thread:
            pending.cancel()
    status.write(IoStatusBlock(Status.SUCCESS, 0))
    return Status.SUCCESS


@nt.call()
def NtCancelIoFileEx(thread: Thread, handle: Handle, which: Address, status: Out[IoStatusBlock]) -> int:
    """Cancel one operation (by its status block) or all that the process has going on with a file."""
    file = file_of(thread, handle)
    found = [p for p in _pending(thread) if p.file is file and which in (0, p.status)]
    for pending in found:
        pending.cancel()
    waiting = [each for each in thread.process.threads.values() if _waits(each, which, file)]
    if not found and not [each for each in waiting if each.interrupt()]:
        raise Failure(Status.NOT_FOUND)
    status.write(IoStatusBlock(Status.SUCCESS, 0))
    return Status.SUCCESS


@nt.call()
def NtCancelSynchronousIoFile(
    thread: Thread, target: Handle, which: Address, status: Out[IoStatusBlock]
) -> int:
    """Cancel the operation that a thread waits for."""
    found = thread_of(thread, target, ThreadAccess.TERMINATE)
    outcome = Status.SUCCESS if _waits(found, which) and found.interrupt() else Status.NOT_FOUND
    status.write(IoStatusBlock(outcome, 0))
    return outcome


def _waits(thread: Thread, which: int, file: File | None = None) -> bool:
    """Whether a thread waits for an operation (of a file, with a certain status block)."""
    state = as_nt(thread)
    operation = state.synchronous if state is not None else None
    return operation is not None and file in (None, operation.file) and which in (0, operation.status)


def _pending(thread: Thread) -> list[Pending]:
    state = nt_of_process(thread.process)
    return list(state.pending.values())


# ---- byte-range locks


@nt.call(partial="keys are ignored: a file object owns its locks")
def NtLockFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    offset: In[i64],
    length: In[i64],
    key: Address,
    fail_immediately: Boolean,
    exclusive: Boolean,
) -> Result:
    """Lock a range of a file against everybody else's reads and writes."""
    file = file_of(thread, handle, Access.READ | Access.CONTENT)
    if not file.seekable:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    start, end = _range(offset, length)
    completion = Completion(thread, file, event, routine, context, status)
    wanted = Range(file, start, end, exclusive, thread.process.id, mandatory=True)
    try:
        granted = locks_of(file.node).lock(wanted, not fail_immediately)
    except Failure as failure:
        conflict = failure.status == Status.FILE_LOCK_CONFLICT
        raise Failure(Status.LOCK_NOT_GRANTED) if conflict else failure from failure
    return completion.carry_out(then(granted, lambda _: completion.end(Status.SUCCESS, 0)))


@nt.call(partial="keys are ignored: a file object owns its locks")
def NtUnlockFile(
    thread: Thread,
    handle: Handle,
    status: OptionalOut[IoStatusBlock],
    offset: In[i64],
    length: In[i64],
    key: Address,
) -> int:
    """Give back a range as it was locked."""
    file = file_of(thread, handle, Access.READ | Access.CONTENT)
    if not file.seekable:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    locks_of(file.node).unlock_exactly(file, *_range(offset, length))
    status.write(IoStatusBlock(Status.SUCCESS, 0))
    return Status.SUCCESS


def _range(offset: int, length: int) -> tuple[int, int]:
    """[start, end) of unsigned 64-bit numbers; INVALID_LOCK_RANGE for one that goes on behind the last of them."""
    start, size = offset & _LARGEST, length & _LARGEST
    if start + size > _LARGEST + 1:
        raise Failure(NtStatus.INVALID_LOCK_RANGE)
    return start, start + size
