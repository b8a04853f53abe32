"""What a memory mapping of a file shows, as the platform needs it (NT: section objects' control areas).

Content that cannot change under a mapping is held once in the page cache, unless it is too large for that; everything else is
mapped from the host file itself, through a descriptor that has the mode of the guest's own open and is closed again at once
(G9). Pages beyond the end of the file are mapped from an empty file, so that touching them traps as it does natively.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lichen.executive.address_space import page_up
from lichen.executive.interfaces import Backing, Map, PageCache
from lichen.executive.io.node import Node


@contextmanager
def mapping(
    cache: PageCache,
    node: Node,
    start: int,
    size: int,
    protection: int,
    offset: int,
    shared: bool,
    writable: bool,
) -> Iterator[list[Map]]:
    """The operations that map `size` bytes (whole pages) of a file from `offset` at `start`, good inside the context.

    `writable` when a shared mapping may be written, now or after a change of protection.
    """
    content = node.mapping()
    with ExitStack() as stack:
        held = content.key is not None and cache.admits(content.key, content.size)
        if held and not (shared and writable):
            inside = max(0, min(size, page_up(content.size) - offset))
            backing = Backing(
                None, cache.insert(content.key, lambda: node.open_host(False), content.size) + offset
            )
        else:
            inside = size
            descriptor = node.open_host(shared and writable)
            stack.callback(os.close, descriptor)
            backing = Backing(descriptor, offset, writable)
        operations = []
        if inside:
            operations.append(Map(start, inside, protection, backing, shared))
        if inside < size:
            operations.append(Map(start + inside, size - inside, protection, Backing(cache.empty, 0), False))
        yield operations
