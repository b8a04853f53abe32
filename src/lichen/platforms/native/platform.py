"""The native platform: guests are host processes under seccomp, their calls arrive as notifications or ptrace stops.

One listener serves every guest, because all descend from one zygote; a signalfd tells of ptrace stops; both, and whatever
else the machine watches, hang on one epoll descriptor. `step` takes one event and reports it. While the kernel waits for
one thread to carry out an order, events of other threads are kept back in `_queue`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from fcntl import ioctl
from typing import Final

from lichen.executive.interfaces import Events, Fault, FixedMapping, GuestGone
from lichen.platforms.native import filters, host, stub, zygote
from lichen.platforms.native.balance import Balance
from lichen.platforms.native.children import CHILDREN, has_stopped
from lichen.platforms.native.guest_memory import Space
from lichen.platforms.native.nt import NtGuests
from lichen.platforms.native.pagecache import PageCache
from lichen.platforms.native.thread import STOP_LIMIT, Call, Change, NativeThread, State

Ready = tuple[int, int, None]
"""A watched descriptor and its events."""
_POOL: Final = 2
_FAULTS: Final = frozenset((signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP))
_PAGE_FAULTS: Final = frozenset((signal.SIGSEGV, signal.SIGBUS))
_CLOSE_ON_EXEC: Final = 0o2000000
_ADD_DESCRIPTOR: Final = struct.Struct("=QIIII")
_SET_DESCRIPTOR: Final = 1
_STUB, _STUB_END = stub.BASE, stub.SCRATCH


class NativePlatform:
    """Runs guests as host processes. `events` is told of every system call, fault and end."""

    def __init__(
        self,
        events: Events,
        processor: int | None = None,
        nt_stopping: tuple[int, ...] = (),
        available: frozenset[int] | None = None,
    ) -> None:
        self.events = events
        self.threads: dict[int, NativeThread] = {}
        self.page_cache = PageCache(self._mapped)
        if available is None:
            available = frozenset(os.sched_getaffinity(0))
        if processor is not None:
            os.sched_setaffinity(0, {processor})
        self.processors = frozenset(os.sched_getaffinity(0))
        """Where guests run that ask for nothing else: beside the kernel."""
        self._clock = host.timer_descriptor()
        self._balance = Balance(self.threads, available, self.processors, self._look_after)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        self.signals = host.signal_descriptor(signal.SIGCHLD)
        self.zygote = zygote.start(self.page_cache.read_only, self.signals, filters.linux_filter(nt_stopping))
        self.listener = self.zygote.listener
        self.extended_state_size = len(host.extended_state(self.zygote.pid))
        self._wake_on_same_core()
        self._epoll = select.epoll()
        self._epoll_number = self._epoll.fileno()
        self._guests_only = select.epoll()
        for poll in (self._epoll, self._guests_only):
            poll.register(self.listener, select.EPOLLIN)
            poll.register(self.signals, select.EPOLLIN)
        self._watches: dict[int, Callable[[int], None]] = {}
        self.watch(self._clock, select.EPOLLIN, self._look)
        self._queue: deque[Change | Call] = deque()
        self._pool: list[NativeThread] = []
        self.blank_taken: Callable[[], None] = lambda: None
        self._mother = NativeThread(self, self.zygote.pid, Space(self.zygote.pid))
        self._mother.entered(True)
        self._mother.idle = True
        self._nt: NtGuests | None = None
        CHILDREN.join(self)

    def _wake_on_same_core(self) -> None:
        """Tell the host that guest and kernel take turns (host 6.6 and newer; a hint)."""
        try:
            ioctl(self.listener, host.NOTIFICATION_SET_FLAGS, host.SYNC_WAKE_UP)
        except OSError:
            return

    # ---- where guests run

    def _look_after(self, seconds: float) -> None:
        host.set_timer(self._clock, seconds)

    def _look(self, events: int) -> None:
        """The timer is ready; setting it anew takes the expiration away."""
        host.set_timer(self._clock, 0)
        self._balance.look()

    # ---- events

    def tell(self, tid: int, status: int) -> None:
        """Another platform was told of one of this one's threads: it is for the next `step`."""
        self._queue.append((tid, status))

    def step(self, timeout: float | None) -> None:
        """Wait (at most `timeout` seconds) for one event and report it."""
        if self._queue:
            event: Change | Call | Ready | None = self._queue.popleft()
        else:
            milliseconds = -1 if timeout is None else max(0, int(timeout * 1000 + 0.999))
            event = host.core.wait(self._epoll_number, self.listener, self.signals, milliseconds)
        if self._balance.resting:
            self._balance.begin()
        if event is None:
            return
        if len(event) == 5:
            self._notified(event)
        elif len(event) == 2:
            self._changed(*event)
        elif watch := self._watches.get(event[0]):
            self.events.watched(watch, event[1])

    def _notified(self, call: Call) -> None:
        tid, notification, number, pointer, arguments = call
        guest = self.threads.get(tid)
        if guest is None:
            return
        if guest.state == State.HELD:
            guest.called_again(notification)
            return
        guest.notification, guest.state = notification, State.HELD
        if _STUB <= pointer < _STUB_END:
            self._notified_by_stub(guest, call)
        else:
            self.events.system_call(guest, number, arguments)

    def _notified_by_stub(self, guest: NativeThread, call: Call) -> None:
        """A call through NT's dispatcher, an operation that rides in a reply, or a guest that jumped in."""
        try:
            guest.called_from_stub(call)
        except GuestGone:
            guest.kill()

    def _changed(self, tid: int, status: int) -> None:
        """A ptrace stop or an end."""
        guest = self.threads.get(tid)
        if guest is None:
            CHILDREN.pass_on(tid, status)
            return
        if not has_stopped(status):
            self.ended(guest, status)
            return
        event, number = status >> 16, (status >> 8) & 0xFF
        held = guest.state == State.HELD
        guest.entered(event == host.EVENT_SECCOMP)
        try:
            if event == host.EVENT_SECCOMP:
                self._stopped_in_call(guest)
            elif event or number not in _FAULTS or not self._faulted(guest, number):
                guest.disturbed(held)
        except GuestGone:
            guest.kill()

    def _faulted(self, guest: NativeThread, number: int) -> bool:
        """Report a trap of the processor; False when somebody on the host sent the signal."""
        signal_number, code, address = host.signal_information(guest.tid)
        if code <= 0:
            return False
        of_page = number in _PAGE_FAULTS and code < host.FROM_KERNEL
        error = guest.fault_error(number) if of_page else 0
        self.events.fault(guest, Fault(signal_number, code, address, error))
        return True

    def _stopped_in_call(self, guest: NativeThread) -> None:
        registers = guest.registers
        if stub.holds(registers.rip):
            guest.stopped_in_stub()
            return
        arguments = registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9
        self.events.system_call(guest, registers.orig_rax, guest.call_arguments(arguments))

    def ended(self, guest: NativeThread, status: int) -> None:
        """The host has reaped the thread: its id may be used again from now on."""
        guest.state = State.DEAD
        del self.threads[guest.tid]
        guest.memory.left_by(guest)
        if guest is self._mother:
            raise OSError("the zygote ended")
        if hasattr(guest, "owner"):
            self.events.exited(guest)
            del (
                guest.owner
            )  # which asks this one for what it used as long as anybody asks: without a circle, both can go

    # ---- waiting for one thread

    def next_event(self, guest: NativeThread) -> Change | Call:
        """The next event of one thread, GuestGone when it does not come in time; those of others are kept for `step`."""
        deadline = time.monotonic() + STOP_LIMIT / 1000
        while (left := deadline - time.monotonic()) > 0:
            event = host.core.wait(
                self._guests_only.fileno(), self.listener, self.signals, int(left * 1000) + 1
            )
            if event is None or len(event) == 3:
                continue
            if event[0] == guest.tid:
                return event
            self._queue.append(event)
        guest.kill()
        raise GuestGone("a guest thread did not carry out an order in time")

    def await_birth(self, tid: int) -> None:
        """Wait for the first stop of a new host thread."""
        if CHILDREN.is_born(tid):
            return
        if host.core.wait_for(tid, self.signals, STOP_LIMIT) is None:
            raise GuestGone("a new guest thread did not start in time")

    def forget(self, tid: int) -> bool:
        """Drop a call of the thread that was received but not yet reported; whether there was one."""
        for event in self._queue:
            if event[0] == tid and len(event) == 5:
                self._queue.remove(event)
                return True
        return False

    def take_change(self, tid: int) -> int | None:
        """The wait status of the thread that was received but not yet reported, which is now the caller's."""
        for event in self._queue:
            if event[0] == tid and len(event) == 2:
                self._queue.remove(event)
                return event[1]
        return None

    def hand_over(self, notification: int, descriptor: int) -> None:
        """Give the caller of a notification a host descriptor, under the transient number."""
        record = _ADD_DESCRIPTOR.pack(
            notification, _SET_DESCRIPTOR, descriptor, filters.TRANSIENT_DESCRIPTOR, _CLOSE_ON_EXEC
        )
        ioctl(self.listener, host.NOTIFICATION_ADD_DESCRIPTOR, record)

    # ---- the rest of the interface

    @property
    def vdso(self) -> tuple[FixedMapping, ...]:
        return self.zygote.vdso

    @property
    def isolation(self) -> str:
        return self.zygote.isolation

    @property
    def has_extension(self) -> bool:
        return host.EXTENSION

    def enable_nt(self) -> NtGuests:
        """Make the zygote of NT guests, once."""
        if self._nt is None:
            self._nt = NtGuests(self, self._mother)
        return self._nt

    def blank(self) -> NativeThread:
        """A new process with empty memory and one stopped thread."""
        self.blank_taken()
        return self._pool.pop() if self._pool else self._new_blank()

    def _new_blank(self) -> NativeThread:
        guest = self._mother.clone_process()
        guest.idle = True
        return guest

    def fill_pool(self) -> bool:
        """Make one blank process ahead of time; False when there are enough."""
        if len(self._pool) >= _POOL:
            return False
        self._pool.append(self._new_blank())
        return True

    def _mapped(self, device: int, inode: int) -> Iterator[range]:
        """The ranges of a host file that any guest has mapped."""
        for tid in {guest.memory.tid for guest in self.threads.values()}:
            if guest := self.threads.get(tid):
                yield from guest.account.mapped(device, inode)

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        """Call `ready(events)` from `step` whenever the descriptor is ready for `events` (poll(2) bits)."""
        if descriptor in self._watches:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._watches[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        if self._watches.pop(descriptor, None):
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """End every guest task and give everything back to the host."""
        CHILDREN.leave(self)
        tids = {*self.threads, self.zygote.init}
        for tid in tids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(tid, signal.SIGKILL)
        CHILDREN.reap(tids, self.signals)
        self.threads.clear()
        self._epoll.close()
        self._guests_only.close()
        for descriptor in (self.listener, self.signals, self._clock):
            os.close(descriptor)
        self.page_cache.close()
