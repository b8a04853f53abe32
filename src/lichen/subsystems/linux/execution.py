"""Loading Linux programs: ELF files and scripts into blank processes, with the stack that the ABI wants.

Source: execve(2), ld.so(8), getauxval(3); System V ABI, AMD64 supplement, figure 3.9.
"""

from __future__ import annotations

import ctypes
import errno
import re
import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from lichen.abi.memory import BadAddress
from lichen.executive.address_space import AddressSpace, Region, page_down, page_up
from lichen.executive.interfaces import GuestThread, Map, MemoryOperation, Platform, Protection, Subsystem
from lichen.executive.limits import RLIMIT_STACK
from lichen.executive.programs import HEAD_SIZE, Loaded, Program, load
from lichen.executive.sections import mapping
from lichen.executive.status import POSIX, Failure, Status
from lichen.subsystems.linux import elf
from lichen.subsystems.linux.processes import become
from lichen.subsystems.linux.state import STACK_TOP, first_stack_address

if TYPE_CHECKING:
    from lichen.executive.host import Host
    from lichen.executive.io.file import File
    from lichen.executive.processes import Process
    from lichen.executive.security.tokens import Token

_PROGRAM_BASE: Final = 0x555555554000
MAP_TOP: Final = 0x7FFFF0000000
"""Mappings whose place the kernel chooses lie below this, and the first stack above."""
_LEAST_STACK, _MOST_STACK = 8 << 20, 128 << 20
MOST_STRINGS: Final = 6 << 20
"""Bytes of arguments and environment, however large the stack may become."""
LONGEST_STRING: Final = 128 << 10
_DEEPEST_SCRIPT: Final = 5
_WORD: Final = struct.Struct("<Q")
_FIRST_LINE: Final = re.compile(rb"[ \t]*([^ \t\0]*)([ \t]*)([^\0]*)")

AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_BASE, AT_FLAGS, AT_ENTRY = 3, 4, 5, 6, 7, 8, 9
AT_UID, AT_EUID, AT_GID, AT_EGID, AT_PLATFORM, AT_HWCAP, AT_CLKTCK, AT_SECURE = 11, 12, 13, 14, 15, 16, 17, 23
AT_RANDOM, AT_HWCAP2, AT_EXECFN, AT_SYSINFO_EHDR, AT_MINSIGSTKSZ = 25, 26, 31, 33, 51

_getauxval = ctypes.CDLL(None).getauxval
_getauxval.restype, _getauxval.argtypes = ctypes.c_ulong, [ctypes.c_ulong]


@dataclass
class _Placed:
    """An image at its place."""

    bias: int
    image: elf.Image

    @property
    def entry(self) -> int:
        return self.bias + self.image.entry

    @property
    def headers(self) -> int:
        return self.bias + self.image.headers if self.image.headers else 0


class Front(Subsystem, Protocol):
    """The subsystem of Linux, as far as its programs need it."""

    vdso: tuple[Region, ...]
    vdso_address: int
    open_program: Callable[[Process, bytes], File]


class ElfLoader:
    """Loads x86-64 ELF programs."""

    def __init__(self, subsystem: Front) -> None:
        self.subsystem = subsystem

    def recognises(self, head: bytes) -> bool:
        return head[:4] == elf.MAGIC

    def load(self, process: Process, program: Program, head: bytes) -> Loaded:
        """Build the program in a blank process."""
        check_strings(program, process.limits[RLIMIT_STACK][0])
        image = elf.parse(program.file.node.read_at)
        interpreter_file = self._interpreter(process, image)
        try:
            guest = self.subsystem.platform.blank()
            space = AddressSpace()
            try:
                builder = _Builder(self.subsystem.platform, process.machine.system.host, guest, space)
                return self._build(process, program, image, interpreter_file, builder)
            except BaseException:
                guest.kill()
                space.clear()
                raise
        finally:
            if interpreter_file is not None:
                interpreter_file.release()

    def _interpreter(self, process: Process, image: elf.Image) -> File | None:
        if image.interpreter is None:
            return None
        return self.subsystem.open_program(process, image.interpreter)

    def _build(
        self,
        process: Process,
        program: Program,
        image: elf.Image,
        interpreter: File | None,
        builder: _Builder,
    ) -> Loaded:
        builder.reserve(self.subsystem.vdso)
        main = builder.place(program.file, image, _PROGRAM_BASE)
        first, base = main, 0
        if interpreter is not None:
            linker = elf.parse(interpreter.node.read_at)
            size = linker.end - linker.start
            first = builder.place(
                interpreter, linker, builder.space.highest_free(size, MAP_TOP) - linker.start
            )
            base = first.bias
        builder.heap(main)
        soft, _ = process.limits[RLIMIT_STACK]
        builder.stack(max(_LEAST_STACK, min(soft, _MOST_STACK)), image.executable_stack)
        builder.carry_out()
        attributes = program.file.node.attributes()
        token = process.files.token.for_program(attributes.mode, attributes.uid, attributes.gid)
        pointer = _Stack(self.subsystem, token, program, builder).write(main, base)

        def enter(process: Process) -> None:
            become(process, token)
            registers = builder.guest.registers
            registers.clear()
            registers.rip, registers.rsp, registers.eflags = first.entry, pointer, 0x202

        return Loaded(self.subsystem, builder.guest, builder.space, program, enter)


