"""The hot operations of the native platform in pure Python: the same functions as _native.c, for hosts without a compiler.

ctypes releases and takes the interpreter lock on each call and converts each argument; that is the price of this path.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import struct
from typing import Final

_WALL: Final = 0x40000000
_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_RESPONSE: Final = struct.Struct("=QqiI")
_EMPTY: Final = bytes(80)

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_vector = ctypes.c_size_t * 2
_here = _vector()
_there = _vector()
_readv, _writev = _libc.process_vm_readv, _libc.process_vm_writev
for _function in (_readv, _writev):
    _function.restype = ctypes.c_ssize_t
    _function.argtypes = [
        ctypes.c_int,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_ulong,
    ]
_here_address, _there_address = ctypes.addressof(_here), ctypes.addressof(_there)

_polls: dict[int, select.epoll] = {}


class _Children:
    """`pending`: SIGCHLD was seen and waitpid has not yet answered "nobody"; `last`: the last event was a child's."""

    pending = True
    last = False


def _drain(signals: int) -> None:
    try:
        while os.read(signals, 8 * 128):
            _Children.pending = True
    except BlockingIOError:
        return


def wait(
    epoll: int, listener: int, signals: int, timeout: int
) -> tuple[int, int] | tuple[int, int, None] | tuple[int, int, int, int, tuple[int, ...]] | None:
    """The next event: see native_wait in _native.c."""
    poll = _polls.get(epoll) or _polls.setdefault(epoll, select.epoll.fromfd(epoll))
    while True:
        ready = poll.poll(0, 1) if _Children.pending and _Children.last else []
        if _Children.pending and not ready:
            try:
                tid, status = os.waitpid(-1, _WALL | os.WNOHANG)
            except ChildProcessError:
                tid = status = 0
            _Children.last = tid > 0
            if tid:
                return tid, status
            _Children.pending = False
        _Children.last = False
        # What was told at the edge is told once: an event that was taken is never asked for again.
        if not ready:
            ready = poll.poll(0 if _Children.pending else timeout / 1000 if timeout >= 0 else -1, 1)
        if not ready:
            if _Children.pending:
                continue
            return None
        descriptor, events = ready[0]
        if descriptor == signals:
            _drain(signals)
        elif descriptor != listener:
            return descriptor, events, None
        else:
            record = bytearray(_EMPTY)
            try:
                fcntl.ioctl(listener, _RECEIVE, record)
            except OSError:
                continue
            notification, tid, _, number, _, pointer, *arguments = _NOTIFICATION.unpack(record)
            return tid, notification, number, pointer, tuple(arguments)


def wait_for(tid: int, signals: int, timeout: int) -> int | None:
    """The next stop or end of one thread, as a wait status; None after `timeout` milliseconds."""
    while True:
        found, status = os.waitpid(tid, _WALL | os.WNOHANG)
        if found:
            return status
        poll = select.poll()
        poll.register(signals, select.POLLIN)
        if not poll.poll(timeout):
            return None
        _drain(signals)


def reply(listener: int, notification: int, value: int, flags: int) -> int:
    """Answer a notification; 0 or an errno (ENOENT: the call was cancelled)."""
    value &= 0xFFFFFFFFFFFFFFFF
    try:
        fcntl.ioctl(listener, _SEND, _RESPONSE.pack(notification, value - (value >> 63 << 64), 0, flags))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def ptrace(request: int, tid: int, address: int, data: int) -> int:
    """ptrace(2); 0 or an errno."""
    return ctypes.get_errno() if _ptrace(request, tid, address, data) == -1 else 0


def read_memory(tid: int, address: int, size: int) -> bytes:
    """Guest memory, shorter than `size` where it ends."""
    if size <= 0:
        return b""
    buffer = bytearray(size)
    _here[0], _here[1] = ctypes.addressof(ctypes.c_char.from_buffer(buffer)), size
    _there[0], _there[1] = address & 0xFFFFFFFFFFFFFFFF, size
    done = _readv(tid, _here_address, 1, _there_address, 1, 0)
    return bytes(buffer[:done]) if done > 0 else b""


def write_memory(tid: int, address: int, data: bytes | bytearray | memoryview) -> int:
    """Bytes written, fewer than given where the guest's memory ends."""
    content = bytes(data)
    pointer = ctypes.c_char_p(content)
    _here[0], _here[1] = ctypes.cast(pointer, ctypes.c_void_p).value or 0, len(content)
    _there[0], _there[1] = address & 0xFFFFFFFFFFFFFFFF, len(content)
    done: int = _writev(tid, _here_address, 1, _there_address, 1, 0)
    return max(done, 0)
