"""What is known of open files and their volumes, and changing it.

Source: [MS-FSCC] 2.4 and 2.5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import Out
from lichen.abi.layout import u32
from lichen.executive.io import names as io_names
from lichen.executive.io.applying import apply_change
from lichen.executive.io.attributes import AttributeChange, Flag, Kind
from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk
from lichen.executive.io.manager import is_viewed, require_removable, set_disposition
from lichen.executive.io.names import Name, new_place, rename_location
from lichen.executive.io.opening import Access, Options
from lichen.executive.objects.completion import USUAL, CompletionPort
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Status
from lichen.executive.wait import then
from lichen.subsystems.nt import names
from lichen.subsystems.nt.calls import pipe
from lichen.subsystems.nt.calls.file import (
    allocation_of,
    basic_information,
    flags_of,
    network_open_information,
    size_of,
    times_of,
)
from lichen.subsystems.nt.completions import SKIP_SIGNAL, Completion
from lichen.subsystems.nt.console.control import console_control
from lichen.subsystems.nt.console.files import Connection, ConsoleFile
from lichen.subsystems.nt.devices import runnable_mode
from lichen.subsystems.nt.files import (
    FILE_NO_BUFFERING,
    FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO_ALERT,
    FILE_SYNCHRONOUS_IO_NONALERT,
    FILE_WRITE_THROUGH,
    name_for,
)
from lichen.subsystems.nt.links import DELETE_REPARSE_POINT, SET_REPARSE_POINT, attributes_of, control, tag_of
from lichen.subsystems.nt.mount_manager import MountManager
from lichen.subsystems.nt.named_pipes import PipeEnd
from lichen.subsystems.nt.objects import file_of, object_of
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.shared_data import UNIX_EPOCH
from lichen.subsystems.nt.sockets import requests
from lichen.subsystems.nt.sockets.afd import AfdFile
from lichen.subsystems.nt.spelling import components_for_linux
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Content, Flags, Handle, Named, Result, decode, encode

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

_BASIC, _STANDARD, _INTERNAL, _EA, _ACCESS, _NAME, _RENAME = 4, 5, 6, 7, 8, 9, 10
_DISPOSITION, _POSITION, _MODE, _ALIGNMENT, _ALL, _ALLOCATION, _END_OF_FILE = 13, 14, 16, 17, 18, 19, 20
_COMPLETION, _NETWORK_OPEN, _ATTRIBUTE_TAG, _IO_COMPLETION_NOTIFICATION = 30, 34, 35, 41
_PIPE: Final = 23
_NORMALISED_NAME, _ID, _DISPOSITION_EX, _RENAME_EX, _LINK, _STAT = 48, 59, 64, 65, 11, 68
_NOTIFICATION_MODES: Final = 0x7
_MODES: Final = {
    FILE_WRITE_THROUGH: Options.SYNCHRONOUS,
    FILE_SEQUENTIAL_ONLY: Options.SEQUENTIAL,
    FILE_NO_BUFFERING: Options.UNBUFFERED,
    FILE_SYNCHRONOUS_IO_ALERT: Options.ALERTABLE,
}
_SETTABLE_MODES: Final = FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY
_WAITING_MODES: Final = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT
_DEVICE_DISK, _DEVICE_NULL, _DEVICE_PIPE, _DEVICE_CONSOLE = 0x08, 0x15, 0x11, 0x50
_LONGEST_REQUEST: Final = 1 << 20
"""The most that a console takes or gives at once."""
_LONGEST_INPUT: Final = 0x10000
_OF_ANY_LENGTH: Final = {_NAME: 8, _ALL: 104, _NORMALISED_NAME: 8}
"""Classes that end with a name, of which a caller gets as much as fits, and how much has to."""
_KEEP_TIMES: Final = (0, -1, -2)


@nt.call(partial="classes that console programs ask for")
def NtQueryInformationFile(
    thread: Thread,
    handle: Handle,
    status: Out[IoStatusBlock],
    buffer: Address,
    size: u32,
    information_class: u32,
) -> int:
    """What is known of an open file."""
    file = file_of(thread, handle, pipe.NEEDS.get(information_class, 0))
    answer = _ANSWERS.get(information_class)
    if answer is None:
        raise Failure(Status.INVALID_INFO_CLASS)
    if size < _OF_ANY_LENGTH.get(information_class, 0):
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    data = answer(thread, file)
    result = Status.SUCCESS
    if len(data) > size:
        if information_class not in _OF_ANY_LENGTH:
            raise Failure(Status.INFO_LENGTH_MISMATCH)
        data, result = data[:size], Status.BUFFER_OVERFLOW
    thread.memory.write(buffer, data)
    status.write(IoStatusBlock(result, len(data)))
    return result


def _standard(thread: Thread, file: File) -> bytes:
    attributes = attributes_of(thread, file)
    return struct.pack(
        "<2QIBB2x",
        allocation_of(attributes),
        size_of(attributes),
        attributes.links or 1,
        file.node.delete_pending,
        bool(flags_of(attributes) & Flag.DIRECTORY),
    )


def _stat(thread: Thread, file: File) -> bytes:
    """FILE_STAT_INFORMATION."""
    attributes = attributes_of(thread, file)
    return (
        struct.pack("<Q", attributes.file_id)
        + times_of(attributes)
        + struct.pack("<2Q", allocation_of(attributes), size_of(attributes))
        + struct.pack("<4I", flags_of(attributes), tag_of(file.node), attributes.links or 1, file.access)
    )


def _name(thread: Thread, file: File) -> bytes:
    if isinstance(file, PipeEnd):
        return pipe.name_information(file)
    path = names.dos_path(thread.process, file.location)
    text = encode(path[2:] or "\\")
    return struct.pack("<I", len(text)) + text


def _mode(thread: Thread, file: File) -> bytes:
    mode = sum(bit for bit, option in _MODES.items() if file.options & option)
    if not file.options & (Options.OVERLAPPED | Options.ALERTABLE):
        mode |= FILE_SYNCHRONOUS_IO_NONALERT
    return struct.pack("<I", mode)


def _set_mode(thread: Thread, file: File, data: bytes) -> None:
    """FILE_MODE_INFORMATION: whether a file waits is settled when it is opened."""
    (mode,) = struct.unpack_from("<I", data)
    (before,) = struct.unpack("<I", _mode(thread, file))
    if mode & ~_SETTABLE_MODES & ~before or (mode ^ before) & _WAITING_MODES:
        raise Failure(Status.INVALID_PARAMETER)
    for bit, option in _MODES.items():
        if bit & _SETTABLE_MODES:
            file.options = file.options | option if mode & bit else file.options & ~option


def _everything(thread: Thread, file: File) -> bytes:
    parts = (_BASIC, _STANDARD, _INTERNAL, _EA, _ACCESS, _POSITION, _MODE, _ALIGNMENT, _NAME)
    return b"".join(_ANSWERS[part](thread, file) for part in parts)


_ANSWERS: Final[dict[int, Callable[[Thread, File], bytes]]] = {
    _BASIC: lambda thread, file: basic_information(attributes_of(thread, file)),
    _STANDARD: _standard,
    _INTERNAL: lambda thread, file: struct.pack("<Q", file.attributes().file_id),
    _EA: lambda thread, file: bytes(4),
    _ACCESS: lambda thread, file: struct.pack("<I", file.access),
    _NAME: _name,
    _NORMALISED_NAME: _name,
    _POSITION: lambda thread, file: struct.pack("<Q", file.position),
    _MODE: _mode,
    _ALIGNMENT: lambda thread, file: bytes(4),
    _ALL: _everything,
    _NETWORK_OPEN: lambda thread, file: network_open_information(attributes_of(thread, file)),
    _ATTRIBUTE_TAG: lambda thread, file: struct.pack(
        "<2I", flags_of(attributes_of(thread, file)), tag_of(file.node)
    ),
    _STAT: _stat,
    _END_OF_FILE: lambda thread, file: struct.pack("<Q", size_of(attributes_of(thread, file))),
    _IO_COMPLETION_NOTIFICATION: lambda thread, file: struct.pack("<I", (file.telling or USUAL).modes),
    **pipe.ANSWERS,
    _ID: lambda thread, file: struct.pack("<3Q", file.attributes().device, file.attributes().file_id, 0),
}


@nt.call(partial="classes that console programs use")
def NtSetInformationFile(
    thread: Thread,
    handle: Handle,
    status: Out[IoStatusBlock],
    buffer: Address,
    size: u32,
    information_class: u32,
) -> int:
    """Change an open file."""
    change = _CHANGES.get(information_class)
    file = file_of(thread, handle, change.needs if change else 0)
    if change is None:
        raise Failure(Status.INVALID_INFO_CLASS)
    least, _, action = change
    if size < least:
        raise Failure(Status.INFO_LENGTH_MISMATCH)
    action(thread, file, thread.memory.read(buffer, min(size, 0x11000)))
    status.write(IoStatusBlock(Status.SUCCESS, 0))
    return Status.SUCCESS


def _set_basic(thread: Thread, file: File, data: bytes) -> None:
    created, accessed, modified, _, flags = struct.unpack_from("<4qI", data)

    def moment(value: int) -> int | None:
        return None if value in _KEEP_TIMES else (value - UNIX_EPOCH) * 100

    mode = None
    if flags and file.node.kind == Kind.REGULAR:
        current = file.attributes().mode
        mode = current & ~0o222 if flags & 1 else current | 0o200
    kept = flags & 0x2026 if flags else None
    change = AttributeChange(
        mode=mode, accessed=moment(accessed), modified=moment(modified), created=moment(created), flags=kept
    )
    apply_change(file.location, change)


def _set_position(thread: Thread, file: File, data: bytes) -> None:
    (position,) = struct.unpack_from("<q", data)
    if position < 0:
        raise Failure(Status.INVALID_PARAMETER)
    file.position = position


def _set_end(thread: Thread, file: File, data: bytes) -> None:
    (end,) = struct.unpack_from("<q", data)
    if end < 0:
        raise Failure(Status.INVALID_PARAMETER)
    file.truncate(end)


def _set_allocation(thread: Thread, file: File, data: bytes) -> None:
    (wanted,) = struct.unpack_from("<q", data)
    if 0 <= wanted < file.node.size():
        file.truncate(wanted)


def _set_delete(thread: Thread, file: File, data: bytes) -> None:
    set_disposition(file, bool(data[0]))


def _set_delete_ex(thread: Thread, file: File, data: bytes) -> None:
    """FILE_DISPOSITION_INFORMATION_EX: bit 0 delete, bit 1 POSIX semantics (the name goes at once)."""
    (flags,) = struct.unpack_from("<I", data)
    if flags & 0x11 == 0x11 and file.attributes().read_only:
        apply_change(file.location, AttributeChange(mode=file.attributes().mode | 0o200))
    set_disposition(file, bool(flags & 1), posix=bool(flags & 2))


def _rename(thread: Thread, file: File, data: bytes, replace: bool, posix: bool = False) -> None:
    """FILE_RENAME_INFORMATION(_EX): to a name below a root handle, a full NT name, or within the same directory."""
    require_removable(file.node)
    root, length = struct.unpack_from("<QI", data, 8)
    text = decode(data[20 : 20 + length])
    context = thread.process.files
    if "\\" not in text and not root:
        parent = file.location.parent
        if parent is None:
            raise Failure(Status.ACCESS_DENIED)
        target = Name(parent, components_for_linux((text,)), Walk.CASE_BLIND)
    else:
        target = name_for(thread, Named(root & 0xFFFFFFFF, text, 0))
    entry = new_place(context, file.location, target)
    if entry.location is not None and entry.location is not file.location and not replace:
        raise Failure(Status.OBJECT_NAME_COLLISION)
    if entry.location is not None and entry.location.node is not file.node:
        _check_replaced(entry.location, posix)
    rename_location(context, file.location, entry.parent, target.last, entry.location, by=file)
    _let_run(thread, file, target.last)


def _let_run(thread: Thread, file: File, name: str) -> None:
    """A linker's output is named as a program once it is whole."""
    attributes, token = file.attributes(), thread.process.files.token
    mode = runnable_mode(name, attributes.mode)
    owned = token.fsuid == attributes.uid or token.overrides
    if mode != attributes.mode and owned and file.node.kind == Kind.REGULAR:
        apply_change(file.location, AttributeChange(mode=mode))


