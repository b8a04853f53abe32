"""What a signal tells its handler: the variants of siginfo_t, and what a signalfd reads instead.

The variants differ behind `code`, in a union that holds pointers; each is as long as the whole.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import AlignedAs, i16, i32, long, padded_to, ptr, u16, u32, u64


@padded_to(128)
class SiginfoKill(NamedTuple):
    """siginfo_t of a signal that a process sent: SI_USER, SI_TKILL, and SI_QUEUE with `value`."""

    signo: i32
    errno: i32
    code: i32
    pid: Annotated[i32, AlignedAs(ptr)]
    uid: u32
    value: ptr = 0


@padded_to(128)
class SiginfoTimer(NamedTuple):
    """siginfo_t of a POSIX timer: SI_TIMER."""

    signo: i32
    errno: i32
    code: i32
    tid: Annotated[i32, AlignedAs(ptr)]
    overrun: i32
    value: ptr


@padded_to(128)
class SiginfoChild(NamedTuple):
    """siginfo_t of SIGCHLD, and what waitid stores; the times are in clock ticks."""

    signo: i32
    errno: i32
    code: i32
    pid: Annotated[i32, AlignedAs(ptr)]
    uid: u32
    status: i32
    utime: long = 0
    stime: long = 0


@padded_to(128)
class SiginfoFault(NamedTuple):
    """siginfo_t of SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP."""

    signo: i32
    errno: i32
    code: i32
    addr: ptr
    addr_lsb: i16 = 0


@padded_to(128)
class SiginfoPoll(NamedTuple):
    """siginfo_t of SIGIO."""

    signo: i32
    errno: i32
    code: i32
    band: long
    fd: i32


@padded_to(128)
class SignalfdSiginfo(NamedTuple):
    """struct signalfd_siginfo; the fields that a signal does not use are zero."""

    signo: u32
    errno: i32 = 0
    code: i32 = 0
    pid: u32 = 0
    uid: u32 = 0
    fd: i32 = 0
    tid: u32 = 0
    band: u32 = 0
    overrun: u32 = 0
    trapno: u32 = 0
    status: i32 = 0
    int: i32 = 0
    ptr: u64 = 0
    utime: u64 = 0
    stime: u64 = 0
    addr: u64 = 0
    addr_lsb: u16 = 0
    syscall: i32 = 0
    call_addr: u64 = 0
    arch: u32 = 0
