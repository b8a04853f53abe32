"""What keeps a machine running, on a clock that jumps."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lichen.daemon import ending, places
from lichen.daemon.life import Life
from lichen.executive.wait import Ended, Wait
from tests.unit.kernel import Kernel


class Program:
    """A process, as far as a life looks at it."""

    def __init__(self, id: int, name: str, parent: Any) -> None:
        self.id, self.name, self.parent = id, name, parent
        self.ended = Ended()
        self.files = SimpleNamespace(token=SimpleNamespace(euid=1000))


class Daemon:
    """As much of a kernel as a life asks for."""

    def __init__(self, fresh: bool = False) -> None:
        self.loop = Kernel()
        self.fresh, self.is_ending = fresh, False
        self.folder = places.make_folder("one")
        self.processes: list[Any] = []
        self.machine = SimpleNamespace(scheduler=self.loop.scheduler, living=lambda: list(self.processes))
        self.went: list[ending.Way] = []
        self.life = Life(self)  # type: ignore[arg-type]

    def go_down(self, way: ending.Way) -> None:
        self.went.append(way)
        self.is_ending = True

    def process(self, name: str, parent: Any = None) -> Any:
        process = Program(4 * len(self.processes) + 8, name, parent)
        self.processes.append(process)
        return process

    def ends(self, process: Any) -> None:
        self.processes.remove(process)
        process.ended.set()
        self.loop.settle()

    def session(self, name: str = "bash") -> Any:
        session: Any = SimpleNamespace(process=self.process(name))
        self.life.begin(session)
        return session

    def leaves(self, session: Any) -> None:
        """A client is gone with its program."""
        self.ends(session.process)
        self.life.end(session)

    def pass_time(self, seconds: float) -> None:
        self.loop.finish(self._sleep(seconds))

    def _sleep(self, seconds: float) -> Any:
        yield Wait((), self.loop.now + seconds)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LICHEN_IDLE_SECONDS", "60")


def test_an_idle_machine_ends_when_its_time_is_over() -> None:
    daemon = Daemon()
    daemon.leaves(daemon.session())
    daemon.pass_time(18)
    assert daemon.life.reasons() == ["idle, ends in 42 s"]
    assert daemon.went == []
    daemon.pass_time(43)
    assert daemon.went == [ending.IDLE]


def test_the_next_session_begins_the_time_anew() -> None:
    daemon = Daemon()
    daemon.leaves(daemon.session())
    daemon.pass_time(50)
    session = daemon.session()
    daemon.pass_time(100)
    daemon.leaves(session)
    daemon.pass_time(50)
    assert daemon.went == []
    daemon.pass_time(11)
    assert daemon.went == [ending.IDLE]


def test_a_client_without_a_session_changes_nothing() -> None:
    """Who asks how long it will be does not make it longer."""
    daemon = Daemon()
    daemon.leaves(daemon.session())
    daemon.pass_time(50)
    daemon.life.end(SimpleNamespace(process=None))  # type: ignore[arg-type]
    daemon.pass_time(11)
    assert daemon.went == [ending.IDLE]


def test_what_lives_keeps_it_and_what_that_leaves_too() -> None:
    daemon = Daemon()
    session = daemon.session()
    first, second = daemon.process("cron"), daemon.process("sleep")
    daemon.leaves(session)
    assert daemon.life.reasons() == [
        f"left running: pid {first.id} cron",
        f"left running: pid {second.id} sleep",
    ]
    daemon.pass_time(1000)
    daemon.ends(first)
    daemon.pass_time(1000)
    assert daemon.went == []
    daemon.ends(second)
    daemon.pass_time(61)
    assert daemon.went == [ending.IDLE]


def test_descendants_of_a_session_are_its_own() -> None:
    daemon = Daemon()
    session = daemon.session()
    daemon.process("make", parent=daemon.process("sh", parent=session.process))
    assert daemon.life.reasons() == ["session of uid 1000: bash"]


def test_many_are_not_all_named() -> None:
    daemon = Daemon()
    for _ in range(12):
        daemon.process("sleep")
    reasons = daemon.life.reasons()
    assert (len(reasons), reasons[-1]) == (9, "and 4 more processes")


def test_a_started_machine_stays() -> None:
    daemon = Daemon()
    daemon.leaves(daemon.session())
    assert daemon.life.start()
    assert not daemon.life.start()
    daemon.pass_time(1000)
    assert (daemon.went, daemon.life.reasons()) == ([], ["started"])
    assert Daemon().life.is_started, "and after its kernel was killed"


def test_a_throw_away_machine_ends_with_its_program() -> None:
    daemon = Daemon(fresh=True)
    session = daemon.session()
    daemon.process("sleep")
    daemon.leaves(session)
    assert daemon.went == [ending.PROGRAM_ENDED]


def test_a_machine_that_goes_down_is_not_watched() -> None:
    daemon = Daemon()
    session = daemon.session()
    daemon.is_ending = True
    daemon.leaves(session)
    daemon.pass_time(100)
    assert daemon.went == []


@pytest.mark.parametrize("text", ["soon", "nan", "inf"])
def test_idle_seconds_that_make_no_sense_are_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setitem(os.environ, "LICHEN_IDLE_SECONDS", text)
    daemon = Daemon()
    daemon.leaves(daemon.session())
    assert daemon.life.reasons() == ["idle, ends in 60 s"]
