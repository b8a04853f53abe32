"""CONTEXT of x64: the registers of a thread as NT programs see and set them, and how they are loaded from the host's.

Source: winnt.h, CONTEXT for _AMD64_.
"""

from __future__ import annotations

from typing import Final

from lichen.abi.layout import layout
from lichen.executive.interfaces import GuestThread
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.exceptions import Context, FloatSave

LAYOUT: Final = layout(Context, MODEL)
_FLOAT: Final = layout(FloatSave, MODEL)
_XSTATE_HEADER: Final = 512
_MXCSR_BITS: Final = 0xFFBF
"""What may be set where the processor tells no mask."""

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
_PARTS: Final = {
    CONTROL: ("seg_cs", "seg_ss", "e_flags", "rsp", "rip"),
    INTEGER: tuple(name for name in _NAMES if name not in _CONTROL_NAMES),
    SEGMENTS: ("seg_ds", "seg_es", "seg_fs", "seg_gs"),
    FLOATING_POINT: ("mx_csr", "flt_save"),
}
_USER: Final = Context(
    seg_cs=USER_CS, seg_ds=USER_SS, seg_es=USER_SS, seg_fs=0x53, seg_gs=USER_SS, seg_ss=USER_SS
)


def capture(guest: GuestThread) -> Context:
    """The whole CONTEXT of a stopped thread."""
    registers = guest.registers
    floating = _FLOAT.unpack(guest.extended_state())._replace(reserved_4=b"")
    return _USER._replace(
        context_flags=ALL & ~(DEBUG_REGISTERS & ~AMD64),
        mx_csr=floating.mx_csr,
        e_flags=registers.eflags & 0xFFFFFFFF,
        flt_save=floating,
        **{name: getattr(registers, name) for name in _NAMES},
    )


def load(guest: GuestThread, wanted: Context) -> None:
    """Set the registers of a stopped thread that the CONTEXT's flags name."""
    registers = guest.registers
    flags = wanted.context_flags
    for name in _NAMES:
        part = CONTROL if name in _CONTROL_NAMES else INTEGER
        if flags & part & ~AMD64:
            setattr(registers, name, getattr(wanted, name))
    if flags & CONTROL & ~AMD64:
        registers.eflags = (registers.eflags & ~_USER_EFLAGS) | (wanted.e_flags & _USER_EFLAGS)
    registers.orig_rax = -1
    if flags & FLOATING_POINT & ~AMD64:
        _load_floating_point(guest, wanted.flt_save)


def _load_floating_point(guest: GuestThread, wanted: FloatSave) -> None:
    state = bytearray(guest.extended_state())
    host = _FLOAT.unpack(state)
    mxcsr = wanted.mx_csr & (host.mx_csr_mask or _MXCSR_BITS)
    state[: _FLOAT.size] = _FLOAT.pack(
        wanted._replace(mx_csr=mxcsr, mx_csr_mask=host.mx_csr_mask, reserved_4=host.reserved_4)
    )
    state[_XSTATE_HEADER] |= 3
    guest.set_extended_state(bytes(state))


def merge(given: Context, captured: Context) -> Context:
    """A CONTEXT whose parts that its flags name come from another one."""
    for part, names in _PARTS.items():
        if given.context_flags & part & ~AMD64:
            given = given._replace(**{name: getattr(captured, name) for name in names})
    return given


def initial(entry: int, parameter: int, start: int, stack_pointer: int) -> bytes:
    """The CONTEXT that a new thread's LdrInitializeThunk continues to: `start`(entry, parameter)."""
    return LAYOUT.pack(
        _USER._replace(
            context_flags=FULL | SEGMENTS,
            mx_csr=_INITIAL_MXCSR,
            e_flags=0x200,
            rcx=entry,
            rdx=parameter,
            rsp=stack_pointer,
            rip=start,
            flt_save=FloatSave(control_word=_INITIAL_FPCW, mx_csr=_INITIAL_MXCSR),
        )
    )
