"""What a service is and does, as values that both faces of the service manager map to their own words.

Unit files and systemd's bus have one set of names for these, Windows' service control manager another.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from lichen.executive.power import PowerAction

FOREVER: Final = float("inf")


class State(Enum):
    """Where a unit is in its life; the names are those of Windows' service states."""

    STOPPED = "stopped"
    START_PENDING = "start pending"
    RUNNING = "running"
    STOP_PENDING = "stop pending"


class Phase(Enum):
    """What a unit does within its state."""

    DEAD = "dead"
    BEFORE_START = "before start"
    STARTING = "starting"
    AFTER_START = "after start"
    RUNNING = "running"
    EXITED = "exited"
    """It counts as running, though nothing of it runs."""
    WAITING = "waiting"
    """For what it starts others on: a time, a connection."""
    RELOADING = "reloading"
    STOPPING = "stopping"
    TERMINATING = "terminating"
    KILLING = "killing"
    AFTER_STOP = "after stop"
    RESTARTING = "restarting"
    """It waits before it is started again."""


class Result(Enum):
    """How a unit came to be stopped."""

    SUCCESS = "success"
    EXIT_CODE = "exit code"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    """It did not do what was agreed on when it starts."""
    RESOURCES = "resources"
    """The machine could not give it what it needs."""
    START_LIMIT = "start limit"
    CONDITION = "condition"
    """It was not started, as it is not meant for things as they are."""
    ASSERTION = "assertion"


class StartType(Enum):
    """When a unit is started without being asked for."""

    BOOT = "boot"
    AUTO = "auto"
    DEMAND = "demand"
    DISABLED = "disabled"


class Readiness(Enum):
    """When a service counts as started."""

    LAUNCHED = "launched"
    EXECUTED = "executed"
    FORKED = "forked"
    """When the process that was started has ended well and left others."""
    FINISHED = "finished"
    """When the process that was started has ended well."""
    REPORTED = "reported"
    """When it says so."""


class Restart(Enum):
    """After which ends a service is started again."""

    NEVER = "never"
    ON_SUCCESS = "on success"
    ON_FAILURE = "on failure"
    ON_ABNORMAL = "on abnormal"
    ON_ABORT = "on abort"
    ALWAYS = "always"


class KillMode(Enum):
    """Which of its processes are ended when a service stops."""

    ALL = "all"
    MIXED = "mixed"
    """The main process is asked, the others are ended when it has gone."""
    MAIN = "main"
    NOBODY = "nobody"


class Step(Enum):
    """What a command of a service is for."""

    CONDITION = "condition"
    BEFORE_START = "before start"
    START = "start"
    AFTER_START = "after start"
    RELOAD = "reload"
    STOP = "stop"
    AFTER_STOP = "after stop"


class Speakers(Enum):
    """Whose reports about a service count."""

    NOBODY = "nobody"
    MAIN = "main"
    COMMANDS = "commands"
    ALL = "all"


@dataclass(frozen=True)
class Command:
    """One command of a service, in the words that its launcher understands."""

    program: str
    arguments: tuple[str, ...]
    ignores_failure: bool = False
    privileged: bool = False
    """Whether it runs as the administrator, whoever the service runs as."""
    expands: bool = True
    """Whether variables in its arguments are replaced."""


@dataclass(frozen=True)
class Relations:
    """How a unit stands to others, by their names."""

    requires: frozenset[str] = frozenset()
    """Started with it; when one cannot be started, neither can this; stopped with one that is stopped."""
    requisite: frozenset[str] = frozenset()
    """Have to run already."""
    wants: frozenset[str] = frozenset()
    """Started with it, as far as that can be done."""
    binds_to: frozenset[str] = frozenset()
    """Required, and this is stopped when one of them ends, however that comes."""
    part_of: frozenset[str] = frozenset()
    """Stopped and restarted with them."""
    conflicts: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    on_failure: frozenset[str] = frozenset()
    on_success: frozenset[str] = frozenset()

    def pulled(self) -> frozenset[str]:
        """Those that are started with it."""
        return self.requires | self.binds_to | self.wants

    def needed(self) -> frozenset[str]:
        """Those without which it is not started."""
        return self.requires | self.binds_to | self.requisite