class ScriptLoader:
    """Loads `#!` scripts: by loading their interpreter."""

    def __init__(self, subsystem: Front) -> None:
        self.subsystem = subsystem
        self._depth = 0

    def recognises(self, head: bytes) -> bool:
        return head[:2] == b"#!"

    def load(self, process: Process, program: Program, head: bytes) -> Loaded:
        """Load the interpreter that the first line names, with the script's name among its arguments."""
        interpreter, *option = first_line(head)
        if not program.reachable:
            raise Failure(Status.OBJECT_NAME_NOT_FOUND)
        if self._depth >= _DEEPEST_SCRIPT:
            raise Failure(POSIX | errno.ELOOP)
        arguments = (interpreter, *option, program.name, *program.arguments[1:])
        file = self.subsystem.open_program(process, interpreter)
        self._depth += 1
        try:
            invoked = program.invoked or program.name
            loaded = load(process, Program(file, interpreter, arguments, program.environment, invoked))
        finally:
            self._depth -= 1
            file.release()
        loaded.program = loaded.program._replace(name=program.name)
        return loaded


def first_line(head: bytes) -> list[bytes]:
    """The interpreter that a script names, and what follows it as one argument, if anything does; INVALID_IMAGE_FORMAT.

    Blanks are spaces and tabs only: a carriage return is part of a name, which then leads nowhere.
    """
    line, newline, _ = head[2:HEAD_SIZE].partition(b"\n")
    found = _FIRST_LINE.match(line)
    assert found is not None
    interpreter, blank, option = found.groups()
    cut_off = len(head) >= HEAD_SIZE and not newline and not blank and found.end() == len(line)
    if not interpreter or cut_off:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    return [interpreter, *filter(None, (option.rstrip(b" \t"),))]


