"""From the handles of NT calls to the executive's objects, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.handles import Handle, HandleTable, handle_of, index_of
from lichen.executive.objects.object import Object
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.types import CURRENT_PROCESS, CURRENT_THREAD, Named

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

Kind = TypeVar("Kind", bound=Object)
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


def process_of(thread: Thread, number: int) -> Process:
    """The process of a handle, the pseudo handle included."""
    return thread.process if number == CURRENT_PROCESS else object_of(thread, number, ProcessObject).process


def thread_of(thread: Thread, number: int) -> Thread:
    """The thread of a handle, the pseudo handle included."""
    return thread if number == CURRENT_THREAD else object_of(thread, number, ThreadObject).thread


def new_handle(thread: Thread, object: Object, access: int, named: Named | None = None) -> int:
    """A handle of the calling process to `object`, whose reference it takes over; it goes if the call still fails."""
    inherit = named is not None and named.inherit
    return given_handle(thread, thread.process.handles, object, access, inherit)


def given_handle(thread: Thread, handles: HandleTable, object: Object, access: int, inherit: bool) -> int:
    """As `new_handle`, in any process's table."""
    index = handles.insert(object, access, inherit)
    thread.personality.undo.append(lambda: handles.close(index))
    return handle_of(index)
