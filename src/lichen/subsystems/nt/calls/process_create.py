"""NtCreateUserProcess: starting a program of either world from a Windows process.

Source: NtCreateUserProcess, PS_ATTRIBUTE_LIST, RTL_USER_PROCESS_PARAMETERS (phnt, winternl.h).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import layout, ptr
from lichen.executive import programs
from lichen.executive.io.file import File
from lichen.executive.io.opening import Access, Open, Options, Share
from lichen.executive.objects.dispatcher import ProcessObject, ThreadObject
from lichen.executive.objects.handles import handle_of, index_of
from lichen.executive.objects.rights import PROCESS, THREAD, ThreadAccess
from lichen.executive.processes import Process
from lichen.executive.programs import Loaded, Program
from lichen.executive.scheduling import Scheduling
from lichen.executive.security import modes
from lichen.executive.security.inspection import may_inspect
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import attributes, environment, priority
from lichen.subsystems.nt.calls.section import image_information
from lichen.subsystems.nt.console.files import lend_terminal
from lichen.subsystems.nt.console.start import settle_console
from lichen.subsystems.nt.files import open_at_once
from lichen.subsystems.nt.objects import new_handle
from lichen.subsystems.nt.parameters import Parameters, arguments_of, read_parameters
from lichen.subsystems.nt.records import MODEL, POINTER
from lichen.subsystems.nt.records.common import ClientId
from lichen.subsystems.nt.records.sections import SectionImageInformation
from lichen.subsystems.nt.spelling import for_linux
from lichen.subsystems.nt.state import HANDLE_LIMIT, as_nt_process, nt_of
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, Flags, Named, ObjectName, decode

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_BREAKAWAY, _INHERIT_HANDLES, _SUSPENDED = 0x1, 0x4, 0x1
_HANDLE_LIMIT: Final = 4096
_LARGEST_ANSWER: Final = 0x100
_LONGEST_NAME: Final = 0xFFFF
_IMAGE, _CLIENT = layout(SectionImageInformation, MODEL), layout(ClientId, MODEL)
_RUN: Final = Open(
    Access.READ,
    share=Share.READ | Share.DELETE,
    options=Options.IMAGE | Options.NON_DIRECTORY,
)


@dataclass
class _Request:
    """What the attribute list says."""

    image: str = ""
    outputs: list[tuple[int, int, int]] = field(default_factory=list)
    """(attribute, address, size) of what the caller wants to know."""
    handles: tuple[int, ...] = ()
    """The only handles to be inherited, when a list was given."""


@nt.call(partial="debug objects, tokens and mitigation policies are ignored")
def NtCreateUserProcess(
    thread: Thread,
    process_handle: Out[ptr],
    thread_handle: Out[ptr],
    process_access: Flags,
    thread_access: Flags,
    process_name: ObjectName,
    thread_name: ObjectName,
    process_flags: Flags,
    thread_flags: Flags,
    parameters: Address,
    create_info: Address,
    wanted: Address,
) -> int:
    """Start a program as a new process with one thread."""
    process_handle.write(0)
    thread_handle.write(0)
    request = _read_request(thread, wanted)
    given = read_parameters(thread.memory, parameters)
    opened = open_at_once(thread, Named(0, request.image, 0), _RUN)
    try:
        child, first, loaded = _start(thread, opened, given, request, process_flags)
    finally:
        opened.release()
    nt_of(thread).undo.append(child.unmake)
    of_process, of_thread = PROCESS.of_maker(process_access), THREAD.of_maker(thread_access)
    if not may_inspect(thread.process, child):  # a set-user-id program, which its starter must resume
        of_process &= ProcessObject.of_others
        of_thread &= ThreadObject.of_others | ThreadAccess.RESUME
    process_handle.write(new_handle(thread, ProcessObject(child), of_process, process_name))
    thread_handle.write(new_handle(thread, ThreadObject(first), of_thread, thread_name))
    _answer(thread, request, child, first, loaded)
    if not thread_flags & _SUSPENDED:
        first.resume()
    return Status.SUCCESS


def _read_request(thread: Thread, address: int) -> _Request:
    request = _Request()
    for number, (_, size, value, _) in attributes.read_attributes(thread.memory, address):
        if number == attributes.IMAGE_NAME:
            request.image = decode(thread.memory.read(value, min(size, _LONGEST_NAME)))
        elif number == attributes.HANDLE_LIST:
            count = min(size // POINTER.size, _HANDLE_LIMIT)
            request.handles = tuple(POINTER.unpack_array(thread.memory.read(value, count * POINTER.size)))
        elif number in (attributes.CLIENT_ID, attributes.TEB, attributes.IMAGE_INFORMATION):
            room = min(size, _LARGEST_ANSWER)
            thread.memory.write(value, thread.memory.read(value, room))
            request.outputs.append((number, value, room))
    if not request.image:
        raise Failure(Status.INVALID_PARAMETER)
    return request


def _start(
    thread: Thread, file: File, given: Parameters, request: _Request, flags: int
) -> tuple[Process, Thread, Loaded]:
    """A suspended process; nothing is left of it when it cannot be made."""
    parent = thread.process
    head = file.node.read_at(0, programs.HEAD_SIZE)
    if not programs.is_program(parent.machine, head):
        raise Failure(NtStatus.INVALID_IMAGE_NOT_MZ)  # then kernelbase has a shell run a batch file
    foreign = head[:2] != b"MZ"
    _check_may_run(parent, file, foreign)
    table, leaves_job = parent.machine.processes, bool(flags & _BREAKAWAY)
    with table.making(parent, parent.subsystem, leaves_job) as child:
        child.files = parent.files.copy()
        if (folder := environment.location_of(parent, given.current_directory)) is not None:
            child.files.current = folder
        if foreign:
            given.standard = _give_descriptors(parent, child, given)
        else:
            child.handles.limit = HANDLE_LIMIT
            _inherit(parent, child, bool(flags & _INHERIT_HANDLES), request.handles, given)
            settle_console(parent, child, given)
        loaded = programs.load(child, _program(child, file, given, foreign))
        first = programs.start(child, loaded, True, _scheduling(parent, foreign))
    return child, first, loaded


def _scheduling(parent: Process, foreign: bool) -> Scheduling:
    """How a child is scheduled: as its parent's threads are that asked for nothing."""
    return Scheduling(priority.of_child(parent, foreign), affinity=parent.scheduling.affinity)


