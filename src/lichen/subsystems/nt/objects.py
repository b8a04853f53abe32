"""From the handles of NT calls to the executive's objects, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from lichen.executive.io.opening import Access
from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.handles import Handle, HandleTable, handle_of, index_of
from lichen.executive.objects.object import Object
from lichen.executive.security import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.types import CURRENT_PROCESS, CURRENT_THREAD, Named

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

Kind = TypeVar("Kind", bound=Object)
_FOR_EVERYBODY: Final = Access.READ_CONTROL | Access.SYNCHRONIZE | Access.MAXIMUM_ALLOWED
GENERIC_READ, GENERIC_WRITE, GENERIC_EXECUTE, GENERIC_ALL = 0x80000000, 0x40000000, 0x20000000, 0x10000000


def handle(thread: Thread, number: int) -> Handle:
    """The slot behind a handle; INVALID_HANDLE when there is none."""
    return thread.process.handles.handle(index_of(number))


def object_of(thread: Thread, number: int, kind: type[Kind]) -> Kind:
    """The object of a handle; OBJECT_TYPE_MISMATCH when it is of another kind."""
    found = thread.process.handles.get(index_of(number))
    if not isinstance(found, kind):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return found


def process_of(thread: Thread, number: int, looks: bool = False) -> Process:
    """The process of a handle, the pseudo handle included; ACCESS_DENIED for a limited one, unless the caller only looks."""
    if number == CURRENT_PROCESS:
        return thread.process
    found = object_of(thread, number, ProcessObject)
    if found.limited and not looks:
        raise Failure(Status.ACCESS_DENIED)
    return found.process


def thread_of(thread: Thread, number: int, looks: bool = False) -> Thread:
    """The thread of a handle, the pseudo handle included; ACCESS_DENIED as `process_of`."""
    if number == CURRENT_THREAD:
        return thread
    found = object_of(thread, number, ThreadObject)
    if found.limited and not looks:
        raise Failure(Status.ACCESS_DENIED)
    return found.thread


def is_limited(process: Process, target: Process) -> bool:
    """Whether `target` is another user's than `process`, or more privileged, so that handles to it are limited.

    The same as Linux asks before ptrace(2).
    """
    mine, theirs = process.files.token, target.files.token
    if target is process or mine.has(Capability.SYS_PTRACE):
        return False
    same = {theirs.uid, theirs.euid, theirs.suid} == {mine.uid} and not theirs.permitted & ~mine.permitted
    return not same or getattr(target.personality, "dumpable", 1) != 1


def limit_of(thread: Thread, target: Process, access: int, looking: int) -> bool:
    """As `is_limited`; ACCESS_DENIED when `access` asks for more than the right of `looking` then."""
    limited = is_limited(thread.process, target)
    if limited and access & ~(looking | _FOR_EVERYBODY):
        raise Failure(Status.ACCESS_DENIED)
    return limited


def new_handle(thread: Thread, object: Object, access: int, named: Named | None = None) -> int:
    """A handle of the calling process to `object`, whose reference it takes over; it goes if the call still fails."""
    inherit = named is not None and named.inherit
    return given_handle(thread, thread.process.handles, object, access, inherit)


def given_handle(thread: Thread, handles: HandleTable, object: Object, access: int, inherit: bool) -> int:
    """As `new_handle`, in any process's table."""
    index = handles.insert(object, access, inherit)
    thread.personality.undo.append(lambda: handles.close(index))
    return handle_of(index)