def _check_replaced(replaced: Location, posix: bool) -> None:
    """What is replaced is no directory, not read-only, no image in use, and only with POSIX's semantics open."""
    node = replaced.node
    if (
        node.kind in (Kind.DIRECTORY, Kind.CHARACTER, Kind.BLOCK)
        or node.attributes().read_only
        or (node.files and not posix)
        or is_viewed(node)
    ):
        raise Failure(Status.ACCESS_DENIED)


def _link(thread: Thread, file: File, data: bytes) -> None:
    require_removable(file.node)
    root, length = struct.unpack_from("<QI", data, 8)
    text = decode(data[20 : 20 + length])
    io_names.link(thread.process.files, file.location, name_for(thread, Named(root & 0xFFFFFFFF, text, 0)))


def _set_completion(thread: Thread, file: File, data: bytes) -> None:
    port, key = struct.unpack_from("<2Q", data)
    told = file.telling or USUAL
    if told.port is not None or not file.options & Options.OVERLAPPED:
        raise Failure(Status.INVALID_PARAMETER)
    found = object_of(thread, port & 0xFFFFFFFF, CompletionPort, StateAccess.MODIFY_STATE)
    file.telling = told._replace(port=found, key=key)


def _set_notification(thread: Thread, file: File, data: bytes) -> None:
    """FILE_IO_COMPLETION_NOTIFICATION_INFORMATION: what is set once stays."""
    (modes,) = struct.unpack_from("<I", data)
    if not file.options & Options.OVERLAPPED:
        raise Failure(Status.INVALID_PARAMETER)
    told = file.telling or USUAL
    file.telling = told._replace(modes=told.modes | modes & _NOTIFICATION_MODES)
    if modes & SKIP_SIGNAL:
        file.done.reset()


