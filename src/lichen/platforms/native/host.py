"""The host's system calls that Python has no name for, and the C extension or its pure-Python stand-in."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import os
import struct
import time
from types import ModuleType
from typing import TYPE_CHECKING, Final

from lichen.executive.interfaces import GuestGone
from lichen.platforms.native import fallback


def _choose_core() -> ModuleType:
    """The C extension, or its stand-in where it was not built or LICHEN_PURE_PYTHON is set."""
    if not os.environ.get("LICHEN_PURE_PYTHON"):
        with contextlib.suppress(ImportError):
            return importlib.import_module("lichen.platforms._native")
    return fallback


if TYPE_CHECKING:
    core = fallback
else:
    core = _choose_core()

EXTENSION: Final = core.__name__.endswith("_native")
"""Whether the C extension is in use."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

# ptrace(2) requests and events
CONT: Final = 7
GETREGS: Final = 12
SETREGS: Final = 13
SINGLESTEP: Final = 9
SYSCALL: Final = 24
GETEVENTMSG: Final = 0x4201
GETSIGINFO: Final = 0x4202
GETREGSET: Final = 0x4204
SETREGSET: Final = 0x4205
SEIZE: Final = 0x4206
INTERRUPT: Final = 0x4207
EVENT_CLONES: Final = (1, 2, 3)
EVENT_SECCOMP: Final = 7
EVENT_STOP: Final = 128
SYSCALL_STOP: Final = 5 | 0x80
OPTIONS: Final = (
    0x100000 | 0x80 | 0x10 | 0x8 | 0x4 | 0x2 | 0x1
)  # EXITKILL SECCOMP EXEC CLONE VFORK FORK SYSGOOD
FROM_KERNEL: Final = 0x80
"""si_code of a breakpoint, and of a fault that has no address: a general protection fault."""
XSTATE: Final = 0x202
ANY_CHILD: Final = 0x40000000
"""waitpid(2)'s __WALL: threads and clones too."""

NOTIFICATION_ADD_DESCRIPTOR: Final = 0x40182103
NOTIFICATION_SET_FLAGS: Final = 0x40082104
SYNC_WAKE_UP: Final = 1
CONTINUE_CALL: Final = 1

_TIMER: Final = struct.Struct("=4q")
"""struct itimerspec: interval, value."""
_VECTOR: Final = struct.Struct("=QQ")
"""struct iovec."""


def system_call(number: int, *arguments: int) -> int:
    """A raw system call of the host; OSError on failure."""
    result: int = _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> None:
    """ptrace(2); GuestGone when there is no such stopped thread any more, OSError on another failure."""
    code = core.ptrace(request, tid, address, data)
    if code == errno.ESRCH:
        raise GuestGone("the guest thread is gone")
    if code:
        raise OSError(code, os.strerror(code))


def event_message(tid: int) -> int:
    """The message of the ptrace event at which `tid` stopped: a new thread's id."""
    message = ctypes.c_ulong()
    ptrace(GETEVENTMSG, tid, 0, ctypes.addressof(message))
    return message.value


def signal_information(tid: int) -> tuple[int, int, int]:
    """(signal, code, address) of the signal at whose delivery `tid` stopped."""
    record = bytearray(128)
    ptrace(GETSIGINFO, tid, 0, address_of(record))
    number, code, address = struct.unpack_from("<i4xi4xQ", record)
    return number, code, address


def extended_state(tid: int, size: int = 16384) -> bytes:
    """The XSAVE area of a stopped thread."""
    state = bytearray(size)
    vector = bytearray(_VECTOR.pack(address_of(state), size))
    ptrace(GETREGSET, tid, XSTATE, address_of(vector))
    return bytes(state[: _VECTOR.unpack(vector)[1]])


def set_extended_state(tid: int, state: bytes) -> None:
    """Load the XSAVE area of a stopped thread; OSError when the host finds it malformed."""
    content = bytearray(state + b"\0")
    vector = bytearray(_VECTOR.pack(address_of(content), len(state)))
    ptrace(SETREGSET, tid, XSTATE, address_of(vector))


def address_of(content: bytearray) -> int:
    """The host address of a block that is not empty, which holds as long as its size does.

    An array type of ctypes for every size would be 3 KB of cyclic garbage, for every thread one.
    """
    return ctypes.addressof(ctypes.c_char.from_buffer(content))


def signal_descriptor(number: int) -> int:
    """A non-blocking signalfd(2) for one signal, which the caller has blocked."""
    mask = ctypes.c_uint64(1 << (number - 1))
    return system_call(289, -1, ctypes.addressof(mask), 8, os.O_NONBLOCK | os.O_CLOEXEC)


def timer_descriptor() -> int:
    """A timerfd(2) of the monotonic clock, which is not set."""
    return system_call(283, time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)


def set_timer(descriptor: int, seconds: float) -> None:
    """Have a timerfd expire once after so many seconds, or (0) not at all; an expiration that was not read is forgotten."""
    whole = int(seconds)
    setting = bytearray(_TIMER.pack(0, 0, whole, int((seconds - whole) * 1e9)))
    system_call(286, descriptor, 0, address_of(setting), 0)


def punch_hole(descriptor: int, offset: int, size: int) -> None:
    """Give whole pages of a memory file back to the host; they read as zeros (fallocate(2))."""
    system_call(285, descriptor, 3, offset, size)


def process_descriptor(pid: int) -> int:
    return system_call(434, pid, 0)


def copy_descriptor(process: int, number: int) -> int:
    """A copy of another process's descriptor (pidfd_getfd)."""
    return system_call(438, process, number, 0)
