"""signalfd: pending signals that are read instead of handled.

What it gives depends on who asks: a child that inherited the descriptor reads its own signals. So each read and each poll
looks at the thread whose call is being worked on, and each wait is for the signals of the thread that began it.

Source: signalfd(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from lichen.abi.layout import LP64, layout
from lichen.executive.io.file import Ready
from lichen.executive.io.opening import Access, Options, Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux import sending, signals
from lichen.subsystems.linux.descriptors.anonymous import AnonymousFile
from lichen.subsystems.linux.siginfo import (
    SiginfoChild,
    SiginfoFault,
    SiginfoKill,
    SiginfoPoll,
    SiginfoTimer,
    SignalfdSiginfo,
)
from lichen.subsystems.linux.state import as_linux, linux_of, linux_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_RECORD: Final = layout(SignalfdSiginfo, LP64)
_KILL, _TIMER, _CHILD, _FAULT, _POLL = (
    layout(SiginfoKill, LP64),
    layout(SiginfoTimer, LP64),
    layout(SiginfoChild, LP64),
    layout(SiginfoFault, LP64),
    layout(SiginfoPoll, LP64),
)
_MOST_AT_ONCE: Final = 64


class SignalFile(AnonymousFile):
    """Gives the pending signals out of a mask."""

    __slots__ = ("_scheduler", "mask")

    label: ClassVar[str] = "signalfd"

    def __init__(self, thread: Thread, mask: int, nonblocking: bool) -> None:
        super().__init__(thread, nonblocking, Access.READ | Access.WRITE)
        self._scheduler = thread.process.machine.scheduler
        self.mask = mask

    def information(self) -> str:
        return f"sigmask:\t{self.mask:016x}\n"

    def pending_for(self, thread: Thread | None) -> bool:
        """Whether a thread would get a signal from here."""
        if thread is None or as_linux(thread) is None:
            return False
        pending = linux_of(thread).pending.mask | linux_of_process(thread.process).pending.mask
        return bool(pending & self.mask)

    def ready(self, mask: int) -> Ready:
        thread = self._scheduler.current
        if thread is None or as_linux(thread) is None:
            return super().ready(mask)
        return SignalReady(self, mask, thread)

    def poll(self) -> int:
        return Poll.READABLE if self.pending_for(self._scheduler.current) else 0

    def read(self, size: int, offset: int | None = None) -> bytes | Blocks[bytes]:
        if size < _RECORD.size:
            raise Failure(Status.INVALID_PARAMETER)
        thread = self._scheduler.current
        if thread is None or as_linux(thread) is None:
            raise Failure(Status.INVALID_PARAMETER)
        if self.pending_for(thread):
            return self._take(thread, size)
        if self.options & Options.NONBLOCKING:
            raise Failure(Status.DEVICE_NOT_READY)
        return self._read_later(thread, size)

    def _read_later(self, thread: Thread, size: int) -> Blocks[bytes]:
        wait = Wait((self.ready(Poll.READABLE),))
        while not self.pending_for(thread):
            yield wait
        return self._take(thread, size)

    def _take(self, thread: Thread, size: int) -> bytes:
        records = bytearray()
        for _ in range(min(size // _RECORD.size, _MOST_AT_ONCE)):
            taken = sending.take(thread, self.mask)
            if taken is None:
                break
            records += _RECORD.pack(record_of(*taken))
        return bytes(records)


class SignalReady(Ready):
    """One thread's interest in a signalfd. The process's list is woken for signals to its threads, too."""

    __slots__ = ("thread",)

    def __init__(self, file: SignalFile, mask: int, thread: Thread) -> None:
        self.file, self.mask, self.thread = file, mask, thread
        self.waiters = linux_of_process(thread.process).pending.waiters

    def signalled(self, waiter: object) -> bool:
        assert isinstance(self.file, SignalFile)
        return bool(self.mask & Poll.READABLE) and self.file.pending_for(self.thread)


def record_of(number: int, information: bytes) -> SignalfdSiginfo:
    """What a signalfd tells of a signal with this siginfo_t."""
    kill = _KILL.unpack(information)
    if kill.code == signals.SI_TIMER:
        timer = _TIMER.unpack(information)
        return SignalfdSiginfo(
            number,
            timer.errno,
            timer.code,
            tid=timer.tid,
            overrun=timer.overrun,
            int=_int(timer.value),
            ptr=timer.value,
        )
    if number == signals.SIGCHLD and kill.code > 0 and kill.code != signals.SI_KERNEL:
        child = _CHILD.unpack(information)
        return SignalfdSiginfo(
            number,
            child.errno,
            child.code,
            child.pid,
            child.uid,
            status=child.status,
            utime=child.utime,
            stime=child.stime,
        )
    if number == signals.SIGIO and kill.code > 0 and kill.code != signals.SI_KERNEL:
        poll = _POLL.unpack(information)
        return SignalfdSiginfo(number, poll.errno, poll.code, band=poll.band & 0xFFFFFFFF, fd=poll.fd)
    if signals.bit(number) & signals.SYNCHRONOUS and kill.code > 0 and kill.code != signals.SI_KERNEL:
        fault = _FAULT.unpack(information)
        return SignalfdSiginfo(
            number, fault.errno, fault.code, addr=fault.addr, addr_lsb=fault.addr_lsb & 0xFFFF
        )
    return SignalfdSiginfo(
        number, kill.errno, kill.code, kill.pid & 0xFFFFFFFF, kill.uid, int=_int(kill.value), ptr=kill.value
    )


def _int(value: int) -> int:
    """The int of a union sigval."""
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
