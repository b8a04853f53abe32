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

from lichen.abi.layout import layout, layout_of, u16
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import MODEL, ULONG, ULONG64
from lichen.subsystems.nt.records.images import (
    ImageBaseRelocation,
    ImageDataDirectory,
    ImageDosHeader,
    ImageExportDirectory,
    ImageImportDescriptor,
    ImageNtHeaders,
    ImageOptionalHeader64,
    ImageSectionHeader,
    RuntimeFunction,
)

_PAGE: Final = 4096
_AMD64: Final = 0x8664
_PE32_PLUS: Final = 0x20B
_DOS, _NT = layout(ImageDosHeader, MODEL), layout(ImageNtHeaders, MODEL)
_OPTIONAL, _DIRECTORY = layout(ImageOptionalHeader64, MODEL), layout(ImageDataDirectory, MODEL)
_SECTION, _FUNCTION = layout(ImageSectionHeader, MODEL), layout(RuntimeFunction, MODEL)
_EXPORTS, _IMPORTS = layout(ImageExportDirectory, MODEL), layout(ImageImportDescriptor, MODEL)
_PAGE_OF_RELOCATIONS, _RELOCATION = layout(ImageBaseRelocation, MODEL), layout_of(u16, MODEL)
_ORDINAL: Final = _RELOCATION
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
_STUBS: Final = (b"\x4c\x8b\xd1\xb8", b"\x49\x89\xca\xb8")


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
            return dict(self._exports(_EXPORTS.unpack(self.image, start)))
        except (struct.error, ValueError, IndexError) as error:
            raise Failure(Status.INVALID_IMAGE_FORMAT) from error

    def _exports(self, exports: ImageExportDirectory) -> Iterator[tuple[str, int]]:
        image, count = self.image, min(exports.number_of_names, 1 << 16)
        name_table, ordinal_table = exports.address_of_names, exports.address_of_name_ordinals
        names = ULONG.unpack_array(image[name_table : name_table + ULONG.size * count])
        ordinals = _ORDINAL.unpack_array(image[ordinal_table : ordinal_table + _ORDINAL.size * count])
        if len(names) < count:
            raise Failure(Status.INVALID_IMAGE_FORMAT)
        start, functions = exports.address_of_functions, min(exports.number_of_functions, 1 << 16)
        addresses = ULONG.unpack_array(image[start : start + ULONG.size * functions])
        for name_address, ordinal in zip(names, ordinals, strict=True):
            if ordinal < functions:
                end = image.index(0, name_address, name_address + _LONGEST_NAME)
                yield image[name_address:end].decode("ascii"), addresses[ordinal]

    @cached_property
    def imports(self) -> dict[str, int]:
        """Address of the pointer that is filled in at load time, by imported name."""
        at, _ = self.directory(IMPORT_DIRECTORY)
        try:
            return dict(self._imports(at)) if at else {}
        except (struct.error, ValueError) as error:
            raise Failure(Status.INVALID_IMAGE_FORMAT) from error

    def _imports(self, directory: int) -> Iterator[tuple[str, int]]:
        image, left, entry_at = self.image, _MOST_IMPORTS, ULONG64.unpack
        for at in range(directory, directory + _IMPORTS.size * _MOST_IMPORTED_DLLS, _IMPORTS.size):
            descriptor = _IMPORTS.unpack(image, at)
            if not any(descriptor):
                return
            slots = descriptor.first_thunk
            lookups = descriptor.original_first_thunk or slots
            for index in range(left):
                entry = entry_at(image, lookups + ULONG64.size * index)
                if not entry:
                    break
                left -= 1
                if not entry >> 63:  # not by number
                    end = image.index(0, entry + 2, entry + 2 + _LONGEST_NAME)
                    yield image[entry + 2 : end].decode("ascii"), slots + ULONG64.size * index

    @cached_property
    def functions(self) -> dict[int, int]:
        """End by start of the functions that the tables for unwinding know, which do not overlap."""
        start, size = self.directory(EXCEPTION_DIRECTORY)
        table = self.image[start : start + size]
        found: dict[int, int] = {}
        last = 0
        words = ULONG.unpack_array(table[: len(table) // _FUNCTION.size * _FUNCTION.size])
        step = _FUNCTION.size // ULONG.size
        for begin, end in zip(words[::step], words[1::step], strict=True):  # quicker than 10,000 records
            if last <= begin < end <= self.size:
                found[begin] = last = end
        return found

    @cached_property
    def system_calls(self) -> dict[str, int]:
        """Number by name, read from the stubs: `mov r10, rcx; mov eax, NUMBER` (Nt* names and Wine's own)."""
        found: dict[str, int] = {}
        for name, address in self.exports.items():
            stub = self.image[address : address + 8]
            if name.startswith(("Nt", "__wine_", "wine_")) and stub[:4] in _STUBS:
                found[name] = ULONG.unpack(stub.ljust(8, b"\0"), 4)
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
        at = _DOS.unpack(image).lfanew + _NT.size + _OPTIONAL.offsets["image_base"]
        if at + ULONG64.size > len(image):
            raise Failure(Status.INVALID_IMAGE_FORMAT)
        image[at : at + ULONG64.size] = ULONG64.pack(base)


def _relocate(image: bytearray, start: int, end: int, delta: int) -> None:
    head = _PAGE_OF_RELOCATIONS.size
    while start + head <= end:
        page, size = _PAGE_OF_RELOCATIONS.unpack(image, start)
        if size < head:
            return
        for entry in _RELOCATION.unpack_array(bytes(image[start + head : start + (size & ~1)])):
            kind, address = entry >> 12, page + (entry & 0xFFF)
            if kind == _RELOCATION_64:
                value = ULONG64.unpack(image, address) + delta & 0xFFFFFFFFFFFFFFFF
                image[address : address + ULONG64.size] = ULONG64.pack(value)
            elif kind == _RELOCATION_32:
                value = ULONG.unpack(image, address) + delta & 0xFFFFFFFF
                image[address : address + ULONG.size] = ULONG.pack(value)
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
    dos = _DOS.unpack(data)
    headers = _NT.unpack(data, dos.lfanew)
    optional = dos.lfanew + _NT.size
    fields = _OPTIONAL.unpack(data, optional)
    known = dos.magic == b"MZ" and headers.signature == b"PE\0\0"
    if not known or headers.machine != _AMD64 or fields.magic != _PE32_PLUS:
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    size, base = fields.size_of_image, fields.image_base
    if (
        headers.number_of_sections > _MOST_SECTIONS
        or not 0 < size <= _LARGEST_IMAGE
        or fields.size_of_headers > size
        or fields.section_alignment % _PAGE
        or base % 65536
    ):
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    table, count = optional + _OPTIONAL.size, min(fields.number_of_rva_and_sizes, 16)
    directories = _DIRECTORY.unpack_array(data[table : table + _DIRECTORY.size * count])
    size = _page_up(size)
    return PeFile(
        data,
        headers.machine,
        headers.characteristics,
        fields.address_of_entry_point,
        base,
        size,
        fields.size_of_headers,
        subsystem=fields.subsystem,
        subsystem_version=(fields.major_subsystem_version, fields.minor_subsystem_version),
        dll_characteristics=fields.dll_characteristics,
        stack_reserve=fields.size_of_stack_reserve,
        stack_commit=fields.size_of_stack_commit,
        check_sum=fields.check_sum,
        directories=tuple((directory.virtual_address, directory.size) for directory in directories),
        sections=_sections(
            data, optional + headers.size_of_optional_header, headers.number_of_sections, size
        ),
    )


def _sections(data: bytes, table: int, count: int, image_size: int) -> tuple[Section, ...]:
    """The sections, all of which lie in the image and, as far as they have a content, in the file."""
    raw = [_SECTION.unpack(data, table + _SECTION.size * index) for index in range(count)]
    sections = tuple(
        Section(
            each.name.rstrip(b"\0"),
            each.virtual_address,
            each.virtual_size or each.size_of_raw_data,
            each.pointer_to_raw_data,
            each.size_of_raw_data,
            each.characteristics,
        )
        for each in raw
    )
    if any(section.address % _PAGE or section.address + section.size > image_size for section in sections):
        raise Failure(Status.INVALID_IMAGE_FORMAT)
    if any(s.offset and s.offset + min(s.file_size, s.size) > len(data) for s in sections):
        raise Failure(Status.INVALID_IMAGE_FORMAT)  # as after a download that broke off
    return sections
