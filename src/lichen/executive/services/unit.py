"""What everything has in common that the service manager starts and stops: a name, relations, a state, and at most one job."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lichen.executive.services.values import Definition, Moment, Phase, Result, State, Unmet

if TYPE_CHECKING:
    from lichen.executive.interfaces import ProcessorTime
    from lichen.executive.machine import MachineState
    from lichen.executive.network.sockets import Socket
    from lichen.executive.processes import Process
    from lichen.executive.services.values import Command, Step


@dataclass
class Times:
    """When a unit changed last; None for never."""

    left_stopped: Moment | None = None
    entered_running: Moment | None = None
    left_running: Moment | None = None
    entered_stopped: Moment | None = None
    changed: Moment | None = None


class Launcher(Protocol):
    """Who starts the processes of services: it knows users, files and how a program is given what it begins with."""

    def check(self, unit: Unit) -> None:
        """Unmet unless the unit is meant to be started as things are."""

    def prepare(self, unit: Unit) -> None:
        """Before the first process: make what the unit is to find. CannotLaunch."""

    def launch(self, unit: Unit, command: Command, step: Step, main: Process | None) -> Process:
        """Start a process of a service; CannotLaunch."""

    def finish(self, unit: Unit, restarts: bool) -> None:
        """After the last process: take away what the unit does not leave."""

    def listen(self, unit: Unit) -> list[Socket]:
        """Open the sockets of a listener; CannotLaunch."""

    def stop_listening(self, unit: Unit) -> None:
        """Take away the names of a listener's sockets, if it does not leave them."""

    def read_process_id(self, unit: Unit, path: str) -> int:
        """The number in a file that a service writes about its main process; 0 for none."""


class Log(Protocol):
    """Where what is said of units, and by them, is kept."""

    def tell(self, unit: str, text: str, level: int = 6) -> None:
        """Note a line of the manager's own; levels are those of syslog."""


class Owner(Protocol):
    """The manager, as far as its units know it."""

    machine: MachineState
    launcher: Launcher
    log: Log
    is_closing: bool

    def now(self) -> Moment: ...
    def changed(self, unit: Unit, before: State) -> None: ...
    def reloaded(self, unit: Unit, result: Result) -> None: ...
    def trigger(self, unit: Unit, name: str) -> bool: ...
    def get(self, name: str) -> Unit | None: ...
    def is_busy(self, unit: Unit) -> bool: ...
    def sockets_for(self, unit: Unit) -> list[tuple[Socket, str]]: ...


class Unit:
    """One thing that is started and stopped. By itself it only brings others together: it runs when it was started."""

    def __init__(self, manager: Owner, definition: Definition) -> None:
        self.manager = manager
        self.definition = definition
        self.state, self.phase, self.result = State.STOPPED, Phase.DEAD, Result.SUCCESS
        self.times = Times()
        self.condition_met: bool | None = None
        self.condition_checked: Moment | None = None
        self.status = ""
        """What it says of itself."""
        self._starts: deque[float] = deque()

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def has_failed(self) -> bool:
        return self.state is State.STOPPED and self.result not in (Result.SUCCESS, Result.CONDITION)

    @property
    def can_reload(self) -> bool:
        return False

    def members(self) -> list[Process]:
        """The processes that belong to it."""
        return []

    @property
    def main(self) -> Process | None:
        """The process that stands for it."""
        return None

    def processor_time(self) -> ProcessorTime | None:
        """What its processes have used."""
        return None

    # ---- being started and stopped

    def start(self) -> None:
        """Begin to start; whoever asked is told by the change of state."""
        if self.may_start():
            self.enter(State.RUNNING, Phase.RUNNING)
            if self.definition.action is not None:
                self.manager.machine.power.request(self.definition.action, f"the start of {self.name}")

    def stop(self) -> None:
        """Begin to stop."""
        self.result = Result.SUCCESS
        self.enter(State.STOPPED, Phase.DEAD)

    def reload(self) -> None:
        """Begin to read its own configuration anew."""
        self.manager.reloaded(self, Result.SUCCESS)

    def redefined(self, definition: Definition) -> None:
        """Its configuration has been read anew; what runs goes on."""
        self.definition = definition

    def forget_failure(self) -> None:
        """Be stopped as if nothing had gone wrong, and be startable as often as at first."""
        self._starts.clear()
        if self.has_failed:
            self.result = Result.SUCCESS
            self.enter(State.STOPPED, Phase.DEAD)

    def may_start(self) -> bool:
        """Whether nothing stands against a start; else the unit is stopped, with the reason as its result."""
        limit, now = self.definition.limit, self.manager.machine.scheduler.clock()
        while self._starts and self._starts[0] <= now - limit.interval:
            self._starts.popleft()
        if limit.burst and limit.interval and len(self._starts) >= limit.burst:
            self.manager.log.tell(self.name, "Start request repeated too quickly.", 4)
            self.stopped(Result.START_LIMIT if self.result is Result.SUCCESS else self.result)
            return False
        self._starts.append(now)
        self.condition_checked = self.manager.now()
        try:
            self.manager.launcher.check(self)
        except Unmet as unmet:
            self.condition_met = False
            self.manager.log.tell(self.name, str(unmet), 5)
            self.stopped(unmet.result)
            return False
        self.condition_met = True
        self.result = Result.SUCCESS
        return True

    # ---- states

    def stopped(self, result: Result) -> None:
        """It is over, and this is how."""
        self.result = result
        self.enter(State.STOPPED, Phase.DEAD)

    def enter(self, state: State, phase: Phase) -> None:
        """Be in another state or phase, and let everybody know who waits for that."""
        before, now, times = self.state, self.manager.now(), self.times
        self.state, self.phase = state, phase
        if state is not before:
            times.changed = now
            if before is State.STOPPED:
                times.left_stopped = now
            if before is State.RUNNING:
                times.left_running = now
            if state is State.RUNNING:
                times.entered_running = now
            if state is State.STOPPED:
                times.entered_stopped = now
        self.manager.changed(self, before)
