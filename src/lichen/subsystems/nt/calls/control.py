"""Requests to file systems and devices by number. What a file knows by itself it carries out; the rest is the table here.

Source: NtFsControlFile, NtDeviceIoControlFile (ntifs.h); [MS-FSCC] 2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import layout, u32
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access
from lichen.executive.io.requests import Answer, DeviceRequest
from lichen.executive.status import Failure, Status
from lichen.executive.wait import then
from lichen.subsystems.nt import links, pipe_control
from lichen.subsystems.nt.completions import Completion
from lichen.subsystems.nt.objects import file_of, object_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.files import FileObjectIdBuffer
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Content, Flags, Handle, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_LONGEST_REQUEST: Final = 1 << 20
"""The most that a device takes at once."""
_LONGEST_INPUT: Final = 0x10000
_OBJECT_ID: Final = layout(FileObjectIdBuffer, MODEL)
_CHANGING: Final = Access.CONTENT | Access.WRITE_ATTRIBUTES


@nt.call(partial="reparse points are links only; no object ids, no sparse files")
def NtFsControlFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    code: Flags,
    input: Content,
    input_size: u32,
    output: Address,
    output_size: u32,
) -> Result:
    """A request to a file system."""
    file = _controlled(thread, handle, code)
    completion = Completion(thread, file, event, routine, context, status)
    data = thread.memory.read(input, min(input_size, _LONGEST_INPUT)) if input_size else b""
    request = DeviceRequest(thread, completion, code, data, input, output, output_size)
    answer = file.file_system_control(request)
    if answer is None:
        known = _REQUESTS.get(code)
        if known is None:
            raise Failure(Status.INVALID_DEVICE_REQUEST)
        file_of(thread, handle, known.any_of)
        answer = known.carry_out(file, request)
    return completion.carry_out(then(answer, request.answer))


def _object_id(file: File, request: DeviceRequest) -> Answer:
    if file.node.kind not in (Kind.REGULAR, Kind.DIRECTORY):
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    attributes = file.attributes()
    data = _OBJECT_ID.pack(FileObjectIdBuffer(attributes.file_id, attributes.device))
    if request.room < len(data):
        raise Failure(Status.BUFFER_TOO_SMALL)
    return Status.SUCCESS, data


class _Known(NamedTuple):
    """What is done for a code, and the rights of which a handle must have one beyond those that the code itself names."""

    carry_out: Callable[[File, DeviceRequest], Answer]
    any_of: int = 0


_REQUESTS: Final = {
    pipe_control.PEEK: _Known(pipe_control.peek_stream),
    0x9009C: _Known(_object_id),
    0x900A4: _Known(links.set_point, _CHANGING),
    0x900A8: _Known(links.get_point),
    0x900AC: _Known(links.delete_point, _CHANGING),
}
"""What any file may be asked: FSCTL_PIPE_PEEK, _GET_OBJECT_ID, _SET_, _GET_ and _DELETE_REPARSE_POINT."""


def _controlled(thread: Thread, number: int, code: int) -> File:
    """The file of a handle that has the rights which a control code says it needs (CTL_CODE in winioctl.h)."""
    return object_of(thread, number, File, code >> 14 & (Access.READ | Access.WRITE))


@nt.call()
def NtDeviceIoControlFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    code: Flags,
    input: Content,
    input_size: u32,
    output: Address,
    output_size: u32,
) -> Result:
    """A request to a device."""
    file = _controlled(thread, handle, code)
    completion = Completion(thread, file, event, routine, context, status)
    if input_size > _LONGEST_REQUEST:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    data = thread.memory.read(input, input_size) if input_size else b""
    return file.device_control(DeviceRequest(thread, completion, code, data, input, output, output_size))
