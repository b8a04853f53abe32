"""Timers and processor clocks: when they expire, how often, and what they say."""

from __future__ import annotations

import errno
import struct

import pytest

from lichen.subsystems.linux.sending import take
from lichen.subsystems.linux.signals import bit
from lichen.subsystems.linux.state import linux_of, linux_of_process
from tests.unit.subsystems.linux.machine import ADDRESS, BAD, ROOT, Machine

SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGXCPU = 14, 26, 27, 10, 24
MONOTONIC, PROCESS_TIME, THREAD_TIME = 1, 2, 3
ALL = (1 << 64) - 1


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    linux_of(machine.thread).mask = ALL
    return machine


def pending(machine: Machine) -> int:
    mask: int = linux_of_process(machine.thread.process).pending.mask | linux_of(machine.thread).pending.mask
    return mask


def timespec(seconds: float) -> bytes:
    return struct.pack("<qq", int(seconds), round(seconds % 1 * 1e9))


def setting(value: float, interval: float = 0.0) -> bytes:
    return timespec(interval) + timespec(value)


def shown(data: bytes) -> tuple[float, float]:
    """(value, interval) of a struct itimerspec."""
    seconds, nanoseconds, *value = struct.unpack("<4q", data)
    return value[0] + value[1] / 1e9, seconds + nanoseconds / 1e9


class TestIntervalTimers:
    def test_alarm_comes_once_and_tells_what_was_left(self, machine: Machine) -> None:
        assert machine.call("alarm", 10) == 0
        machine.pass_time(3.7)
        assert machine.call("alarm", 2) == 6
        machine.pass_time(1.9)
        assert not pending(machine)
        machine.pass_time(0.2)
        assert pending(machine) == bit(SIGALRM)
        assert machine.call("alarm", 0) == 0

    def test_an_interval_goes_on(self, machine: Machine) -> None:
        data = struct.pack("<4q", 0, 10_000, 0, 5_000)
        assert machine.call("setitimer", 0, machine.put(data), 0) == 0
        machine.pass_time(0.006)
        assert take(machine.thread, bit(SIGALRM))
        machine.pass_time(0.008)
        assert not pending(machine)
        machine.pass_time(0.002)
        assert pending(machine) == bit(SIGALRM)
        assert machine.call("setitimer", 0, 0, ADDRESS) == 0
        assert struct.unpack("<4q", machine.get(32))[:2] == (0, 10_000)

    @pytest.mark.parametrize(("which", "signal"), [(1, SIGVTALRM), (2, SIGPROF)])
    def test_processor_time_counts_only_while_it_is_used(
        self, machine: Machine, which: int, signal: int
    ) -> None:
        assert machine.call("setitimer", which, machine.put(struct.pack("<4q", 0, 0, 1, 0)), 0) == 0
        machine.pass_time(5)
        assert not pending(machine)
        machine.use(0.0, 0.9)
        machine.pass_time(1)
        assert not pending(machine)
        machine.use(1.0, 0.9)
        machine.pass_time(0.2)
        assert pending(machine) == bit(signal)

    def test_what_is_refused(self, machine: Machine) -> None:
        wrong = machine.put(struct.pack("<4q", 0, 0, 0, 1_000_000))
        assert machine.call("setitimer", 0, wrong, 0) == -errno.EINVAL
        assert machine.call("setitimer", 3, 0, 0) == -errno.EINVAL
        assert machine.call("getitimer", -1, ADDRESS) == -errno.EINVAL
        assert machine.call("setitimer", 0, BAD, 0) == -errno.EFAULT

    def test_the_end_of_the_process_is_the_timers(self, machine: Machine) -> None:
        machine.call("alarm", 1)
        machine.call("exit_group", 0)
        machine.pass_time(2)


