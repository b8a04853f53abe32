"""Files: open, create, read, write, delete, rename.

Source: NtCreateFile, NtReadFile and their family (ntifs.h); [MS-FSA] for statuses.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.argument import OptionalIn, Out
from lichen.abi.layout import i64, layout, ptr, u32
from lichen.abi.memory import BadAddress
from lichen.executive.io.attributes import Attributes, Flag, Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Disposition, Open, Options
from lichen.executive.objects.opening import open_handle
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait, then
from lichen.subsystems.nt.completions import Completion
from lichen.subsystems.nt.files import open_at_once, open_of
from lichen.subsystems.nt.links import shown_by_name
from lichen.subsystems.nt.objects import file_of, made_handle
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.records.files import FileBasicInformation, FileNetworkOpenInformation
from lichen.subsystems.nt.shared_data import UNIX_EPOCH
from lichen.subsystems.nt.spelling import split
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Content, Flags, Handle, ObjectName, Result
from lichen.subsystems.nt.virtual_memory import require_writable

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_MOST_AT_ONCE: Final = 1 << 26
_PART: Final = 1 << 22
"""How much of a file is read or written in one turn of the kernel."""
_ENDS: Final = (Status.END_OF_FILE, Status.PIPE_BROKEN)
_USE_POSITION, _WRITE_TO_END = -2, -1
_BASIC, _NETWORK_OPEN = layout(FileBasicInformation, MODEL), layout(FileNetworkOpenInformation, MODEL)


@nt.call(partial="extended attributes are ignored")
def NtCreateFile(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    status: Out[IoStatusBlock],
    allocation: OptionalIn[i64],
    attributes: Flags,
    share: Flags,
    disposition: u32,
    options: Flags,
    extended: Address,
    extended_size: u32,
) -> Result:
    """Open or create a file, a directory or a device."""
    request = open_of(name.name, access, disposition, share, options, attributes)
    return _open(thread, handle, status, name, request)


@nt.call()
def NtOpenFile(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    status: Out[IoStatusBlock],
    share: Flags,
    options: Flags,
) -> Result:
    """Open a file, a directory or a device that exists."""
    request = open_of(name.name, access, Disposition.OPEN, share, options)
    return _open(thread, handle, status, name, request)


def _open(
    thread: Thread, handle: Out[int], status: Out[IoStatusBlock], name: ObjectName, request: Open
) -> Result:
    process = thread.process

    def opened(made: tuple[int, int]) -> int:
        number, outcome = made
        handle.write(made_handle(thread, process.handles, number))
        status.write(IoStatusBlock(Status.SUCCESS, outcome))
        return Status.SUCCESS

    return then(open_handle(process, name.root, split(name.name), request, name.inherit), opened)


# ---- reading and writing


@nt.call()
def NtReadFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    buffer: Address,
    size: u32,
    position: OptionalIn[i64],
    key: Address,
) -> Result:
    """Read from a file."""
    if not status:
        raise Failure(Status.ACCESS_VIOLATION)
    file = file_of(thread, handle, Access.READ | Access.EXECUTE)
    require_writable(thread.process.space, buffer, size)
    completion = Completion(thread, file, event, routine, context, status)
    offset = offset_of(file, position, False)
    counters = thread.process.counters
    counters.reads += 1
    if size > _PART and file.node.kind == Kind.REGULAR:

        def store(at: int, data: bytes) -> None:
            thread.memory.write(buffer + at, data)

        return completion.carry_out(read_much(completion, store, size, offset))

    clock = thread.process.machine.scheduler.clock
    found = file.read_waiting(min(size, _MOST_AT_ONCE), offset, clock)

    def done(data: bytes) -> int:
        status = file.read_status(data, size)
        if status in _ENDS:
            return completion.end_transfer(status, 0)
        thread.memory.write(buffer, data)
        counters.read_bytes += len(data)
        _move(file, offset, len(data))
        return completion.end_transfer(status, len(data))

    return completion.carry_out(then(found, done))


@nt.call()
def NtWriteFile(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    buffer: Content,
    size: u32,
    position: OptionalIn[i64],
    key: Address,
) -> Result:
    """Write to a file."""
    if not status:
        raise Failure(Status.ACCESS_VIOLATION)
    file = file_of(thread, handle, Access.CONTENT)
    large = size > _PART and file.node.kind == Kind.REGULAR
    if size > _MOST_AT_ONCE and not large:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    completion = Completion(thread, file, event, routine, context, status)
    try:
        data = thread.memory.read(buffer, size) if size and not large else b""
    except BadAddress:
        raise Failure(NtStatus.INVALID_USER_BUFFER) from None
    offset = offset_of(file, position, True)
    counters = thread.process.counters
    counters.writes += 1
    if large:

        def load(at: int, most: int) -> bytes:
            return thread.memory.read(buffer + at, most)

        return completion.carry_out(write_much(completion, load, size, offset))

    clock = thread.process.machine.scheduler.clock
    written = file.write_waiting(data, offset, clock)

    def done(count: int) -> int:
        counters.written_bytes += count
        _move(file, offset, count)
        return completion.end_transfer(Status.SUCCESS, count)

    return completion.carry_out(then(written, done))


def read_much(
    completion: Completion, store: Callable[[int, bytes], None], size: int, offset: int | None
) -> Blocks[int]:
    """Read more than one turn of the kernel may: `store` takes each part and where it belongs."""
    thread, file = completion.thread, completion.file

    def read(at: int, most: int) -> int | Blocks[int]:
        def stored(data: bytes) -> int:
            store(at, data)
            return len(data)

        return then(file.read(most, None if offset is None else offset + at), stored)

    count = yield from _in_parts(thread, size, read)
    thread.process.counters.read_bytes += count
    _move(file, offset, count)
    return completion.end(Status.SUCCESS if count else Status.END_OF_FILE, count)


def write_much(
    completion: Completion, load: Callable[[int, int], bytes], size: int, offset: int | None
) -> Blocks[int]:
    """Write more than one turn of the kernel may: `load` gives as many bytes as are asked for, from some place on."""
    thread, file = completion.thread, completion.file

    def write(at: int, most: int) -> int | Blocks[int]:
        return file.write(load(at, most), None if offset is None else offset + at)

    count = yield from _in_parts(thread, size, write)
    thread.process.counters.written_bytes += count
    _move(file, offset, count)
    return completion.end(Status.SUCCESS, count)


def _in_parts(thread: Thread, size: int, move: Callable[[int, int], int | Blocks[int]]) -> Blocks[int]:
    """Have `move` carry so many bytes from one place on, until it carries less: the kernel does other things in between."""
    done = 0
    while done < size:
        most = min(_PART, size - done)
        moved = move(done, most)
        count = moved if isinstance(moved, int) else (yield from moved)
        done += count
        if count < most:
            break
        yield Wait((), thread.process.machine.scheduler.clock())
    return done


def _move(file: File, offset: int | None, count: int) -> None:
    """Reading and writing at a place of one's own moves the position too, where there is one (no overlapped file's)."""
    if offset is not None and not file.options & Options.OVERLAPPED:
        file.position = offset + count


def _appends(file: File) -> bool:
    """Whether all that is written to a file goes to its end, wherever a call wants it."""
    return bool(file.options & Options.APPEND) or not file.access & Access.WRITE


def offset_of(file: File, position: int | None, writing: bool) -> int | None:
    """Where a call reads or writes: None for the file's own position, which overlapped files do not have.

    INVALID_PARAMETER for what is no place; -1 is the end of the file to a write, -2 the position.
    """
    if not file.seekable:
        return None
    placeless = position is None or (position < 0 and not (writing and position == _WRITE_TO_END))
    if placeless and file.options & Options.OVERLAPPED and file.node.kind == Kind.REGULAR:
        raise Failure(Status.INVALID_PARAMETER)
    if position is None or position == _USE_POSITION:
        return None
    if writing and (position == _WRITE_TO_END or _appends(file)):
        return file.node.size()
    if position < 0:
        raise Failure(Status.INVALID_PARAMETER)
    return position


@nt.call()
def NtFlushBuffersFile(thread: Thread, handle: Handle, status: Address) -> Result:
    """Bring a file's content to the disk, a pipe's to who reads it; that is waited for whatever the handle's mode."""
    file = file_of(thread, handle, Access.CONTENT)
    completion = Completion(thread, file, 0, 0, 0, status)
    result: Result = then(file.flush(), lambda _: completion.end(Status.SUCCESS, 0))
    return completion.wait(cast(Blocks[int], result)) if type(result) is GeneratorType else result


