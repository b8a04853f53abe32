"""PE images ready to be mapped: relocated once for each base, kept in the page cache, shared by every process (Mm image
control areas).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.executive.address_space import AddressSpace, Region, page_up
from lichen.executive.images import became_image
from lichen.executive.interfaces import PAGE, Backing, Map, MemoryOperation, PageCache, Protect
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import pe
from lichen.subsystems.nt.allocations import GRANULARITY, MEM_IMAGE, Allocation
from lichen.subsystems.nt.protection import (
    PAGE_EXECUTE_WRITECOPY,
    PAGE_READONLY,
    host_protection,
    image_protection,
)

if TYPE_CHECKING:
    from lichen.executive.io.attributes import Attributes
    from lichen.executive.io.file import File
    from lichen.executive.io.node import Node
    from lichen.executive.machine import MachineState

_LARGEST_FILE: Final = 1 << 30
_MOST_IMAGES: Final = 64
"""Images whose parsed files are kept in the kernel's own memory."""
_HIGH_BASE: Final = 0x180000000
_LOW_BASE: Final = 0x10000000


@dataclass(eq=False)
class Image:
    """A parsed PE file and the runs of pages that have one protection."""

    file: pe.PeFile
    key: object
    runs: tuple[tuple[int, int, int], ...]
    """(offset, size, NT protection)."""
    node: Node
    """The file that it was found in last."""


class ImageCache:
    """The images that were mapped lately. One that is forgotten is still shared by those who have it."""

    def __init__(self, cache: PageCache, machine: MachineState) -> None:
        self._cache, self._machine = cache, machine
        self._images: OrderedDict[object, Image] = OrderedDict()
        self.patches: dict[object, Callable[[pe.PeFile, bytearray], None]] = {}
        """What to change in an image before it is shared, by its key."""
        self.mend: Callable[[pe.PeFile, bytearray], None] = lambda file, image: None
        """What else to change in any image."""

    def open(self, file: File) -> Image:
        """The image in an open file; INVALID_IMAGE_FORMAT when it is none."""
        node, key = file.location.node, self.key_of(file)
        image = self._images.get(key)
        if image is None:
            size = node.size()
            if size > _LARGEST_FILE:
                raise Failure(Status.INVALID_IMAGE_FORMAT)
            parsed = pe.parse(_read_all(node.read_at, size))
            image = self._images[key] = Image(parsed, key, _runs(parsed), node)
            if len(self._images) > _MOST_IMAGES:
                self._images.popitem(last=False)
        self._images.move_to_end(key)
        image.node = node
        return image

    @staticmethod
    def key_of(file: File) -> object:
        """What an image is known by as long as its file stays as it is."""
        node = file.location.node
        return node.mapping().key or _key(node.attributes())

    def map(
        self, space: AddressSpace, image: Image, path: str, at: int | None = None
    ) -> tuple[int, list[MemoryOperation]]:
        """Enter a view of an image into the books: its base, and the operations that map it."""
        base = self._place(space, image.file) if at is None else at
        offset = self._cache.insert((image.key, base), lambda: self._content(image, base), image.file.size)
        operations: list[MemoryOperation] = [Map(base, image.file.size, 1, Backing(None, offset))]
        became_image(self._machine, image.node)
        allocation = Allocation(
            base, image.file.size, PAGE_EXECUTE_WRITECOPY, MEM_IMAGE, path, True, image.file, image.node
        )
        for start, size, protect in image.runs:
            host = host_protection(protect)
            if host != 1:
                operations.append(Protect(base + start, size, host))
            space.insert(
                Region(
                    base + start, base + start + size, host, allocation=allocation, state=protect, name=path
                )
            )
        return base, operations

    def _content(self, image: Image, base: int) -> int:
        """A host descriptor of the image relocated to `base`."""
        content = image.file.relocated(base)
        changed = bytearray(content)
        if patch := self.patches.get(image.key):
            patch(image.file, changed)
        self.mend(image.file, changed)
        descriptor = os.memfd_create("lichen-image", os.MFD_CLOEXEC)
        os.write(descriptor, changed)
        return descriptor

    @staticmethod
    def _place(space: AddressSpace, file: pe.PeFile) -> int:
        base = file.preferred_base
        if space.is_free(base, base + file.size):
            return base
        low = _HIGH_BASE if base >> 32 else _LOW_BASE
        return space.lowest_free(file.size, low, GRANULARITY)


def _key(state: Attributes) -> object:
    """The name of a file's content for as long as nobody writes to it."""
    return state.device, state.file_id, state.created, state.changed, state.modified, state.size


def _read_all(read_at: Callable[[int, int], bytes], size: int) -> bytes:
    parts, done = [], 0
    while done < size:
        part = read_at(done, min(1 << 20, size - done))
        if not part:
            break
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def _runs(file: pe.PeFile) -> tuple[tuple[int, int, int], ...]:
    protections = [PAGE_READONLY] * (file.size // PAGE)
    for section in file.sections:
        protect = image_protection(section.characteristics)
        for page in range(section.address // PAGE, page_up(section.address + section.size) // PAGE):
            protections[page] = protect
    runs: list[tuple[int, int, int]] = []
    for page, protect in enumerate(protections):
        if runs and runs[-1][2] == protect:
            start, size, _ = runs[-1]
            runs[-1] = start, size + PAGE, protect
        else:
            runs.append((page * PAGE, PAGE, protect))
    return tuple(runs)
