"""How many descriptors of the host the kernel may have: what guests open must leave it some for its own work (G7)."""

from __future__ import annotations

import resource
from typing import Final

from lichen.executive.status import Failure, Status

KEPT_BACK: Final = 64


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as the host allows it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def require_room(descriptor: int) -> None:
    """INSUFFICIENT_RESOURCES (ENFILE) when a descriptor, new just now, is one of the last that the host gives.

    The host always gives the lowest free number, so the number tells how many there are.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and descriptor >= soft - KEPT_BACK:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
