"""Sections: images, files and shared memory, and their views.

Source: NtCreateSection, NtMapViewOfSection (ntifs.h).
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut, OptionalInOut, OptionalOut, Out
from lichen.abi.layout import i64, ptr, u32, u64
from lichen.executive.address_space import Region, page_up
from lichen.executive.interfaces import Unmap
from lichen.executive.io.opening import Access
from lichen.executive.objects.rights import ProcessAccess, SectionAccess
from lichen.executive.sections import mapping
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.nt import names
from lichen.subsystems.nt.allocations import (
    GRANULARITY,
    MEM_IMAGE,
    MEM_MAPPED,
    Allocation,
    allocation_of,
)
from lichen.subsystems.nt.images import Image
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import file_of, object_of, process_of
from lichen.subsystems.nt.objects.section import Content, SectionObject
from lichen.subsystems.nt.protection import PAGE_EXECUTE, WRITABLE, host_protection
from lichen.subsystems.nt.records.sections import SectionBasicInformation, SectionImageInformation
from lichen.subsystems.nt.state import nt_of_process
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Handle, ObjectName, Size
from lichen.subsystems.nt.virtual_memory import Room, change, room_below

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

SEC_IMAGE, SEC_RESERVE, SEC_COMMIT = 0x1000000, 0x4000000, 0x8000000
_EXECUTABLE: Final = 0xF0
_LOWEST_VIEW: Final = 0x200000000


@nt.call()
def NtCreateSection(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    maximum: OptionalInOut[i64],
    protect: Flags,
    attributes: Flags,
    file: Handle,
) -> int:
    """Make a section of an image, a file or shared memory."""
    handle.write(0)  # Wine's kernelbase returns what is there even when the call fails

    def make() -> SectionObject:
        size = maximum.read() if maximum else 0
        return SectionObject(_content(thread, file, size, protect, attributes))

    return names.make_or_open(thread, handle, access, name, SectionObject, make)


def _content(thread: Thread, file: int, size: int, protect: int, attributes: int) -> Content:
    if attributes & SEC_IMAGE:
        opened = file_of(thread, file, Access.READ | Access.EXECUTE)
        image = nt_of_process(thread.process).subsystem.images.open(opened)
        path = names.dos_path(thread.process, opened.location)
        return Content(image.file.size, opened.reference(), image, path, SEC_IMAGE, protect)
    host_protection(protect)
    if not file:
        if size <= 0 or size >> 40:
            raise Failure(Status.INVALID_PARAMETER if size <= 0 else NtStatus.SECTION_TOO_BIG)
        memory_file = names.anonymous_file(thread, page_up(size))
        return Content(page_up(size), memory_file, None, "", attributes, protect)
    opened = file_of(thread, file, Access.READ | Access.EXECUTE)
    if protect & WRITABLE:
        file_of(thread, file, Access.WRITE)
    length = opened.node.size()
    if not size and not length:
        raise Failure(NtStatus.MAPPED_FILE_SIZE_ZERO)
    if size > length:
        if not protect & WRITABLE:
            raise Failure(NtStatus.SECTION_TOO_BIG)
        opened.truncate(size)
    path = names.dos_path(thread.process, opened.location)
    return Content(size or length, opened.reference(), None, path, attributes, protect)


@nt.call()
def NtOpenSection(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a section by name."""
    return names.open_named(thread, handle, access, name, SectionObject)


@nt.call()
def NtMapViewOfSection(
    thread: Thread,
    section: Handle,
    process: Handle,
    base: InOut[ptr],
    zero_bits: u64,
    commit_size: Size,
    offset: OptionalInOut[i64],
    view_size: InOut[u64],
    inherit: u32,
    kind: Flags,
    protect: Flags,
) -> int:
    """Map a section or a part of it."""
    content = object_of(thread, section, SectionObject, _access_for(protect)).content
    target = process_of(thread, process, ProcessAccess.VM_OPERATION)
    room = room_below(zero_bits, NtStatus.INVALID_PARAMETER_4)
    wanted, length = base.read(), view_size.read()
    start_in_file = offset.read() if offset else 0
    if content.image is not None:
        found, operations = target.space, None
        images = nt_of_process(thread.process).subsystem.images
        at, operations = images.map(found, content.image, content.path)
        base.write(at)
        view_size.write(content.image.file.size)
        change(thread, target, operations)
        return Status.SUCCESS if at == content.image.file.preferred_base else NtStatus.IMAGE_NOT_AT_BASE
    if start_in_file < 0 or start_in_file % GRANULARITY or start_in_file >= content.size:
        raise Failure(
            NtStatus.MAPPED_ALIGNMENT if start_in_file % GRANULARITY else NtStatus.INVALID_VIEW_SIZE
        )
    if length > content.size - start_in_file:
        raise Failure(NtStatus.INVALID_VIEW_SIZE)
    size = page_up(length or content.size - start_in_file)
    at = wanted & -GRANULARITY if wanted else _place(target, size, room)
    _map_file_view(thread, target, content, at, start_in_file, size, protect)
    base.write(at)
    view_size.write(size)
    return Status.SUCCESS


def _access_for(protect: int) -> int:
    """The rights to a section that a view with a protection needs."""
    access = SectionAccess.MAP_EXECUTE if protect & _EXECUTABLE else 0
    if protect & WRITABLE:
        return access | SectionAccess.MAP_WRITE
    return access if protect & PAGE_EXECUTE else access | SectionAccess.MAP_READ


def _place(target: Process, size: int, room: Room) -> int:
    """Where a view is put whose address the kernel chooses."""
    at = target.space.lowest_free(size, room.low or _LOWEST_VIEW, GRANULARITY)
    if room.high and at + size > room.high:
        raise Failure(Status.NO_MEMORY)
    return at


