"""A machine of which there is nothing but a service manager: processes are stand-ins, time passes as a test says."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from lichen.executive.interfaces import ProcessorTime
from lichen.executive.power import Power
from lichen.executive.processes import ExitStatus
from lichen.executive.services.manager import ServiceManager
from lichen.executive.services.service import Service
from lichen.executive.services.transactions import Job, JobKind, JobResult
from lichen.executive.services.unit import Unit
from lichen.executive.services.values import (
    CannotLaunch,
    Command,
    Definition,
    ListenerSettings,
    Relations,
    ServiceSettings,
    StartLimit,
    Step,
    TimerSettings,
    Unmet,
)
from tests.unit.kernel import Kernel

UNLIMITED = StartLimit(0, 0)
MAIN = Command("/main", ("/main",))


class StandIn:
    """As much of a process as a service looks at. It does as it is asked unless it is `stubborn`."""

    def __init__(self, world: World, id: int, command: Command) -> None:
        self.world, self.id, self.command = world, id, command
        self.name = command.program
        self.service: Any = None
        self.exit_status: ExitStatus | None = None
        self.signals: list[int] = []
        self.stubborn = False

    def signal(self, number: int, sender: object = None) -> None:
        self.signals.append(number)
        if number == 9 or (number in (1, 15) and not self.stubborn):
            self.end(ExitStatus.of_signal(number))

    def processor_time(self) -> ProcessorTime:
        return ProcessorTime()

    def fork(self) -> StandIn:
        child = self.world.process(self.command)
        child.service = self.service
        return child

    def end(self, status: ExitStatus | int = 0) -> None:
        if self.exit_status is None:
            self.exit_status = status if isinstance(status, ExitStatus) else ExitStatus(status)
            self.service.process_ended(self)
            self.world.kernel.settle()


class World:
    """A service manager, with a launcher and a log that remember. `exits`: how commands end by themselves, by program."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.processes: dict[int, Any] = {}
        self.sockets: list[Any] = []
        self.launched: list[tuple[str, str]] = []
        self.started: list[StandIn] = []
        self.told: list[tuple[str, str]] = []
        self.events: list[str] = []
        self.exits: dict[str, int] = {}
        self.missing: set[str] = set()
        self.unmet: set[str] = set()
        self.process_ids: dict[str, int] = {}
        self.defined: dict[str, Definition] = {}
        self._until = self.kernel.now
        scheduler = self.kernel.scheduler
        scheduler.platform = cast(Any, self)
        table = _Table(self.processes, init=SimpleNamespace(id=1))
        machine = SimpleNamespace(
            scheduler=scheduler,
            processes=table,
            power=Power(scheduler),
            system=SimpleNamespace(
                host=SimpleNamespace(now=lambda: int(self.kernel.now * 1e9), random=bytes)
            ),
        )
        self.machine = machine
        self.manager = ServiceManager(cast(Any, machine), cast(Any, self), cast(Any, self))
        self.manager.sources.append(self)
        self.manager.listeners.append(self)

    # ---- what the manager asks

    def load(self, name: str) -> Definition | None:
        return self.defined.get(name)

    def check(self, unit: Unit) -> None:
        if unit.name in self.unmet:
            raise Unmet("not now")

    def prepare(self, unit: Unit) -> None:
        self.events.append(f"prepare {unit.name}")

    def finish(self, unit: Unit, restarts: bool) -> None:
        self.events.append(f"finish {unit.name}")

    def read_process_id(self, unit: Unit, path: str) -> int:
        return self.process_ids.get(path, 0)

    def listen(self, unit: Unit) -> list[Any]:
        self.events.append(f"listen {unit.name}")
        if unit.name in self.missing:
            raise CannotLaunch("it is in use", 1)
        return self.sockets

    def stop_listening(self, unit: Unit) -> None:
        self.events.append(f"stop listening {unit.name}")

    def launch(self, unit: Unit, command: Command, step: Step, main: object) -> Any:
        self.launched.append((unit.name, command.program))
        if command.program in self.missing:
            raise CannotLaunch("no such program", 203)
        process = self.process(command)
        process.service = unit
        self.started.append(process)
        if command.program in self.exits:
            scheduler, code = self.kernel.scheduler, self.exits[command.program]
            scheduler.at(scheduler.clock(), lambda: process.end(code))
        return process

    def tell(self, unit: str, text: str, level: int = 6) -> None:
        self.told.append((unit, text))

    def unit_changed(self, unit: Unit) -> None: ...
    def job_added(self, job: Job) -> None: ...

    def job_ended(self, job: Job) -> None:
        assert job.result is not None
        self.events.append(f"{job.kind.value} {job.unit.name} {job.result.value}")

    # ---- what tests do

    def process(self, command: Command = MAIN) -> StandIn:
        process = StandIn(self, 8 + 4 * len(self.processes), command)
        self.processes[process.id] = process
        return process

    def define(
        self,
        name: str,
        settings: ServiceSettings | TimerSettings | ListenerSettings | None = None,
        limit: StartLimit = UNLIMITED,
        **relations: Any,
    ) -> Definition:
        found = {attribute: frozenset(value) for attribute, value in relations.items()}
        self.defined[name] = Definition(name, relations=Relations(**found), settings=settings, limit=limit)
        return self.defined[name]

    def service(self, name: str, program: str = "/main", **settings: Any) -> Service:
        """A service with one command, loaded; keywords are its settings and relations."""
        attributes = set(Relations.__dataclass_fields__)
        relations = {key: settings.pop(key) for key in list(settings) if key in attributes}
        limit = settings.pop("limit", UNLIMITED)
        commands = {Step.START: (Command(program, (program,)),), **settings.pop("commands", {})}
        self.define(name, replace(ServiceSettings(), commands=commands, **settings), limit, **relations)
        unit = self.manager.load(name)
        assert isinstance(unit, Service)
        return unit

    def ask(self, kind: JobKind, name: str) -> Job:
        job = self.manager.request(self.manager.load(name), kind)
        self.turn()
        return job

    def start(self, name: str) -> Job:
        return self.ask(JobKind.START, name)

    def stop(self, name: str) -> Job:
        return self.ask(JobKind.STOP, name)

    def result(self, job: Job) -> JobResult | None:
        return job.result

    def turn(self) -> None:
        """Do all that can be done now."""
        self.wait(0.0)

    def wait(self, seconds: float) -> None:
        """Let time pass, and do what there is to do meanwhile."""
        self._until = self.kernel.now + seconds
        turns = 0
        while turns < 8:  # of what is begun at the end, without any time
            self.kernel.scheduler.step()
            turns += self.kernel.now >= self._until

    def step(self, timeout: float | None) -> None:
        """The platform's part of the loop: time goes on to the next deadline, or to the end of the wait."""
        self.kernel.now = self._until if timeout is None else min(self.kernel.now + timeout, self._until)


class _Table(dict[int, Any]):
    """The processes, seen live, with init."""

    def __init__(self, processes: dict[int, Any], init: Any) -> None:
        super().__init__()
        self._processes, self.init = processes, init

    def get(self, id: int, default: Any = None) -> Any:
        return self._processes.get(id, default)

    def values(self) -> Any:
        return list(self._processes.values())