class TestPosixTimers:
    def create(
        self, machine: Machine, notify: int = 0, signal: int = SIGUSR1, clock: int = MONOTONIC, tid: int = 0
    ) -> int | None:
        event = machine.put(struct.pack("<Qiii44x", 77, signal, notify, tid), ADDRESS + 64)
        return machine.call("timer_create", clock, event, ADDRESS)

    def test_the_signal_tells_of_the_timer(self, machine: Machine) -> None:
        assert self.create(machine) == 0
        assert self.create(machine) == 0
        assert machine.number() == 1
        assert machine.call("timer_settime", 1, 0, machine.put(setting(0.5)), 0) == 0
        machine.pass_time(0.4)
        assert machine.call("timer_gettime", 1, ADDRESS) == 0
        assert shown(machine.get(32)) == pytest.approx((0.1, 0.0))
        machine.pass_time(0.2)
        taken = take(machine.thread, ALL)
        assert taken is not None
        assert struct.unpack("<iii4xiiQ", taken[1][:32]) == (SIGUSR1, 0, -2, 1, 0, 77)
        assert machine.call("timer_gettime", 1, ADDRESS) == 0
        assert shown(machine.get(32)) == (0.0, 0.0)

    def test_without_an_event_it_is_sigalrm_with_the_id(self, machine: Machine) -> None:
        assert machine.call("timer_create", MONOTONIC, 0, ADDRESS) == 0
        machine.call("timer_settime", 0, 0, machine.put(setting(1)), 0)
        machine.pass_time(1.1)
        assert pending(machine) == bit(SIGALRM)

    def test_what_nobody_took_is_an_overrun(self, machine: Machine) -> None:
        self.create(machine)
        machine.call("timer_settime", 0, 0, machine.put(setting(0.01, 0.01)), 0)
        machine.pass_time(0.0555)
        assert machine.call("timer_getoverrun", 0) == 0
        taken = take(machine.thread, ALL)
        assert taken is not None
        assert struct.unpack_from("<i", taken[1], 20) == (4,)
        assert machine.call("timer_getoverrun", 0) == 4
        assert not pending(machine)
        machine.pass_time(0.01)
        assert take(machine.thread, ALL)
        assert machine.call("timer_getoverrun", 0) == 0

    def test_what_the_kernel_was_late_for_is_an_overrun_too(self, machine: Machine) -> None:
        self.create(machine)
        machine.call("timer_settime", 0, 0, machine.put(setting(0.001, 1e-6)), 0)
        machine.pass_time(1.0, step=1.0)
        taken = take(machine.thread, ALL)
        assert taken is not None
        assert struct.unpack_from("<i", taken[1], 20)[0] == pytest.approx(999_000, rel=1e-3)

    def test_a_point_in_the_past_comes_at_once(self, machine: Machine) -> None:
        self.create(machine)
        assert machine.call("timer_settime", 0, 1, machine.put(setting(1.0)), 0) == 0
        machine.pass_time(0.001)
        assert pending(machine) == bit(SIGUSR1)

    def test_for_one_thread(self, machine: Machine) -> None:
        other = machine.another_thread(machine.thread.process)
        linux_of(other).mask = ALL
        assert self.create(machine, notify=4, tid=other.id) == 0
        machine.call("timer_settime", 0, 0, machine.put(setting(0.1)), 0)
        machine.pass_time(0.2)
        assert linux_of(other).pending.mask == bit(SIGUSR1)
        assert not pending(machine)

    def test_a_thread_that_is_gone_gets_nothing(self, machine: Machine) -> None:
        other = machine.another_thread(machine.thread.process)
        assert self.create(machine, notify=4, tid=other.id) == 0
        machine.call("timer_settime", 0, 0, machine.put(setting(0.1)), 0)
        machine.call("exit", 0, thread=other)
        machine.pass_time(0.2)
        assert not pending(machine)

    def test_processor_clocks_have_timers(self, machine: Machine) -> None:
        assert self.create(machine, clock=THREAD_TIME) == 0
        machine.use(5.0)
        machine.call("timer_settime", 0, 0, machine.put(setting(0.5)), 0)
        machine.pass_time(3)
        assert not pending(machine)
        machine.use(5.3, 0.3)
        machine.pass_time(0.2)
        assert pending(machine) == bit(SIGUSR1)

    def test_what_is_refused(self, machine: Machine) -> None:
        assert self.create(machine, notify=3) == -errno.EINVAL
        assert self.create(machine, signal=65) == -errno.EINVAL
        assert self.create(machine, notify=4, tid=4) == -errno.EINVAL
        assert self.create(machine, clock=99) == -errno.EINVAL
        assert self.create(machine, clock=4) == -errno.EOPNOTSUPP
        assert machine.call("timer_create", MONOTONIC, 0, BAD) == -errno.EFAULT
        assert not linux_of_process(machine.thread.process).timers
        for name in ("timer_gettime", "timer_getoverrun", "timer_delete"):
            assert machine.call(name, 0, ADDRESS) == -errno.EINVAL

    def test_there_are_only_so_many(self, machine: Machine) -> None:
        machine.thread.process.limits[11] = 2, 2
        assert [self.create(machine) for _ in range(3)] == [0, 0, -errno.EAGAIN]
        assert machine.call("timer_delete", 0) == 0
        assert self.create(machine) == 0
        assert machine.number() == 0