# ---- by name, without a handle


def _located(thread: Thread, name: ObjectName) -> Attributes:
    """The attributes of what has a name."""
    request = Open(Access.READ_ATTRIBUTES, options=Options.PATH_ONLY | Options.OPEN_LINK)
    file = open_at_once(thread, name, request)
    try:
        if file.node.delete_pending:
            raise Failure(Status.DELETE_PENDING)
        return shown_by_name(thread.process.files, file.location)
    finally:
        file.release()


@nt.call()
def NtQueryAttributesFile(thread: Thread, name: ObjectName, buffer: Address) -> int:
    """The times and attributes of a file by name."""
    thread.memory.write(buffer, _BASIC.pack(basic_information(_located(thread, name))))
    return Status.SUCCESS


@nt.call()
def NtQueryFullAttributesFile(thread: Thread, name: ObjectName, buffer: Address) -> int:
    """Times, sizes and attributes of a file by name."""
    thread.memory.write(buffer, _NETWORK_OPEN.pack(network_open_information(_located(thread, name))))
    return Status.SUCCESS


@nt.call()
def NtDeleteFile(thread: Thread, name: ObjectName) -> int:
    """Delete a file by name."""
    request = Open(Access.DELETE, options=Options.DELETE_ON_CLOSE | Options.OPEN_LINK)
    open_at_once(thread, name, request).release()
    return Status.SUCCESS


