"""The run loop: deadlines, waits of every kind, interruptions, and what a failing handler may not do to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lichen.executive.interfaces import Fault, GuestGone
from lichen.executive.scheduler import NOBODY, Scheduler
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Changes, Condition, Ended, Event, Wait, Waitable, then
from tests.unit.kernel import Kernel


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


def waiting(*objects: Waitable, **how: Any) -> Any:
    """An operation that waits once; its result is what the wait ended with."""

    def wait() -> Blocks[int]:
        return (yield Wait(objects, **how))

    return wait()


# ---- time


def test_timers_expire_in_order_and_once(kernel: Kernel) -> None:
    told: list[str] = []
    for name, after in (("late", 2.0), ("soon", 1.0), ("never", 1.5)):
        timer = kernel.scheduler.at(kernel.now + after, partial(told.append, name))
        if name == "never":
            timer.cancel()
    kernel.finish(waiting(deadline=kernel.now + 3))
    assert told == ["soon", "late"]


def test_a_timer_that_fails_is_counted_and_the_loop_goes_on(kernel: Kernel) -> None:
    told: list[int] = []
    kernel.scheduler.at(kernel.now + 1, lambda: told.append(1 // 0))
    kernel.scheduler.at(kernel.now + 2, lambda: told.append(2))
    kernel.finish(waiting(deadline=kernel.now + 3))
    assert (told, kernel.scheduler.errors) == ([2], 1)


def test_what_is_to_happen_on_waking_happens_first_and_wakes_nobody(kernel: Kernel) -> None:
    event, told = Event(), list[str]()
    kernel.scheduler.on_wake(lambda: told.append("wake"))
    call = kernel.start(waiting(event))
    kernel.scheduler.step()
    assert told == []
    event.set()
    kernel.wait(call)
    assert told == ["wake"]
    kernel.scheduler.on_wake(lambda: told.append("for a timer"))
    kernel.finish(waiting(deadline=kernel.now + 1))
    assert told == ["wake", "for a timer"]


def test_the_loop_runs_until_it_is_stopped(kernel: Kernel) -> None:
    def stop() -> None:
        kernel.scheduler.stopping = True

    kernel.scheduler.at(kernel.now, stop)
    kernel.scheduler.run()


# ---- waits


def test_any_of_several_objects(kernel: Kernel) -> None:
    first, second = Event(), Event()
    call = kernel.start(waiting(first, second))
    second.set()
    kernel.settle()
    assert call.result == 1
    assert not first.waiters
    assert kernel.finish(waiting(Event(), deadline=kernel.now + 5)) == TIMED_OUT


def test_all_of_several_objects_are_taken_together(kernel: Kernel) -> None:
    first, second = Event(manual=False), Event(manual=False)
    call = kernel.start(waiting(first, second, all=True))
    first.set()
    kernel.settle()
    assert not call.ended
    assert first.is_set, "nothing is taken before all of it can be"
    second.set()
    kernel.settle()
    assert call.result == 0
    assert [event.is_set for event in (first, second)] == [False, False]


def test_an_automatic_event_lets_one_go(kernel: Kernel) -> None:
    event = Event(manual=False)
    calls = [kernel.start(waiting(event)) for _ in range(3)]
    assert not event.set()
    kernel.settle()
    assert [call.ended for call in calls] == [True, False, False]
    assert not event.reset()


def test_a_pulse_lets_those_go_who_wait_now(kernel: Kernel) -> None:
    event = Event()
    before = kernel.start(waiting(event))
    event.pulse()
    after = kernel.start(waiting(event))
    kernel.settle()
    assert (before.ended, after.ended, event.is_set) == (True, False, False)
    assert not event.set()
    assert event.reset()


def test_a_change_is_news_for_each_of_several_tasks(kernel: Kernel) -> None:
    changes = Changes()
    calls = [kernel.start(waiting(changes)) for _ in range(3)]
    changes.notify()
    kernel.settle()
    assert [call.ended for call in calls] == [True, True, True]


def test_conditions_ends_and_changes(kernel: Kernel) -> None:
    state: list[int] = []
    condition, ended, changes = Condition(lambda: bool(state)), Ended(), Changes()
    calls = [kernel.start(waiting(each)) for each in (condition, ended, changes)]
    changes.wake()
    condition.wake()
    kernel.settle()
    assert not any(call.ended for call in calls)
    state.append(1)
    condition.wake()
    ended.set()
    changes.notify()
    kernel.settle()
    assert [call.result for call in calls] == [0, 0, 0]
    assert kernel.finish(waiting(ended)) == 0, "an end is for ever"


def test_an_outcome_goes_on_whether_it_had_to_wait_or_not(kernel: Kernel) -> None:
    assert kernel.finish(then(4, lambda value: value + 1)) == 5
    assert kernel.finish(then(waiting(deadline=kernel.now), lambda value: value - 1)) == TIMED_OUT - 1
    twice = then(waiting(deadline=kernel.now), lambda _: waiting(deadline=kernel.now + 1))
    assert kernel.finish(twice) == TIMED_OUT


# ---- calls of guests


class Thread:
    """A thread, its process and its subsystem in one; `answers` are the results of its calls."""

    def __init__(self, kernel: Kernel, call: Callable[[], object]) -> None:
        self.scheduler, self.run = kernel.scheduler, call
        self.answers: list[int] = []
        self.parking: Any = None
        self.call: Any = None
        self.crashes = self.kills = self.ends = 0
        self.finishing: Callable[[], None] = lambda: None
        self.process = self.subsystem = self
        self.guest = SimpleNamespace(owner=self, kill=self.kill)

    def kill(self) -> None:
        self.kills += 1

    def make_call(self) -> None:
        self.scheduler.system_call(cast(Any, self.guest), 7, (1, 2))

    def system_call(self, thread: object, number: int, arguments: tuple[int, ...]) -> object:
        assert self.scheduler.current is cast(Any, self)
        return self.run()

    def failed(self, thread: object, error: Exception) -> int:
        if isinstance(error, Failure):
            return -5
        if isinstance(error, Interrupted):
            return -4
        raise error

    def fault(self, thread: object, fault: Fault) -> None:
        self.run()

    def finish(self, result: int) -> None:
        self.finishing()
        self.answers.append(result)

    def crashed(self) -> None:
        self.crashes += 1

    def host_ended(self) -> None:
        self.ends += 1
        self.run()


def raising(error: BaseException) -> Callable[..., Any]:
    def run(*_: object) -> object:
        raise error

    return run


def test_a_call_is_answered_at_once_or_when_it_has_waited(kernel: Kernel) -> None:
    event = Event()
    quick, slow = Thread(kernel, lambda: 3), Thread(kernel, lambda: waiting(event))
    quick.make_call()
    slow.make_call()
    assert (quick.answers, slow.answers, slow.call) == ([3], [], (7, (1, 2)))
    assert kernel.scheduler.current is None
    event.set()
    kernel.settle()
    assert (slow.answers, slow.parking) == ([0], None)


def test_a_call_that_went_on_by_itself_is_not_answered(kernel: Kernel) -> None:
    thread = Thread(kernel, lambda: None)
    thread.make_call()
    assert (thread.answers, kernel.scheduler.current) == ([], None)


def test_failures_are_the_subsystems_to_translate(kernel: Kernel) -> None:
    for call in (raising(Failure(Status.ACCESS_DENIED)), failing_later):
        thread = Thread(kernel, call)
        thread.make_call()
        assert (thread.answers, thread.crashes) == ([-5], 0)
    assert kernel.scheduler.errors == 0


def failing_later() -> Blocks[int]:
    yield Wait((Event(is_set=True),))
    raise Failure(Status.ACCESS_DENIED)


@pytest.mark.parametrize("event", ["system_call", "fault", "finish"])
def test_a_handler_that_fails_ends_its_process_only(kernel: Kernel, event: str) -> None:
    thread = Thread(kernel, raising(ZeroDivisionError()) if event != "finish" else lambda: 0)
    if event == "finish":
        thread.finishing = raising(ZeroDivisionError())
    if event == "fault":
        kernel.scheduler.fault(cast(Any, thread.guest), Fault(11, 1, 0))
    else:
        thread.make_call()
    assert (thread.crashes, thread.answers, kernel.scheduler.errors) == (1, [], 1)


@pytest.mark.parametrize("event", ["system_call", "finish"])
def test_a_guest_that_is_gone_is_ended(kernel: Kernel, event: str) -> None:
    thread = Thread(kernel, raising(GuestGone()) if event != "finish" else lambda: 0)
    if event == "finish":
        thread.finishing = raising(GuestGone())
    thread.make_call()
    assert (thread.kills, thread.crashes, kernel.scheduler.errors) == (1, 0, 0)


def test_the_platforms_events_are_guarded(kernel: Kernel) -> None:
    thread = Thread(kernel, raising(ZeroDivisionError()))
    kernel.scheduler.exited(cast(Any, thread.guest))
    kernel.scheduler.watched(raising(GuestGone()), 1)
    assert (thread.ends, kernel.scheduler.errors) == (1, 1)
    NOBODY.host_ended()


def test_an_interrupted_call_ends_as_its_subsystem_says(kernel: Kernel) -> None:
    event = Event()
    thread = Thread(kernel, lambda: waiting(event))
    thread.make_call()
    kernel.scheduler.interrupt(thread.parking)
    assert (thread.answers, thread.parking, event.waiters) == ([-4], None, {})


def test_a_cancelled_call_is_forgotten(kernel: Kernel) -> None:
    event, ends = Event(), list[str]()

    def call() -> Blocks[int]:
        try:
            return (yield Wait((event,), kernel.now + 1))
        finally:
            ends.append("closed")

    thread = Thread(kernel, call)
    thread.make_call()
    kernel.scheduler.cancel(thread.parking)
    assert (ends, event.waiters) == (["closed"], {})
    kernel.finish(waiting(deadline=kernel.now + 2))
    assert thread.answers == []


def test_one_call_may_end_another_in_its_midst(kernel: Kernel) -> None:
    """The caller's own call goes on as before: it is neither running nor waiting meanwhile."""
    event = Event()
    sleeper = Thread(kernel, lambda: waiting(event))
    seen: list[bool] = []

    def wake() -> int:
        kernel.scheduler.interrupt(sleeper.parking)
        seen.append(kernel.scheduler.current is cast(Any, waker))
        return 1

    def look() -> None:
        seen.append(kernel.scheduler.works_for(cast(Any, waker)))

    waker = Thread(kernel, wake)
    sleeper.finishing = look
    sleeper.make_call()
    waker.make_call()
    assert (seen, sleeper.answers, waker.answers) == ([True, True], [-4], [1])


def test_what_a_call_makes_possible_in_the_kernel_is_done_when_it_returns(kernel: Kernel) -> None:
    event, told = Event(), list[str]()

    def task() -> Blocks[None]:
        yield Wait((event,))
        told.append("task")

    def call() -> int:
        event.set()
        return 0

    kernel.scheduler.spawn(task())
    other = Thread(kernel, lambda: waiting(event))
    other.make_call()
    thread = Thread(kernel, call)
    thread.finishing = lambda: told.append("answer")
    thread.make_call()
    assert told == ["task", "answer"]
    assert other.answers == [], "guests wait for their turn"


def test_a_task_that_fails_harms_nobody(kernel: Kernel) -> None:
    def task() -> Blocks[None]:
        yield Wait((Event(is_set=True),))
        raise ZeroDivisionError

    kernel.scheduler.spawn(task())
    assert kernel.scheduler.errors == 1


def test_a_machine_has_the_hosts_clock_by_itself() -> None:
    scheduler = Scheduler()
    assert scheduler.clock() <= scheduler.clock()
