"""From the handles of NT calls to the executive's objects, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lichen.executive.io.file import DirectoryFile, File
from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.handles import Handle, HandleTable, handle_of, index_of
from lichen.executive.objects.object import Object
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.state import nt_of
from lichen.subsystems.nt.types import CURRENT_PROCESS, CURRENT_THREAD, Named

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

Kind = TypeVar("Kind", bound=Object)


def handle(thread: Thread, number: int) -> Handle:
    """The slot behind a handle; INVALID_HANDLE when there is none."""
    return thread.process.handles.named(number)


def _slot(thread: Thread, number: int) -> Handle:
    """As `handle`; OBJECT_TYPE_MISMATCH for a pseudo handle, which is good where a process or thread is wanted."""
    try:
        return thread.process.handles.named(number)
    except Failure:
        if number in (CURRENT_PROCESS, CURRENT_THREAD):
            raise Failure(Status.OBJECT_TYPE_MISMATCH) from None
        raise


def object_of(thread: Thread, number: int, kind: type[Kind], access: int) -> Kind:
    """The object of a handle that has the rights in `access`; OBJECT_TYPE_MISMATCH, ACCESS_DENIED."""
    slot = _slot(thread, number)
    found = slot.object
    if not isinstance(found, kind):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    if access & ~slot.access:
        raise Failure(Status.ACCESS_DENIED)
    return found


def file_of(thread: Thread, number: int, any_of: int = 0) -> File:
    """The file of a handle that has one of some rights at least; OBJECT_TYPE_MISMATCH, ACCESS_DENIED."""
    slot = _slot(thread, number)
    found = slot.object
    if not isinstance(found, File):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    if any_of and not slot.access & any_of:
        raise Failure(Status.ACCESS_DENIED)
    return found


def directory_of(file: File) -> DirectoryFile:
    """An open file as what it is to the calls for directories; INVALID_PARAMETER for what is none."""
    if not isinstance(file, DirectoryFile):
        raise Failure(Status.INVALID_PARAMETER)
    return file


def process_of(thread: Thread, number: int, access: int) -> Process:
    """The process of a handle that has the rights in `access`; the pseudo handle has all."""
    return (
        thread.process
        if number == CURRENT_PROCESS
        else object_of(thread, number, ProcessObject, access).process
    )


def thread_of(thread: Thread, number: int, access: int) -> Thread:
    """The thread of a handle that has the rights in `access`; the pseudo handle has all."""
    return thread if number == CURRENT_THREAD else object_of(thread, number, ThreadObject, access).thread


def new_handle(thread: Thread, object: Object, access: int, named: Named | None = None) -> int:
    """A handle of the calling process to `object`, whose reference it takes over; it goes if the call still fails."""
    inherit = named is not None and named.inherit
    return given_handle(thread, thread.process.handles, object, access, inherit)


def given_handle(thread: Thread, handles: HandleTable, object: Object, access: int, inherit: bool) -> int:
    """As `new_handle`, in any process's table."""
    return made_handle(thread, handles, handle_of(handles.insert(object, access, inherit)))


def made_handle(thread: Thread, handles: HandleTable, number: int) -> int:
    """A handle that was made for the current call, and goes if that still fails."""
    nt_of(thread).undo.append(lambda: handles.close(index_of(number)))
    return number
