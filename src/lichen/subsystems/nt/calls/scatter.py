"""Reading into and writing from pages that lie anywhere in memory.

Source: NtReadFileScatter, NtWriteFileGather (phnt); FILE_SEGMENT_ELEMENT and ReadFileScatter in the SDK for the conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn
from lichen.abi.layout import i64, layout, u32
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Options
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.calls.file import offset_of, read_much, write_much
from lichen.subsystems.nt.completions import Completion
from lichen.subsystems.nt.objects import file_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.files import FileSegmentElement
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Handle, Result
from lichen.subsystems.nt.virtual_memory import require_writable

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_PAGE: Final = 0x1000
_ELEMENT: Final = layout(FileSegmentElement, MODEL)
_MOST: Final = 1 << 26
"""Bytes at once: each page is looked at before anything is read."""


@nt.call()
def NtReadFileScatter(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    segments: Address,
    size: u32,
    position: OptionalIn[i64],
    key: Address,
) -> Result:
    """Read from an overlapped, unbuffered file into several pages."""
    file = file_of(thread, handle, Access.READ)
    _require_unbuffered(file)
    pages = _pages(thread, segments, size)
    for number, page in enumerate(pages):
        require_writable(thread.process.space, page, min(_PAGE, size - number * _PAGE))
    completion = Completion(thread, file, event, routine, context, status)
    offset = offset_of(file, position, False)

    def store(at: int, data: bytes) -> None:
        for start in range(0, len(data), _PAGE):
            thread.memory.write(pages[(at + start) // _PAGE], data[start : start + _PAGE])

    return completion.carry_out(read_much(completion, store, size, offset))


@nt.call()
def NtWriteFileGather(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    segments: Address,
    size: u32,
    position: OptionalIn[i64],
    key: Address,
) -> Result:
    """Write several whole pages to an overlapped, unbuffered file."""
    if size % _PAGE:
        raise Failure(Status.INVALID_PARAMETER)
    file = file_of(thread, handle, Access.CONTENT)
    _require_unbuffered(file)
    pages = _pages(thread, segments, size)
    completion = Completion(thread, file, event, routine, context, status)
    offset = offset_of(file, position, True)

    def load(at: int, most: int) -> bytes:
        first, last = at // _PAGE, (at + most) // _PAGE
        return b"".join(thread.memory.read(page, _PAGE) for page in pages[first:last])

    return completion.carry_out(write_much(completion, load, size, offset))


def _require_unbuffered(file: File) -> None:
    fits = file.options & Options.OVERLAPPED and file.options & Options.UNBUFFERED
    if file.node.kind != Kind.REGULAR or not fits:
        raise Failure(Status.INVALID_PARAMETER)


def _pages(thread: Thread, segments: int, size: int) -> tuple[int, ...]:
    """The addresses of the pages that hold so many bytes."""
    if size > _MOST:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    count = (size + _PAGE - 1) // _PAGE
    if not count:
        return ()
    elements = _ELEMENT.unpack_array(thread.memory.read(segments, _ELEMENT.size * count))
    return tuple(each.buffer for each in elements)
