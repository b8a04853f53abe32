"""The code of an image that is about to be shared: finding places in it, and adding to it (mends, shell_patches)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lichen.abi.layout import layout, layout_of, u16
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.pe import EXPORT_DIRECTORY, SECTION_EXECUTE, SECTION_READ, PeFile
from lichen.subsystems.nt.records import LONG, MODEL, ULONG
from lichen.subsystems.nt.records.images import ImageExportDirectory

CALL: Final = b"\xff\x15"
"""A call by way of a pointer, as all calls of other DLLs are."""
_PAGE: Final = 0x1000
_MOST_EXPORTS: Final = 1 << 16
_EXPORTS: Final = layout(ImageExportDirectory, MODEL)
_ORDINAL: Final = layout_of(u16, MODEL)
_USES: Final = re.compile(
    rb"(?:\xff(?P<branch>[\x15\x25])|[\x48\x4c](?P<load>\x8b)[\x05\x0d\x15\x1d\x25\x2d\x35\x3d])(....)",
    re.DOTALL,
)
"""`call`, `jmp` by way of a pointer, and `mov` of one to a register."""

Part = bytes | str
"""Machine code, or the name of an imported function that is called."""


class ImageCode:
    """Code that finds no place in what it replaces goes behind what is in the code's last page already."""

    def __init__(self, file: PeFile, image: bytearray) -> None:
        self.file, self.image = file, image
        self._filled: dict[int, int] = {}
        """How far the room behind each section is used."""
        self.start = self.section_end = self.free = self.end = 0
        for section in file.sections:
            if section.characteristics & SECTION_EXECUTE:
                self.start, self.section_end = section.address, section.address + section.size
                self.end = (self.section_end + _PAGE - 1) & -_PAGE
                used = len(image[self.section_end : self.end].rstrip(b"\0"))
                self.free = (self.section_end + used + 15) & -16
                break

    def function(self, name: str) -> tuple[int, int]:
        """Where an exported function begins and ends."""
        start = self.file.exports[name]
        return start, self.file.functions[start]

    def assembled(self, at: int, parts: tuple[Part, ...]) -> bytes:
        """Code for the address `at`; KeyError when the image does not import what it calls."""
        code = bytearray()
        for part in parts:
            if isinstance(part, bytes):
                code += part
            else:
                code += CALL + LONG.pack(self.file.imports[part] - (at + len(code) + 6))
        return bytes(code)

    def placed(self, *parts: Part) -> int | None:
        """Put code where there is room for it: its address."""
        at = self.free
        code = self.assembled(at, parts)
        if at + len(code) > self.end or any(self.image[at : at + len(code)]):
            return None
        self.image[at : at + len(code)] = code
        self.free = (at + len(code) + 15) & -16
        return at

    def stored(self, data: bytes) -> int:
        """Put what is only read where there is room for it behind what a section holds: its address. NO_MEMORY."""
        for section in self.file.sections:
            if not section.characteristics & SECTION_READ or section.characteristics & SECTION_EXECUTE:
                continue
            end = (section.address + section.size + _PAGE - 1) & -_PAGE
            at = (self._filled.get(section.address, section.address + section.size) + 7) & -8
            if at + len(data) <= end and not any(self.image[at : at + len(data)]):
                self.image[at : at + len(data)] = data
                self._filled[section.address] = at + len(data)
                return at
        raise Failure(Status.NO_MEMORY)

    def add_exports(self, functions: dict[str, int]) -> None:
        """Export functions at these addresses too, or none of them; the tables that say so lie elsewhere then."""
        directory = self.file.directory(EXPORT_DIRECTORY)[0]
        if not directory or not functions:
            return
        known = _EXPORTS.unpack(self.image, directory)
        table = self._table(known.address_of_functions, known.number_of_functions, ULONG.size)
        names = self._table(known.address_of_names, known.number_of_names, ULONG.size)
        ordinals = self._table(known.address_of_name_ordinals, known.number_of_names, _ORDINAL.size)
        numbered = zip(ULONG.unpack_array(names), _ORDINAL.unpack_array(ordinals), strict=True)
        entries = [(self._text(at), at, number) for at, number in numbered]
        for name, address in functions.items():
            at = self.stored(name.encode() + b"\0")
            entries.append((name.encode(), at, len(table) // ULONG.size))
            table += ULONG.pack(address)
        entries.sort()
        places = (
            self.stored(table),
            self.stored(b"".join(ULONG.pack(at) for _, at, _ in entries)),
            self.stored(b"".join(_ORDINAL.pack(number) for _, _, number in entries)),
        )
        new = known._replace(
            number_of_functions=len(table) // ULONG.size,
            number_of_names=len(entries),
            address_of_functions=places[0],
            address_of_names=places[1],
            address_of_name_ordinals=places[2],
        )
        self.image[directory : directory + _EXPORTS.size] = _EXPORTS.pack(new)

    def _table(self, at: int, count: int, size: int) -> bytes:
        """A table of the export directory; INVALID_IMAGE_FORMAT when it is not all there."""
        data = bytes(self.image[at : at + count * size])
        if count > _MOST_EXPORTS or len(data) != count * size:
            raise Failure(Status.INVALID_IMAGE_FORMAT)
        return data

    def _text(self, at: int) -> bytes:
        return bytes(self.image[at : self.image.find(b"\0", at)])

    def branch(self, operation: bytes, at: int, to: int) -> None:
        """Jump or call from `at` to another place."""
        self.image[at : at + 5] = operation + LONG.pack(to - (at + 5))

    def calls(self, start: int, end: int, slot: int) -> Iterator[int]:
        """Where a function calls by way of an import's slot."""
        at = self.image.find(CALL, start, end)
        while at >= 0:
            if at + 6 <= end and at + 6 + LONG.unpack(self.image, at + 2) == slot:
                yield at
            at = self.image.find(CALL, at + 1, end)

    def calls_to(self, start: int, end: int, target: int) -> Iterator[int]:
        """Where a function calls another of the same image."""
        at = self.image.find(b"\xe8", start, end - 4)
        while at >= 0:
            if at + 5 + LONG.unpack(self.image, at + 1) == target:
                yield at
            at = self.image.find(b"\xe8", at + 1, end - 4)

    def calls_itself(self, start: int, end: int) -> bool:
        """Whether a function is recursive."""
        return next(self.calls_to(start, end, start), None) is not None

    def redirect(self, slot: int, to: int) -> None:
        """Have the image's own code use the function at `to` where it uses the one that an import's slot leads to."""
        for found in _USES.finditer(self.image, self.start, self.section_end):
            at = found.start()
            if found.end() + LONG.unpack(found[3]) != slot:
                continue
            if found["load"]:
                self.image[at + 1] = 0x8D  # lea
                self.image[at + 3 : at + 7] = LONG.pack(to - (at + 7))
            else:
                self.branch(b"\xe8" if found["branch"] == b"\x15" else b"\xe9", at, to)
                self.image[at + 5] = 0x90  # nop