def check_strings(program: Program, stack_limit: int) -> None:
    """INVALID_BUFFER_SIZE (E2BIG) when arguments and environment take more than a quarter of the stack's limit."""
    strings = (*program.arguments, *program.environment)
    if any(len(string) >= LONGEST_STRING for string in strings):
        raise Failure(Status.INVALID_BUFFER_SIZE)
    most = max(min(stack_limit // 4, MOST_STRINGS), LONGEST_STRING)
    if sum(len(string) + 9 for string in strings) + len(program.name) > most:
        raise Failure(Status.INVALID_BUFFER_SIZE)


class _Builder:
    """Collects the memory operations of one new address space."""

    def __init__(self, platform: Platform, host: Host, guest: GuestThread, space: AddressSpace) -> None:
        self.platform, self.host, self.guest, self.space = platform, host, guest, space
        self.operations: list[MemoryOperation] = []
        self.zeros: list[tuple[int, int]] = []
        self.descriptors = ExitStack()

    def reserve(self, mappings: tuple[Region, ...]) -> None:
        """Note what every guest has mapped from the start."""
        for region in mappings:
            self.space.insert(region.part(region.start, region.end))

    def place(self, file: File, image: elf.Image, base: int) -> _Placed:
        """Map the segments of an image."""
        bias = base if image.relocatable else 0
        if not self.space.low <= bias + image.start or bias + image.end > MAP_TOP:
            raise Failure(Status.INVALID_IMAGE_FORMAT)
        for segment in image.segments:
            self._segment(file, segment, bias)
        return _Placed(bias, image)

    def _segment(self, file: File, segment: elf.Segment, bias: int) -> None:
        address = bias + segment.address
        start, file_end = page_down(address), address + segment.file_size
        mapped_end, end = page_up(file_end), page_up(address + segment.memory_size)
        if segment.file_size:
            offset = segment.offset - (address - start)
            self._map_file(file, Region(start, mapped_end, segment.protection, file=file, offset=offset))
            if segment.memory_size > segment.file_size and segment.protection & Protection.WRITE:
                self.zeros.append((file_end, mapped_end - file_end))
        else:
            mapped_end = start
        if end > mapped_end:
            self.anonymous(Region(mapped_end, end, segment.protection))

    def _map_file(self, file: File, region: Region) -> None:
        node = file.location.node
        content = mapping(
            self.platform.page_cache,
            node,
            region.start,
            region.size,
            region.protection,
            region.offset,
            False,
            False,
        )
        self.operations += self.descriptors.enter_context(content)
        self.space.insert(region)

    def anonymous(self, region: Region) -> None:
        self.operations.append(Map(region.start, region.size, region.protection))
        self.space.insert(region)

    def heap(self, main: _Placed) -> None:
        """Where brk(2) begins: behind the program."""
        self.space.heap_start = self.space.heap_end = self.space.heap_mapped = main.bias + main.image.end

    def stack(self, size: int, executable: bool) -> None:
        protection = Protection.READ | Protection.WRITE | (Protection.EXECUTE if executable else 0)
        self.anonymous(Region(first_stack_address(size), STACK_TOP, protection, name="[stack]", grows=True))

    def carry_out(self) -> None:
        """Let the guest map all of it, and clear what follows the data in the last file page."""
        with self.descriptors:
            self.guest.change_memory(self.operations)
        try:
            for address, size in self.zeros:
                self.guest.memory.write(address, bytes(size))
        except BadAddress as fault:  # the file ends before its data do
            raise Failure(Status.INVALID_IMAGE_FORMAT) from fault


class _Stack:
    """The first stack: strings at the top, below them the vectors that point to them."""

    def __init__(self, subsystem: Front, token: Token, program: Program, builder: _Builder) -> None:
        self.subsystem, self.token, self.program, self.builder = subsystem, token, program, builder
        self.top = STACK_TOP - 8
        self.parts: list[bytes] = []

    def _push(self, data: bytes) -> int:
        self.top -= len(data)
        self.parts.append(data)
        return self.top

    def _push_strings(self, strings: tuple[bytes, ...]) -> tuple[list[int], range]:
        end = self.top
        addresses = [self._push(string + b"\0") for string in reversed(strings)]
        return addresses[::-1], range(self.top, end)

    def write(self, main: _Placed, base: int) -> int:
        """Fill the stack; returns the stack pointer."""
        name = self._push((self.program.invoked or self.program.name) + b"\0")
        environment, self.builder.space.environment = self._push_strings(self.program.environment)
        arguments, self.builder.space.arguments = self._push_strings(self.program.arguments)
        platform = self._push(b"x86_64\0")
        seed = self._push(self.builder.host.random(16))
        auxiliary = self._auxiliary(main, base, name, platform, seed)
        self.builder.space.auxiliary = struct.pack(f"<{len(auxiliary)}Q", *auxiliary)
        words = [len(arguments), *arguments, 0, *environment, 0, *auxiliary]
        pointer = (self.top - 8 * len(words)) & -16
        padding = bytes(self.top - pointer - 8 * len(words))
        data = struct.pack(f"<{len(words)}Q", *words) + padding + b"".join(reversed(self.parts))
        self.builder.guest.memory.write(pointer, data)
        return pointer

    def _auxiliary(self, main: _Placed, base: int, name: int, platform: int, seed: int) -> list[int]:
        token = self.token
        vector = {
            AT_SYSINFO_EHDR: self.subsystem.vdso_address,
            AT_HWCAP: _getauxval(AT_HWCAP),
            AT_PAGESZ: 4096,
            AT_CLKTCK: 100,
            AT_PHDR: main.headers,
            AT_PHENT: 56,
            AT_PHNUM: main.image.header_count,
            AT_BASE: base,
            AT_FLAGS: 0,
            AT_ENTRY: main.entry,
            AT_UID: token.uid,
            AT_EUID: token.euid,
            AT_GID: token.gid,
            AT_EGID: token.egid,
            AT_SECURE: int(token.is_changed),
            AT_RANDOM: seed,
            AT_HWCAP2: _getauxval(AT_HWCAP2),
            AT_EXECFN: name,
            AT_PLATFORM: platform,
            AT_MINSIGSTKSZ: _getauxval(AT_MINSIGSTKSZ) or 2048,
        }
        if not vector[AT_SYSINFO_EHDR]:
            del vector[AT_SYSINFO_EHDR]
        return [word for pair in vector.items() for word in pair] + [0, 0]
