"""Waiting for several descriptors at once: poll and select.

What is ready already is found without making any object; only a call that has to wait makes one interest for each file.
The signal mask of ppoll and pselect is put in place only then, too: a call that need not wait is not interrupted.

Source: poll(2), select(2).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import OptionalIn, OptionalInOut
from lichen.abi.layout import LP64, layout, layout_of, ptr, u64, ulong
from lichen.abi.memory import BadAddress
from lichen.executive.io.file import File
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.subsystems.linux import readiness
from lichen.subsystems.linux.calls.signal import check_set_size, replace_mask
from lichen.subsystems.linux.files import file_of
from lichen.subsystems.linux.readiness import ERR, HUP, IN, NVAL, OUT, PRI, UNASKED, events_of, interest_in
from lichen.subsystems.linux.records import Pollfd, Timespec, Timeval
from lichen.subsystems.linux.state import STICKY_TIMEOUTS, linux_of
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import (
    clock_of,
    deadline_before,
    deadline_of,
    keeping_deadline,
    seconds_of_timeval,
    timespec_of,
    timeval_of,
)
from lichen.subsystems.linux.types import Address, Int, Result, Size

if TYPE_CHECKING:
    from lichen.executive.objects.handles import HandleTable
    from lichen.executive.processes import Thread

_POLLFD: Final = struct.Struct(layout(Pollfd, LP64).format)
"""Of thousands in one call no more is made than tuples."""
_REVENTS: Final = struct.Struct("<H")
_REVENTS_AT: Final = layout(Pollfd, LP64).offsets["revents"]
_READABLE: Final = IN | readiness.RDNORM | readiness.RDBAND | HUP | ERR
_WRITABLE: Final = OUT | readiness.WRNORM | readiness.WRBAND | ERR
_SETS: Final = (_READABLE, _WRITABLE, PRI)
_LONG_BITS: Final = 64
_MASK: Final = layout_of(u64, LP64)


class Interest(NamedTuple):
    """A file that a call waits for; `key` is the call's own."""

    file: File
    events: int
    key: int


# ---- poll


@linux.call(amd64=7, restart="never")
def poll(thread: Thread, descriptors: Address, count: Size, milliseconds: Int) -> Result:
    """Wait until one of some descriptors is ready, for some milliseconds (negative: without end)."""
    if milliseconds <= 0:
        return _poll(thread, descriptors, count, None, milliseconds != 0)
    wait = (descriptors, count, milliseconds)
    deadline = deadline_before(thread, wait) or clock_of(thread) + milliseconds / 1000
    result = _poll(thread, descriptors, count, deadline, may_wait=True)
    return keeping_deadline(thread, wait, deadline, result)


@linux.call(amd64=271, restart="never")
def ppoll(
    thread: Thread,
    descriptors: Address,
    count: Size,
    timeout: OptionalInOut[Timespec],
    mask: OptionalIn[u64],
    size: Size,
) -> Result:
    """As poll, with a finer timeout, which tells afterwards what was left of it, and with another signal mask."""
    if mask is not None:
        check_set_size(size)
    time = timeout.read() if timeout else None
    deadline = deadline_of(thread, time)
    result = _poll(thread, descriptors, count, deadline, time != (0, 0), mask)
    return _with_time_left(thread, result, deadline, lambda left: timeout.write(timespec_of(left)))


def _poll(
    thread: Thread, address: int, count: int, deadline: float | None, may_wait: bool, mask: int | None = None
) -> int | Blocks[int]:
    handles = thread.process.handles
    if count > handles.limit:
        raise Failure(Status.INVALID_PARAMETER)
    array = bytearray(thread.memory.read(address, count * _POLLFD.size)) if count else bytearray()
    ready = _look(handles, array)
    if not ready and may_wait:
        return _poll_later(thread, address, array, deadline, mask)
    if count:
        thread.memory.write(address, array)
    return ready


def _look(handles: HandleTable, array: bytearray) -> int:
    """Fill in what is ready in an array of struct pollfd; returns how many entries are."""
    count = 0
    for index, (fd, events, before) in enumerate(_POLLFD.iter_unpack(bytes(array))):
        found = 0 if fd < 0 else _events(handles, fd) & (events | UNASKED | NVAL)
        if found:
            count += 1
        if found != before:
            _REVENTS.pack_into(array, index * _POLLFD.size + _REVENTS_AT, found)
    return count


def _events(handles: HandleTable, fd: int) -> int:
    try:
        file = handles.get(fd)
    except Failure:
        return NVAL
    return events_of(file) if isinstance(file, File) else NVAL


def _poll_later(
    thread: Thread, address: int, array: bytearray, deadline: float | None, mask: int | None
) -> Blocks[int]:
    if mask is not None:
        replace_mask(thread, mask)
    interests = [
        Interest(file_of(thread, fd), events | UNASKED, index * _POLLFD.size + _REVENTS_AT)
        for index, (fd, events, _) in enumerate(_POLLFD.iter_unpack(bytes(array)))
        if fd >= 0
    ]
    count = 0
    for key, found in (yield from wait_for(interests, deadline)):
        _REVENTS.pack_into(array, key, found)
        count += 1
    if array:
        thread.memory.write(address, array)
    return count


def wait_for(interests: list[Interest], deadline: float | None) -> Blocks[list[tuple[int, int]]]:
    """Wait until some files are ready: the keys of these and what they are ready for; none when time has run out."""
    wait = Wait(tuple(file.ready(interest_in(events)) for file, events, _ in interests), deadline)
    for interest in interests:
        interest.file.reference()
    try:
        while True:
            index = yield wait
            found = list(_ready(interests))
            if found or index == TIMED_OUT:
                return found
    finally:
        for interest in interests:
            interest.file.release()