def _check_may_run(process: Process, file: File, foreign: bool) -> None:
    """On Linux' drive a Windows program is run by whoever may read it: nobody there marks such files as executable."""
    mount = file.location.mount
    if foreign or (mount is not None and mount.enforces_sharing):
        modes.check(process.files.token, file.attributes(), modes.EXECUTE)


def _program(child: Process, file: File, given: Parameters, foreign: bool) -> Program:
    path = environment.linux_path(child, file.location)
    arguments = arguments_of(given.command_line) or (path,)
    if not foreign:
        return Program(file, path, arguments, (), parameters=given)
    arguments = (_invoked(child, arguments[0]), *arguments[1:])
    return Program(file, path, arguments, environment.to_linux(child, given.environment))


def _invoked(child: Process, name: bytes) -> bytes:
    """A program's name as Linux writes it: from its first argument one finds its own files, or which of its names is meant."""
    folder, separator, last = os.fsdecode(name).rpartition("\\")
    if not separator:
        return name
    return os.fsencode(
        (environment.linux_name(child, folder + "\\") or folder.replace("\\", "/") + "/") + for_linux(last)
    )


def _inherit(
    parent: Process, child: Process, everything: bool, only: tuple[int, ...], given: Parameters
) -> None:
    """Windows' rule: inheritable handles if asked (or just those listed), the console's and the standard ones always."""
    wanted = {index_of(number & 0xFFFFFFFF) for number in only}
    for index, slot in parent.handles:
        listed = index in wanted if only else True
        if everything and slot.inherit and listed:
            child.handles.place(index, slot.object.reference(), slot.access, True)
    for number in (given.console, *given.standard):
        _give(parent, child, index_of(number & 0xFFFFFFFF), index_of(number & 0xFFFFFFFF))


def _give(parent: Process, child: Process, source: int, target: int, foreign: bool = False) -> bool:
    """Copy one handle into the child unless it is there already; whether there is one now."""
    try:
        slot = parent.handles.handle(source)
    except Failure:
        return False
    if target not in {index for index, _ in child.handles}:
        given = lend_terminal(slot.object, child) if foreign else slot.object
        child.handles.place(target, given.reference(), slot.access, True)
    return True


def _give_descriptors(parent: Process, child: Process, given: Parameters) -> tuple[int, int, int]:
    """A Linux program gets the three standard handles as 0, 1 and 2, and nothing else (G20)."""
    found = [
        handle_of(number) if _give(parent, child, index_of(handle & 0xFFFFFFFF), number, foreign=True) else 0
        for number, handle in enumerate(given.standard)
    ]
    return found[0], found[1], found[2]


def _answer(thread: Thread, request: _Request, child: Process, first: Thread, loaded: Loaded) -> None:
    for number, address, size in request.outputs:
        state = as_nt_process(child)
        if number == attributes.CLIENT_ID:
            data = _CLIENT.pack(ClientId(child.id, first.id))
        elif state is None:
            data = bytes(min(size, _IMAGE.size))
        elif number == attributes.IMAGE_INFORMATION:
            data = _IMAGE.pack(image_information(state.image, state.base))
        else:
            data = POINTER.pack(nt_of(first).teb)
        thread.memory.write(address, data[:size])
