"""What is changed in Wine's cmd.exe when it is loaded: it has CHOICE built in, as DOS's shell took it.

Windows' choice is a program, whose options (`/c yn /m text`) the one in the shell does not know. So that the program is found,
the name in the shell's table of what is built in becomes one that no command has.
"""

from __future__ import annotations

import re
from typing import Final

from lichen.subsystems.nt.pe import PeFile

_ROOM: Final = 20
"""Bytes of a name in the table: ten units."""


def _entry(name: str) -> bytes:
    return name.encode("utf-16-le").ljust(_ROOM, b"\0")


_CHOICE: Final = re.compile(re.escape(_entry("MORE")) + b"(" + re.escape(_entry("CHOICE")) + b")")
_NOBODYS: Final = _entry("\\CHOICE")


def patch_shell(file: PeFile, image: bytearray) -> None:
    """Have CHOICE not be built in; a shell in which it is not, or elsewhere, stays as it is."""
    found = _CHOICE.search(image)
    if found is not None:
        image[found.start(1) : found.end(1)] = _NOBODYS
