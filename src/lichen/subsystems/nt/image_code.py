"""The code of an image that is about to be shared: finding places in it, and adding to it (mends, shell_patches)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lichen.subsystems.nt.pe import EXPORT_DIRECTORY, SECTION_EXECUTE, SECTION_READ, PeFile
from lichen.subsystems.nt.records import LONG, ULONG

CALL: Final = b"\xff\x15"
"""A call by way of a pointer, as all calls of other DLLs are."""
_PAGE: Final = 0x1000
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

    def stored(self, data: bytes) -> int | None:
        """Put what is only read where there is room for it behind what a section holds: its address."""
        for section in self.file.sections:
            if not section.characteristics & SECTION_READ or section.characteristics & SECTION_EXECUTE:
                continue
            start, end = section.address + section.size, (section.address + section.size + _PAGE - 1) & -_PAGE
            used = len(self.image[start:end].rstrip(b"\0"))
            at = (start + used + 7) & -8 if used else (start + 7) & -8
            if at + len(data) < end:
                self.image[at : at + len(data)] = data
                return at
        return None

    def add_exports(self, functions: dict[str, int]) -> None:
        """Export functions at these addresses too, or none of them; the tables that say so lie elsewhere then."""
        directory = self.file.directory(EXPORT_DIRECTORY)[0]
        if not directory or not functions:
            return
        count, named = (ULONG.unpack(self.image, directory + at) for at in (20, 24))
        places = [ULONG.unpack(self.image, directory + at) for at in (28, 32, 36)]
        table, names, ordinals = (
            bytes(self.image[at : at + size])
            for at, size in zip(places, (4 * count, 4 * named, 2 * named), strict=True)
        )
        entries = [
            (self._text(at), at, number) for at, number in zip(*_numbers(names, ordinals), strict=True)
        ]
        texts = [(name, self.stored(name.encode() + b"\0")) for name in functions]
        entries += [(name.encode(), at or 0, count + number) for number, (name, at) in enumerate(texts)]
        entries.sort()
        table += b"".join(map(ULONG.pack, functions.values()))
        stored = (
            self.stored(table),
            self.stored(b"".join(ULONG.pack(at) for _, at, _ in entries)),
            self.stored(b"".join(number.to_bytes(2, "little") for _, _, number in entries)),
        )
        if None in stored or any(at is None for _, at in texts):
            return
        counts = count + len(functions), len(entries)
        self.image[directory + 20 : directory + 40] = b"".join(
            map(ULONG.pack, (*counts, *map(int, filter(None, stored))))
        )

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


def _numbers(names: bytes, ordinals: bytes) -> tuple[list[int], list[int]]:
    """The addresses of names, and the numbers of the functions that they are of."""
    places = [ULONG.unpack(names, at) for at in range(0, len(names), ULONG.size)]
    return places, [int.from_bytes(ordinals[at : at + 2], "little") for at in range(0, len(ordinals), 2)]
