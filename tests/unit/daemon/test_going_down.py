"""A kernel that goes down: services first, then the rest; what is more urgent takes the place of what has begun."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lichen.daemon import ending, history, places
from lichen.daemon.kernel import Kernel
from lichen.executive.power import Power, PowerAction
from lichen.executive.wait import Blocks, Wait
from tests.unit import kernel as loop
from tests.unit.daemon.test_ending import Program, World


class Going:
    """A kernel without a host, on a clock that jumps, with one client."""

    def __init__(self, options: list[str]) -> None:
        self.world = World()
        self.loop: loop.Kernel = self.world.kernel
        scheduler: Any = self.loop.scheduler
        self.power = Power(scheduler)
        self.kernel = Kernel(places.make_folder("one"), -1, options)
        state = SimpleNamespace(power=self.power)
        machine: Any = SimpleNamespace(scheduler=scheduler, living=self.world.living, state=state)
        self.kernel.machine = machine
        self.warnings: list[str] = []
        self.session = cast(Any, SimpleNamespace(process=None, warn=self.warnings.append))
        self.kernel.life.begin(self.session)
        self.took: float | None = None
        """How many seconds it took to go down."""
        self.kernel._stop = self._stopped  # type: ignore[method-assign]

    def _stopped(self) -> None:
        self.took = self.loop.now - 1000

    def run(self) -> None:
        """Until the machine is down; its client goes when nothing is left."""
        self.loop.finish(self._until_down())

    def _until_down(self) -> Any:
        while self.took is None:
            if not self.world.living():
                self.kernel.session_ended(self.session)
            yield Wait((), self.loop.now + 0.25)


@pytest.fixture
def going(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    return Going


def service(going: Going, name: str, seconds: float) -> Any:
    """A service that takes its time to end."""

    def end() -> Blocks[None]:
        going.world.told.append((0, 0))
        yield Wait((), going.loop.now + seconds)
        going.warnings.append(name)

    return end


def test_services_come_first(going: type[Going]) -> None:
    it = going([])
    Program(it.world, does_as_asked=True)
    it.kernel.services += [service(it, "first", 3), service(it, "second", 4)]
    it.kernel.go_down(ending.STOPPED)
    it.run()
    assert it.warnings == ["the machine one is being stopped", "first", "second"]
    assert it.world.told == [(0, 0), (0, 0), (1, 0)]
    assert it.took == 7


def test_the_more_urgent_way_counts(going: type[Going]) -> None:
    it = going([])
    program = Program(it.world)
    it.kernel.services.append(service(it, "never", 1000))
    it.kernel.go_down(ending.STOPPED)
    it.kernel.go_down(ending.RESTARTED)
    it.kernel.go_down(ending.TERMINATED)
    it.kernel.go_down(ending.STOPPED)
    it.run()
    assert it.warnings == ["the machine one is being stopped", "the machine one is being terminated"]
    assert (it.took, it.kernel.boots_again) == (2, False)
    assert program.status is not None


def obeying(it: Going) -> None:
    it.loop.scheduler.spawn(it.kernel._obey_power())


def test_a_restart_is_booted_again(going: type[Going]) -> None:
    it = going([])
    obeying(it)
    it.power.request(PowerAction.RESTART, "somebody")
    it.loop.settle()
    it.run()
    assert it.warnings == ["the machine one is going down for reboot"]
    assert it.kernel.boots_again


def test_a_throw_away_machine_is_not_booted_again(going: type[Going]) -> None:
    it = going(["--fresh"])
    obeying(it)
    it.power.request(PowerAction.RESTART, "somebody")
    it.run()
    assert it.kernel.is_ending
    assert not it.kernel.boots_again


def test_what_happens_at_once_happens_once(going: type[Going], caplog: pytest.LogCaptureFixture) -> None:
    it = going([])
    obeying(it)
    with caplog.at_level("INFO"):
        it.power.request(PowerAction.HALT, "somebody", at_once=True)
        it.run()
    assert caplog.messages == ["halt is requested by somebody", "going down: halted"]


def test_at_once_outdoes_what_has_begun(going: type[Going]) -> None:
    it = going([])
    program = Program(it.world)
    obeying(it)
    it.power.request(PowerAction.POWER_OFF, "somebody")
    it.loop.settle()
    it.power.request(PowerAction.RESTART, "another", at_once=True)
    it.run()
    assert it.kernel.boots_again
    assert it.took is not None
    assert it.took < ending.STOPPED.grace
    assert program.status is not None


def test_the_owners_stop_outdoes_any_restart(going: type[Going]) -> None:
    """One that has begun, though it is as urgent, and one that a program asks for at once."""
    it = going([])
    Program(it.world)
    it.kernel.go_down(ending.RESTARTED)
    it.kernel.go_down(ending.STOPPED)
    assert not it.kernel.boots_again
    it.kernel.go_down(ending.OF_POWER[PowerAction.RESTART].at_once())
    it.run()
    assert it.took is not None
    assert it.took < ending.STOPPED.grace
    assert not it.kernel.boots_again
    assert it.kernel._way is not None
    assert it.kernel._way.mark == "stopped"


def test_a_folder_that_cannot_be_written_any_more(
    going: type[Going], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guests end, and what can be noted of the end is."""

    def refused(folder: str) -> None:
        raise PermissionError(13, "Permission denied", folder)

    it = going([])
    closed: list[bool] = []
    it.kernel.machine.close = lambda: closed.append(True)  # type: ignore[method-assign]
    it.kernel.listener = it.kernel.ports = cast(Any, SimpleNamespace(close=lambda: None))
    it.session.machine_ended = lambda: None
    history.booted(it.kernel.folder, {"pid": 1})
    monkeypatch.setattr(places, "stop_listening", refused)
    it.kernel.go_down(ending.STOPPED)
    it.kernel._end()
    assert closed
    assert places.facts(it.kernel.folder)["how"] == "stopped"


def test_who_is_killed_before_it_has_come_back_has_crashed(going: type[Going]) -> None:
    it = going([])
    it.kernel.machine.close = lambda: None  # type: ignore[method-assign]
    it.kernel.listener = it.kernel.ports = cast(Any, SimpleNamespace(close=lambda: None))
    it.session.machine_ended = lambda: None
    history.booted(it.kernel.folder, {"pid": 1})
    it.kernel.go_down(ending.RESTARTED)
    it.kernel._end()
    assert "its kernel was killed" in str(history.crash(it.kernel.folder))