@dataclass(frozen=True)
class StartLimit:
    """How often a unit may be started within a time (seconds); 0 for no limit."""

    burst: int = 5
    interval: float = 10.0


@dataclass(frozen=True)
class ServiceSettings:
    """How a service is run. `process` is what its launcher knows of its processes besides."""

    readiness: Readiness = Readiness.LAUNCHED
    commands: dict[Step, tuple[Command, ...]] = field(default_factory=dict)
    process: object = None
    stays: bool = False
    """Whether it counts as running when its processes have ended well."""
    start_timeout: float = 90.0
    stop_timeout: float = 90.0
    run_timeout: float = FOREVER
    restart: Restart = Restart.NEVER
    restart_delay: float = 0.1
    kill_mode: KillMode = KillMode.ALL
    kill_signal: int = signal.SIGTERM
    final_signal: int = signal.SIGKILL
    sends_final: bool = True
    hangs_up: bool = False
    """Whether its processes are sent a hang-up as well."""
    pid_file: str = ""
    guesses_main: bool = True
    speakers: Speakers = Speakers.NOBODY
    success: frozenset[int] = frozenset({0})
    """Exit codes that are no failure."""
    success_signals: frozenset[int] = frozenset(
        {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE}
    )
    no_restart: frozenset[int] = frozenset()
    """Exit codes after which it is not started again, and (negative) signals."""
    forced_restart: frozenset[int] = frozenset()


class Schedule(Protocol):
    """When a timer elapses next."""

    def next(self, now: Moment, since: Since) -> float | None:
        """Seconds from now, at least 0; None for never again."""


@dataclass(frozen=True)
class Moment:
    """One point in time, on both clocks: nanoseconds since 1970, and seconds since the boot."""

    real: int
    monotonic: float


@dataclass(frozen=True)
class Since:
    """What a timer counts from, in seconds since the boot; None for what has not happened."""

    boot: float
    armed: float
    unit_started: float | None
    unit_stopped: float | None
    elapsed_real: int
    """When it elapsed last, in nanoseconds since 1970, or 0."""
    elapsed: float
    """The same in seconds since the boot."""


@dataclass(frozen=True)
class TimerSettings:
    """What a timer starts, and when."""

    unit: str
    schedules: tuple[Schedule, ...]
    random_delay: float = 0.0
    stays: bool = True


@dataclass(frozen=True)
class ListenerSettings:
    """What a listener starts; `sockets` is what its launcher knows of where it listens."""

    unit: str
    sockets: object = None
    name: str = ""
    """What the service is told that each of the sockets is called."""


@dataclass(frozen=True)
class Definition:
    """All that is configured of a unit. `settings` is None for one that only brings others together."""

    name: str
    display_name: str = ""
    description: str = ""
    relations: Relations = Relations()
    settings: ServiceSettings | TimerSettings | ListenerSettings | None = None
    start_type: StartType = StartType.DEMAND
    limit: StartLimit = StartLimit()
    action: PowerAction | None = None
    """What becomes of the machine when it is started."""
    refuses_start: bool = False
    """Whether only other units start it."""
    refuses_stop: bool = False
    stops_when_unneeded: bool = False
    names: frozenset[str] = frozenset()
    """The other names that it has."""
    origin: object = None
    """What the one who defined it knows besides: where its files are, what of it is not carried out."""
    error: str = ""
    """Why it cannot be started, when it was found and makes no sense."""
    is_missing: bool = False
    warnings: tuple[str, ...] = ()
    """What of its configuration makes no sense, or is not carried out."""


class Unmet(Exception):
    """A unit is not meant to be started as things are; the text says what is not so."""

    def __init__(self, message: str, result: Result = Result.CONDITION) -> None:
        super().__init__(message)
        self.result = result


class CannotLaunch(Exception):
    """A process of a service could not be started: why, and the exit code that tells it."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
