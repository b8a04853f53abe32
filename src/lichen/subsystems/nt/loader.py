"""Loading Windows programs: ntdll and the program into a blank NT process, and all that ntdll's loader expects to find."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive import scheduling
from lichen.executive.address_space import AddressSpace, Region
from lichen.executive.interfaces import GuestThread, MemoryOperation
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.io.opening import Access
from lichen.executive.objects.handles import handle_of
from lichen.executive.programs import Loaded, Program
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import crash, pe, threads, virtual_memory
from lichen.subsystems.nt.console.shells import is_shells_image
from lichen.subsystems.nt.console.start import inherit_console, seat_for, take_seat
from lichen.subsystems.nt.entries import Entries
from lichen.subsystems.nt.environment import location_of
from lichen.subsystems.nt.images import Image
from lichen.subsystems.nt.parameters import PEB_SIZE, Parameters, command_line_of, process_environment_block
from lichen.subsystems.nt.protection import PAGE_READONLY, PAGE_READWRITE
from lichen.subsystems.nt.records import POINTER
from lichen.subsystems.nt.state import HANDLE_LIMIT, NtProcess
from lichen.subsystems.nt.types import encode

if TYPE_CHECKING:
    from lichen.executive.processes import Process
    from lichen.subsystems.nt.subsystem import NtSubsystem

HIGHEST_ADDRESS: Final = 0x7FFFFFFE0000
_SHARED_DATA, _SHARED_DATA_END = 0x7FFE0000, 0x7FFF0000
_API_SET_SECTION: Final = b".apiset"
_SESSION: Final = 1
_CONSOLE_PROGRAM: Final = 3
"""IMAGE_SUBSYSTEM_WINDOWS_CUI."""
_LONGEST_FOLDER: Final = 258
"""Units of a current folder: MAX_PATH without the separator and the NUL that follow it."""
_ELSEWHERE: Final = "C:\\windows"
"""Where programs start whose current folder Windows has no room for, as cmd.exe does in those that it cannot be in."""
_GRAPHICS_HANDLES: Final = 0x10000 * 24
"""The table of graphics objects, which gdi32 looks into: there are none."""
_NO_SET_ID: Final = 0, 0, 0
_OF_DESCRIPTORS: Final = (
    Access.READ_ATTRIBUTES | Access.WRITE_ATTRIBUTES | Access.READ_CONTROL | Access.SYNCHRONIZE
)
"""Mode and owner, as set-user-id bits mean nothing to Windows programs."""

Describe = Callable[["Process", Program], tuple[str, str, dict[str, str]]]
"""(image path, current directory, environment) of a program in Windows' terms."""


