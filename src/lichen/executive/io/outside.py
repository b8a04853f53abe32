"""What changes without the executive: a folder of the host belongs to others too, and what they do must be seen at once.

A driver of such a folder vouches for the names of a directory (Node.keeps_names) and tells here when they are no longer sure.
It hears of that in its own way, which is asked (`Devices.outside`) before anything that is remembered may answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lichen.executive.io.node import Node


class Source(NamedTuple):
    """How a driver hears: `pending(0, 1)` says what there is to hear, which `learn` takes in and calls `changed` for.

    It is epoll's poll, so that asking costs no more than that.
    """

    pending: Callable[[int, int], list[tuple[int, int]]]
    learn: Callable[[list[tuple[int, int]]], None]


def changed(directory: Node, name: str | None) -> None:
    """A name in a directory may have come, gone, or be another object's now; None: any of them."""
    place = directory.place() if directory.place is not None else None
    if place is not None:
        place.doubt(name)
