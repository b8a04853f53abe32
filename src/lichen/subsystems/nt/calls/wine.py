"""Calls that only Wine's ntdll has.

Source: the names and what Wine's DLLs do with the answers.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lichen.abi.layout import u32
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

log = logging.getLogger("lichen.wine")


@nt.call()
def __wine_dbg_write(thread: Thread, text: Address, size: u32) -> int:
    """What a DLL of Wine has to say about itself: it goes into the machine's log, and explains the end of the program."""
    message = thread.memory.read(text, min(size, 4096)).decode("utf-8", "replace").rstrip()
    if message:
        log.info("%s: %s", thread.process, message)
        thread.process.personality.complaints.append(message)
    return size
