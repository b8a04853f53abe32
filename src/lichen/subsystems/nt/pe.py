"""PE files of x86-64: headers, sections, exports, relocations, and the system calls that ntdll numbers.

A file is hostile until shown otherwise: every offset is checked against what was read, and INVALID_IMAGE_FORMAT is the one
way to fail.

Source: PE Format specification (learn.microsoft.com, "PE Format").
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from lichen.executive.status import Failure, Status

_PAGE: Final = 4096
_AMD64: Final = 0x8664
_PE32_PLUS: Final = 0x20B
_COFF: Final = struct.Struct("<4sHHIIIHH")
_OPTIONAL: Final = struct.Struct("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII")
_SECTION: Final = struct.Struct("<8sIIIIIIHHI")
_EXPORTS: Final = struct.Struct("<IIHHIIIIIII")
_MOST_SECTIONS: Final = 96
_LARGEST_IMAGE: Final = 1 << 31
_LONGEST_NAME: Final = 4096
"""Of an export; longer than what compilers make of templates."""
_MOST_IMPORTS, _MOST_IMPORTED_DLLS = 1 << 16, 1 << 10

EXPORT_DIRECTORY, IMPORT_DIRECTORY, EXCEPTION_DIRECTORY, RELOCATION_DIRECTORY, TLS_DIRECTORY = 0, 1, 3, 5, 9
SUBSYSTEM_CONSOLE: Final = 3
FILE_DLL: Final = 0x2000
FILE_RELOCS_STRIPPED: Final = 0x0001
DLL_CHARACTERISTICS_DYNAMIC_BASE: Final = 0x40

SECTION_EXECUTE, SECTION_READ, SECTION_WRITE = 0x20000000, 0x40000000, 0x80000000
_RELOCATION_64, _RELOCATION_32, _RELOCATION_NONE = 10, 3, 0


class Section(NamedTuple):
    """One section: where it lies in memory and in the file."""

    name: bytes
    address: int
    size: int
    offset: int
    file_size: int
    characteristics: int


@dataclass(frozen=True)
class PeFile:
    """A parsed PE file; addresses are relative to the image's base (RVAs) unless said otherwise."""

    data: bytes
    machine: int
    characteristics: int
    entry: int
    preferred_base: int
    size: int
    header_size: int
    subsystem: int
    subsystem_version: tuple[int, int]
    dll_characteristics: int
    stack_reserve: int
    stack_commit: int
    check_sum: int
    directories: tuple[tuple[int, int], ...]
    sections: tuple[Section, ...]

    @property
    def is_dll(self) -> bool:
        return bool(self.characteristics & FILE_DLL)

    @cached_property
    def image(self) -> bytes:
        """The file as it lies in memory at its preferred base."""
        image = bytearray(self.size)
        headers = self.data[: self.header_size]
        image[: len(headers)] = headers
        for section in self.sections:
            count = min(section.file_size, _page_up(section.size)) if section.offset else 0
            content = self.data[section.offset : section.offset + count]
            image[section.address : section.address + len(content)] = content
        return bytes(image[: self.size])

    def directory(self, number: int) -> tuple[int, int]:
        """(address, size) of a data directory; zeros when there is none."""
        return self.directories[number] if number < len(self.directories) else (0, 0)

    @cached_property
    def exports(self) -> dict[str, int]:
        """Address by exported name; forwarders, whose address is inside the export directory, included."""
        start, _ = self.directory(EXPORT_DIRECTORY)
        if not start:
            return {}
        try:
            header = _EXPORTS.unpack_from(self.image, start)
            functions, names = header[6], header[7]
            function_table, name_table, ordinal_table = header[8:11]
            return dict(
                self._exports(min(names, 1 << 16), functions, function_table, name_table, ordinal_table)
            )
        except (struct.error, ValueError, UnicodeDecodeError) as error:
            raise Failure(Status.INVALID_IMAGE_FORMAT) from error

    def _exports(
        self, names: int, functions: int, function_table: int, name_table: int, ordinal_table: int
    ) -> Iterator[tuple[str, int]]:
        image = self.image
        for index in range(names):
            (name_address,) = struct.unpack_from("<I", image, name_table + 4 * index)
            (ordinal,) = struct.unpack_from("<H", image, ordinal_table + 2 * index)
            if ordinal < functions:
                (address,) = struct.unpack_from("<I", image, function_table + 4 * ordinal)
                end = image.index(0, name_address, name_address + _LONGEST_NAME)
                yield image[name_address:end].decode("ascii"), address

    @cached_property
    def imports(self) -> dict[str, int]:
        """Address of the pointer that is filled in at load time, by imported name."""
        at, _ = self.directory(IMPORT_DIRECTORY)
        try:
            return dict(self._imports(at)) if at else {}
        except (struct.error, ValueError, UnicodeDecodeError) as error:
            raise Failure(Status.INVALID_IMAGE_FORMAT) from error

    def _imports(self, directory: int) -> Iterator[tuple[str, int]]:
        image, left = self.image, _MOST_IMPORTS
        for at in range(directory, directory + 20 * _MOST_IMPORTED_DLLS, 20):
            descriptor = struct.unpack_from("<5I", image, at)
            if not any(descriptor):
                return
            lookups, slots = descriptor[0] or descriptor[4], descriptor[4]
            for index in range(left):
                (entry,) = struct.unpack_from("<Q", image, lookups + 8 * index)
                if not entry:
                    break
                left -= 1
                if not entry >> 63:  # not by number
                    end = image.index(0, entry + 2, entry + 2 + _LONGEST_NAME)
                    yield image[entry + 2 : end].decode("ascii"), slots + 8 * index

    @cached_property
    def functions(self) -> dict[int, int]:
        """End by start of the functions that the tables for unwinding know, which do not overlap."""
        start, size = self.directory(EXCEPTION_DIRECTORY)
        table = self.image[start : start + size]
        found: dict[int, int] = {}
        last = 0
        for begin, end, _ in struct.iter_unpack("<3I", table[: len(table) // 12 * 12]):
            if last <= begin < end <= self.size:
                found[begin] = last = end
        return found

    @cached_property
    def system_calls(self) -> dict[str, int]:
        """Number by name, read from the stubs: `mov r10, rcx; mov eax, NUMBER` (Nt* names and Wine's own)."""
        found: dict[str, int] = {}
        for name, address in self.exports.items():
            stub = self.image[address : address + 8]
            if name.startswith(("Nt", "__wine_", "wine_")) and stub[:4] in (
                b"\x4c\x8b\xd1\xb8",
                b"\x49\x89\xca\xb8",
            ):
                found[name] = int.from_bytes(stub[4:8], "little")
        return found

    def relocated(self, base: int) -> bytes:
        """The image for another base address; CONFLICTING_ADDRESSES when its relocations were taken away."""
        delta = base - self.preferred_base
        if delta == 0:
            return self.image
        if self.characteristics & FILE_RELOCS_STRIPPED:
            raise Failure(Status.CONFLICTING_ADDRESSES)
        start, size = self.directory(RELOCATION_DIRECTORY)
        image = bytearray(self.image)
        try:
            if start:  # without a directory there is nothing that depends on the base
                _relocate(image, start, min(start + size, len(image)), delta)
            self._set_base(image, base)
        except struct.error as error:
            raise Failure(Status.INVALID_IMAGE_FORMAT) from error
        return bytes(image)

    @staticmethod
    def _set_base(image: bytearray, base: int) -> None:
        """The loaded headers say where the image is."""
        (header,) = struct.unpack_from("<I", image, 0x3C)
        struct.pack_into("<Q", image, header + 24 + 24, base)


def _relocate(image: bytearray, start: int, end: int, delta: int) -> None:
    while start + 8 <= end:
        page, size = struct.unpack_from("<II", image, start)
        if size < 8:
            return
        for (entry,) in struct.iter_unpack("<H", bytes(image[start + 8 : start + (size & ~1)])):
            kind, address = entry >> 12, page + (entry & 0xFFF)
            if kind == _RELOCATION_64:
                (value,) = struct.unpack_from("<Q", image, address)
                struct.pack_into("<Q", image, address, (value + delta) & 0xFFFFFFFFFFFFFFFF)
            elif kind == _RELOCATION_32:
                (value,) = struct.unpack_from("<I", image, address)
                struct.pack_into("<I", image, address, (value + delta) & 0xFFFFFFFF)
            elif kind != _RELOCATION_NONE:
                raise Failure(Status.INVALID_IMAGE_FORMAT)
        start += size


def _page_up(size: int) -> int:
    return (size + _PAGE - 1) & -_PAGE


def is_pe(head: bytes) -> bool:
    """Whether a file that begins with `head` may be a PE file."""
    return head[:2] == b"MZ"


def parse(data: bytes) -> PeFile:
    """Take a whole PE file apart; INVALID_IMAGE_FORMAT when it is not one for x86-64."""
    try:
        return _parse(data)
    except struct.error as error:
        raise Failure(Status.INVALID_IMAGE_FORMAT) from error


def _parse(data: bytes) -> PeFile:
    (start,) = struct.unpack_from("<I", data, 0x3C)
    signature, machine, count, _, _, _, optional_size, characteristics = _COFF.unpack_from(data, start)
    optional = start + _COFF.size
    fields = _OPTIONAL.unpack_from(data, optional)
    magic, entry, base, alignment, size, header_size = (
        fields[0],
        fields[6],
        fields[8],
        fields[9],
        fields[18],
        fields[19],
    )
    if data[:2] != b"MZ" or signature != b"PE\0\0" or machine != _AMD64 or magic != _PE32_PLUS:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    if (
        count > _MOST_SECTIONS
        or not 0 < size <= _LARGEST_IMAGE
        or header_size > size
        or alignment % _PAGE
        or base % 65536
    ):
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    directory_count = min(fields[28], 16)
    directories = struct.iter_unpack("<II", data[optional + 112 : optional + 112 + 8 * directory_count])
    table = optional + optional_size
    raw = [_SECTION.unpack_from(data, table + _SECTION.size * index) for index in range(count)]
    size = _page_up(size)
    sections = tuple(
        Section(name.rstrip(b"\0"), address, virtual or file_size, offset, file_size, flags)
        for name, virtual, address, file_size, offset, _, _, _, _, flags in raw
    )
    if any(section.address % _PAGE or section.address + section.size > size for section in sections):
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    if any(s.offset and s.offset + min(s.file_size, s.size) > len(data) for s in sections):
        raise Failure(Status.INVALID_IMAGE_FORMAT)  # as after a download that broke off
    return PeFile(
        data,
        machine,
        characteristics,
        entry,
        base,
        size,
        header_size,
        subsystem=fields[21],
        subsystem_version=(fields[15], fields[16]),
        dll_characteristics=fields[22],
        stack_reserve=fields[23],
        stack_commit=fields[24],
        check_sum=fields[20],
        directories=tuple((address, length) for address, length in directories),
        sections=sections,
    )
