"""DLLs that only pass their exports on to others, made here byte by byte, so that no compiler is needed.

Wine 8 has no bcryptprimitives.dll, without which current Go and Rust programs do not start; its one export that they use does
what advapi32's SystemFunction036 does.

Source: PE Format specification, "Export Forwarding".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

LIBRARIES: Final[Mapping[str, Mapping[str, str]]] = {
    "bcryptprimitives.dll": {"ProcessPrng": "advapi32.SystemFunction036"},
}
"""The forwarders that every machine has, unless the userland brings the real ones: DLL -> export -> where it leads."""

_PAGE: Final = 0x1000
_HEADERS: Final = 0x400
_BASE: Final = 0x180000000
_DLL: Final = 0x2022  # executable image, large addresses, DLL
_READ_ONLY_DATA: Final = 0x40000040


def build(name: str, exports: Mapping[str, str]) -> bytes:
    """The file of a DLL `name` whose `exports` lead to "library.function"."""
    section = _exports(name, exports)
    raw = (len(section) + 0x1FF) & -0x200
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, 0, 0, 0, 240, _DLL)
    optional = struct.pack("<HBBIIIIIQII", 0x20B, 1, 0, 0, raw, 0, 0, _PAGE, _BASE, _PAGE, 0x200)
    optional += struct.pack(
        "<6H4I2H4Q2I", 6, 0, 0, 0, 6, 0, 0, 2 * _PAGE, _HEADERS, 0, 3, 0x140, 0, 0, 0, 0, 0, 16
    )
    optional += struct.pack("<2I", _PAGE, len(section)).ljust(128, b"\0")
    header = struct.pack(
        "<8s6I2HI", b".edata", len(section), _PAGE, raw, _HEADERS, 0, 0, 0, 0, _READ_ONLY_DATA
    )
    return (dos + coff + optional + header).ljust(_HEADERS, b"\0") + section.ljust(raw, b"\0")


def _exports(name: str, exports: Mapping[str, str]) -> bytes:
    """The export directory with its tables and strings, as it lies at the first page behind the headers."""
    names = sorted(exports)
    tables = 40 + 10 * len(names)
    strings = bytearray()

    def place(text: str) -> int:
        at = _PAGE + tables + len(strings)
        strings.extend(text.encode("ascii") + b"\0")
        return at

    own_name = place(name)
    functions = b"".join(struct.pack("<I", place(exports[export])) for export in names)
    labels = b"".join(struct.pack("<I", place(export)) for export in names)
    ordinals = b"".join(struct.pack("<H", index) for index in range(len(names)))
    count = len(names)
    addresses = _PAGE + 40, _PAGE + 40 + 4 * count, _PAGE + 40 + 8 * count
    directory = struct.pack("<2I2H7I", 0, 0, 0, 0, own_name, 1, count, count, *addresses)
    return directory + functions + labels + ordinals + bytes(strings)
