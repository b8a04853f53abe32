"""Placing guests on processors: everybody is looked at in turn, never too many at once, and seldom when nothing happens."""

from __future__ import annotations

from typing import Any

import pytest

from lichen.platforms.native.accounting import Look
from lichen.platforms.native.balance import Balance
from lichen.platforms.native.thread import State


class Guest:
    """A thread that uses some of the time, waits for some of it, and sleeps so often a second."""

    def __init__(self, used: float = 0.0, waited: float = 0.0, turns: int = 1000, sleeps: int = 0) -> None:
        self.state, self.looks, self.away, self.awake = State.RUNNING, 0, False, True
        self.account = self
        self.used, self.waited, self.turns, self.per_second = used, waited, turns, sleeps
        self._seen = self._asked = 0.0
        self.went_to: object = None

    def look(self, now: float) -> Look:
        self.looks += 1
        self.awake = self.used > 0
        passed, self._seen = now - self._seen, now
        return Look(passed, self.used * passed, self.waited * passed, int(self.turns * passed))

    def sleeps(self) -> int:
        passed, self._asked = self._seen - self._asked, self._seen
        return int(self.per_second * passed)

    def leave_home(self, processors: object, first: object) -> bool:
        self.away, self.went_to = True, first
        return True

    def come_home(self) -> bool:
        before, self.away = self.away, False
        return before


class Host:
    """A host whose time a test lets pass."""

    def __init__(self, guests: dict[int, Any], monkeypatch: Any) -> None:
        self.now, self.due, self.busy, self.looks = 0.0, float("inf"), 1.0, 0
        self._used = 0.0
        monkeypatch.setattr("lichen.platforms.native.balance.time.monotonic", lambda: self.now)
        monkeypatch.setattr("lichen.platforms.native.balance.busy_time", lambda home: self._used)
        self.balance = Balance(guests, frozenset((0, 1)), frozenset((0,)), self._arm)

    def _arm(self, seconds: float) -> None:
        self.due = self.now + seconds

    def event(self) -> None:
        """Something happens on the machine."""
        if self.balance.resting:
            self.balance.begin()

    def run(self, seconds: float) -> None:
        """Let time pass in which nothing happens."""
        end = self.now + seconds
        while self.due <= end:
            self._used += self.busy * (self.due - self.now)
            self.now, self.due = self.due, float("inf")
            self.looks += 1
            self.balance.look()
        self._used += self.busy * (end - self.now)
        self.now = end


def many(number: int, **more: Any) -> dict[int, Any]:
    return {index: Guest(**more) for index in range(number)}


@pytest.mark.parametrize("together", [1, 2, 6, 50])
def test_those_who_share_a_core_compute(together: int, monkeypatch: Any) -> None:
    guests = many(together, used=1 / together, waited=1 - 1 / together, turns=300 // together)
    host = Host(guests, monkeypatch)
    host.event()
    host.run(0.2)
    assert all(guest.away for guest in guests.values())
    moved = sum(guest.went_to == {1} for guest in guests.values())
    assert moved == (together + 1) // 2


def test_one_who_is_interrupted_all_the_time_computes(monkeypatch: Any) -> None:
    guests = many(1, used=0.3, waited=0.7, turns=20_000, sleeps=20)
    host = Host(guests, monkeypatch)
    host.event()
    host.run(0.2)
    assert guests[0].away


def test_one_who_calls_all_the_time_does_not(monkeypatch: Any) -> None:
    guests = many(2, used=0.4, waited=0.4, turns=20_000, sleeps=20_000)
    host = Host(guests, monkeypatch)
    host.event()
    host.run(2)
    assert not any(guest.away for guest in guests.values())


def test_one_who_computes_no_more_comes_home(monkeypatch: Any) -> None:
    guests = many(1, used=1.0)
    host = Host(guests, monkeypatch)
    host.event()
    host.run(0.2)
    guests[0].state = State.HELD
    assert guests[0].away
    guests[0].used = 0.0
    host.run(0.2)
    assert not guests[0].away


def test_who_wakes_up_by_itself_is_noticed(monkeypatch: Any) -> None:
    guests = many(300)
    host = Host(guests, monkeypatch)
    host.busy = 0.01
    host.event()
    host.run(60)
    guests[290].used = host.busy = 1.0
    host.run(0.2)
    assert [number for number, guest in guests.items() if guest.away] == [290]


def test_those_who_sleep_cost_nothing(monkeypatch: Any) -> None:
    guests = many(300)
    host = Host(guests, monkeypatch)
    host.busy = 0.01
    host.event()
    host.run(60)
    assert host.looks < 500
    assert max(guest.looks for guest in guests.values()) == 1


def test_nobody_runs(monkeypatch: Any) -> None:
    guests = many(3)
    for guest in guests.values():
        guest.state = State.HELD
    host = Host(guests, monkeypatch)
    host.busy = 0.01
    host.event()
    host.run(60)
    assert host.balance.resting
    assert host.looks < 5


def test_a_crowd_is_looked_at_in_parts(monkeypatch: Any) -> None:
    guests = many(1000)
    host = Host(guests, monkeypatch)
    host.event()
    before = 0
    for _ in range(60):
        host.run(0.1)
        looks = sum(guest.looks for guest in guests.values())
        assert looks - before <= 4 * (128 + 32)
        before = looks
    guests[290].used = 1.0
    host.run(4)
    assert [number for number, guest in guests.items() if guest.away] == [290]


def test_there_is_but_one_core() -> None:
    armed: list[float] = []
    balance = Balance({}, frozenset((0,)), frozenset((0,)), armed.append)
    assert not armed
    assert not balance.resting
