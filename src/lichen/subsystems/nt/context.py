"""CONTEXT of x64: the registers of a thread as NT programs see and set them, and how they are loaded from the host's.

Source: winnt.h, CONTEXT for _AMD64_.
"""

from __future__ import annotations

import struct
from typing import Final

from lichen.executive.interfaces import GuestThread

SIZE: Final = 0x4D0
_FLAGS_OFFSET, _MXCSR_OFFSET, _SEGMENTS_OFFSET, _EFLAGS_OFFSET = 0x30, 0x34, 0x38, 0x44
_GENERAL_OFFSET, _FLOAT_OFFSET = 0x78, 0x100
_FLOAT_SIZE: Final = 512
_FLOAT_USED: Final = 416
_GENERAL: Final = struct.Struct("<17Q")
_SEGMENTS: Final = struct.Struct("<6H")
_XSTATE_HEADER: Final = 512

AMD64: Final = 0x100000
CONTROL, INTEGER, SEGMENTS, FLOATING_POINT, DEBUG_REGISTERS = (AMD64 | 1 << bit for bit in range(5))
ALL: Final = CONTROL | INTEGER | SEGMENTS | FLOATING_POINT | DEBUG_REGISTERS
FULL: Final = CONTROL | INTEGER | FLOATING_POINT
_USER_EFLAGS: Final = 0x50DD5
_INITIAL_MXCSR, _INITIAL_FPCW = 0x1F80, 0x27F
USER_CS, USER_SS = 0x33, 0x2B

_NAMES: Final = (
    *("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"),
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"),
)
_CONTROL_NAMES: Final = frozenset(("rsp", "rip"))
_PARTS: Final = (
    (CONTROL, 0x38, 0x3A),  # cs
    (CONTROL, 0x42, 0x48),  # ss, eflags
    (CONTROL, 0x98, 0xA0),  # rsp
    (CONTROL, 0xF8, 0x100),  # rip
    (INTEGER, 0x78, 0x98),
    (INTEGER, 0xA0, 0xF8),
    (SEGMENTS, 0x3A, 0x42),
    (FLOATING_POINT, 0x34, 0x38),
    (FLOATING_POINT, _FLOAT_OFFSET, _FLOAT_OFFSET + _FLOAT_SIZE),
)
"""(flag, first byte, byte behind the last) of what belongs to each part."""


def capture(guest: GuestThread) -> bytearray:
    """The whole CONTEXT of a stopped thread."""
    registers = guest.registers
    context = bytearray(SIZE)
    floating = guest.extended_state()[:_FLOAT_SIZE]
    struct.pack_into("<I", context, _FLAGS_OFFSET, ALL & ~(DEBUG_REGISTERS & ~AMD64))
    context[_MXCSR_OFFSET : _MXCSR_OFFSET + 4] = floating[24:28]
    _SEGMENTS.pack_into(context, _SEGMENTS_OFFSET, USER_CS, USER_SS, USER_SS, 0x53, USER_SS, USER_SS)
    struct.pack_into("<I", context, _EFLAGS_OFFSET, registers.eflags & 0xFFFFFFFF)
    _GENERAL.pack_into(context, _GENERAL_OFFSET, *(getattr(registers, name) for name in _NAMES))
    context[_FLOAT_OFFSET : _FLOAT_OFFSET + _FLOAT_USED] = floating[:_FLOAT_USED]
    return context


def load(guest: GuestThread, context: bytes) -> None:
    """Set the registers of a stopped thread that the CONTEXT's flags name."""
    registers = guest.registers
    (flags,) = struct.unpack_from("<I", context, _FLAGS_OFFSET)
    values = dict(zip(_NAMES, _GENERAL.unpack_from(context, _GENERAL_OFFSET), strict=True))
    for name, value in values.items():
        part = CONTROL if name in _CONTROL_NAMES else INTEGER
        if flags & part & ~AMD64:
            setattr(registers, name, value)
    if flags & CONTROL & ~AMD64:
        (eflags,) = struct.unpack_from("<I", context, _EFLAGS_OFFSET)
        registers.eflags = (registers.eflags & ~_USER_EFLAGS) | (eflags & _USER_EFLAGS)
    registers.orig_rax = -1
    if flags & FLOATING_POINT & ~AMD64:
        _load_floating_point(guest, context)


def _load_floating_point(guest: GuestThread, context: bytes) -> None:
    state = bytearray(guest.extended_state())
    mxcsr_mask = state[28:32]
    state[:_FLOAT_USED] = context[_FLOAT_OFFSET : _FLOAT_OFFSET + _FLOAT_USED]
    state[28:32] = mxcsr_mask
    (mask,) = struct.unpack("<I", mxcsr_mask)
    (mxcsr,) = struct.unpack_from("<I", state, 24)
    struct.pack_into("<I", state, 24, mxcsr & (mask or 0xFFBF))
    state[_XSTATE_HEADER] |= 3
    guest.set_extended_state(bytes(state))


def merge(given: bytes, captured: bytes | bytearray) -> bytes:
    """A CONTEXT whose parts that its flags name come from another one."""
    merged = bytearray(given)
    (flags,) = struct.unpack_from("<I", given, _FLAGS_OFFSET)
    for part, start, end in _PARTS:
        if flags & part & ~AMD64:
            merged[start:end] = captured[start:end]
    return bytes(merged)


def initial(entry: int, parameter: int, start: int, stack_pointer: int) -> bytes:
    """The CONTEXT that a new thread's LdrInitializeThunk continues to: `start`(entry, parameter)."""
    context = bytearray(SIZE)
    struct.pack_into("<I", context, _FLAGS_OFFSET, FULL | SEGMENTS)
    struct.pack_into("<I", context, _MXCSR_OFFSET, _INITIAL_MXCSR)
    _SEGMENTS.pack_into(context, _SEGMENTS_OFFSET, USER_CS, USER_SS, USER_SS, 0x53, USER_SS, USER_SS)
    struct.pack_into("<I", context, _EFLAGS_OFFSET, 0x200)
    values = dict.fromkeys(_NAMES, 0)
    values |= {"rcx": entry, "rdx": parameter, "rsp": stack_pointer, "rip": start}
    _GENERAL.pack_into(context, _GENERAL_OFFSET, *(values[name] for name in _NAMES))
    struct.pack_into("<H", context, _FLOAT_OFFSET, _INITIAL_FPCW)
    struct.pack_into("<I", context, _FLOAT_OFFSET + 24, _INITIAL_MXCSR)
    return bytes(context)


def register_of(context: bytes | bytearray, name: str) -> int:
    """A general register of a CONTEXT."""
    (value,) = struct.unpack_from("<Q", context, _GENERAL_OFFSET + 8 * _NAMES.index(name))
    return int(value)


def flags_of(context: bytes | bytearray) -> int:
    """The processor's flags in a CONTEXT."""
    (flags,) = struct.unpack_from("<I", context, _EFLAGS_OFFSET)
    return int(flags)


def set_result(context: bytearray, status: int) -> None:
    """Rax of a CONTEXT."""
    struct.pack_into("<Q", context, _GENERAL_OFFSET, status)