def _ready(interests: Iterable[Interest]) -> Iterable[tuple[int, int]]:
    for file, events, key in interests:
        found = events_of(file) & events
        if found:
            yield key, found


def _with_time_left(
    thread: Thread, result: int | Blocks[int], deadline: float | None, tell: Callable[[float], None]
) -> int | Blocks[int]:
    """Tell the caller how many seconds are left until the deadline when the call has its result."""
    if deadline is None:
        return result
    if not isinstance(result, int):
        return _later_with_time_left(thread, result, deadline, tell)
    _tell_time_left(thread, deadline, tell)
    return result


def _later_with_time_left(
    thread: Thread, blocked: Blocks[int], deadline: float, tell: Callable[[float], None]
) -> Blocks[int]:
    try:
        result = yield from blocked
    except Interrupted:
        _tell_time_left(thread, deadline, tell)
        raise
    _tell_time_left(thread, deadline, tell)
    return result


def _tell_time_left(thread: Thread, deadline: float, tell: Callable[[float], None]) -> None:
    if linux_of(thread).domain & STICKY_TIMEOUTS:
        return
    try:
        tell(deadline - clock_of(thread))
    except BadAddress:
        return  # the timeout may be a constant of the program's


# ---- select


class SetAndSize(NamedTuple):
    """The last argument of pselect6: where a signal mask is, and its size."""

    mask: ptr
    size: ulong


@linux.call(amd64=23, restart="never")
def select(
    thread: Thread,
    limit: Int,
    reading: Address,
    writing: Address,
    exceptional: Address,
    timeout: OptionalInOut[Timeval],
) -> Result:
    """Wait until one of three sets of descriptors is ready."""
    deadline, may_wait = None, True
    if timeout:
        seconds, microseconds = timeout.read()
        length = Timeval(seconds + microseconds // 1_000_000, microseconds % 1_000_000)
        if microseconds < 0:
            raise Failure(Status.INVALID_PARAMETER)
        deadline, may_wait = clock_of(thread) + seconds_of_timeval(length), length != (0, 0)
    result = _select(thread, limit, (reading, writing, exceptional), deadline, may_wait, None)
    return _with_time_left(thread, result, deadline, lambda left: timeout.write(timeval_of(left)))


@linux.call(amd64=270, restart="never")
def pselect6(
    thread: Thread,
    limit: Int,
    reading: Address,
    writing: Address,
    exceptional: Address,
    timeout: OptionalInOut[Timespec],
    signals: OptionalIn[SetAndSize],
) -> Result:
    """As select, with a finer timeout and another signal mask."""
    mask = None
    if signals is not None and signals.mask:
        check_set_size(signals.size)
        mask = _MASK.unpack(thread.memory.read(signals.mask, _MASK.size))
    time = timeout.read() if timeout else None
    deadline = deadline_of(thread, time)
    result = _select(thread, limit, (reading, writing, exceptional), deadline, time != (0, 0), mask)
    return _with_time_left(thread, result, deadline, lambda left: timeout.write(timespec_of(left)))


def _select(
    thread: Thread,
    limit: int,
    addresses: tuple[int, int, int],
    deadline: float | None,
    may_wait: bool,
    mask: int | None,
) -> int | Blocks[int]:
    if limit < 0:
        raise Failure(Status.INVALID_PARAMETER)
    limit = min(limit, thread.process.handles.limit)
    size = (limit + _LONG_BITS - 1) // _LONG_BITS * 8
    sets = [thread.memory.read(address, size) if address and size else b"" for address in addresses]
    wanted: dict[int, int] = {}
    for events, set in zip(_SETS, sets, strict=True):
        for fd in _members(set, limit):
            wanted[fd] = wanted.get(fd, 0) | events
    interests = [Interest(file_of(thread, fd), wanted[fd], fd) for fd in sorted(wanted)]
    found = list(_ready(interests))
    if found or not may_wait:
        return _tell_sets(thread, addresses, size, sets, found)
    return _select_later(thread, addresses, size, sets, interests, deadline, mask)


def _select_later(
    thread: Thread,
    addresses: tuple[int, int, int],
    size: int,
    sets: list[bytes],
    interests: list[Interest],
    deadline: float | None,
    mask: int | None,
) -> Blocks[int]:
    if mask is not None:
        replace_mask(thread, mask)
    found = yield from wait_for(interests, deadline)
    return _tell_sets(thread, addresses, size, sets, found)


def _members(set: bytes, limit: int) -> Iterator[int]:
    """The descriptors below `limit` in a set. Large integers would make it a matter of squares."""
    for index, byte in enumerate(set):
        if byte:
            yield from (fd for fd in range(index * 8, min(index * 8 + 8, limit)) if byte >> (fd & 7) & 1)


def _tell_sets(
    thread: Thread,
    addresses: tuple[int, int, int],
    size: int,
    sets: list[bytes],
    found: list[tuple[int, int]],
) -> int:
    """Leave in the caller's sets what is ready; returns how many bits that are."""
    count = 0
    for address, events, set in zip(addresses, _SETS, sets, strict=True):
        if not set:
            continue
        left = bytearray(size)
        for fd, ready in found:
            if ready & events and set[fd >> 3] >> (fd & 7) & 1:
                left[fd >> 3] |= 1 << (fd & 7)
                count += 1
        thread.memory.write(address, left)
    return count
