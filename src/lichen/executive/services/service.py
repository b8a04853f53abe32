"""A service: a unit with processes. Its life is one task of the kernel; being stopped is another, which takes its place.

Whatever a process of a service starts belongs to the service too, however often it forks: who a member is follows from the
processes themselves (`Process.service`), so no list can be wrong, and no daemon can leave.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.executive.interfaces import ProcessorTime
from lichen.executive.processes import ExitStatus
from lichen.executive.services.unit import Unit
from lichen.executive.services.values import (
    FOREVER,
    CannotLaunch,
    Command,
    KillMode,
    Moment,
    Phase,
    Readiness,
    Restart,
    Result,
    ServiceSettings,
    Speakers,
    State,
    Step,
)
from lichen.executive.wait import TIMED_OUT, Blocks, Changes, Wait

if TYPE_CHECKING:
    from lichen.executive.processes import Process
    from lichen.executive.scheduler import Parking
    from lichen.executive.services.unit import Owner
    from lichen.executive.services.values import Definition

_ABORTS: Final = (Result.SIGNAL,)
_ABNORMAL: Final = (Result.SIGNAL, Result.TIMEOUT)


@dataclass
class Run:
    """One process of a service that was started by the manager: which, since when, and how it ended."""

    command: Command
    process: Process | None
    id: int
    started: Moment
    ended: Moment | None = None
    status: ExitStatus | None = None


@dataclass(frozen=True)
class Report:
    """What a service says of itself."""

    ready: bool = False
    reloading: bool = False
    stopping: bool = False
    status: str | None = None
    main: int | None = None
    extends_timeout: float | None = None


class Service(Unit):
    """A unit with processes."""

    def __init__(self, manager: Owner, definition: Definition) -> None:
        super().__init__(manager, definition)
        self.main_run: Run | None = None
        self.control: Run | None = None
        self.restarts = 0
        self._work: Parking | None = None
        self._reload: Parking | None = None
        self._was_started = self._is_ready = False
        self._deadline = FOREVER
        self._changes = Changes()
        """Notified when a process ends or the service reports something."""
        self._time_of_ended = ProcessorTime()

    @property
    def settings(self) -> ServiceSettings:
        assert isinstance(self.definition.settings, ServiceSettings)
        return self.definition.settings

    @property
    def main(self) -> Process | None:
        run = self.main_run
        return run.process if run is not None and run.status is None else None

    @property
    def can_reload(self) -> bool:
        return bool(self.settings.commands.get(Step.RELOAD))

    def members(self) -> list[Process]:
        return [
            process
            for process in self.manager.machine.processes.values()
            if process.service is self and process.exit_status is None
        ]

    def processor_time(self) -> ProcessorTime:
        return sum((process.processor_time() for process in self.members()), self._time_of_ended)

    def process_ended(self, process: Process) -> None:
        """A process that belongs to the service has ended."""
        self._time_of_ended += process.processor_time()
        for run in (self.main_run, self.control):
            if run is not None and run.process is process and run.status is None:
                run.status, run.ended, run.process = process.exit_status, self.manager.now(), None
        self._changes.notify()

    # ---- what it is told

    def start(self) -> None:
        self.restarts = 0
        self._do(self._live())

    def stop(self) -> None:
        self._do(self._stop_by_request())

    def reload(self) -> None:
        self._reload = self.manager.machine.scheduler.spawn(self._reloading())

    def report(self, process: Process, report: Report) -> bool:
        """A process of the service says something of it; False when it has no say."""
        if not self._may_speak(process):
            return False
        if report.status is not None:
            self.status = report.status
        if report.main is not None:
            found = self.manager.machine.processes.get(report.main)
            if found is not None and found.service is self and found.exit_status is None:
                self._adopt_main(found)
        if report.extends_timeout is not None:
            clock = self.manager.machine.scheduler.clock()
            self._deadline = max(self._deadline, clock + report.extends_timeout)
        self._is_ready = self._is_ready or report.ready
        if self.state is State.RUNNING and report.reloading:
            self.enter(State.RUNNING, Phase.RELOADING)
        elif self.state is State.RUNNING and report.ready and self._reload is None:
            self.enter(State.RUNNING, Phase.RUNNING)
        self._changes.notify()
        return True

    def _may_speak(self, process: Process) -> bool:
        speakers = self.settings.speakers
        if process.service is not self or speakers is Speakers.NOBODY:
            return False
        control = self.control.process if self.control is not None else None
        if speakers is Speakers.ALL or process is self.main:
            return True
        return speakers is Speakers.COMMANDS and process is control

    # ---- its life

    def _do(self, work: Blocks[None]) -> None:
        scheduler = self.manager.machine.scheduler
        for old in (self._work, self._reload):
            if old is not None:
                scheduler.cancel(old)
        self._reload = None
        self._work = scheduler.spawn(work)

    def _live(self) -> Blocks[None]:
        while True:
            if not self.may_start():
                return
            yield from self._once()
            if not self._comes_back():
                return
            self.restarts += 1
            self.enter(State.START_PENDING, Phase.RESTARTING)
            clock = self.manager.machine.scheduler.clock()
            yield Wait((), clock + self.settings.restart_delay)

    def _once(self) -> Blocks[None]:
        """One run, from the start to the end."""
        self.main_run = self.control = None
        self._was_started = self._is_ready = False
        self.status = ""
        self._limit(self.settings.start_timeout)
        self.enter(State.START_PENDING, Phase.BEFORE_START)
        try:
            self.manager.launcher.prepare(self)
        except CannotLaunch as error:
            self.manager.log.tell(self.name, str(error), 3)
            yield from self._end(Result.RESOURCES)
            return
        for start in (self._check, self._before, self._start_main, self._after):
            failed = yield from start()
            if failed is not None:
                yield from self._end(failed)
                return
        self._was_started = True
        yield from self._run()

    def _limit(self, seconds: float) -> None:
        self._deadline = self.manager.machine.scheduler.clock() + seconds

    def _check(self) -> Blocks[Result | None]:
        for command in self.settings.commands.get(Step.CONDITION, ()):
            result = yield from self._execute(command, Step.CONDITION)
            if result is not None:
                status = self.control.status if self.control is not None else None
                met = result is Result.EXIT_CODE and status is not None and status.code < 255
                return Result.CONDITION if met else result
        return None

    def _before(self) -> Blocks[Result | None]:
        return (yield from self._execute_all(Step.BEFORE_START))

    def _after(self) -> Blocks[Result | None]:
        if not self.settings.commands.get(Step.AFTER_START):
            return None
        self.enter(State.START_PENDING, Phase.AFTER_START)
        return (yield from self._execute_all(Step.AFTER_START))

    def _start_main(self) -> Blocks[Result | None]:
        settings, commands = self.settings, self.settings.commands.get(Step.START, ())
        self.enter(State.START_PENDING, Phase.STARTING)
        if settings.readiness is Readiness.FORKED:
            failed = yield from self._execute_all(Step.START)
            return failed if failed is not None else (yield from self._find_main())
        for command in commands:
            run = self._launch(command, Step.START)
            self.main_run = run
            if settings.readiness is Readiness.FINISHED:
                failed = yield from self._wait_for(run)
                if failed is not None and not command.ignores_failure:
                    return failed
            elif run.status is not None:
                return None if command.ignores_failure else Result.EXIT_CODE
        if settings.readiness is Readiness.REPORTED:
            return (yield from self._until_ready())
        return None

    def _until_ready(self) -> Blocks[Result | None]:
        while not self._is_ready:
            if self.main is None:
                ended = self._main_result()
                return Result.PROTOCOL if ended is Result.SUCCESS else ended
            if (yield from self._pause()):
                self.manager.log.tell(self.name, "start operation timed out. Terminating.", 4)
                return Result.TIMEOUT
        return None

    def _pause(self) -> Blocks[bool]:
        """Wait for a change; whether time is over."""
        deadline = None if self._deadline == FOREVER else self._deadline
        ended = yield Wait((self._changes,), deadline)
        return ended == TIMED_OUT and self.manager.machine.scheduler.clock() >= self._deadline

    def _find_main(self) -> Blocks[Result | None]:
        """Which of the processes that are left is the main one: the file says it, or there is only one."""
        path = self.settings.pid_file
        while path:
            id = self.manager.launcher.read_process_id(self, path)
            found = self.manager.machine.processes.get(id)
            if found is not None and found.service is self and found.exit_status is None:
                self._adopt_main(found)
                return None
            if not self.members():
                self.manager.log.tell(self.name, f"{path} names no process of this service", 4)
                return Result.PROTOCOL
            clock = self.manager.machine.scheduler.clock()
            if clock >= self._deadline:
                return Result.TIMEOUT
            yield Wait((self._changes,), min(self._deadline, clock + 0.1))
        left = self.members()
        if self.settings.guesses_main and len(left) == 1:
            self._adopt_main(left[0])
        return None

    def _adopt_main(self, process: Process) -> None:
        if self.main is not process:
            command = Command(process.name, ())
            self.main_run = Run(command, process, process.id, self.manager.now())

    def _run(self) -> Blocks[None]:
        """Run until that is over by itself."""
        settings = self.settings
        if settings.readiness is Readiness.FINISHED:
            if settings.stays:
                self.enter(State.RUNNING, Phase.EXITED)
                return
            yield from self._end(Result.SUCCESS)
            return
        self.enter(State.RUNNING, Phase.RUNNING)
        self._limit(settings.run_timeout)
        while self.main is not None or (self.main_run is None and self.members()):
            if (yield from self._pause()):
                yield from self._end(Result.TIMEOUT)
                return
        result = self._main_result()
        if result is Result.SUCCESS and settings.stays:
            self.enter(State.RUNNING, Phase.EXITED)
            return
        yield from self._end(result)

    def _main_result(self) -> Result:
        """What the end of the main process means."""
        run = self.main_run
        if run is None or run.status is None:
            return Result.SUCCESS
        return self._meaning(run.status)

    def _meaning(self, status: ExitStatus) -> Result:
        settings = self.settings
        if status.signal:
            is_fine = (
                status.signal in settings.success_signals and settings.readiness is not Readiness.FINISHED
            )
            return Result.SUCCESS if is_fine else Result.SIGNAL
        return Result.SUCCESS if status.code in settings.success else Result.EXIT_CODE

    # ---- its end

    def _stop_by_request(self) -> Blocks[None]:
        if self.state is not State.STOPPED:
            self.result = Result.SUCCESS
            if self.phase is Phase.RESTARTING:
                self.stopped(Result.SUCCESS)
                return
            yield from self._end(Result.SUCCESS)

    def _end(self, result: Result) -> Blocks[None]:
        """Stop what runs, and be stopped; the first that went wrong is the result."""
        self.result = result
        if self._reload is not None:
            self.manager.machine.scheduler.cancel(self._reload)
            self._reload = None
        self._limit(self.settings.stop_timeout)
        if self._was_started and self.settings.commands.get(Step.STOP):
            self.enter(State.STOP_PENDING, Phase.STOPPING)
            self._note((yield from self._execute_all(Step.STOP)))
        yield from self._terminate(self.settings.kill_mode)
        if self.settings.commands.get(Step.AFTER_STOP) and result is not Result.CONDITION:
            self.enter(State.STOP_PENDING, Phase.AFTER_STOP)
            self._limit(self.settings.stop_timeout)
            self._note((yield from self._execute_all(Step.AFTER_STOP)))
            yield from self._terminate(self.settings.kill_mode)
        self.control = None
        self.manager.launcher.finish(self, self.settings.restart is not Restart.NEVER)
        if self.result is not Result.SUCCESS:
            self.manager.log.tell(self.name, f"Failed with result '{self.result.value}'.", 4)
        self.stopped(self.result)

    def _note(self, failed: Result | None) -> None:
        if failed is not None and self.result is Result.SUCCESS:
            self.result = failed

    def _terminate(self, mode: KillMode) -> Blocks[None]:
        """Ask the processes to end, and end those that do not."""
        settings = self.settings
        if mode is KillMode.NOBODY or not self.members():
            return
        self.enter(State.STOP_PENDING, Phase.TERMINATING)
        self._limit(settings.stop_timeout)
        asked = self.members() if mode is KillMode.ALL else self._leaders()
        self.send(asked, settings.kill_signal)
        if settings.hangs_up:
            self.send(asked, signal.SIGHUP)
        if settings.kill_signal not in (signal.SIGKILL, signal.SIGCONT):
            self.send(asked, signal.SIGCONT)
        leaders_only = mode is not KillMode.ALL
        while self._leaders() if leaders_only else self.members():
            if (yield from self._pause()):
                self.manager.log.tell(self.name, "State 'stop-sigterm' timed out. Killing.", 4)
                self._note(Result.TIMEOUT)
                break
        if mode is KillMode.MAIN and not self._leaders():
            return
        if not settings.sends_final or not self.members():
            return
        self.enter(State.STOP_PENDING, Phase.KILLING)
        self._limit(settings.stop_timeout)
        self.send(self._leaders() if mode is KillMode.MAIN else self.members(), settings.final_signal)
        while self._leaders() if mode is KillMode.MAIN else self.members():
            if (yield from self._pause()):
                return

    def _leaders(self) -> list[Process]:
        """The processes that the manager started, as far as they live."""
        runs = (self.main_run, self.control)
        return [run.process for run in runs if run is not None and run.process is not None]

    def send(self, processes: list[Process], number: int) -> None:
        """Send a signal to some of its processes."""
        for process in processes:
            if process.exit_status is None:
                process.signal(number, self.manager.machine.processes.init)

    def _comes_back(self) -> bool:
        """Whether it is to be started again, after it has ended by itself."""
        settings, result = self.settings, self.result
        if self.manager.is_closing or result in (Result.START_LIMIT, Result.CONDITION, Result.ASSERTION):
            return False
        status = self.main_run.status if self.main_run is not None else None
        word = 0 if status is None else -status.signal if status.signal else status.code
        if status is not None and word in settings.no_restart:
            return False
        if status is not None and word in settings.forced_restart:
            return True
        return {
            Restart.NEVER: False,
            Restart.ALWAYS: True,
            Restart.ON_SUCCESS: result is Result.SUCCESS,
            Restart.ON_FAILURE: result is not Result.SUCCESS,
            Restart.ON_ABNORMAL: result in _ABNORMAL,
            Restart.ON_ABORT: result in _ABORTS,
        }[settings.restart]

    # ---- commands

    def _reloading(self) -> Blocks[None]:
        self.enter(State.RUNNING, Phase.RELOADING)
        failed = yield from self._execute_all(Step.RELOAD)
        self._reload = None
        if self.state is State.RUNNING and self.phase is Phase.RELOADING:
            self.enter(State.RUNNING, Phase.RUNNING)
        self.manager.reloaded(self, failed or Result.SUCCESS)

    def _execute_all(self, step: Step) -> Blocks[Result | None]:
        """Run the commands for a step one after the other; what went wrong, or None."""
        for command in self.settings.commands.get(step, ()):
            failed = yield from self._execute(command, step)
            if failed is not None and not command.ignores_failure:
                return failed
        return None

    def _execute(self, command: Command, step: Step) -> Blocks[Result | None]:
        self.control = self._launch(command, step)
        return (yield from self._wait_for(self.control, {0}))

    def _wait_for(self, run: Run, success: set[int] | None = None) -> Blocks[Result | None]:
        """Wait for the end of a command; what went wrong, or None."""
        while run.status is None:
            if (yield from self._pause()):
                self.manager.log.tell(self.name, f"{run.command.program} takes too long.", 4)
                return Result.TIMEOUT
        if run.status.signal:
            return Result.SIGNAL
        return None if run.status.code in (success or self.settings.success) else Result.EXIT_CODE

    def _launch(self, command: Command, step: Step) -> Run:
        now = self.manager.now()
        try:
            process = self.manager.launcher.launch(self, command, step, self.main)
        except CannotLaunch as error:
            self.manager.log.tell(self.name, str(error), 3)
            return Run(command, None, 0, now, now, ExitStatus(error.code))
        return Run(command, process, process.id, now)
