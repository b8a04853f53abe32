"""What is known of open files, and changing it.

Source: [MS-FSCC] 2.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import i64, u8, u32, u64
from lichen.executive.io import names as io_names
from lichen.executive.io.applying import apply_change
from lichen.executive.io.attributes import AttributeChange, Flag, Kind
from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk, stored
from lichen.executive.io.manager import is_viewed, require_removable, set_disposition
from lichen.executive.io.names import Name, new_place, rename_location
from lichen.executive.io.opening import Access, Options
from lichen.executive.objects.completion import USUAL, CompletionPort
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names, pipe_control
from lichen.subsystems.nt.calls.file import (
    allocation_of,
    basic_information,
    flags_of,
    network_open_information,
    size_of,
    times_of,
)
from lichen.subsystems.nt.completions import SKIP_SIGNAL
from lichen.subsystems.nt.files import (
    FILE_NO_BUFFERING,
    FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO_ALERT,
    FILE_SYNCHRONOUS_IO_NONALERT,
    FILE_WRITE_THROUGH,
    name_for,
    runnable_mode,
)
from lichen.subsystems.nt.information import Information, Settings
from lichen.subsystems.nt.links import attributes_of, tag_of
from lichen.subsystems.nt.objects import file_of, object_of
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.records.files import (
    FileAllInformation,
    FileAttributeTagInformation,
    FileBasicInformation,
    FileCompletionInformation,
    FileIdInformation,
    FileNameInformation,
    FileNetworkOpenInformation,
    FileRenameInformation,
    FileStandardInformation,
    FileStatInformation,
)
from lichen.subsystems.nt.records.pipes import FilePipeInformation, FilePipeLocalInformation
from lichen.subsystems.nt.shared_data import UNIX_EPOCH
from lichen.subsystems.nt.spelling import written
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Handle, Named, decode, encode

if TYPE_CHECKING:
    from lichen.executive.io.location import Location
    from lichen.executive.processes import Thread

_NOTIFICATION_MODES: Final = 0x7
_MODES: Final = {
    FILE_WRITE_THROUGH: Options.SYNCHRONOUS,
    FILE_SEQUENTIAL_ONLY: Options.SEQUENTIAL,
    FILE_NO_BUFFERING: Options.UNBUFFERED,
    FILE_SYNCHRONOUS_IO_ALERT: Options.ALERTABLE,
}
_SETTABLE_MODES: Final = FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY
_WAITING_MODES: Final = FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT
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
    known = information.find(information_class)
    file = file_of(thread, handle, known.access)
    told = known.answer(thread.memory, buffer, size, None, thread, file)
    status.write(IoStatusBlock(*told))
    return told[0]


information: Final = Information["Thread", File]()


@information(4, FileBasicInformation)
def _basic(thread: Thread, file: File) -> FileBasicInformation:
    return basic_information(attributes_of(thread, file))


@information(5, FileStandardInformation)
def _standard(thread: Thread, file: File) -> FileStandardInformation:
    attributes = attributes_of(thread, file)
    return FileStandardInformation(
        allocation_of(attributes),
        size_of(attributes),
        attributes.links or 1,
        file.node.delete_pending,
        bool(flags_of(attributes) & Flag.DIRECTORY),
    )


@information.value(6, u64)
def _internal(thread: Thread, file: File) -> int:
    return file.attributes().file_id


@information.value(7, u32)
def _extended_attributes(thread: Thread, file: File) -> int:
    return 0


@information.value(8, u32)
def _access(thread: Thread, file: File) -> int:
    return file.access


@information.tailed(9, FileNameInformation, least=8, cut=True)
@information.tailed(48, FileNameInformation, least=8, cut=True)
def _name(at: int, thread: Thread, file: File) -> tuple[FileNameInformation, bytes]:
    name = file.name_on_device()
    if name is None:
        name = names.dos_path(thread.process, file.location)[2:] or "\\"
    text = encode(name)
    return FileNameInformation(len(text)), text


@information.value(14, i64)
def _position(thread: Thread, file: File) -> int:
    return file.position


@information.value(16, u32)
def _mode(thread: Thread, file: File) -> int:
    mode = sum(bit for bit, option in _MODES.items() if file.options & option)
    if not file.options & (Options.OVERLAPPED | Options.ALERTABLE):
        mode |= FILE_SYNCHRONOUS_IO_NONALERT
    return mode


@information.value(17, u32)
def _alignment(thread: Thread, file: File) -> int:
    return 0


@information.tailed(18, FileAllInformation, least=104, cut=True)
def _everything(at: int, thread: Thread, file: File) -> tuple[FileAllInformation, bytes]:
    name, text = _name(at, thread, file)
    known = FileAllInformation(
        _basic(thread, file),
        _standard(thread, file),
        _internal(thread, file),
        _extended_attributes(thread, file),
        _access(thread, file),
        _position(thread, file),
        _mode(thread, file),
        _alignment(thread, file),
        *name,
    )
    return known, text


@information.value(20, u64)
def _end(thread: Thread, file: File) -> int:
    return size_of(attributes_of(thread, file))


information(23, FilePipeInformation, access=Access.READ_ATTRIBUTES)(pipe_control.pipe_information)
information(24, FilePipeLocalInformation, access=Access.READ_ATTRIBUTES)(pipe_control.local_information)


@information(34, FileNetworkOpenInformation)
def _network_open(thread: Thread, file: File) -> FileNetworkOpenInformation:
    return network_open_information(attributes_of(thread, file))


@information(35, FileAttributeTagInformation)
def _attribute_tag(thread: Thread, file: File) -> FileAttributeTagInformation:
    return FileAttributeTagInformation(flags_of(attributes_of(thread, file)), tag_of(file.node))


@information.value(41, u32)
def _notification(thread: Thread, file: File) -> int:
    return (file.telling or USUAL).modes


@information(59, FileIdInformation)
def _id(thread: Thread, file: File) -> FileIdInformation:
    attributes = file.attributes()
    return FileIdInformation(attributes.device, attributes.file_id)


@information(68, FileStatInformation)
def _stat(thread: Thread, file: File) -> FileStatInformation:
    attributes = attributes_of(thread, file)
    return FileStatInformation(
        attributes.file_id,
        *times_of(attributes),
        allocation_of(attributes),
        size_of(attributes),
        flags_of(attributes),
        tag_of(file.node),
        attributes.links or 1,
        file.access,
    )


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
    change = settings.find(information_class)
    file = file_of(thread, handle, change.access)
    change.take(thread.memory, buffer, size, thread, file)
    status.write(IoStatusBlock(Status.SUCCESS, 0))
    return Status.SUCCESS


settings: Final = Settings["Thread", File]()
"""With rights of which a handle needs one."""


@settings(4, FileBasicInformation)  # WRITE_ATTRIBUTES, but Wine's SetFileAttributes does not ask for it
def _set_basic(given: FileBasicInformation, thread: Thread, file: File) -> None:
    flags = given.file_attributes

    def moment(value: int) -> int | None:
        return None if value in _KEEP_TIMES else (value - UNIX_EPOCH) * 100

    mode = None
    if flags and file.node.kind == Kind.REGULAR:
        current = file.attributes().mode
        mode = current & ~0o222 if flags & 1 else current | 0o200
    change = AttributeChange(
        mode=mode,
        accessed=moment(given.last_access_time),
        modified=moment(given.last_write_time),
        created=moment(given.creation_time),
        flags=flags & 0x2026 if flags else None,
    )
    apply_change(file.location, change)


@settings.tailed(10, FileRenameInformation, access=Access.DELETE)
def _set_name(given: FileRenameInformation, name: bytes, thread: Thread, file: File) -> None:
    """With a BOOLEAN, whose rest means nothing, in place of flags."""
    _rename(thread, file, given, name, bool(given.flags & 0xFF))


@settings.tailed(65, FileRenameInformation, access=Access.DELETE)
def _set_name_ex(given: FileRenameInformation, name: bytes, thread: Thread, file: File) -> None:
    _rename(thread, file, given, name, bool(given.flags & 1), bool(given.flags & 2))


@settings.value(14, i64)
def _set_position(position: int, thread: Thread, file: File) -> None:
    if position < 0:
        raise Failure(Status.INVALID_PARAMETER)
    file.position = position


@settings.value(20, i64, access=Access.CONTENT)
def _set_end(end: int, thread: Thread, file: File) -> None:
    if end < 0:
        raise Failure(Status.INVALID_PARAMETER)
    file.truncate(end)


@settings.value(19, i64, access=Access.CONTENT)
def _set_allocation(wanted: int, thread: Thread, file: File) -> None:
    if 0 <= wanted < file.node.size():
        file.truncate(wanted)


@settings.value(13, u8, access=Access.DELETE)
def _set_delete(delete: int, thread: Thread, file: File) -> None:
    set_disposition(file, bool(delete))


@settings.value(64, u32, access=Access.DELETE)
def _set_delete_ex(flags: int, thread: Thread, file: File) -> None:
    """FILE_DISPOSITION_INFORMATION_EX: bit 0 delete, bit 1 POSIX semantics (the name goes at once)."""
    if flags & 0x11 == 0x11 and file.attributes().read_only:
        apply_change(file.location, AttributeChange(mode=file.attributes().mode | 0o200))
    set_disposition(file, bool(flags & 1), posix=bool(flags & 2))


def _rename(
    thread: Thread, file: File, given: FileRenameInformation, name: bytes, replace: bool, posix: bool = False
) -> None:
    """To a name below a root handle, a full NT name, or within the same directory."""
    require_removable(file.node)
    root, text = given.root_directory, decode(name[: given.file_name_length])
    context = thread.process.files
    if "\\" not in text and not root:
        parent = file.location.parent
        if parent is None:
            raise Failure(Status.ACCESS_DENIED)
        target = Name(parent, stored((written(text),)), Walk.CASE_BLIND)
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


@settings.tailed(11, FileRenameInformation)
def _link(given: FileRenameInformation, name: bytes, thread: Thread, file: File) -> None:
    require_removable(file.node)
    target = Named(given.root_directory & 0xFFFFFFFF, decode(name[: given.file_name_length]), 0)
    io_names.link(thread.process.files, file.location, name_for(thread, target))


@settings(30, FileCompletionInformation)
def _set_completion(given: FileCompletionInformation, thread: Thread, file: File) -> None:
    told = file.telling or USUAL
    if told.port is not None or not file.options & Options.OVERLAPPED:
        raise Failure(Status.INVALID_PARAMETER)
    found = object_of(thread, given.port & 0xFFFFFFFF, CompletionPort, StateAccess.MODIFY_STATE)
    file.telling = told._replace(port=found, key=given.key)


@settings.value(41, u32)
def _set_notification(modes: int, thread: Thread, file: File) -> None:
    """FILE_IO_COMPLETION_NOTIFICATION_INFORMATION: what is set once stays."""
    if not file.options & Options.OVERLAPPED:
        raise Failure(Status.INVALID_PARAMETER)
    told = file.telling or USUAL
    file.telling = told._replace(modes=told.modes | modes & _NOTIFICATION_MODES)
    if modes & SKIP_SIGNAL:
        file.done.reset()


@settings.value(16, u32)
def _set_mode(mode: int, thread: Thread, file: File) -> None:
    """FILE_MODE_INFORMATION: whether a file waits is settled when it is opened."""
    before = _mode(thread, file)
    if mode & ~_SETTABLE_MODES & ~before or (mode ^ before) & _WAITING_MODES:
        raise Failure(Status.INVALID_PARAMETER)
    for bit, option in _MODES.items():
        if bit & _SETTABLE_MODES:
            file.options = file.options | option if mode & bit else file.options & ~option


settings(23, FilePipeInformation, access=Access.WRITE_ATTRIBUTES)(pipe_control.set_pipe_information)
