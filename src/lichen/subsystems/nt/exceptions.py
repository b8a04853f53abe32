"""Exceptions and APCs: the frames from which ntdll's dispatchers go on.

Layout of an exception frame, upwards from rsp: CONTEXT, CONTEXT_EX, EXCEPTION_RECORD, machine frame. Of an APC frame of
Wine 8: home space with the function behind it, then CONTEXT; of Windows and Wine 10: CONTEXT, whose own home space has the
function and its arguments, then machine frame. Both dispatchers end in NtContinue, which loads the CONTEXT again; who walks
the stack through them finds what was interrupted by the machine frame.

Source: ntdll of Windows and Wine as observed; winnt.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LLP64, layout
from lichen.abi.memory import Fault
from lichen.executive.interfaces import GuestThread
from lichen.subsystems.nt import context
from lichen.subsystems.nt.records.exceptions import ExceptionRecord
from lichen.subsystems.nt.state import UserApc

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

STATUS_BREAKPOINT, STATUS_SINGLE_STEP = 0x80000003, 0x80000004
STATUS_ILLEGAL_INSTRUCTION, STATUS_INTEGER_DIVIDE_BY_ZERO = 0xC000001D, 0xC0000094
STATUS_FLOAT_INVALID_OPERATION, STATUS_STACK_BUFFER_OVERRUN = 0xC0000090, 0xC0000409
STATUS_INVALID_HANDLE_EXCEPTION: Final = 0xC0000008

_RECORD: Final = layout(ExceptionRecord, LLP64)
_CONTEXT_EX: Final = struct.pack("<6i8x", -context.SIZE, 0x4F0, -context.SIZE, context.SIZE, 0x20, 0)
_RECORD_OFFSET: Final = 0x4F0
_MACHINE_FRAME_OFFSET: Final = 0x590
_FRAME_SIZE: Final = 0x5C0
_MACHINE_FRAME: Final = struct.Struct("<5Q")
"""What the processor pushes on an interrupt: rip, cs, eflags, rsp, ss."""
_APC_CONTEXT_OFFSET: Final = 0x30
_APC_FRAME_SIZE: Final = 0x500
_RED_ZONE: Final = 0x80


def record(code: int, address: int, parameters: tuple[int, ...] = (), flags: int = 0) -> ExceptionRecord:
    """An exception at an address with up to 15 parameters."""
    information = (*parameters, *(0,) * (15 - len(parameters)))
    return ExceptionRecord(code, flags, 0, address, len(parameters), information)


def raise_exception(
    guest: GuestThread, dispatcher: int, exception: ExceptionRecord, captured: bytes | bytearray
) -> None:
    """Make the stopped thread run KiUserExceptionDispatcher with an exception and the CONTEXT it happened in.

    Raises abi.memory.Fault when the frame does not fit into the guest's stack.
    """
    stack = (context.register_of(captured, "rsp") - _FRAME_SIZE) & -16
    frame = (
        bytes(captured) + _CONTEXT_EX.ljust(_RECORD_OFFSET - context.SIZE, b"\0") + _RECORD.pack(exception)
    ).ljust(_MACHINE_FRAME_OFFSET, b"\0") + _machine_frame(captured)
    if stack < 0:
        raise Fault(0)
    guest.memory.write(stack, frame)
    registers = guest.registers
    registers.rsp, registers.rip, registers.orig_rax = stack, dispatcher, -1
    registers.eflags &= ~0x500


def _machine_frame(captured: bytes | bytearray) -> bytes:
    """The machine frame of what a CONTEXT was captured in."""
    rip, stack = context.register_of(captured, "rip"), context.register_of(captured, "rsp")
    return _MACHINE_FRAME.pack(rip, context.USER_CS, context.flags_of(captured), stack, context.USER_SS)


def _interrupted(thread: Thread, status: int) -> bytearray:
    """The CONTEXT of a stopped thread whose call will have ended with `status`."""
    captured = context.capture(thread.guest)
    context.set_result(captured, status)
    return captured


def call_apc_behind_home(thread: Thread, dispatcher: int, apc: UserApc, status: int) -> None:
    """Make the stopped thread run Wine 8's KiUserApcDispatcher; afterwards its call ends with `status`."""
    guest = thread.guest
    captured = _interrupted(thread, status)
    base = ((guest.registers.rsp - _RED_ZONE) & -16) - context.SIZE - _APC_CONTEXT_OFFSET
    if base < 0:
        raise Fault(0)
    guest.memory.write(base, bytes(0x20) + struct.pack("<2Q", apc.routine, 0) + bytes(captured))
    registers = guest.registers
    registers.rcx = base + _APC_CONTEXT_OFFSET
    registers.rdx, registers.r8, registers.r9 = apc.arguments
    registers.rsp, registers.rip, registers.orig_rax = base - 8, dispatcher, -1


def call_apc_in_context(thread: Thread, dispatcher: int, apc: UserApc, status: int) -> None:
    """As `call_apc_behind_home`, with the frame of Windows and of Wine 10."""
    guest = thread.guest
    captured = _interrupted(thread, status)
    struct.pack_into("<4Q", captured, 0, *apc.arguments, apc.routine)
    base = ((guest.registers.rsp - _RED_ZONE) & -16) - _APC_FRAME_SIZE
    if base < 0:
        raise Fault(0)
    guest.memory.write(base, bytes(captured) + _machine_frame(captured))
    registers = guest.registers
    registers.rsp, registers.rip, registers.orig_rax = base, dispatcher, -1
