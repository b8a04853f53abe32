"""Handles and waiting: close, duplicate, compare, and the waits that everything blocks on.

Source: NtClose, NtDuplicateObject, NtWaitForSingleObject, NtWaitForMultipleObjects (ntifs.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn, OptionalOut
from lichen.abi.layout import i64, layout, ptr, u32
from lichen.executive.io.file import File
from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.handles import index_of
from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import MAXIMUM_ALLOWED, PROCESS, ProcessAccess
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.nt import names
from lichen.subsystems.nt.access import granted_again
from lichen.subsystems.nt.information import Information, Settings
from lichen.subsystems.nt.objects import given_handle, process_of
from lichen.subsystems.nt.records import MODEL, POINTER
from lichen.subsystems.nt.records.common import UnicodeString
from lichen.subsystems.nt.records.objects import (
    HandleFlagInformation,
    ObjectBasicInformation,
    ObjectTypeInformation,
)
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import (
    CURRENT_PROCESS,
    CURRENT_THREAD,
    Address,
    Boolean,
    Flags,
    Handle,
    Result,
    encode,
)
from lichen.subsystems.nt.waiting import deadline_of, pending_alert, wait_for, waitable_of

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_DUPLICATE_CLOSE_SOURCE, _DUPLICATE_SAME_ACCESS, _DUPLICATE_SAME_ATTRIBUTES = 1, 2, 4
_MOST_OBJECTS: Final = 64
_NAME: Final = 1
_STRING: Final = layout(UnicodeString, MODEL)


def _identity(thread: Thread, number: int) -> object:
    """What a handle stands for in the end: every handle to one process has an object of its own."""
    if number in (CURRENT_PROCESS, CURRENT_THREAD):
        return thread.process if number == CURRENT_PROCESS else thread
    return thread.process.handles.named(number).object.identity


def _type_and_references(thread: Thread, number: int) -> tuple[type[Object], int]:
    if number in (CURRENT_PROCESS, CURRENT_THREAD):
        return ProcessObject if number == CURRENT_PROCESS else ThreadObject, 1
    found = thread.process.handles.named(number).object
    return type(found), found.references


@nt.call()
def NtClose(thread: Thread, number: Handle) -> int:
    """Close a handle."""
    thread.process.handles.close(index_of(number))
    return Status.SUCCESS


@nt.call()
def NtDuplicateObject(
    thread: Thread,
    source_process: Handle,
    source: Handle,
    target_process: Handle,
    target: OptionalOut[ptr],
    access: Flags,
    attributes: Flags,
    options: Flags,
) -> int:
    """Another handle to the same object, in the same or in another process."""
    giver = process_of(thread, source_process, ProcessAccess.DUP_HANDLE)
    if target or target_process:
        made = _duplicate(thread, giver, source, target_process, access, attributes, options)
        target.write(made)
    else:
        giver.handles.named(source)
    if options & _DUPLICATE_CLOSE_SOURCE and source not in (CURRENT_PROCESS, CURRENT_THREAD):
        giver.handles.close(index_of(source))
    return Status.SUCCESS


def _duplicate(
    thread: Thread,
    giver: Process,
    source: int,
    target_process: int,
    access: int,
    attributes: int,
    options: int,
) -> int:
    taker = process_of(thread, target_process, ProcessAccess.DUP_HANDLE)
    if source in (CURRENT_PROCESS, CURRENT_THREAD):
        found = ProcessObject(giver) if source == CURRENT_PROCESS else ThreadObject(thread)
        granted = found.rights.of_maker(MAXIMUM_ALLOWED if options & _DUPLICATE_SAME_ACCESS else access)
        return given_handle(thread, taker.handles, found, granted, bool(attributes & 2))
    slot = giver.handles.named(source)
    same = options & _DUPLICATE_SAME_ACCESS
    granted = slot.access if same else granted_again(thread.process, slot, access)
    inherit = slot.inherit if options & _DUPLICATE_SAME_ATTRIBUTES else bool(attributes & 2)
    return given_handle(thread, taker.handles, slot.object.reference(), granted, inherit)


@nt.call()
def NtCompareObjects(thread: Thread, first: Handle, second: Handle) -> int:
    """Whether two handles refer to the same object."""
    same = _identity(thread, first) is _identity(thread, second)
    return Status.SUCCESS if same else NtStatus.NOT_SAME_OBJECT


@nt.call(partial="types tell neither counts nor pools")
def NtQueryObject(
    thread: Thread,
    number: Handle,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: OptionalOut[u32],
) -> int:
    """An object's type, name or flags."""
    kind, references = _type_and_references(thread, number)
    named = information_class == _NAME and size >= _STRING.size and issubclass(kind, File)
    family = names_of_files if named else information
    family.find(information_class).answer(
        thread.memory, buffer, size, needed, thread, number, kind, references
    )
    return Status.SUCCESS