class _Change(NamedTuple):
    """A class of NtSetInformationFile: the smallest record, rights of which it needs one (0: none), what it does."""

    least: int
    needs: int
    action: Callable[[Thread, File, bytes], None]


_CHANGES: Final[dict[int, _Change]] = {
    _BASIC: _Change(40, 0, _set_basic),  # WRITE_ATTRIBUTES, but Wine's SetFileAttributes does not ask for it
    _POSITION: _Change(8, 0, _set_position),
    _END_OF_FILE: _Change(8, Access.CONTENT, _set_end),
    _ALLOCATION: _Change(8, Access.CONTENT, _set_allocation),
    _DISPOSITION: _Change(1, Access.DELETE, _set_delete),
    _DISPOSITION_EX: _Change(4, Access.DELETE, _set_delete_ex),
    _RENAME: _Change(
        20, Access.DELETE, lambda thread, file, data: _rename(thread, file, data, bool(data[0]))
    ),
    _RENAME_EX: _Change(
        20,
        Access.DELETE,
        lambda thread, file, data: _rename(thread, file, data, bool(data[0] & 1), bool(data[0] & 2)),
    ),
    _LINK: _Change(20, 0, _link),
    _PIPE: _Change(8, Access.WRITE_ATTRIBUTES, pipe.set_pipe_information),
    _COMPLETION: _Change(16, 0, _set_completion),
    _MODE: _Change(4, 0, _set_mode),
    _IO_COMPLETION_NOTIFICATION: _Change(4, 0, _set_notification),
}


