"""ELF files of x86-64: what is in them, and how they lie in memory.

Source: elf(5); System V ABI, AMD64 supplement, chapter 5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from lichen.executive.address_space import page_down, page_up
from lichen.executive.interfaces import Protection
from lichen.executive.status import Failure, Status

MAGIC: Final = b"\x7fELF"
_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_CLASS_64_LITTLE_ENDIAN: Final = b"\x02\x01\x01"
_AMD64: Final = 62
_EXECUTABLE, _SHARED_OBJECT = 2, 3
_LOAD, _INTERPRETER, _PROGRAM_HEADERS, _STACK = 1, 3, 6, 0x6474E551
_MOST_HEADERS: Final = 128
_LONGEST_INTERPRETER: Final = 4096
_HIGHEST: Final = 1 << 47


class Segment(NamedTuple):
    """One PT_LOAD segment."""

    address: int
    offset: int
    file_size: int
    memory_size: int
    protection: int


@dataclass(frozen=True)
class Image:
    """The parts of an ELF file that a loader needs; addresses are before relocation."""

    relocatable: bool
    entry: int
    headers: int
    """Address of the program headers, which the dynamic linker looks for."""
    header_count: int
    interpreter: bytes | None
    segments: tuple[Segment, ...]
    executable_stack: bool

    @property
    def start(self) -> int:
        return page_down(min(segment.address for segment in self.segments))

    @property
    def end(self) -> int:
        return page_up(max(segment.address + segment.memory_size for segment in self.segments))


def parse(read_at: Callable[[int, int], bytes]) -> Image:
    """Take an ELF file apart; `read_at(offset, size)` reads it. Failure(INVALID_IMAGE_FORMAT) when it is not one to run."""
    head = read_at(0, _HEADER.size)
    if len(head) < _HEADER.size:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    ident, kind, machine, _, entry, offset, _, _, _, size, count, *_ = _HEADER.unpack(head)
    if ident[:4] != MAGIC or ident[4:7] != _CLASS_64_LITTLE_ENDIAN or machine != _AMD64:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    if (
        kind not in (_EXECUTABLE, _SHARED_OBJECT)
        or size != _PROGRAM_HEADER.size
        or not 0 < count <= _MOST_HEADERS
    ):
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    table = _read(read_at, offset, size * count)
    if len(table) < size * count:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    return _image(read_at, kind == _SHARED_OBJECT, entry, offset, list(_PROGRAM_HEADER.iter_unpack(table)))


def _image(
    read_at: Callable[[int, int], bytes],
    relocatable: bool,
    entry: int,
    offset: int,
    headers: list[tuple[int, ...]],
) -> Image:
    segments = []
    interpreter, header_address, executable_stack = None, 0, False
    for kind, flags, start, address, _, file_size, memory_size, _ in headers:
        if kind == _INTERPRETER:
            interpreter = _interpreter(read_at, start, file_size)
        elif kind == _PROGRAM_HEADERS:
            header_address = address
        elif kind == _STACK:
            executable_stack = bool(flags & 1)
        elif kind == _LOAD and memory_size:
            segments.append(_segment(flags, start, address, file_size, memory_size))
    if not segments:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    if entry >= _HIGHEST:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    if not 0 < header_address < _HIGHEST:
        holding = (s for s in segments if s.offset <= offset < s.offset + s.file_size)
        header_address = next((s.address + offset - s.offset for s in holding), 0)
    return Image(
        relocatable, entry, header_address, len(headers), interpreter, tuple(segments), executable_stack
    )


def _read(read_at: Callable[[int, int], bytes], offset: int, size: int) -> bytes:
    if offset >> 62:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    return read_at(offset, size)


def _interpreter(read_at: Callable[[int, int], bytes], start: int, size: int) -> bytes:
    name = _read(read_at, start, min(size, _LONGEST_INTERPRETER))
    if not name.endswith(b"\0") or len(name) < 2:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    return name.rstrip(b"\0")


def _segment(flags: int, start: int, address: int, file_size: int, memory_size: int) -> Segment:
    if file_size > memory_size or (start - address) % 4096 or address + memory_size > _HIGHEST or start >> 62:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    protection = (
        (Protection.READ if flags & 4 else 0)
        | (Protection.WRITE if flags & 2 else 0)
        | (Protection.EXECUTE if flags & 1 else 0)
    )
    return Segment(address, start, file_size, memory_size, protection)
