"""Sections: memory with an image, a file or nothing but zeros behind it, for any number of views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lichen.executive.objects.object import Object
from lichen.executive.objects.rights import SECTION, Rights

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.subsystems.nt.images import Image


@dataclass(eq=False)
class Content:
    """What a section shows: an image, or `size` bytes of a file."""

    size: int
    file: File
    image: Image | None
    path: str
    attributes: int
    protect: int


class SectionObject(Object):
    """A section."""

    __slots__ = ("content",)
    type_name: ClassVar[str] = "Section"
    rights: ClassVar[Rights] = SECTION

    def __init__(self, content: Content) -> None:
        super().__init__()
        self.content = content

    def closed(self) -> None:
        self.content.file.release()