def _map_file_view(
    thread: Thread, target: Process, content: Content, at: int, offset: int, size: int, protect: int
) -> None:
    space = target.space
    host = host_protection(protect)
    if not space.is_free(at, at + size):
        raise Failure(Status.CONFLICTING_ADDRESSES)
    if protect & WRITABLE and not content.protect & WRITABLE:
        raise Failure(Status.SECTION_PROTECTION)
    shared = bool(content.protect & ~0x88 & 0xFF) and not protect & 0x88
    writable = shared and bool(protect & WRITABLE)  # now or never: the handle may have no right to write
    cache = thread.process.subsystem.platform.page_cache
    with ExitStack() as stack:
        operations = stack.enter_context(
            mapping(cache, content.file.node, at, size, host, offset, shared, writable)
        )
        if target is thread.process:
            thread.guest.change_memory(operations)
        else:
            change(thread, target, list(operations))
    allocation = Allocation(at, size, protect, MEM_MAPPED, content.path, is_view=True)
    space.insert(
        Region(at, at + size, host, shared, content.file, offset, allocation=allocation, state=protect)
    )


@nt.call()
def NtUnmapViewOfSection(thread: Thread, process: Handle, base: Address) -> int:
    """Remove the view that holds an address."""
    return _unmap(thread, process_of(thread, process, ProcessAccess.VM_OPERATION), base)


@nt.call()
def NtUnmapViewOfSectionEx(thread: Thread, process: Handle, base: Address, flags: Flags) -> int:
    """Remove the view that holds an address."""
    return _unmap(thread, process_of(thread, process, ProcessAccess.VM_OPERATION), base)


def _unmap(thread: Thread, target: Process, base: int) -> int:
    allocation = _view_of(target.space.find(base))
    if allocation is None:
        raise Failure(NtStatus.NOT_MAPPED_VIEW)
    end = allocation.end
    for removed in target.space.remove(allocation.base, end):
        if removed.file is not None and removed.shared:
            removed.file.node.touch()
    if target is thread.process and len(target.threads) > 1:
        target.space.draining[thread] = [range(allocation.base, end)]
    change(thread, target, [Unmap(allocation.base, allocation.size)])
    return Status.SUCCESS


@nt.call()
def NtAreMappedFilesTheSame(thread: Thread, image: Address, view: Address) -> int:
    """Whether the image at an address is of the file that is mapped at another."""
    space = thread.process.space
    here, there = space.find(image), space.find(view)
    if here is None or there is None:
        raise Failure(Status.INVALID_ADDRESS)
    first, second = _view_of(here), _view_of(there)
    if first is None or second is None:
        raise Failure(Status.CONFLICTING_ADDRESSES)
    node = there.file.node if there.file is not None else second.node
    if first is not second and (first.type != MEM_IMAGE or first.node is not node):
        raise Failure(Status.NOT_SAME_DEVICE)
    return Status.SUCCESS


def _view_of(region: Region | None) -> Allocation | None:
    """The view that a region is of, None when it is of none."""
    allocation = allocation_of(region)
    return allocation if allocation is not None and allocation.type in (MEM_MAPPED, MEM_IMAGE) else None


@nt.call()
def NtQuerySection(
    thread: Thread,
    section: Handle,
    information_class: u32,
    buffer: Address,
    size: Size,
    needed: OptionalOut[u64],
) -> int:
    """What a section is."""
    content = object_of(thread, section, SectionObject, SectionAccess.QUERY).content
    needed.write(information.find(information_class).answer(thread.memory, buffer, size, None, content)[1])
    return Status.SUCCESS


information: Final = Information[Content]()


@information(0, SectionBasicInformation)
def _basic(content: Content) -> SectionBasicInformation:
    return SectionBasicInformation(0, SEC_IMAGE if content.image else content.attributes, content.size)


@information(1, SectionImageInformation)
def _image(content: Content) -> SectionImageInformation:
    if content.image is None:
        raise Failure(NtStatus.SECTION_NOT_IMAGE)
    return image_information(content.image)


def image_information(image: Image, base: int | None = None) -> SectionImageInformation:
    """SECTION_IMAGE_INFORMATION of an image."""
    file = image.file
    major, minor = file.subsystem_version
    return SectionImageInformation(
        (file.preferred_base if base is None else base) + file.entry,
        0,
        file.stack_reserve,
        file.stack_commit,
        file.subsystem,
        minor,
        major,
        0,
        6,
        file.characteristics,
        file.dll_characteristics,
        file.machine,
        1,
        4 if file.dll_characteristics & 0x40 else 0,
        0,
        len(file.data),
        file.check_sum,
    )


@nt.call()
def NtExtendSection(thread: Thread, section: Handle, size: InOut[i64]) -> int:
    """Grow a section of a file."""
    content = object_of(thread, section, SectionObject, SectionAccess.EXTEND_SIZE).content
    wanted = size.read()
    if content.image is not None or wanted < 0:
        raise Failure(Status.INVALID_PARAMETER)
    if wanted > content.size:
        content.file.truncate(wanted)
        content.size = wanted
    size.write(content.size)
    return Status.SUCCESS


@nt.call()
def NtFlushVirtualMemory(
    thread: Thread, process: Handle, base: InOut[ptr], size: InOut[u64], status: Address
) -> int | Blocks[int]:
    """Bring the pages of a mapped file to it."""
    region = process_of(thread, process, ProcessAccess.VM_OPERATION).space.find(base.read())
    if region is None:
        raise Failure(Status.INVALID_PARAMETER)
    if region.file is None:
        return Status.SUCCESS
    region.file.node.touch()
    return then(region.file.node.sync(), lambda _: Status.SUCCESS)
