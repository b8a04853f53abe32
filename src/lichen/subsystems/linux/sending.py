"""What sending a signal does, and who waits for one.

A signal that will run a handler sets the target thread's `attention` and gets it out of whatever it is in: a blocked call is
interrupted, a running thread stopped; `delivery.py` then builds the frame. What needs no handler (termination, stop,
continue, nothing) is done here and at once.

Source: signal(7), sigqueue(3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, layout
from lichen.executive.limits import RLIMIT_SIGPENDING
from lichen.executive.processes import INIT, ExitStatus
from lichen.executive.wait import Waitable
from lichen.subsystems.linux import init
from lichen.subsystems.linux.siginfo import SiginfoKill
from lichen.subsystems.linux.signals import (
    SI_KERNEL,
    SI_USER,
    SIGCONT,
    SIGKILL,
    STOPPING,
    Pending,
    bit,
)
from lichen.subsystems.linux.state import linux_of, linux_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process, Thread

_KILL: Final = layout(SiginfoKill, LP64)


class SignalWait(Waitable):
    """Signalled while a thread has one of some signals pending: sigtimedwait, signalfd."""

    __slots__ = ("thread", "wanted")

    def __init__(self, thread: Thread, wanted: int) -> None:
        super().__init__()
        self.thread, self.wanted = thread, wanted
        for pending in self._sources():
            pending.waiters[self] = None

    def _sources(self) -> tuple[Pending, Pending]:
        return linux_of(self.thread).pending, linux_of_process(self.thread.process).pending

    def close(self) -> None:
        """Stop listening for signals."""
        for pending in self._sources():
            pending.waiters.pop(self, None)

    def signalled(self, waiter: object) -> bool:
        thread = self.thread
        return bool(
            (linux_of(thread).pending.mask | linux_of_process(thread.process).pending.mask) & self.wanted
        )


def take(thread: Thread, wanted: int) -> tuple[int, bytes] | None:
    """The next signal out of the mask `wanted` that is pending for a thread: its own first, then its process's."""
    pending: Pending
    for pending in (linux_of(thread).pending, linux_of_process(thread.process).pending):
        if (found := pending.take(wanted)) is not None:
            return found
    return None


def sent_by(number: int, sender: Process | None, code: int = SI_USER, value: int = 0) -> bytes:
    """siginfo_t of a signal that a process sent, or the kernel itself."""
    if sender is None:
        return _KILL.pack(SiginfoKill(number, 0, SI_KERNEL, 0, 0, 0))
    return _KILL.pack(SiginfoKill(number, 0, code, sender.id, sender.files.token.uid, value))


def send(process: Process, number: int, information: bytes, thread: Thread | None = None) -> bool:
    """Send a signal to a process, or to one thread of it; False when its queue is full."""
    if process.id == INIT:
        init.signalled(process.machine, number, information)
        return True
    if process.exit_status is not None or not process.threads:
        return True
    state = linux_of_process(process)
    if number == SIGKILL:
        process.terminate(ExitStatus.of_signal(SIGKILL))
        return True
    _cancel_opposites(process, number)
    if not process.threads:  # it was continued into a deadly signal
        return True
    target = thread or _choose(process, number)
    blocked = linux_of(target).mask & bit(number) or linux_of(target).waiting_for & bit(number)
    if not blocked and state.dispositions.is_ignored(number):
        return True
    pending = linux_of(thread).pending if thread else state.pending
    if not pending.add(number, information, process.limits[RLIMIT_SIGPENDING][0]):
        return False
    if thread is not None:
        state.pending.wake()
    if not linux_of(target).mask & bit(number):
        notify(target)
    return True


def _cancel_opposites(process: Process, number: int) -> None:
    """SIGCONT drops pending stops and continues the process, a stop signal drops pending SIGCONT."""
    if number == SIGCONT:
        dropped = STOPPING
    elif bit(number) & STOPPING:
        dropped = bit(SIGCONT)
    else:
        return
    linux_of_process(process).pending.discard(dropped)
    for thread in process.threads.values():
        linux_of(thread).pending.discard(dropped)
    if number == SIGCONT:
        process.resume()


def _choose(process: Process, number: int) -> Thread:
    """The thread that a signal to the whole process goes to: one that does not block it, the first one if it can."""
    first = process.first_thread
    if not linux_of(first).mask & bit(number):
        return first
    return next((t for t in process.threads.values() if not linux_of(t).mask & bit(number)), first)


def notify(thread: Thread) -> None:
    """A signal waits for `thread`, which does not block it: act at once, or get it to look."""
    thread.attention = True
    scheduler = thread.process.machine.scheduler
    if scheduler.works_for(thread) or thread.held_back:
        return
    if thread.parking is not None:
        thread.interrupt()
    elif thread.guest.stop():
        thread.process.subsystem.attend(thread, None)
