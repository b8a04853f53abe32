"""Who runs a file or has it mapped as an image: such a file is busy (NT: MmFlushImageSection; Linux: deny_write_access).

Nothing is counted on the way: a file that has been an image once knows whom to ask, and is asked about when somebody wants to
write or delete it, which is rare. So no way in which a process can end leaves a file busy.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lichen.executive.io.node import Node
    from lichen.executive.machine import MachineState

RUNNING: Final = 0x1
"""It is the program of a process that has not ended."""
VIEWED: Final = 0x2
"""A process of NT's has it mapped as an image."""


def became_image(machine: MachineState, node: Node) -> None:
    """A file is run or mapped as an image: from now on it may be busy."""
    if node.image_uses is None:
        node.image_uses = functools.partial(_uses, machine, node)


def _uses(machine: MachineState, node: Node) -> int:
    """RUNNING and VIEWED, as far as they are true now."""
    uses = 0
    for process in machine.processes.values():
        if process.exit_status is not None:
            continue
        if process.image is not None and process.image.node is node:
            uses |= RUNNING
        if any(
            region.allocation is not None and region.allocation.node is node
            for region in process.space.regions
        ):
            uses |= VIEWED
    return uses