class PeLoader:
    """Loads x86-64 PE programs."""

    def __init__(self, subsystem: NtSubsystem, api_set: pe.PeFile, describe: Describe) -> None:
        self.subsystem, self.describe = subsystem, describe
        self.api_set = _section(api_set, _API_SET_SECTION)

    def recognises(self, head: bytes) -> bool:
        return pe.is_pe(head)

    def load(self, process: Process, program: Program, head: bytes) -> Loaded:
        """Build the program in a blank process."""
        image = self.subsystem.images.open(program.file)
        if image.file.is_dll:
            raise Failure(Status.INVALID_IMAGE_FORMAT)
        given = program.parameters if isinstance(program.parameters, Parameters) else None
        seat = None if given else seat_for(process, image.file.subsystem == _CONSOLE_PROGRAM)
        parameters = given or self._parameters(process, program, seat.handle if seat else 0)
        parameters.check()
        elsewhere = self._elsewhere(process, program, parameters)
        guest = self.subsystem.guests.blank()
        space = AddressSpace(high=HIGHEST_ADDRESS)
        try:
            loaded = self._build(process, program, image, parameters, guest, space)
        except BaseException:
            guest.kill()
            space.clear()
            raise
        enter = loaded.enter

        def enter_with_console(process: Process) -> None:
            enter(process)
            if elsewhere is not None:
                _move(process, elsewhere)
            if given is None:
                _widen(process)
            if seat is not None:
                take_seat(process, seat)
            else:
                inherit_console(process, parameters)

        loaded.enter = enter_with_console
        return loaded

    def _parameters(self, process: Process, program: Program, console: int) -> Parameters:
        """What a process is told that a Linux program starts."""
        path, directory, environment = self.describe(process, program)
        in_use = {index for index, _ in process.handles}
        standard = tuple(handle_of(index) if index in in_use else 0 for index in range(3))
        arguments = (path.encode("utf-8", "surrogateescape"), *program.arguments[1:])
        command_line = command_line_of(arguments, is_shells_image(process.machine.registry, path))
        return Parameters(
            *(path, command_line, directory, environment),
            console=console,
            standard=(standard[0], standard[1], standard[2]),
        )

    @staticmethod
    def _elsewhere(process: Process, program: Program, parameters: Parameters) -> Location | None:
        """Where a program starts instead of a current folder whose name is too long for Windows.

        NAME_TOO_LONG when it is a Windows program that asks for such a folder.
        """
        if len(encode(parameters.current_directory.rstrip("\\"))) <= 2 * _LONGEST_FOLDER:
            return None
        if program.parameters is not None:
            raise Failure(Status.NAME_TOO_LONG)
        parameters.current_directory = _ELSEWHERE
        return location_of(process, _ELSEWHERE)

    def _build(
        self,
        process: Process,
        program: Program,
        image: Image,
        parameters: Parameters,
        guest: GuestThread,
        space: AddressSpace,
    ) -> Loaded:
        subsystem = self.subsystem
        parameters.environment = {**parameters.environment, **subsystem.generation.variables}
        space.insert(Region(_SHARED_DATA, _SHARED_DATA_END, 1, state=PAGE_READONLY, name="[shared data]"))
        ntdll, operations = subsystem.images.map(space, subsystem.ntdll, "C:\\windows\\system32\\ntdll.dll")
        base, more = subsystem.images.map(space, image, parameters.image)
        operations += more
        blocks = _Blocks(space, operations)
        api_set = blocks.add(self.api_set)
        peb = blocks.reserve(PEB_SIZE)
        block = blocks.reserve(len(parameters.pack(0)))
        blocks.fill(block, parameters.pack(block))
        graphics = blocks.reserve(_GRAPHICS_HANDLES, PAGE_READONLY)
        peb_data = process_environment_block(
            image, base, api_set, block, len(subsystem.machine.system.processors), _SESSION, graphics
        )
        blocks.fill(peb, peb_data)
        first = threads.prepare(space, image.file.stack_reserve, image.file.stack_commit)
        guest.change_memory([*operations, *first.operations])
        for address, data in blocks.contents:
            guest.memory.write(address, data)
        state = NtProcess(subsystem, image, base, ntdll, peb, block, parameters.image)
        state.zone = parameters.environment.get("TZ")
        entries = Entries.of(subsystem.ntdll.file, ntdll)

        def enter(process: Process) -> None:
            process.state, process.command_line = state, parameters.command_line
            process.handles.limit = HANDLE_LIMIT
            process.files.token = process.files.token.for_program(*_NO_SET_ID)
            thread = process.first_thread
            start = base + image.file.entry
            thread.state = first.state(start)
            scheduling.set_apart(thread)
            first.write(guest.memory, peb, process.id, thread.id)
            first.enter(guest, entries, start, peb)

        return Loaded(subsystem, guest, space, program, enter)


def _widen(process: Process) -> None:
    """Give the descriptors of a Linux program the rights that need no asking there: waiting, and what is known of a file."""
    for _, slot in process.handles:
        if isinstance(slot.object, File):
            slot.access |= _OF_DESCRIPTORS


def _move(process: Process, folder: Location) -> None:
    """Have a program be in another folder, of which it and its user are told."""
    process.files = process.files.copy()
    process.files.current = folder
    crash.tell(
        process, f"the current folder's name is too long for Windows; the program starts in {_ELSEWHERE}"
    )


class _Blocks:
    """Private memory that is filled once everything is mapped."""

    def __init__(self, space: AddressSpace, operations: list[MemoryOperation]) -> None:
        self.space, self.operations = space, operations
        self.contents: list[tuple[int, bytes]] = []

    def reserve(self, size: int, protect: int = PAGE_READWRITE) -> int:
        address, operations = virtual_memory.allocate(self.space, size, protect)
        self.operations += operations
        return address

    def fill(self, address: int, data: bytes) -> None:
        self.contents.append((address, data))

    def add(self, data: bytes) -> int:
        address = self.reserve(len(data))
        self.fill(address, data)
        return address


def _section(file: pe.PeFile, name: bytes) -> bytes:
    """The content of a section by name."""
    for section in file.sections:
        if section.name == name:
            return file.data[section.offset : section.offset + min(section.size, section.file_size)]
    raise Failure(Status.INVALID_IMAGE_FORMAT)


def patch_unix_dispatcher(dispatcher: int) -> Callable[[pe.PeFile, bytearray], None]:
    """Lets ntdll's pointers to its Unix half lead to the platform's dispatcher."""

    def patch(file: pe.PeFile, image: bytearray) -> None:
        for name in ("__wine_unix_call_dispatcher", "__wine_syscall_dispatcher"):
            if (address := file.exports.get(name)) is not None:
                image[address : address + POINTER.size] = POINTER.pack(dispatcher)

    return patch
