"""The page of kernel code in every guest: its machine code (assembled from stub.S) and where its parts are."""

from __future__ import annotations

from typing import Final

BASE: Final = 0x7FFFFFFF0000
SCRATCH: Final = BASE + 0x1000
"""A private page of the guest for lists of memory operations. The guest can write it: every operation that could reach
anything but the guest itself is checked again when it is issued."""
SCRATCH_SIZE: Final = 0x4000
FRAME: Final = SCRATCH + SCRATCH_SIZE
FRAME_SIZE: Final = 0x6000
"""Where the host builds a signal frame when the kernel wants to know what kind of fault it was."""

IDLE_RESULT: Final = BASE
IDLE: Final = BASE + 0x03
RUN: Final = BASE + 0x10
LEAVE: Final = BASE + 0x50
NT_DISPATCH: Final = BASE + 0x60
NT_SYSCALL: Final = BASE + 0x69
NT_RETURNED: Final = BASE + 0x6B
NT_OPERATION_RETURNED: Final = BASE + 0xAB
UNIX_DISPATCH: Final = BASE + 0xD0

CODE: Final = bytes.fromhex(
    "4889c7b8580200000f05ebf40f1f4000498b04244883f8ff742e498b7c240849"
    "8b742410498b5424184d8b5424204d8b4424284d8b4c24300f05483d00f0ffff"
    "77be4983c438ebc831c0ebb40f1f4000b83c0000000f05ebf70f1f8000000000"
    "574889e705000001000f055f4989c349c1eb207501c357565389c048bb0010ff"
    "ffff7f00004801c3488b034883f8ff7428488b7b08488b7310488b53184c8b53"
    "204c8b43284c8b4b300f05483d00f0ffff770e4883c338ebcf488b43085b5e5f"
    "c34889c74889deb8003001000f05ebed4989cab800200000eb86"
)

END_OF_LIST: Final = 0xFFFFFFFFFFFFFFFF


UNIX_CALL: Final = 0x2000
"""What `__wine_unix_call` looks like: an NT call of this number (handle, code, arguments)."""

REFUSED: Final = 0x3000
"""The NT number by which the stub reports that the host refused an operation of a reply."""


def holds(address: int) -> bool:
    """Whether `address` is in the page of kernel code."""
    return BASE <= address < BASE + 0x1000
