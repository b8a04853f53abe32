"""DLLs that only pass their exports on to others, made here byte by byte, so that no compiler is needed.

Wine 8 has no bcryptprimitives.dll, without which current Go and Rust programs do not start; its one export that they use does
what advapi32's SystemFunction036 does.

Source: PE Format specification, "Export Forwarding".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lichen.abi.layout import layout, layout_of, u16
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.images import (
    ImageDataDirectory,
    ImageDosHeader,
    ImageExportDirectory,
    ImageNtHeaders,
    ImageOptionalHeader64,
    ImageSectionHeader,
)

LIBRARIES: Final[Mapping[str, Mapping[str, str]]] = {
    "bcryptprimitives.dll": {"ProcessPrng": "advapi32.SystemFunction036"},
}
"""The forwarders that every machine has, unless the userland brings the real ones: DLL -> export -> where it leads."""

_PAGE: Final = 0x1000
_HEADERS: Final = 0x400
_BASE: Final = 0x180000000
_DLL: Final = 0x2022  # executable image, large addresses, DLL
_READ_ONLY_DATA: Final = 0x40000040
_DIRECTORIES: Final = 16
_DOS, _NT = layout(ImageDosHeader, MODEL), layout(ImageNtHeaders, MODEL)
_OPTIONAL, _DIRECTORY = layout(ImageOptionalHeader64, MODEL), layout(ImageDataDirectory, MODEL)
_SECTION, _EXPORTS = layout(ImageSectionHeader, MODEL), layout(ImageExportDirectory, MODEL)
_ORDINAL: Final = layout_of(u16, MODEL)


def build(name: str, exports: Mapping[str, str]) -> bytes:
    """The file of a DLL `name` whose `exports` lead to "library.function"."""
    section = _exports(name, exports)
    raw = (len(section) + 0x1FF) & -0x200
    headers = (
        _DOS.pack(ImageDosHeader(b"MZ", b"", _DOS.size)),
        _NT.pack(
            ImageNtHeaders(
                b"PE\0\0",
                machine=0x8664,
                number_of_sections=1,
                time_date_stamp=0,
                pointer_to_symbol_table=0,
                number_of_symbols=0,
                size_of_optional_header=_OPTIONAL.size + _DIRECTORIES * _DIRECTORY.size,
                characteristics=_DLL,
            )
        ),
        _OPTIONAL.pack(_optional_header(raw)),
        _DIRECTORY.pack(ImageDataDirectory(_PAGE, len(section))),
        bytes((_DIRECTORIES - 1) * _DIRECTORY.size),
        _SECTION.pack(
            ImageSectionHeader(b".edata", len(section), _PAGE, raw, _HEADERS, 0, 0, 0, 0, _READ_ONLY_DATA)
        ),
    )
    return b"".join(headers).ljust(_HEADERS, b"\0") + section.ljust(raw, b"\0")


def _optional_header(initialized: int) -> ImageOptionalHeader64:
    return ImageOptionalHeader64(
        magic=0x20B,
        major_linker_version=1,
        minor_linker_version=0,
        size_of_code=0,
        size_of_initialized_data=initialized,
        size_of_uninitialized_data=0,
        address_of_entry_point=0,
        base_of_code=_PAGE,
        image_base=_BASE,
        section_alignment=_PAGE,
        file_alignment=0x200,
        major_operating_system_version=6,
        minor_operating_system_version=0,
        major_image_version=0,
        minor_image_version=0,
        major_subsystem_version=6,
        minor_subsystem_version=0,
        win32_version_value=0,
        size_of_image=2 * _PAGE,
        size_of_headers=_HEADERS,
        check_sum=0,
        subsystem=3,
        dll_characteristics=0x140,
        size_of_stack_reserve=0,
        size_of_stack_commit=0,
        size_of_heap_reserve=0,
        size_of_heap_commit=0,
        loader_flags=0,
        number_of_rva_and_sizes=_DIRECTORIES,
    )


def _exports(name: str, exports: Mapping[str, str]) -> bytes:
    """The export directory with its tables and strings, as it lies at the first page behind the headers."""
    names = sorted(exports)
    tables = _EXPORTS.size + (2 * ULONG.size + _ORDINAL.size) * len(names)
    strings = bytearray()

    def place(text: str) -> int:
        at = _PAGE + tables + len(strings)
        strings.extend(text.encode("ascii") + b"\0")
        return at

    own_name = place(name)
    functions = b"".join(ULONG.pack(place(exports[export])) for export in names)
    labels = b"".join(ULONG.pack(place(export)) for export in names)
    ordinals = b"".join(_ORDINAL.pack(index) for index in range(len(names)))
    count = len(names)
    first = _PAGE + _EXPORTS.size
    addresses = first, first + ULONG.size * count, first + 2 * ULONG.size * count
    directory = _EXPORTS.pack(ImageExportDirectory(0, 0, 0, 0, own_name, 1, count, count, *addresses))
    return directory + functions + labels + ordinals + bytes(strings)
