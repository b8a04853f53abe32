"""epoll: one wait for many descriptors that are known to the kernel beforehand.

Source: epoll_create(2), epoll_ctl(2), epoll_wait(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalIn
from lichen.abi.layout import LP64, layout, u64
from lichen.executive.io.file import File
from lichen.executive.io.opening import Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.subsystems.linux import readiness
from lichen.subsystems.linux.calls.signal import check_set_size, replace_mask
from lichen.subsystems.linux.descriptors.epoll import EDGE, EXCLUSIVE, WAKE_UP, Epoll
from lichen.subsystems.linux.descriptors.installing import O_CLOEXEC, install
from lichen.subsystems.linux.files import opened_file_of
from lichen.subsystems.linux.records import EpollEvent, Timespec
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import clock_of, deadline_of
from lichen.subsystems.linux.types import Address, Fd, Flags, Int, Result, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

ADD, DELETE, MODIFY = 1, 2, 3
_EVENT: Final = layout(EpollEvent, LP64)
_MOST_EVENTS: Final = 0x7FFFFFFF // _EVENT.size
_MOST_AT_ONCE: Final = 4096
"""More ready files than these are told by the next call."""
_WITH_EXCLUSIVE: Final = (
    EXCLUSIVE
    | EDGE
    | WAKE_UP
    | readiness.IN
    | readiness.OUT
    | readiness.ERR
    | readiness.HUP
    | readiness.RDNORM
    | readiness.WRNORM
)


@linux.call(amd64=213)
def epoll_create(thread: Thread, size: Int) -> int:
    """Make an epoll; the size means nothing but must be positive."""
    if size <= 0:
        raise Failure(Status.INVALID_PARAMETER)
    return install(thread, Epoll(thread))


@linux.call(amd64=291)
def epoll_create1(thread: Thread, flags: Flags) -> int:
    """Make an epoll."""
    if flags & ~O_CLOEXEC:
        raise Failure(Status.INVALID_PARAMETER)
    return install(thread, Epoll(thread), bool(flags & O_CLOEXEC))


@linux.call(amd64=233)
def epoll_ctl(thread: Thread, epoll: Fd, operation: Int, fd: Fd, event: Address) -> int:
    """Begin, change or stop watching a descriptor."""
    events = data = 0
    if operation != DELETE:
        events, data = _EVENT.unpack(thread.memory.read(event, _EVENT.size))
    watcher, file = opened_file_of(thread, epoll), opened_file_of(thread, fd)
    if type(file).poll is File.poll:  # it is always ready: nobody could ever be woken
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if watcher is file or not isinstance(watcher, Epoll):
        raise Failure(Status.INVALID_PARAMETER)
    if events & EXCLUSIVE and events & ~_WITH_EXCLUSIVE:
        raise Failure(Status.INVALID_PARAMETER)
    if operation == ADD:
        watcher.add(fd, file, events, data)
    elif operation == MODIFY:
        watcher.modify(fd, file, events, data)
    elif operation == DELETE:
        watcher.remove(fd, file)
    else:
        raise Failure(Status.INVALID_PARAMETER)
    return 0


@linux.call(amd64=232, restart="cut")
def epoll_wait(thread: Thread, epoll: Fd, events: Address, most: Int, milliseconds: Int) -> Result:
    """Wait until a watched descriptor is ready, for some milliseconds (negative: without end)."""
    return _wait(thread, epoll, events, most, _deadline_of(thread, milliseconds), milliseconds != 0)


@linux.call(amd64=281, restart="cut")
def epoll_pwait(
    thread: Thread,
    epoll: Fd,
    events: Address,
    most: Int,
    milliseconds: Int,
    mask: OptionalIn[u64],
    size: Size,
) -> Result:
    """As epoll_wait, with another signal mask."""
    if mask is not None:
        check_set_size(size)
    return _wait(thread, epoll, events, most, _deadline_of(thread, milliseconds), milliseconds != 0, mask)


@linux.call(amd64=441, restart="cut")
def epoll_pwait2(
    thread: Thread,
    epoll: Fd,
    events: Address,
    most: Int,
    timeout: OptionalIn[Timespec],
    mask: OptionalIn[u64],
    size: Size,
) -> Result:
    """As epoll_pwait, with a finer timeout."""
    if mask is not None:
        check_set_size(size)
    return _wait(thread, epoll, events, most, deadline_of(thread, timeout), timeout != (0, 0), mask)


def _deadline_of(thread: Thread, milliseconds: int) -> float | None:
    return None if milliseconds < 0 else clock_of(thread) + milliseconds / 1000


def _wait(
    thread: Thread,
    epoll: int,
    address: int,
    most: int,
    deadline: float | None,
    may_wait: bool,
    mask: int | None = None,
) -> Result:
    if not 0 < most <= _MOST_EVENTS:
        raise Failure(Status.INVALID_PARAMETER)
    file = opened_file_of(thread, epoll)
    if not isinstance(file, Epoll):
        raise Failure(Status.INVALID_PARAMETER)
    count = _tell(thread, file, address, most)
    if count or not may_wait:
        return count
    return _wait_later(thread, file, address, most, deadline, mask)


def _tell(thread: Thread, epoll: Epoll, address: int, most: int) -> int:
    """Write what is ready, if anything is; what could not be written is still ready."""
    found = epoll.collect(min(most, _MOST_AT_ONCE))
    if found:
        thread.memory.write(address, b"".join(_EVENT.pack(EpollEvent(*event)) for _, event in found))
        epoll.told(found)
    return len(found)


def _wait_later(
    thread: Thread, epoll: Epoll, address: int, most: int, deadline: float | None, mask: int | None
) -> Blocks[int]:
    if mask is not None:
        replace_mask(thread, mask)
    epoll.reference()
    wait = Wait((epoll.ready(Poll.READABLE),), deadline)
    try:
        while True:
            index = yield wait
            count = _tell(thread, epoll, address, most)
            if count or index == TIMED_OUT:
                return count
    finally:
        epoll.release()