@nt.call(partial="a volume's serial number and label are made up")
def NtQueryVolumeInformationFile(
    thread: Thread,
    handle: Handle,
    status: Out[IoStatusBlock],
    buffer: Address,
    size: u32,
    information_class: u32,
) -> int:
    """What is known of the volume or device behind an open file."""
    file = file_of(thread, handle)
    if information_class == 4:
        data = struct.pack("<2I", _device_type(file), 0x20 if file.seekable else 0)
    elif information_class == 1:
        label = encode("Lichen")
        data = struct.pack("<QIIBB", 0, 0x4C494348, len(label), 1, 0) + label
    elif information_class == 5:
        kind = encode("NTFS")
        data = struct.pack("<3I", 0x000700CF, 255, len(kind)) + kind
    elif information_class in (3, 7):
        data = _sizes(file, information_class == 7)
    else:
        raise Failure(Status.INVALID_INFO_CLASS)
    thread.memory.write(buffer, data[:size])
    result = Status.SUCCESS if size >= len(data) else Status.BUFFER_OVERFLOW
    status.write(IoStatusBlock(result, min(size, len(data))))
    return result


def _sizes(file: File, full: bool) -> bytes:
    """FILE_FS_SIZE_INFORMATION, or FILE_FS_FULL_SIZE_INFORMATION."""
    volume = file.node.file_system.statistics()
    units = volume.block_size or 4096
    if full:
        return struct.pack("<3Q2I", volume.blocks, volume.available, volume.free, max(1, units // 512), 512)
    return struct.pack("<2Q2I", volume.blocks, volume.available, max(1, units // 512), 512)


def _device_type(file: File) -> int:
    kind = file.node.kind
    if kind in (Kind.REGULAR, Kind.DIRECTORY, Kind.SYMLINK):
        return _DEVICE_DISK
    if kind in (Kind.FIFO, Kind.SOCKET):
        return _DEVICE_PIPE
    if isinstance(file, ConsoleFile):
        return _DEVICE_CONSOLE
    return _DEVICE_NULL if file.discards else _DEVICE_PIPE


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
    answer = pipe.pipe_control(thread, file, code, data, output_size)
    if answer is not None:
        return completion.carry_out(then(answer, lambda answer: _answered(completion, answer, output)))
    if code == 0x9009C and file.node.kind in (Kind.REGULAR, Kind.DIRECTORY):  # FSCTL_GET_OBJECT_ID
        attributes = file.attributes()
        data = struct.pack("<2Q48x", attributes.file_id, attributes.device)
        if output_size < len(data):
            raise Failure(Status.BUFFER_TOO_SMALL)
        thread.memory.write(output, data)
        return completion.end(Status.SUCCESS, len(data))
    if code in (SET_REPARSE_POINT, DELETE_REPARSE_POINT):
        file_of(thread, handle, Access.CONTENT | Access.WRITE_ATTRIBUTES)
    if (told := control(thread, file, code, data, output_size)) is not None:
        return _answered(completion, told, output)
    raise Failure(Status.INVALID_DEVICE_REQUEST)


def _controlled(thread: Thread, number: int, code: int) -> File:
    """The file of a handle that has the rights which a control code says it needs (CTL_CODE in winioctl.h)."""
    return object_of(thread, number, File, code >> 14 & (Access.READ | Access.WRITE))


def _answered(completion: Completion, answer: pipe.Answer, output: int) -> int:
    """Tell what a request gave."""
    status, data = answer
    completion.thread.memory.write(output, data)
    return completion.end(status, len(data))


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
    if not isinstance(file, ConsoleFile | Connection | MountManager | AfdFile):
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    completion = Completion(thread, file, event, routine, context, status)
    if input_size > _LONGEST_REQUEST:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    data = thread.memory.read(input, input_size) if input_size else b""
    if isinstance(file, MountManager):
        return _answered(completion, file.request(code, data, output_size), output)
    if isinstance(file, AfdFile):
        return requests.control(completion, file, code, data, input, output, output_size)
    answer = console_control(thread.process, file, code, data, min(output_size, _LONGEST_REQUEST))
    return then(answer, lambda answer: _answered(completion, answer, output))
