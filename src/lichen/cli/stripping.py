"""PE files without what only debuggers read: two thirds of Wine's files as Debian builds them.

MinGW's linker puts the debug sections last, under names that the string table behind the symbols has. They are left out
together with both; the rest of the file stays as it is, so that addresses mean what they meant. A file that is laid out
otherwise is left alone.

Source: PE Format specification, "COFF String Table", "Section Table".
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_COFF: Final = struct.Struct("<4sHHIIIHH")
_SECTION: Final = struct.Struct("<8sIIIIIIHHI")
_SYMBOL: Final = 18
_CHECK_SUM, _SIZE_OF_IMAGE = 64, 56
_ALIGNMENT: Final = 32
"""Where the optional header has these."""
_DEBUG: Final = b".debug"


class _Section(NamedTuple):
    """A section: where its header is, its whole name, where it ends in memory and in the file."""

    header: int
    name: bytes
    memory_end: int
    file_end: int


def without_debug_sections(data: bytes) -> bytes:
    """The same program or library, smaller where it has debug sections."""
    try:
        return _stripped(data)
    except (struct.error, ValueError):
        return data


def _stripped(data: bytes) -> bytes:
    if data[:2] != b"MZ":
        return data
    (start,) = struct.unpack_from("<I", data, 0x3C)
    signature, _, count, _, symbols, symbol_count, optional_size, _ = _COFF.unpack_from(data, start)
    if signature != b"PE\0\0" or not symbols:
        return data
    optional = start + _COFF.size
    sections = _sections(data, optional + optional_size, count, symbols + _SYMBOL * symbol_count)
    kept = [section for section in sections if not section.name.startswith(_DEBUG)]
    end = max((section.file_end for section in kept), default=0)
    (alignment,) = struct.unpack_from("<I", data, optional + _ALIGNMENT)
    if len(kept) == count or kept != sections[: len(kept)] or end > symbols or not alignment:
        return data
    image = bytearray(data[:end])
    struct.pack_into("<H", image, start + 6, len(kept))
    struct.pack_into("<II", image, start + 12, 0, 0)
    size = -(-max(section.memory_end for section in kept) // alignment) * alignment
    struct.pack_into("<I", image, optional + _SIZE_OF_IMAGE, size)
    struct.pack_into("<I", image, optional + _CHECK_SUM, 0)
    for section in kept:
        image[section.header : section.header + 8] = section.name[:8].ljust(8, b"\0")
    for section in sections[len(kept) :]:
        image[section.header : section.header + _SECTION.size] = bytes(_SECTION.size)
    return bytes(image)


def _sections(data: bytes, table: int, count: int, strings: int) -> list[_Section]:
    found = []
    for header in range(table, table + count * _SECTION.size, _SECTION.size):
        short, size, address, file_size, offset, *_ = _SECTION.unpack_from(data, header)
        name = short.rstrip(b"\0")
        if name[:1] == b"/":
            begin = strings + int(name[1:])
            name = data[begin : data.index(0, begin)]
        found.append(
            _Section(header, name, address + (size or file_size), offset + file_size if offset else 0)
        )
    return found
