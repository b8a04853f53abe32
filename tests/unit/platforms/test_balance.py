"""Placing guests on processors: everybody is looked at in turn, and never too many at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lichen.platforms.native.balance import Balance
from lichen.platforms.native.thread import State


class Guest:
    """A thread that computes, or sleeps in a call of the host's."""

    def __init__(self, computes: bool) -> None:
        self.state, self.looks, self.away = State.RUNNING, 0, False
        self.account = SimpleNamespace(since_last_look=self._look)
        self._computes = computes

    def _look(self) -> tuple[int, int]:
        self.looks += 1
        return (50_000_000, 1) if self._computes else (0, 0)

    def leave_home(self, processors: object) -> None:
        self.away = True

    def come_home(self) -> None:
        self.away = False


def test_a_crowd_is_looked_at_in_parts(monkeypatch: Any) -> None:
    now = [0.0]
    monkeypatch.setattr("lichen.platforms.native.balance.time.monotonic", lambda: now[0])
    guests: dict[int, Any] = {number: Guest(number == 290) for number in range(300)}
    balance = Balance(guests, {0, 1}, {0})
    for _ in range(6):
        before = sum(guest.looks for guest in guests.values())
        now[0] += 1
        balance.after_silence()
        assert sum(guest.looks for guest in guests.values()) - before <= 128
        assert balance.patience > 0, "somebody computes"
    assert {guest.looks for guest in guests.values()} == {2}
    assert [number for number, guest in guests.items() if guest.away] == [290]


def test_nobody_computes() -> None:
    balance = Balance({1: Guest(False)}, {0, 1}, {0})  # type: ignore[dict-item]  # as much of a thread as is asked for
    balance.after_silence()
    assert balance.patience == -1