class TestClocks:
    def read(self, machine: Machine, clock: int) -> float:
        assert machine.call("clock_gettime", clock, ADDRESS) == 0
        seconds, nanoseconds = struct.unpack("<qq", machine.get(16))
        return float(seconds + nanoseconds / 1e9)

    def test_processor_clocks(self, machine: Machine) -> None:
        other = machine.another_thread(machine.thread.process)
        machine.use(1.5, 0.25)
        assert self.read(machine, PROCESS_TIME) == self.read(machine, THREAD_TIME) == 1.75
        assert self.read(machine, ~machine.thread.process.id << 3 | 1) == 1.5
        assert self.read(machine, ~machine.thread.process.id << 3 | 0) == 1.75
        assert self.read(machine, ~other.id << 3 | 6) == 0.0
        assert self.read(machine, ~0 << 3 | 2) == 1.75

    def test_time_stays_when_threads_end(self, machine: Machine) -> None:
        other = machine.another_thread(machine.thread.process)
        machine.use(2.0)
        machine.call("exit", 0)
        assert machine.thread.dead
        machine.thread = other
        machine.use(0.5)
        assert self.read(machine, PROCESS_TIME) == 2.5
        assert self.read(machine, THREAD_TIME) == 0.5

    def test_only_processes_of_the_machine_have_clocks(self, machine: Machine) -> None:
        stranger = machine.process()
        assert self.read(machine, ~stranger.id << 3 | 2) == 0.0
        for clock in (~4000 << 3 | 2, ~stranger.id << 3 | 6, ~3 << 3 | 3, 12, 99):
            assert machine.call("clock_gettime", clock, ADDRESS) == -errno.EINVAL
            assert machine.call("clock_getres", clock, ADDRESS) == -errno.EINVAL

    def test_sleep_by_processor_time(self, machine: Machine) -> None:
        machine.use(1.0)
        assert machine.call("clock_nanosleep", PROCESS_TIME, 0, machine.put(timespec(0.5)), 0) is None
        machine.pass_time(3)
        assert machine.answer() is None
        machine.use(1.5)
        machine.pass_time(0.2)
        assert machine.answer() == 0
        assert machine.call("clock_nanosleep", THREAD_TIME, 0, ADDRESS, 0) == -errno.EOPNOTSUPP

    def test_nobody_sets_a_clock(self) -> None:
        machine = Machine(ROOT)
        machine.put(timespec(1.0))
        assert machine.call("clock_settime", 0, ADDRESS) == -errno.EPERM
        assert machine.call("clock_settime", 1, ADDRESS) == -errno.EINVAL
        assert machine.call("clock_settime", 0, machine.put(struct.pack("<qq", 0, -1))) == -errno.EINVAL
        assert machine.call("settimeofday", machine.put(bytes(16)), 0) == -errno.EPERM
        assert machine.call("adjtimex", machine.put(struct.pack("<I204x", 1))) == -errno.EPERM
        assert machine.call("clock_adjtime", 1, ADDRESS) == -errno.EOPNOTSUPP

    def test_the_processor_limit(self, machine: Machine) -> None:
        machine.call("setrlimit", 0, machine.put(struct.pack("<QQ", 1, 3)))
        machine.use(0.9)
        machine.pass_time(1)
        assert not pending(machine)
        machine.use(1.0)
        machine.pass_time(1)
        assert pending(machine) == bit(SIGXCPU)
        machine.use(3.0)
        machine.pass_time(1)
        status = machine.thread.process.exit_status
        assert status is not None
        assert status.signal == 9
