"""Which rooms a call goes through: recorded as it runs, to be read (`print`) and to be held to.

A room is entered by a call from another one; going back to a caller enters nothing. `then` runs what it is given in the room
that gave it, so its module is of no room, as are those of the standard library, generated code and tests.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import lichen

_SOURCE = f"{Path(lichen.__file__).parent}/"
_ROOMS_INSIDE = ("executive", "subsystems")
"""Folders whose folders are rooms too."""
_TRANSPARENT = "executive/wait.py"


class Entry(NamedTuple):
    """A call into a room: from which one, and the function that was called."""

    room: str
    caller: str
    function: str

    def __str__(self) -> str:
        return f"{self.room} ({self.function}) from {self.caller}"


def room_of(file: str) -> str | None:
    """The room of a source file: its folder; None of what is in no room."""
    if not file.startswith(_SOURCE):
        return None
    name = file[len(_SOURCE) :]
    if name == _TRANSPARENT:
        return None
    top, *below = name.split("/")
    return f"{top}/{below[0]}" if top in _ROOMS_INSIDE and len(below) > 1 else top


def walk(call: Callable[[], object]) -> list[Entry]:
    """Run something, and return the rooms that it enters, in this order."""
    entries: list[Entry] = []
    rooms: dict[str, str | None] = {}
    here: list[str | None] = [None]

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            code = frame.f_code
            file = code.co_filename
            if file not in rooms:
                rooms[file] = room_of(file)
            before, room = here[-1], rooms[file]
            here.append(before if room is None else room)
            if room is not None and room != before:
                entries.append(Entry(room, before or "outside", code.co_qualname))
        elif event == "return" and len(here) > 1:
            here.pop()

    before = sys.getprofile()
    gc.disable()  # what a collection ends is no part of the walk
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(before)
        gc.enable()
    return entries
