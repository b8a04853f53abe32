"""The frame that a signal handler runs on, and the way back from it (struct rt_sigframe of x86-64).

Stack, from the handler's rsp upwards: return address (the restorer), struct ucontext, siginfo_t; above it, aligned to 64,
the XSAVE area that ucontext points to. rt_sigreturn finds the ucontext at rsp, because the handler's `ret` took the return
address. Whatever the guest did to the frame meanwhile is only ever loaded into that guest's own registers.

Source: arch/x86/include/uapi/asm/sigcontext.h, ucontext.h; sigaction(2).
"""

from __future__ import annotations

import struct
from typing import Final

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import GuestThread
from lichen.subsystems.linux.records import Sigaction

_RED_ZONE: Final = 128
_EXTENDED_STATE_MAGIC: Final = 0x46505853
_END_MAGIC: Final = struct.Struct("<I")
_END_MAGIC_VALUE: Final = 0x46505845
_SOFTWARE_AREA: Final = struct.Struct("<IIQI")
_SOFTWARE_OFFSET: Final = 464
_LEGACY_SIZE: Final = 512
_LEAST_STATE: Final = _LEGACY_SIZE + 64
_LEGACY_HEADER: Final = struct.pack("<Q56x", 0x3)  # x87 and SSE
_TILE_DATA, _TILE_DATA_SIZE = 1 << 18, 8192
_UCONTEXT_FLAGS: Final = 0x7  # FP_XSTATE, SIGCONTEXT_SS, STRICT_RESTORE_SS
_HEAD: Final = struct.Struct("<QQQQi4xQ")  # restorer, flags, link, stack
_CONTEXT: Final = struct.Struct("<18Q4H5Q64xQ")
_CONTEXT_OFFSET: Final = 40
_EFLAGS: Final = 0x50DD5

_REGISTERS: Final = (
    *("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx"),
    *("rsp", "rip"),
)


def push(
    guest: GuestThread,
    number: int,
    action: Sigaction,
    information: bytes,
    mask: int,
    stack: tuple[int, int, int],
    top: int | None,
    trap: tuple[int, int, int] = (0, 0, 0),
    lowest: int = 0,
) -> None:
    """Make the stopped thread run `action`'s handler when it goes on.

    `mask` is what rt_sigreturn will restore; `stack` (address, flags, size) the alternate stack as ucontext reports it;
    `top` the end of that stack when the handler is to run there; `trap` (error, number, address) of a fault; `lowest` where
    the stack that the handler runs on ends below, if that is known.
    Raises abi.memory.Fault when the frame does not fit into the guest's memory.
    """
    registers = guest.registers
    state = _usable(guest.extended_state())
    end = registers.rsp - _RED_ZONE if top is None else top
    area = (end - len(state) - _END_MAGIC.size) & -64
    frame = ((area - _HEAD.size - _CONTEXT.size - len(information)) & -16) - 8
    if frame < 0 or frame < lowest:
        raise BadAddress(end)
    general = [getattr(registers, name) for name in _REGISTERS]
    error, trap_number, address = trap
    context = _CONTEXT.pack(
        *general, registers.eflags, 0x33, 0, 0, 0x2B, error, trap_number, mask, address, area, mask
    )
    head = _HEAD.pack(action.restorer, _UCONTEXT_FLAGS, 0, *stack)
    guest.memory.write(area, _described(state))
    guest.memory.write(frame, head + context + information)
    registers.rsp, registers.rip = frame, action.handler
    registers.rdi, registers.rsi, registers.rdx = number, frame + _HEAD.size + _CONTEXT.size, frame + 8
    registers.rax, registers.orig_rax = 0, -1
    registers.eflags &= ~0x500  # direction and trap flags


def _usable(state: bytes) -> bytes:
    """The XSAVE area without the tiles of AMX, which are at its end: a thread has none before it has asked for them."""
    (features,) = struct.unpack_from("<Q", state, _SOFTWARE_OFFSET)
    if not features & _TILE_DATA or len(state) <= _LEAST_STATE + _TILE_DATA_SIZE:
        return state
    area = bytearray(state[:-_TILE_DATA_SIZE])
    struct.pack_into("<Q", area, _SOFTWARE_OFFSET, features & ~_TILE_DATA)
    return bytes(area)


def _described(state: bytes) -> bytes:
    """The XSAVE area with the note on its size that user space and rt_sigreturn look for."""
    area = bytearray(state)
    (features,) = struct.unpack_from("<Q", area, _SOFTWARE_OFFSET)
    _SOFTWARE_AREA.pack_into(
        area, _SOFTWARE_OFFSET, _EXTENDED_STATE_MAGIC, len(area) + _END_MAGIC.size, features, len(area)
    )
    return bytes(area) + _END_MAGIC.pack(_END_MAGIC_VALUE)


def pop(guest: GuestThread) -> tuple[int, tuple[int, int, int]]:
    """Load the registers from the frame at rsp; returns the signal mask and alternate stack to restore.

    Raises abi.memory.Fault for a frame that cannot be read, OSError when the host refuses its floating-point state.
    """
    registers = guest.registers
    context = registers.rsp
    data = guest.memory.read(context, _CONTEXT_OFFSET + _CONTEXT.size)
    stack = struct.unpack_from("<Qi4xQ", data, 16)
    words = _CONTEXT.unpack_from(data, _CONTEXT_OFFSET)
    for name, value in zip(_REGISTERS, words[:17], strict=True):
        setattr(registers, name, value)
    registers.eflags = (registers.eflags & ~_EFLAGS) | (words[17] & _EFLAGS)
    registers.orig_rax = -1
    area, mask = words[26], words[27]
    if area:
        _load_state(guest, area)
    return mask, (stack[0], stack[1], stack[2])


def _load_state(guest: GuestThread, area: int) -> None:
    legacy = guest.memory.read(area, _LEGACY_SIZE)
    magic, _, features, size = _SOFTWARE_AREA.unpack_from(legacy, _SOFTWARE_OFFSET)
    full = guest.extended_state_size
    if magic == _EXTENDED_STATE_MAGIC and _LEAST_STATE <= size <= full:
        state = bytearray(guest.memory.read(area, size))
        struct.pack_into("<Q", state, _SOFTWARE_OFFSET, features)
    else:  # a frame of the program's own making: what every processor has, and the rest as at the start
        state = bytearray(legacy) + _LEGACY_HEADER
    guest.set_extended_state(bytes(state.ljust(full, b"\0")))
