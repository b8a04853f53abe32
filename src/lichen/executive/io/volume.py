"""Drives: devices of the namespace behind which names are those of the machine's tree (NT: Io, volume device objects)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lichen.executive.io.lookup import stored
from lichen.executive.io.manager import create_file
from lichen.executive.objects.object import Object

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.location import Location
    from lichen.executive.io.opening import Open
    from lichen.executive.processes import Process
    from lichen.executive.wait import Blocks


class Volume(Object):
    """A drive: names behind it are looked up below `location`."""

    __slots__ = ("location",)
    type_name: ClassVar[str] = "Device"

    def __init__(self, location: Location) -> None:
        super().__init__()
        self.location = location

    def place(self, names: tuple[str, ...]) -> tuple[Location, tuple[str, ...]]:
        """Where the walk along the rest of a name starts, and the components from there; empty ones mean nothing."""
        return self.location, stored(tuple(filter(None, names)))

    def open_relative(self, process: Process, rest: tuple[str, ...], open: Open) -> File | Blocks[File]:
        return create_file(process.files, *self.place(rest), open)