# ---- shapes that several classes share


def time_of(nanoseconds: int) -> int:
    """A time of the executive as NT has it: 100 ns since 1601."""
    return nanoseconds // 100 + UNIX_EPOCH


def flags_of(attributes: Attributes) -> int:
    """FILE_ATTRIBUTE_* of an object; a link's attributes are those that `links.shown` gives."""
    flags = attributes.flags
    if attributes.kind == Kind.DIRECTORY:
        flags |= 0x10
    elif attributes.kind == Kind.SYMLINK:
        flags |= 0x400 if flags & Flag.DIRECTORY else 0x420
    elif attributes.kind == Kind.SOCKET:
        flags |= 0x420  # a reparse point, as it is on Windows
    elif attributes.kind == Kind.REGULAR:
        flags |= 0x20
    if attributes.kind == Kind.REGULAR and not attributes.mode & 0o222:
        flags |= 0x1
    return flags or 0x80


def times_of(attributes: Attributes) -> tuple[int, int, int, int]:
    """Creation, last access, last write and change."""
    return (
        time_of(attributes.created),
        time_of(attributes.accessed),
        time_of(attributes.modified),
        time_of(attributes.changed),
    )


def basic_information(attributes: Attributes) -> FileBasicInformation:
    return FileBasicInformation(*times_of(attributes), flags_of(attributes))


def size_of(attributes: Attributes) -> int:
    return attributes.size if not flags_of(attributes) & Flag.DIRECTORY else 0


def allocation_of(attributes: Attributes) -> int:
    return attributes.blocks * 512 if not flags_of(attributes) & Flag.DIRECTORY else 0


def network_open_information(attributes: Attributes) -> FileNetworkOpenInformation:
    sizes = allocation_of(attributes), size_of(attributes)
    return FileNetworkOpenInformation(*times_of(attributes), *sizes, flags_of(attributes))
