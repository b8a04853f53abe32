"""Exceptions and APCs: the frames from which ntdll's dispatchers go on.

Layout of an exception frame, upwards from rsp: CONTEXT, CONTEXT_EX, EXCEPTION_RECORD, machine frame. Of an APC frame of
Wine 8: home space with the function behind it, then CONTEXT; of Windows and Wine 10: CONTEXT, whose own home space has the
function and its arguments, then machine frame. Both dispatchers end in NtContinue, which loads the CONTEXT again; who walks
the stack through them finds what was interrupted by the machine frame.

Source: ntdll of Windows and Wine as observed; winnt.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import GuestThread
from lichen.subsystems.nt import context
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.exceptions import (
    ApcFrame,
    Context,
    ContextEx,
    ExceptionFrame,
    ExceptionRecord,
    HomedApcFrame,
    MachineFrame,
)
from lichen.subsystems.nt.state import UserApc

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_EXCEPTION, _CONTEXT = layout(ExceptionFrame, MODEL), context.LAYOUT
_APC, _HOMED_APC = layout(ApcFrame, MODEL), layout(HomedApcFrame, MODEL)
_RECORD_OFFSET: Final = _EXCEPTION.offsets["record"]
_CONTEXT_EX: Final = ContextEx(
    *(-_CONTEXT.size, _RECORD_OFFSET, -_CONTEXT.size, _CONTEXT.size, layout(ContextEx, MODEL).size, 0)
)
_RED_ZONE: Final = 0x80


def record(code: int, address: int, parameters: tuple[int, ...] = (), flags: int = 0) -> ExceptionRecord:
    """An exception at an address with up to 15 parameters."""
    information = (*parameters, *(0,) * (15 - len(parameters)))
    return ExceptionRecord(code, flags, 0, address, len(parameters), information)


def raise_exception(
    guest: GuestThread, dispatcher: int, exception: ExceptionRecord, captured: Context
) -> None:
    """Make the stopped thread run KiUserExceptionDispatcher with an exception and the CONTEXT it happened in.

    Raises abi.memory.Fault when the frame does not fit into the guest's stack.
    """
    stack = (captured.rsp - _EXCEPTION.size) & -16
    if stack < 0:
        raise BadAddress(0)
    frame = ExceptionFrame(captured, _CONTEXT_EX, exception, 0, _machine_frame(captured))
    guest.memory.write(stack, _EXCEPTION.pack(frame))
    registers = guest.registers
    registers.rsp, registers.rip, registers.orig_rax = stack, dispatcher, -1
    registers.eflags &= ~0x500


def _machine_frame(captured: Context) -> MachineFrame:
    """The machine frame of what a CONTEXT was captured in."""
    return MachineFrame(captured.rip, context.USER_CS, captured.e_flags, captured.rsp, context.USER_SS)


def call_apc_behind_home(thread: Thread, dispatcher: int, apc: UserApc, status: int) -> None:
    """Make the stopped thread run Wine 8's KiUserApcDispatcher; afterwards its call ends with `status`."""
    guest = thread.guest
    captured = context.capture(guest)._replace(rax=status)
    base = ((guest.registers.rsp - _RED_ZONE) & -16) - _HOMED_APC.size
    if base < 0:
        raise BadAddress(0)
    frame = HomedApcFrame((0, 0, 0, 0), apc.routine, 0, captured)
    guest.memory.write(base, _HOMED_APC.pack(frame))
    registers = guest.registers
    registers.rcx = base + _HOMED_APC.offsets["context"]
    registers.rdx, registers.r8, registers.r9 = apc.arguments
    registers.rsp, registers.rip, registers.orig_rax = base - 8, dispatcher, -1


def call_apc_in_context(thread: Thread, dispatcher: int, apc: UserApc, status: int) -> None:
    """As `call_apc_behind_home`, with the frame of Windows and of Wine 10."""
    guest = thread.guest
    first, second, third = apc.arguments
    captured = context.capture(guest)._replace(
        rax=status, p1_home=first, p2_home=second, p3_home=third, p4_home=apc.routine
    )
    base = ((guest.registers.rsp - _RED_ZONE) & -16) - _APC.size
    if base < 0:
        raise BadAddress(0)
    guest.memory.write(base, _APC.pack(ApcFrame(captured, _machine_frame(captured))))
    registers = guest.registers
    registers.rsp, registers.rip, registers.orig_rax = base, dispatcher, -1
