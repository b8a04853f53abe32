"""Exceptions, the registers of x64 with which they are told, and the frames from which ntdll's dispatchers go on.

Source: winnt.h; the frames as ntdll of Windows and of Wine reads them.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, i32, padded_to, ptr, u8, u16, u32, u64


class ExceptionRecord(NamedTuple):
    """EXCEPTION_RECORD with room for 15 parameters."""

    code: u32
    flags: u32
    record: ptr
    address: ptr
    number_parameters: u32
    information: Annotated[tuple[int, ...], Array(ptr, 15)]


class FloatSave(NamedTuple):
    """XMM_SAVE_AREA32: what the processor's fxsave stores."""

    control_word: u16 = 0
    status_word: u16 = 0
    tag_word: u8 = 0
    reserved_1: u8 = 0
    error_opcode: u16 = 0
    error_offset: u32 = 0
    error_selector: u16 = 0
    reserved_2: u16 = 0
    data_offset: u32 = 0
    data_selector: u16 = 0
    reserved_3: u16 = 0
    mx_csr: u32 = 0
    mx_csr_mask: u32 = 0
    float_registers: Annotated[bytes, Bytes(128, align=16)] = b""
    xmm_registers: Annotated[bytes, Bytes(256, align=16)] = b""
    reserved_4: Annotated[bytes, Bytes(96)] = b""


class Context(NamedTuple):
    """CONTEXT of x64; x86 has another one."""

    p1_home: u64 = 0
    p2_home: u64 = 0
    p3_home: u64 = 0
    p4_home: u64 = 0
    p5_home: u64 = 0
    p6_home: u64 = 0
    context_flags: u32 = 0
    mx_csr: u32 = 0
    seg_cs: u16 = 0
    seg_ds: u16 = 0
    seg_es: u16 = 0
    seg_fs: u16 = 0
    seg_gs: u16 = 0
    seg_ss: u16 = 0
    e_flags: u32 = 0
    dr0: u64 = 0
    dr1: u64 = 0
    dr2: u64 = 0
    dr3: u64 = 0
    dr6: u64 = 0
    dr7: u64 = 0
    rax: u64 = 0
    rcx: u64 = 0
    rdx: u64 = 0
    rbx: u64 = 0
    rsp: u64 = 0
    rbp: u64 = 0
    rsi: u64 = 0
    rdi: u64 = 0
    r8: u64 = 0
    r9: u64 = 0
    r10: u64 = 0
    r11: u64 = 0
    r12: u64 = 0
    r13: u64 = 0
    r14: u64 = 0
    r15: u64 = 0
    rip: u64 = 0
    flt_save: FloatSave = FloatSave()
    vector_register: Annotated[bytes, Bytes(416)] = b""
    vector_control: u64 = 0
    debug_control: u64 = 0
    last_branch_to_rip: u64 = 0
    last_branch_from_rip: u64 = 0
    last_exception_to_rip: u64 = 0
    last_exception_from_rip: u64 = 0


@padded_to(32)
class ContextEx(NamedTuple):
    """CONTEXT_EX: where the parts of a context lie, from here, and how long they are."""

    all_offset: i32
    all_length: u32
    legacy_offset: i32
    legacy_length: u32
    xstate_offset: i32
    xstate_length: u32


class MachineFrame(NamedTuple):
    """What the processor pushes on an interrupt."""

    rip: u64
    cs: u64
    eflags: u64
    rsp: u64
    ss: u64


class ExceptionFrame(NamedTuple):
    """What KiUserExceptionDispatcher finds at rsp."""

    context: Context
    context_ex: ContextEx
    record: ExceptionRecord
    alignment: u64
    machine_frame: MachineFrame


class ApcFrame(NamedTuple):
    """What KiUserApcDispatcher finds at rsp; the function and its arguments are in the context's own home space."""

    context: Context
    machine_frame: MachineFrame


class HomedApcFrame(NamedTuple):
    """What KiUserApcDispatcher of Wine 8 finds above its return address; the function is behind the home space."""

    home: Annotated[tuple[int, ...], Array(u64, 4)]
    routine: u64
    alignment: u64
    context: Context
