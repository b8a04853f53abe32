"""What a file is ready for, in the bits that poll, select and epoll share with each other."""

from __future__ import annotations

from typing import Final

from lichen.executive.io.file import File

IN, PRI, OUT, ERR, HUP, NVAL, RDNORM, RDBAND, WRNORM, WRBAND, MSG, RDHUP = (
    0x1,
    0x2,
    0x4,
    0x8,
    0x10,
    0x20,
    0x40,
    0x80,
    0x100,
    0x200,
    0x400,
    0x2000,
)
UNASKED: Final = ERR | HUP
"""What is told whether it was asked for or not."""
_NORMAL: Final = IN | OUT
_NORMAL_SHIFT: Final = 6
"""RDNORM and WRNORM are to IN and OUT what this shift does: other names of the same."""


def events_of(file: File) -> int:
    """What `file` is ready for."""
    ready = file.poll()
    return ready | (ready & _NORMAL) << _NORMAL_SHIFT


def interest_in(events: int) -> int:
    """The executive's poll bits that bring about one of `events`, and no other: a wait for more would never sleep."""
    return events | events >> _NORMAL_SHIFT & _NORMAL