_Subject = Information["Thread", int, type[Object], int]
"""Who asks, the handle, the object's type and how many references there are to it."""
information: Final = _Subject()
names_of_files: Final = _Subject(too_small=Status.BUFFER_OVERFLOW)
"""Names of which nothing is told when they do not fit, not that the buffer is no place for a name."""


@information(0, ObjectBasicInformation)
def _basic(thread: Thread, number: int, kind: type[Object], references: int) -> ObjectBasicInformation:
    slot = thread.process.handles.named(number) if number < CURRENT_THREAD else None
    flags, access = (2 if slot.inherit else 0, slot.access) if slot else (0, PROCESS.all)
    return ObjectBasicInformation(flags, access, 1, references)


@information.tailed(_NAME, UnicodeString)
@names_of_files.tailed(_NAME, UnicodeString)
def _name(
    at: int, thread: Thread, number: int, kind: type[Object], references: int
) -> tuple[UnicodeString, bytes]:
    return _text(at, names.name_of(thread.process, _identity(thread, number)))


@information.tailed(2, ObjectTypeInformation)
def _type(
    at: int, thread: Thread, number: int, kind: type[Object], references: int
) -> tuple[ObjectTypeInformation, bytes]:
    name, text = _text(at, kind.type_name)
    rights = kind.rights
    mapping = rights.read, rights.write, rights.execute, rights.all
    return ObjectTypeInformation(name, b"", 0, *mapping, rights.all), text


@information(4, HandleFlagInformation)
def _flags(thread: Thread, number: int, kind: type[Object], references: int) -> HandleFlagInformation:
    return HandleFlagInformation(thread.process.handles.named(number).inherit, 0)


def _text(at: int, text: str) -> tuple[UnicodeString, bytes]:
    """A text that lies at an address behind a record, with its NUL; an empty one has no place."""
    data = encode(text)
    return UnicodeString(len(data), len(data) + 2, at) if data else UnicodeString(
        0, 0, 0
    ), data + b"\0\0" if data else b""


@nt.call()
def NtSetInformationObject(
    thread: Thread, number: Handle, information_class: u32, buffer: Address, size: u32
) -> int:
    """Set a handle's inherit flag."""
    settings.find(information_class).take(thread.memory, buffer, size, thread, number)
    return Status.SUCCESS


settings: Final = Settings["Thread", int]()


@settings(4, HandleFlagInformation, least=0)
def _set_flags(given: HandleFlagInformation, thread: Thread, number: int) -> None:
    thread.process.handles.named(number).inherit = bool(given.inherit)


@nt.call()
def NtWaitForSingleObject(
    thread: Thread, number: Handle, alertable: Boolean, timeout: OptionalIn[i64]
) -> Result:
    """Wait until an object is signalled."""
    return wait_for(thread, (waitable_of(thread, number),), timeout, alertable)


@nt.call()
def NtWaitForMultipleObjects(
    thread: Thread, count: u32, handles: Address, wait_any: u32, alertable: Boolean, timeout: OptionalIn[i64]
) -> Result:
    """Wait until one or all of several objects are signalled."""
    if not 0 < count <= _MOST_OBJECTS:
        raise Failure(NtStatus.INVALID_PARAMETER_1)
    numbers = POINTER.unpack_array(thread.memory.read(handles, POINTER.size * count))
    objects = tuple(waitable_of(thread, number & 0xFFFFFFFF) for number in numbers)
    return wait_for(thread, objects, timeout, alertable, all_of_them=wait_any & 0xFF == 0)


@nt.call()
def NtDelayExecution(thread: Thread, alertable: Boolean, timeout: OptionalIn[i64]) -> Result:
    """Sleep."""
    if alertable and (alert := pending_alert(thread)) is not None:
        return alert
    return _sleep(thread, deadline_of(thread, timeout), alertable)


def _sleep(thread: Thread, deadline: float | None, alertable: bool) -> Blocks[int]:
    yield Wait((), deadline, alertable=alertable, interruptible=alertable)
    return Status.SUCCESS


@nt.call()
def NtYieldExecution(thread: Thread) -> int:
    """Let other threads run: the host does."""
    return Status.SUCCESS


@nt.call()
def NtSignalAndWaitForSingleObject(
    thread: Thread, signal: Handle, wait: Handle, alertable: Boolean, timeout: OptionalIn[i64]
) -> Result:
    """Signal one object and wait for another as one step."""
    if signal in (CURRENT_PROCESS, CURRENT_THREAD):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    slot = thread.process.handles.named(signal)
    slot.object.signal(thread, slot.access)
    return wait_for(thread, (waitable_of(thread, wait),), timeout, alertable)
