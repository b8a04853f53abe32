"""The service manager: what is known of a machine's units, and the jobs that start and stop them (NT: SCM).

It knows no file format and no protocol. Sources give definitions of units by name, a launcher starts their processes; faces
ask for jobs and are told of what changes. There is one of a machine, made when somebody first asks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.services.listener import Listener
from lichen.executive.services.service import Service
from lichen.executive.services.timer import Timer
from lichen.executive.services.transactions import (
    Job,
    JobKind,
    JobResult,
    RequestError,
    Transaction,
    must_wait,
)
from lichen.executive.services.unit import Unit
from lichen.executive.services.values import (
    Definition,
    ListenerSettings,
    Moment,
    Phase,
    Result,
    ServiceSettings,
    State,
    TimerSettings,
)
from lichen.executive.wait import Blocks, Changes, Wait

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.network.sockets import Socket
    from lichen.executive.processes import Process
    from lichen.executive.services.unit import Launcher, Log

log = logging.getLogger("lichen.services")

_MOST_UNITS: Final = 20_000
_MOST_ERRORS: Final = 10
_AT_THE_END: Final = 10.0
"""Seconds that services have to stop when the machine goes down; processes that are left are asked once more after that."""


class Source(Protocol):
    """Knows definitions of units."""

    def load(self, name: str) -> Definition | None:
        """The unit of a name, masked, damaged or not; None when there is none."""


class Face(Protocol):
    """A face that is told of what happens."""

    def unit_changed(self, unit: Unit) -> None: ...
    def job_added(self, job: Job) -> None: ...
    def job_ended(self, job: Job) -> None: ...


class ServiceManager:
    """All units of one machine."""

    def __init__(self, machine: MachineState, launcher: Launcher, log: Log) -> None:
        self.machine, self.launcher, self.log = machine, launcher, log
        self.sources: list[Source] = []
        self.listeners: list[Face] = []
        self.units: dict[str, Unit] = {}
        self.names: dict[str, Unit] = {}
        """By every name that a unit has."""
        self.jobs: dict[int, Job] = {}
        self.is_closing = False
        self.errors = 0
        self._job_of: dict[Unit, Job] = {}
        self._ids = count(1)
        self._job_ended = Changes()
        self._is_called = False

    # ---- units

    def now(self) -> Moment:
        """The time, on both clocks that units tell their age by."""
        return Moment(self.machine.system.host.now(), self.machine.scheduler.since_boot())

    def get(self, name: str) -> Unit | None:
        """A unit that is known already."""
        return self.names.get(name)

    def load(self, name: str) -> Unit:
        """The unit of a name; one that says that it is missing when nobody knows it."""
        known = self.names.get(name)
        if known is not None:
            return known
        definition = self._define(name)
        known = self.names.get(definition.name)
        if known is not None:  # by another name
            self.names[name] = known
            return known
        unit = _unit_of(self, definition)
        if not definition.is_missing and len(self.units) < _MOST_UNITS:
            self._enter(unit, name)
        return unit

    def look(self, name: str) -> Unit:
        """As `load`, but one that is not known stays so."""
        known = self.names.get(name)
        if known is None:
            definition = self._define(name)
            known = self.names.get(definition.name) or _unit_of(self, definition)
        return known

    def _define(self, name: str) -> Definition:
        for source in self.sources:
            definition = source.load(name)
            if definition is not None:
                return definition
        return Definition(name, is_missing=True)

    def _enter(self, unit: Unit, *names: str) -> None:
        self.units[unit.name] = unit
        for warning in unit.definition.warnings:
            self.log.tell(unit.name, warning, 4)
        for name in (unit.name, *unit.definition.names, *names):
            self.names.setdefault(name, unit)

    def unit_of(self, process: Process) -> Unit | None:
        """The unit that a process belongs to."""
        service = process.service
        return service if isinstance(service, Service) and service.manager is self else None

    def is_busy(self, unit: Unit) -> bool:
        """Whether something is to become of a unit."""
        return unit in self._job_of

    def sockets_for(self, unit: Unit) -> list[tuple[Socket, str]]:
        """The sockets that listeners hold for a service, with what each is called."""
        return [
            (socket, other.settings.name or other.name)
            for other in self.units.values()
            if isinstance(other, Listener) and other.settings.unit == unit.name
            for socket in other.sockets
        ]

    def job_of(self, unit: Unit) -> Job | None:
        """What is to become of a unit."""
        return self._job_of.get(unit)

    def reload(self) -> None:
        """Read every definition anew; what runs goes on as what its new definition says."""
        units = list(self.units.values())
        self.units.clear()
        self.names.clear()
        for unit in units:
            definition = self._define(unit.name)
            is_idle = unit.state is State.STOPPED and not unit.has_failed and unit not in self._job_of
            if is_idle and (definition.is_missing or unit.times.changed is None):
                continue
            if definition.name != unit.name or type(_unit_of(self, definition)) is not type(unit):
                definition = Definition(unit.name, unit.definition.display_name, is_missing=True)
                definition = _with_settings(definition, unit)
            elif definition.is_missing:
                definition = _with_settings(definition, unit)
            unit.redefined(definition)
            self._enter(unit)

    # ---- requests

    def request(self, unit: Unit, kind: JobKind, replaces: bool = True) -> Job:
        """Have something become of a unit, and of others with it; RequestError when it cannot.

        `replaces` says that jobs which stand against it are cancelled, else it is refused.
        """
        transaction = Transaction(self.load, self.units.values())
        transaction.add(unit, kind)
        for name in transaction.left_out:
            self.log.tell(unit.name, f"not started along: {name}", 6)
        if not replaces:
            for wanted, what in transaction.wanted.items():
                known = self._job_of.get(wanted)
                if known is not None and known.kind is not what:
                    raise RequestError(f"a job for {wanted.name} is pending", "conflict")
        if unit.name not in self.units and not unit.definition.is_missing:
            self._enter(unit)
        for wanted, what in transaction.wanted.items():
            self._queue(wanted, what)
        self._call()
        job = self._job_of.get(unit)
        assert job is not None
        return job

    def _queue(self, unit: Unit, kind: JobKind) -> None:
        known = self._job_of.get(unit)
        if known is not None:
            if known.kind is kind or (known.kind is JobKind.RESTART and kind is JobKind.START):
                return
            if kind is JobKind.CHECK:
                return
            self._end_job(known, JobResult.CANCELED)
        job = Job(next(self._ids), unit, kind)
        self.jobs[job.id] = self._job_of[unit] = job
        for listener in tuple(self.listeners):
            listener.job_added(job)

    def cancel(self, job: Job) -> None:
        """Let a job be; what has begun goes on."""
        self._end_job(job, JobResult.CANCELED)
        self._call()

    def restart_kind(self, unit: Unit, only_running: bool) -> JobKind | None:
        """What a restart is for a unit; None when only what runs is meant, and it does not."""
        if only_running and unit.state is State.STOPPED:
            return None
        return JobKind.RESTART if unit.state is not State.STOPPED else JobKind.START

    # ---- carrying out

    def _call(self) -> None:
        """Have the jobs looked at, after whatever is being done now."""
        if not self._is_called:
            self._is_called = True
            self.machine.scheduler.spawn(self._look())

    def _look(self) -> Blocks[None]:
        yield Wait((), self.machine.scheduler.clock())
        self._is_called = False
        waiting = [job for job in self.jobs.values() if not job.is_running]
        naming: dict[str, list[Job]] = {}
        for job in self.jobs.values():
            relations = job.unit.definition.relations
            for name in relations.before | relations.after:
                naming.setdefault(name, []).append(job)
        began = False
        for job in waiting:
            if job.id in self.jobs and not self._has_to_wait(job, naming):
                began = True
                self._run(job)
        if waiting and not began and not any(job.is_running for job in self.jobs.values()):
            job = waiting[0]
            self.log.tell(job.unit.name, "units wait for each other in a circle: its order is not kept", 4)
            self._run(job)

    def _has_to_wait(self, job: Job, naming: dict[str, list[Job]]) -> bool:
        """Whether there is a job that another one may not begin before; `naming` has jobs by the names in their orders."""
        relations = job.unit.definition.relations
        named = (self.names.get(name) for name in relations.before | relations.after)
        others = [self._job_of[unit] for unit in named if unit in self._job_of]
        others += naming.get(job.unit.name, ())
        return any(other is not job and other.id in self.jobs and must_wait(job, other) for other in others)

    def _run(self, job: Job) -> None:
        unit, job.is_running = job.unit, True
        try:
            if job.kind is JobKind.CHECK:
                running = unit.state is State.RUNNING
                self._end_job(job, JobResult.DONE if running else JobResult.DEPENDENCY)
            elif job.kind is JobKind.RELOAD:
                self._begin_reload(job)
            elif job.kind is JobKind.STOP or (
                job.kind is JobKind.RESTART and unit.state is not State.STOPPED
            ):
                self._begin_stop(job)
            else:
                job.kind = JobKind.START
                self._begin_start(job)
        except Exception:
            self.errors += 1
            log.exception("a job of %s", unit.name)
            self._end_job(job, JobResult.FAILED)

    def _begin_start(self, job: Job) -> None:
        unit = job.unit
        if unit.state is State.RUNNING:
            self._end_job(job, JobResult.DONE)
        elif unit.state is not State.START_PENDING or unit.phase is Phase.RESTARTING:
            unit.start()

    def _begin_stop(self, job: Job) -> None:
        if job.unit.state is State.STOPPED:
            self._end_job(job, JobResult.DONE)
        else:
            job.unit.stop()

    def _begin_reload(self, job: Job) -> None:
        if job.unit.state is not State.RUNNING:
            self._end_job(job, JobResult.INVALID)
        else:
            job.unit.reload()

    def _end_job(self, job: Job, result: JobResult) -> None:
        if self.jobs.pop(job.id, None) is None:
            return
        job.result = result
        if self._job_of.get(job.unit) is job:
            del self._job_of[job.unit]
        if job.starts and result in (JobResult.FAILED, JobResult.DEPENDENCY, JobResult.TIMEOUT):
            self._fail_those_who_need(job.unit)
        for told in job.when_ended:
            told(job)
        for listener in tuple(self.listeners):
            listener.job_ended(job)
        self._job_ended.notify()
        self._call()

    def _fail_those_who_need(self, unit: Unit) -> None:
        for other in list(self.jobs.values()):
            if other.starts and unit.name in other.unit.definition.relations.needed():
                self.log.tell(other.unit.name, f"Dependency failed: {unit.name}.", 4)
                self._end_job(other, JobResult.DEPENDENCY)

    # ---- what units tell

    def changed(self, unit: Unit, before: State) -> None:
        """A unit is in another state or phase."""
        job = self._job_of.get(unit)
        if job is not None and job.is_running:
            self._follow(job, unit)
        elif unit.state is State.STOPPED and before is not State.STOPPED:
            self._ended_by_itself(unit)
        if unit.state is State.STOPPED and before is not State.STOPPED:
            self._trigger_others(unit)
            for other in list(self.units.values()):
                if isinstance(other, Timer | Listener) and other.settings.unit == unit.name:
                    other.unit_stopped()
        for listener in tuple(self.listeners):
            listener.unit_changed(unit)

    def _follow(self, job: Job, unit: Unit) -> None:
        if job.kind is JobKind.START:
            if unit.state is State.RUNNING:
                self._end_job(job, JobResult.DONE)
            elif unit.state is State.STOPPED:
                self._end_job(job, _OF_RESULT.get(unit.result, JobResult.FAILED))
        elif unit.state is State.STOPPED:
            if job.kind is JobKind.STOP:
                self._end_job(job, JobResult.DONE)
            elif job.kind is JobKind.RELOAD:
                self._end_job(job, JobResult.FAILED)
            else:
                job.kind, job.is_running = JobKind.START, False
                self._call()

    def reloaded(self, unit: Unit, result: Result) -> None:
        """A unit has read its configuration anew, or could not."""
        job = self._job_of.get(unit)
        if job is not None and job.kind is JobKind.RELOAD:
            self._end_job(job, _OF_RESULT.get(result, JobResult.FAILED))

    def _ended_by_itself(self, unit: Unit) -> None:
        """What is bound to a unit goes with it."""
        for other in list(self.units.values()):
            if unit.name in other.definition.relations.binds_to and other.state is not State.STOPPED:
                self._try(other, JobKind.STOP)

    def _trigger_others(self, unit: Unit) -> None:
        relations = unit.definition.relations
        for name in sorted(relations.on_failure if unit.has_failed else relations.on_success):
            self.trigger(unit, name)

    def trigger(self, unit: Unit, name: str) -> bool:
        """A unit has another one started; whether that could be done."""
        if self.is_closing:
            return False
        other = self.load(name)
        if other.state is not State.STOPPED:
            return True
        return self._try(other, JobKind.START)

    def _try(self, unit: Unit, kind: JobKind) -> bool:
        try:
            self.request(unit, kind)
        except RequestError as error:
            self.log.tell(unit.name, str(error), 4)
            return False
        return True

    # ---- the machine's life

    def start_all(self, name: str) -> None:
        """Start a unit that brings together what is to run on the machine, as it boots or is told to stay."""
        self._try(self.load(name), JobKind.START)

    def close(self) -> None:
        """The machine goes down: nothing is started any more by itself."""
        self.is_closing = True
        for job in list(self.jobs.values()):
            if job.starts:
                self._end_job(job, JobResult.CANCELED)

    def stop_all(self) -> Blocks[None]:
        """Stop everything, in the reverse of the order in which it was started."""
        self.close()
        for unit in list(self.units.values()):
            if unit.state is not State.STOPPED:
                self._queue(unit, JobKind.STOP)
        self._call()
        deadline = self.machine.scheduler.clock() + _AT_THE_END
        while self.jobs and self.machine.scheduler.clock() < deadline:
            yield Wait((self._job_ended,), deadline)
        left = [unit.name for unit in self.units.values() if unit.state is not State.STOPPED]
        if left:
            log.warning("services that did not stop in time: %s", ", ".join(left[:_MOST_ERRORS]))


def services_of(machine: MachineState) -> ServiceManager:
    """The service manager of a machine; NOT_SUPPORTED when it has none."""
    manager = machine.services
    assert isinstance(manager, ServiceManager)
    return manager


_OF_RESULT: Final[dict[Result, JobResult]] = {
    Result.SUCCESS: JobResult.DONE,
    Result.CONDITION: JobResult.DONE,
    Result.ASSERTION: JobResult.ASSERTION,
    Result.TIMEOUT: JobResult.TIMEOUT,
}
"""What the end of a unit means to the job that started it."""

_MADE_BY: Final[dict[type, Callable[[ServiceManager, Definition], Unit]]] = {
    ServiceSettings: Service,
    TimerSettings: Timer,
    ListenerSettings: Listener,
    type(None): Unit,
}


def _unit_of(manager: ServiceManager, definition: Definition) -> Unit:
    return _MADE_BY[type(definition.settings)](manager, definition)


def _with_settings(definition: Definition, unit: Unit) -> Definition:
    """A definition that is gone, of a unit that still runs by what it said."""
    from dataclasses import replace

    return replace(definition, settings=unit.definition.settings, relations=unit.definition.relations)
