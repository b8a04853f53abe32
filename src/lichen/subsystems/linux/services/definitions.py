"""Unit files as definitions of units: what each directive means to the service manager, and which are not carried out.

A directive that is not carried out is told in the unit's log. One that a service is to be protected by is told as a warning:
it runs without that protection, as nothing else would run at all.

Source: systemd.unit(5), systemd.service(5), systemd.kill(5), systemd.timer(5).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from lichen.executive.power import PowerAction
from lichen.executive.services.values import (
    FOREVER,
    Command,
    Definition,
    KillMode,
    ListenerSettings,
    Readiness,
    Relations,
    Restart,
    ServiceSettings,
    Speakers,
    StartLimit,
    StartType,
    Step,
    TimerSettings,
)
from lichen.subsystems.linux.services import (
    commands,
    names,
    processsettings,
    sockets,
    spans,
    timers,
    undone,
    words,
)
from lichen.subsystems.linux.services.specifiers import Facts, Specifiers, User
from lichen.subsystems.linux.services.unitfile import UnitFile

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.unitpaths import Found, UnitPaths

_MOST_NAMED: Final = 500
"""Units in one kind of relation: each is looked up when the unit is started."""
T = TypeVar("T")
Settings = ServiceSettings | TimerSettings | ListenerSettings | None
_ACTIONS: Final = {
    "poweroff.target": PowerAction.POWER_OFF,
    "runlevel0.target": PowerAction.POWER_OFF,
    "halt.target": PowerAction.HALT,
    "reboot.target": PowerAction.RESTART,
    "runlevel6.target": PowerAction.RESTART,
    "kexec.target": PowerAction.RESTART,
    "soft-reboot.target": PowerAction.RESTART,
}
_ALWAYS_THERE: Final = ("-.mount", "-.slice", "system.slice", "user.slice", "init.scope")
_KINDS: Final = ("service", "target", "timer", "socket", "slice")
_READINESS: Final = {
    "simple": Readiness.LAUNCHED,
    "idle": Readiness.LAUNCHED,
    "exec": Readiness.EXECUTED,
    "forking": Readiness.FORKED,
    "oneshot": Readiness.FINISHED,
    "notify": Readiness.REPORTED,
    "notify-reload": Readiness.REPORTED,
    "dbus": Readiness.EXECUTED,
}
_STEPS: Final = {
    "ExecCondition": Step.CONDITION,
    "ExecStartPre": Step.BEFORE_START,
    "ExecStart": Step.START,
    "ExecStartPost": Step.AFTER_START,
    "ExecReload": Step.RELOAD,
    "ExecStop": Step.STOP,
    "ExecStopPost": Step.AFTER_STOP,
}
_RESTARTS: Final = {
    "no": Restart.NEVER,
    "on-success": Restart.ON_SUCCESS,
    "on-failure": Restart.ON_FAILURE,
    "on-abnormal": Restart.ON_ABNORMAL,
    "on-watchdog": Restart.NEVER,
    "on-abort": Restart.ON_ABORT,
    "always": Restart.ALWAYS,
}
_KILL_MODES: Final = {
    "control-group": KillMode.ALL,
    "mixed": KillMode.MIXED,
    "process": KillMode.MAIN,
    "none": KillMode.NOBODY,
}
_SPEAKERS: Final = {
    "none": Speakers.NOBODY,
    "main": Speakers.MAIN,
    "exec": Speakers.COMMANDS,
    "all": Speakers.ALL,
}
_RELATIONS: Final = {
    "Requires": "requires",
    "Requisite": "requisite",
    "Wants": "wants",
    "Upholds": "wants",
    "BindsTo": "binds_to",
    "PartOf": "part_of",
    "Conflicts": "conflicts",
    "Before": "before",
    "After": "after",
    "OnFailure": "on_failure",
    "OnSuccess": "on_success",
}
_UNIT_DONE: Final = frozenset(
    {
        *_RELATIONS,
        *("Description", "Documentation", "SourcePath", "DefaultDependencies", "RefuseManualStart"),
        *(
            "RefuseManualStop",
            "StopWhenUnneeded",
            "StartLimitIntervalSec",
            "StartLimitInterval",
            "StartLimitBurst",
        ),
        *(
            "AllowIsolate",
            "IgnoreOnIsolate",
            "RequiresMountsFor",
            "WantsMountsFor",
            "CollectMode",
            "PropagatesReloadTo",
        ),
        *("ReloadPropagatedFrom", "JobTimeoutSec", "OnFailureJobMode", "OnSuccessJobMode"),
    }
)
_SERVICE_DONE: Final = frozenset(
    {
        *_STEPS,
        *processsettings.DONE,
        *("Type", "RemainAfterExit", "GuessMainPID", "PIDFile", "RestartSec", "Restart", "TimeoutStartSec"),
        *("TimeoutStopSec", "TimeoutSec", "RuntimeMaxSec", "SuccessExitStatus", "RestartPreventExitStatus"),
        *(
            "RestartForceExitStatus",
            "NotifyAccess",
            "KillMode",
            "KillSignal",
            "FinalKillSignal",
            "SendSIGKILL",
        ),
        *("SendSIGHUP", "StartLimitInterval", "StartLimitBurst", "Slice", "Delegate", "BusName", "Sockets"),
        *("ExitType", "TimeoutAbortSec", "TimeoutStartFailureMode", "TimeoutStopFailureMode"),
    }
)


@dataclass
class Origin:
    """What the Linux face knows of a unit besides."""

    state: str
    """loaded, masked, not-found, error or bad-setting."""
    path: str = ""
    dropped_in: tuple[str, ...] = ()
    file: UnitFile = field(default_factory=UnitFile)
    type: str = ""
    documentation: tuple[str, ...] = ()
    stamps: tuple[tuple[str, int], ...] = ()
    """Its files, and when each was changed last."""


class Definitions:
    """The source of units that have a unit file."""

    def __init__(
        self,
        paths: UnitPaths,
        facts: Callable[[], Facts],
        user: Callable[[str], User | None],
        timer_context: timers.Context,
    ) -> None:
        self.paths, self._facts, self._user = paths, facts, user
        self._timer_context = timer_context

    def load(self, name: str) -> Definition | None:
        """The unit of a name; None for one that no unit may have, or that has no file."""
        if not names.is_valid(name) or names.is_template(name):
            return None
        if name in _ALWAYS_THERE:
            return Definition(name, name, refuses_start=True, origin=Origin("loaded"))
        found = self.paths.find(name)
        if found is None:
            return None
        if found.is_masked:
            origin = Origin("masked", found.path)
            return Definition(found.name, found.name, start_type=StartType.DISABLED, origin=origin)
        if found.error:
            return Definition(found.name, found.name, error=found.error, origin=Origin("error", found.path))
        return _Reading(found, self).definition()

    def user(self, name: str) -> User | None:
        return self._user(name or "root")

    def facts(self) -> Facts:
        return self._facts()

    def stamp(self, path: str) -> int:
        """When a file was changed last; 0 for one that is gone."""
        location = self.paths.tree.find(path)
        return 0 if location is None else location.node.attributes().modified

    @property
    def timer_context(self) -> timers.Context:
        return self._timer_context


class _Reading:
    """One unit file on its way to a definition."""

    def __init__(self, found: Found, source: Definitions) -> None:
        self.found, self.file, self.source = found, found.file, source
        self.warnings = list(found.file.warnings)
        self.name, self.kind = found.name, names.kind(found.name)
        user_name = self.file.last("Service", "User")
        user = source.user(user_name) or User(user_name, 0, 0, "/", "/bin/sh")
        self.specifiers = Specifiers(
            self.name, found.path, user, self.file.last("Service", "Group"), source.facts()
        )

    def definition(self) -> Definition:
        error, settings = "", None
        try:
            settings = self._settings()
            relations = self._relations(settings)
        except ValueError as problem:
            error, relations = str(problem), Relations()
        self.warnings += undone.warnings(self.file, {"Unit": _UNIT_DONE, "Service": _SERVICE_DONE})
        origin = Origin(
            "bad-setting" if error else "loaded",
            self.found.path,
            tuple(self.found.dropped_in),
            self.file,
            self.file.last("Service", "Type") or _default_type(self.file),
            tuple(word for value in self.file.all("Unit", "Documentation") for word in value.split()),
            tuple((path, self.source.stamp(path)) for path in (self.found.path, *self.found.dropped_in)),
        )
        return Definition(
            self.name,
            self._text("Description") or self.name,
            "",
            relations,
            settings,
            StartType.DEMAND,
            self._limit(),
            _ACTIONS.get(self.name),
            self.file.flag("Unit", "RefuseManualStart"),
            self.file.flag("Unit", "RefuseManualStop"),
            self.file.flag("Unit", "StopWhenUnneeded"),
            frozenset(self.found.aliases),
            origin,
            error,
            warnings=tuple(self.warnings),
        )

    def _text(self, name: str) -> str:
        try:
            return self.specifiers.replace(self.file.last("Unit", name))
        except ValueError as error:
            self.warnings.append(f"{name}=: {error}")
            return ""

    def _settings(self) -> Settings:
        if self.kind == "service":
            return self._service()
        if self.kind == "timer":
            return timers.read(self.name, self.file, self.source.timer_context, self.warnings.append)
        if self.kind == "socket":
            return sockets.read(self.name, self.file, self.specifiers, self.warnings.append)
        if self.kind not in _KINDS:
            raise ValueError(f"units of the kind {self.kind} are not carried out")
        return None

    def _limit(self) -> StartLimit:
        section = "Unit" if self.file.last("Unit", "StartLimitBurst") else "Service"
        interval = self.file.last("Unit", "StartLimitIntervalSec") or self.file.last(
            "Unit", "StartLimitInterval"
        )
        interval = interval or self.file.last("Service", "StartLimitInterval")
        try:
            return StartLimit(
                int(self.file.last(section, "StartLimitBurst", "5")), spans.seconds(interval or "10")
            )
        except ValueError as error:
            self.warnings.append(f"StartLimit: {error}")
            return StartLimit()

    # ---- relations

    def _names(self, directive: str) -> frozenset[str]:
        found = set()
        for value in self.file.all("Unit", directive):
            for word in words.split(value):
                name = names.mangle(self.specifiers.replace(word))
                if names.is_valid(name) and not names.is_template(name):
                    found.add(name)
                else:
                    self.warnings.append(f"{directive}={word}: no name of a unit")
        if len(found) > _MOST_NAMED:
            raise ValueError(f"{directive}= names more than {_MOST_NAMED} units")
        return frozenset(found)

    def _relations(self, settings: Settings) -> Relations:
        if self.name in _ACTIONS:
            return Relations()
        said: dict[str, frozenset[str]] = {}
        for directive, attribute in _RELATIONS.items():
            said[attribute] = said.get(attribute, frozenset()) | self._names(directive)
        relations = Relations(**said)
        for how, attribute in (("wants", "wants"), ("requires", "requires")):
            linked = frozenset(self.source.paths.brought_by_links(self.name, how))
            relations = replace(relations, **{attribute: getattr(relations, attribute) | linked})
        if isinstance(settings, TimerSettings | ListenerSettings):
            relations = replace(relations, before=relations.before | {settings.unit})
        if self.file.flag("Unit", "DefaultDependencies", True):
            relations = self._by_default(relations)
        return relations

    def _by_default(self, relations: Relations) -> Relations:
        if self.kind == "target":
            return replace(relations, after=relations.after | relations.pulled() - relations.before)
        if self.kind not in ("service", "timer", "socket"):
            return relations
        return replace(
            relations,
            requires=relations.requires | {"sysinit.target"},
            after=relations.after | ({"sysinit.target", "basic.target"} if self.kind == "service" else set()),
            conflicts=relations.conflicts | {"shutdown.target"},
            before=relations.before | {"shutdown.target"},
        )

    # ---- services

    def _last(self, name: str, default: str = "") -> str:
        return self.file.last("Service", name, default)

    def _service(self) -> ServiceSettings:
        lines = {step: self._commands(name) for name, step in _STEPS.items()}
        type = self._last("Type") or _default_type(self.file)
        if type not in _READINESS:
            raise ValueError(f"Type={type} is not known")
        readiness = _READINESS[type]
        if type == "dbus":
            self.warnings.append(
                "Type=dbus: it counts as started when it is launched, whatever its name on a bus"
            )
        starts = lines[Step.START]
        if not starts and not (readiness is Readiness.FINISHED and (lines[Step.STOP] or self._stays())):
            raise ValueError("there is no ExecStart=")
        if len(starts) > 1 and readiness is not Readiness.FINISHED:
            raise ValueError("more than one ExecStart= is only for Type=oneshot")
        process = processsettings.read(self.file, self.specifiers, self.warnings.append)
        default_start = "infinity" if readiness is Readiness.FINISHED else "90"
        speakers = self._last("NotifyAccess") or ("main" if readiness is Readiness.REPORTED else "none")
        codes, signals = self._statuses("SuccessExitStatus")
        standard = ServiceSettings()
        return ServiceSettings(
            readiness,
            {step: found for step, found in lines.items() if found},
            process,
            self._stays(),
            self._time("TimeoutStartSec", default_start),
            self._time("TimeoutStopSec", "90"),
            self._span("RuntimeMaxSec", "infinity"),
            _of(_RESTARTS, "Restart", self._last("Restart", "no")),
            self._span("RestartSec", "100ms"),
            _of(_KILL_MODES, "KillMode", self._last("KillMode", "control-group")),
            self._signal("KillSignal", signal.SIGTERM),
            self._signal("FinalKillSignal", signal.SIGKILL),
            self.file.flag("Service", "SendSIGKILL", True),
            self.file.flag("Service", "SendSIGHUP"),
            self._pid_file(),
            self.file.flag("Service", "GuessMainPID", True),
            _of(_SPEAKERS, "NotifyAccess", speakers),
            standard.success | codes,
            standard.success_signals | signals,
            self._words("RestartPreventExitStatus"),
            self._words("RestartForceExitStatus"),
        )

    def _stays(self) -> bool:
        return self.file.flag("Service", "RemainAfterExit")

    def _pid_file(self) -> str:
        path = self.specifiers.replace(self._last("PIDFile"))
        return path if not path or path.startswith("/") else f"/run/{path}"

    def _commands(self, name: str) -> tuple[Command, ...]:
        found: list[Command] = []
        for value in self.file.all("Service", name):
            try:
                found += commands.parse(value, self.specifiers)
            except ValueError as error:
                raise ValueError(f"{name}={value[:200]}: {error}") from error
        return tuple(found)

    def _span(self, name: str, default: str) -> float:
        try:
            return spans.seconds(self._last(name, default))
        except ValueError as error:
            self.warnings.append(f"{name}=: {error}")
            return spans.seconds(default)

    def _time(self, name: str, default: str) -> float:
        """A time-out; 0 is none."""
        return self._span(name, self._last("TimeoutSec", default)) or FOREVER

    def _signal(self, name: str, default: int) -> int:
        text = self._last(name)
        if not text:
            return default
        found = signal_of(text)
        if found is None:
            raise ValueError(f"{name}={text}: no signal")
        return found

    def _statuses(self, name: str) -> tuple[frozenset[int], frozenset[int]]:
        """The exit codes and the signals that a value lists."""
        codes, signals = set(), set()
        for value in self.file.all("Service", name):
            for word in value.split():
                number = signal_of(word) if not word.isdecimal() else None
                if word.isdecimal() and int(word) < 256:
                    codes.add(int(word))
                elif number is not None:
                    signals.add(number)
                else:
                    self.warnings.append(f"{name}={word}: neither an exit status nor a signal")
        return frozenset(codes), frozenset(signals)

    def _words(self, name: str) -> frozenset[int]:
        codes, signals = self._statuses(name)
        return codes | frozenset(-number for number in signals)


def _default_type(file: UnitFile) -> str:
    if not file.all("Service", "ExecStart"):
        return "oneshot"
    return "dbus" if file.last("Service", "BusName") else "simple"


def _of(table: dict[str, T], name: str, text: str) -> T:
    if text not in table:
        raise ValueError(f"{name}={text} is not known")
    return table[text]


def signal_of(text: str) -> int | None:
    """A signal by its number or name, with `SIG` or without; None for none."""
    if text.isdecimal():
        return int(text) if 0 < int(text) <= 64 else None
    name = text if text.startswith("SIG") else f"SIG{text}"
    return getattr(signal, name, None) if name.isidentifier() and not name.startswith("SIG_") else None
