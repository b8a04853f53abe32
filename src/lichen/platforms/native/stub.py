"""The page of kernel code in every guest: its machine code (assembled from stub.S) and where its parts are."""

from __future__ import annotations

from typing import Final

BASE: Final = 0x7FFFFFFF0000
SCRATCH: Final = BASE + 0x1000
"""A private page of the guest for lists of memory operations. The guest can write it: every operation that could reach
anything but the guest itself is checked again when it is issued."""
SCRATCH_SIZE: Final = 0x4000

IDLE_RESULT: Final = BASE
IDLE: Final = BASE + 0x03
RUN: Final = BASE + 0x10
LEAVE: Final = BASE + 0x50

IDLE_CALL: Final = 600
"""The number that an idle thread calls: no Linux or NT number, and always a stop."""

CODE: Final = bytes.fromhex(
    "4889c7b8580200000f05ebf40f1f4000498b04244883f8ff742e498b7c240849"
    "8b742410498b5424184d8b5424204d8b4424284d8b4c24300f05483d00f0ffff"
    "77be4983c438ebc831c0ebb40f1f4000b83c0000000f05ebf7"
)

END_OF_LIST: Final = 0xFFFFFFFFFFFFFFFF


def holds(address: int) -> bool:
    """Whether `address` is in the page of kernel code."""
    return BASE <= address < BASE + 0x1000
