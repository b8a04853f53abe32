"""Futexes: the host has their queues, as every guest thread is one of its threads (G11).

Source: futex(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Address, Int, Uint

if TYPE_CHECKING:
    from lichen.executive.processes import Thread


@linux.call(
    amd64=202, partial="operations with priority inheritance are missing; the host answers the others"
)
def futex(
    thread: Thread,
    word: Address,
    operation: Int,
    value: Uint,
    timeout: Address,
    other: Address,
    expected: Uint,
) -> int:
    """Wait for a word of memory to change, or wake those who do."""
    raise Failure(Status.NOT_IMPLEMENTED)
