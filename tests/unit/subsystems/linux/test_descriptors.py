"""epoll, eventfd, timerfd and signalfd, driven by a test in place of guests."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from lichen.executive.io.anonymous import create_pipe
from lichen.executive.io.file import File
from lichen.executive.io.opening import Poll
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.filesystems.pipe import PipeEnd, Pipes
from lichen.subsystems.linux import sending, signals
from lichen.subsystems.linux.descriptors.epoll import EDGE, ONE_SHOT, Epoll
from lichen.subsystems.linux.descriptors.eventfd import EventCounter
from lichen.subsystems.linux.descriptors.signalfd import SignalFile
from lichen.subsystems.linux.descriptors.timerfd import TimerFile
from lichen.subsystems.linux.readiness import HUP, IN, OUT
from lichen.subsystems.linux.state import linux_of_process
from tests.unit.kernel import Call, Kernel, status_of

Told = list[tuple[int, int]]
"""What an epoll_wait tells: (data, events)."""


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel()
    Pipes().register(kernel.devices)
    return kernel


@pytest.fixture
def thread(kernel: Kernel) -> Any:
    return kernel.thread()


@pytest.fixture
def epoll(thread: Any) -> Epoll:
    return Epoll(thread)


@pytest.fixture
def ends(kernel: Kernel) -> tuple[File, File]:
    return create_pipe(kernel.context)


def told(epoll: Epoll, most: int = 10) -> Told:
    """What epoll_wait would tell now."""
    found = epoll.collect(most)
    epoll.told(found)
    return [(event.data, event.events) for _, event in found]


class TestEpoll:
    """What is ready, and how often it is told."""

    def test_a_level_is_told_until_it_is_gone(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, writer = ends
        epoll.add(3, reader, IN, 7)
        assert (told(epoll), epoll.poll()) == ([], 0)
        writer.write(b"xy")
        assert [told(epoll), told(epoll), epoll.poll()] == [[(7, IN)], [(7, IN)], Poll.READABLE]
        reader.read(2)
        assert (told(epoll), epoll.poll()) == ([], 0)

    def test_an_edge_is_told_once(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, writer = ends
        writer.write(b"x")
        epoll.add(3, reader, IN | EDGE, 7)
        assert [told(epoll), told(epoll)] == [[(7, IN)], []]
        writer.write(b"y")
        reader.read(1)
        assert [told(epoll), told(epoll)] == [[(7, IN)], []]

    def test_one_shot(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, writer = ends
        epoll.add(3, reader, IN | ONE_SHOT, 7)
        writer.write(b"x")
        assert [told(epoll), told(epoll)] == [[(7, IN)], []]
        writer.write(b"y")
        assert told(epoll) == []
        epoll.modify(3, reader, IN | ONE_SHOT, 8)
        assert told(epoll) == [(8, IN)]

    def test_what_could_not_be_told_is_still_ready(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, writer = ends
        epoll.add(3, reader, IN | EDGE, 7)
        writer.write(b"x")
        assert len(epoll.collect(1)) == 1
        assert told(epoll) == [(7, IN)]

    def test_levels_take_turns(self, kernel: Kernel, epoll: Epoll) -> None:
        for data in range(3):
            _, writer = create_pipe(kernel.context)
            epoll.add(data, writer, OUT, data)
        assert [told(epoll, 2), told(epoll, 2)] == [[(0, OUT), (1, OUT)], [(2, OUT), (0, OUT)]]

    def test_hang_up_comes_unasked(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, writer = ends
        epoll.add(3, reader, 0, 7)
        writer.release()
        assert told(epoll) == [(7, HUP)]

    def test_the_last_close_removes_all_entries(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, _ = ends
        epoll.add(3, reader, IN, 1)
        epoll.add(4, reader.reference(), IN, 2)
        reader.release()
        assert status_of(epoll.add, 3, reader, IN, 1) == Status.OBJECT_NAME_COLLISION
        reader.release()
        assert status_of(epoll.remove, 3, reader) == Status.OBJECT_NAME_NOT_FOUND
        assert not reader.readiness.waiters

    def test_closing_the_epoll_leaves_nothing(self, epoll: Epoll, ends: tuple[File, File]) -> None:
        reader, _ = ends
        epoll.add(3, reader, IN, 1)
        epoll.release()
        assert not reader.readiness.waiters
        assert not reader.when_closed

    def test_an_epoll_in_an_epoll(self, kernel: Kernel, thread: Any, ends: tuple[File, File]) -> None:
        reader, writer = ends
        inner, outer = Epoll(thread), Epoll(thread)
        inner.add(3, reader, IN, 1)
        outer.add(4, inner, IN, 2)
        call: Call[Told] = kernel.start(_until_ready(outer))
        assert not call.ended
        writer.write(b"x")
        kernel.settle()
        assert call.result == [(2, IN)]
        assert status_of(inner.add, 5, outer, IN, 3) == Status.REPARSE_POINT_NOT_RESOLVED

    def test_no_deeper_than_five(self, thread: Any) -> None:
        chain, more = [Epoll(thread) for _ in range(5)], Epoll(thread)
        for above, below in pairwise(chain):
            above.add(3, below, IN, 0)
        assert status_of(chain[4].add, 3, more, IN, 0) == Status.REPARSE_POINT_NOT_RESOLVED
        assert status_of(more.add, 3, chain[0], IN, 0) == Status.REPARSE_POINT_NOT_RESOLVED

    def test_no_more_ways_than_a_wake_can_go(self, thread: Any) -> None:
        layers = [[Epoll(thread) for _ in range(4)] for _ in range(4)]
        refused = set()
        for above, below in pairwise(layers):
            for outer in above:
                for inner in below:
                    try:
                        outer.add(3, inner, IN, 0)
                    except Failure as failure:
                        refused.add(failure.status)
        assert refused == {Status.INVALID_PARAMETER}
        assert all(sum(inner.ways_up({})) <= 1 + 500 + 100 + 50 for inner in layers[-1])

    def test_idle_files_cost_nothing(
        self, kernel: Kernel, epoll: Epoll, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pipes = [create_pipe(kernel.context) for _ in range(1000)]
        for data, (reader, _) in enumerate(pipes):
            epoll.add(data, reader, IN, data)
        pipes[500][1].write(b"x")
        asked: list[File] = []
        poll = PipeEnd.poll

        def counting(end: PipeEnd) -> int:
            asked.append(end)
            return poll(end)

        monkeypatch.setattr(PipeEnd, "poll", counting)
        assert told(epoll) == [(500, IN)]
        assert asked == [pipes[500][0]]


def _until_ready(epoll: Epoll) -> Blocks[Told]:
    while not (found := told(epoll)):
        yield Wait((epoll.ready(Poll.READABLE),))
    return found


def number(value: int) -> bytes:
    return value.to_bytes(8, "little")


class TestEventCounter:
    """A counter that is read."""

    def test_a_read_takes_all_and_waits_for_more(self, kernel: Kernel, thread: Any) -> None:
        counter = EventCounter(thread, 3, semaphore=False, nonblocking=False)
        assert counter.read(8) == number(3)
        call = kernel.start(counter.read(8))
        counter.write(number(0))
        kernel.settle()
        assert not call.ended
        counter.write(number(5))
        kernel.settle()
        assert call.result == number(5)

    def test_a_semaphore_gives_ones(self, thread: Any) -> None:
        counter = EventCounter(thread, 2, semaphore=True, nonblocking=True)
        assert [counter.read(8), counter.read(100)] == [number(1), number(1)]
        assert status_of(counter.read, 8) == Status.DEVICE_NOT_READY

    def test_a_full_one_takes_no_more(self, kernel: Kernel, thread: Any) -> None:
        counter = EventCounter(thread, 0, semaphore=False, nonblocking=False)
        assert counter.write(number(2**64 - 2)) == 8
        assert counter.poll() == Poll.READABLE
        call = kernel.start(counter.write(number(1)))
        assert not call.ended
        counter.read(8)
        kernel.settle()
        assert (call.result, counter.count) == (8, 1)

    def test_refusals(self, thread: Any) -> None:
        counter = EventCounter(thread, 0, semaphore=False, nonblocking=True)
        assert status_of(counter.read, 7) == Status.INVALID_PARAMETER
        assert status_of(counter.write, bytes(7)) == Status.INVALID_PARAMETER
        assert status_of(counter.write, number(2**64 - 1)) == Status.INVALID_PARAMETER


class TestTimerFile:
    """A timer on a clock that the test turns."""

    def test_once(self, kernel: Kernel, thread: Any) -> None:
        timer = TimerFile(thread, 1, nonblocking=False)
        timer.set(kernel.now + 5, 0)
        assert timer.left() == 5
        assert kernel.finish(timer.read(8)) == number(1)
        assert (kernel.now, timer.poll(), timer.left()) == (1005.0, 0, 0)

    def test_every_second(self, kernel: Kernel, thread: Any) -> None:
        timer = TimerFile(thread, 1, nonblocking=False)
        timer.set(kernel.now + 2, 1)
        kernel.now += 5.25
        assert timer.left() == 0.75
        assert timer.read(8) == number(4)
        assert timer.left() == 0.75
        assert kernel.finish(timer.read(8)) == number(1)

    def test_setting_it_anew_forgets_what_ran_out(self, kernel: Kernel, thread: Any) -> None:
        timer = TimerFile(thread, 1, nonblocking=True)
        timer.set(kernel.now, 1)
        assert timer.poll() == Poll.READABLE
        timer.set(None, 0)
        assert status_of(timer.read, 8) == Status.DEVICE_NOT_READY


class TestSignalFile:
    """Pending signals, read by the thread that they are pending for."""

    def test_it_gives_the_signals_of_whoever_asks(self, kernel: Kernel) -> None:
        one, other = kernel.thread(), kernel.thread()
        file = SignalFile(one, signals.mask_of(signals.SIGUSR1, signals.SIGTERM), nonblocking=True)
        linux_of_process(one.process).pending.add(signals.SIGUSR1, sending.sent_by(signals.SIGUSR1, None))
        kernel.scheduler.current = other
        assert (file.poll(), status_of(file.read, 128)) == (0, Status.DEVICE_NOT_READY)
        kernel.scheduler.current = one
        assert file.poll() == Poll.READABLE
        data = file.read(1000)
        assert isinstance(data, bytes)
        assert (len(data), data[0]) == (128, signals.SIGUSR1)

    def test_an_epoll_wakes_for_the_signals_of_who_added_it(self, kernel: Kernel) -> None:
        one, other = kernel.thread(), kernel.thread()
        kernel.scheduler.current = one
        file, epoll = SignalFile(one, signals.mask_of(signals.SIGTERM), nonblocking=True), Epoll(one)
        epoll.add(3, file, IN, 7)
        call: Call[Told] = kernel.start(_until_ready(epoll))
        kernel.scheduler.current = other
        linux_of_process(other.process).pending.add(signals.SIGTERM, sending.sent_by(signals.SIGTERM, None))
        assert not epoll.poll()
        linux_of_process(one.process).pending.add(signals.SIGUSR1, sending.sent_by(signals.SIGUSR1, None))
        assert not epoll.poll()
        linux_of_process(one.process).pending.add(signals.SIGTERM, sending.sent_by(signals.SIGTERM, None))
        assert epoll.poll()
        assert kernel.scheduler.ready
        assert not call.ended
