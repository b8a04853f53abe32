"""Properties of units on D-Bus, in the types that systemd gives them: a wrong one makes systemctl give up.

Source: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lichen.executive.services.listener import Listener
from lichen.executive.services.service import Run, Service
from lichen.executive.services.timer import Timer
from lichen.executive.services.values import FOREVER, KillMode, Restart, ServiceSettings, Speakers, Step
from lichen.subsystems.linux.services.dbus import states
from lichen.subsystems.linux.services.dbus.vocabulary import SYSTEMD, Properties
from lichen.subsystems.linux.services.processsettings import ProcessSettings
from lichen.subsystems.linux.services.sockets import Places
from lichen.subsystems.linux.services.timers import After, Calendar

if TYPE_CHECKING:
    from lichen.executive.services.transactions import Job
    from lichen.executive.services.unit import Unit
    from lichen.executive.services.values import Command, Moment
    from lichen.subsystems.linux.services.dbus.face import Face

_UNSET: Final = (1 << 64) - 1
_EXITED, _KILLED = 1, 2
_STEPS: Final = {
    "ExecCondition": Step.CONDITION,
    "ExecStartPre": Step.BEFORE_START,
    "ExecStart": Step.START,
    "ExecStartPost": Step.AFTER_START,
    "ExecReload": Step.RELOAD,
    "ExecStop": Step.STOP,
    "ExecStopPost": Step.AFTER_STOP,
}
_COMMANDS: Final = "a(sasbttttuii)"
_KILL_MODES: Final = {
    KillMode.ALL: "control-group",
    KillMode.MIXED: "mixed",
    KillMode.MAIN: "process",
    KillMode.NOBODY: "none",
}
_RESTARTS: Final = {restart: restart.value.replace(" ", "-") for restart in Restart} | {Restart.NEVER: "no"}
_SPEAKERS: Final = {
    Speakers.NOBODY: "none",
    Speakers.MAIN: "main",
    Speakers.COMMANDS: "exec",
    Speakers.ALL: "all",
}


def microseconds(seconds: float) -> int:
    return _UNSET if seconds == FOREVER else int(seconds * 1_000_000)


def _stamps(name: str, moment: Moment | None) -> Properties:
    real = 0 if moment is None else moment.real // 1000
    return {
        f"{name}Timestamp": ("t", real),
        f"{name}TimestampMonotonic": ("t", 0 if moment is None else microseconds(moment.monotonic)),
    }


def all_of(face: Face, unit: Unit, interface: str) -> Properties:
    """The properties of an interface; of every one for the empty name."""
    found: Properties = {}
    if interface in ("", f"{SYSTEMD}.Unit"):
        found |= unit_properties(face, unit)
    if isinstance(unit, Service) and interface in ("", f"{SYSTEMD}.Service"):
        found |= service_properties(unit)
    if isinstance(unit, Listener) and interface in ("", f"{SYSTEMD}.Socket"):
        found |= socket_properties(unit)
    if isinstance(unit, Timer) and interface in ("", f"{SYSTEMD}.Timer"):
        found |= timer_properties(unit)
    return found


def unit_properties(face: Face, unit: Unit) -> Properties:
    """org.freedesktop.systemd1.Unit."""
    definition, origin = unit.definition, states.origin_of(unit)
    listed = {
        "Requires": definition.relations.requires,
        "Requisite": definition.relations.requisite,
        "Wants": definition.relations.wants,
        "BindsTo": definition.relations.binds_to,
        "PartOf": definition.relations.part_of,
        "Conflicts": definition.relations.conflicts,
        "Before": definition.relations.before,
        "After": definition.relations.after,
        "OnFailure": definition.relations.on_failure,
        "OnSuccess": definition.relations.on_success,
        "Triggers": frozenset({unit.settings.unit} if isinstance(unit, Timer | Listener) else ()),
        **face.reverse_relations(unit),
    }
    found: Properties = {name: ("as", sorted(value)) for name, value in listed.items()}
    texts = {
        "Id": unit.name,
        "Description": definition.display_name or unit.name,
        "LoadState": states.load(unit),
        "ActiveState": states.active(unit),
        "SubState": states.sub(unit),
        "FragmentPath": origin.path,
        "SourcePath": "",
        "UnitFileState": face.installer.state(unit.name),
        "UnitFilePreset": "",
        "Following": "",
        "CollectMode": "inactive",
        "OnFailureJobMode": "replace",
        "StartLimitAction": "none",
        "FailureAction": "none",
        "SuccessAction": "none",
        "JobTimeoutAction": "none",
    }
    flags = {
        "CanStart": not definition.refuses_start,
        "CanStop": not definition.refuses_stop,
        "CanReload": unit.can_reload,
        "CanIsolate": False,
        "CanFreeze": False,
        "StopWhenUnneeded": definition.stops_when_unneeded,
        "RefuseManualStart": definition.refuses_start,
        "RefuseManualStop": definition.refuses_stop,
        "DefaultDependencies": origin.file.flag("Unit", "DefaultDependencies", True),
        "NeedDaemonReload": face.needs_reload(unit),
        "ConditionResult": bool(unit.condition_met),
        "AssertResult": bool(unit.condition_met),
        "Transient": False,
        "Perpetual": False,
        "AllowIsolate": False,
        "IgnoreOnIsolate": False,
    }
    found |= {name: ("s", value) for name, value in texts.items()}
    found |= {name: ("b", value) for name, value in flags.items()}
    return found | _unit_times(unit) | _unit_rest(face, unit)


def _unit_times(unit: Unit) -> Properties:
    times = unit.times
    found = _stamps("StateChange", times.changed) | _stamps("InactiveExit", times.left_stopped)
    found |= _stamps("ActiveEnter", times.entered_running) | _stamps("ActiveExit", times.left_running)
    return (
        found | _stamps("InactiveEnter", times.entered_stopped) | _stamps("Condition", unit.condition_checked)
    )


def _unit_rest(face: Face, unit: Unit) -> Properties:
    definition, origin = unit.definition, states.origin_of(unit)
    job: Job | None = face.manager.job_of(unit)
    return {
        "Names": ("as", sorted({unit.name, *definition.names})),
        "DropInPaths": ("as", list(origin.dropped_in)),
        "Documentation": ("as", list(origin.documentation)),
        "RequiresMountsFor": ("as", []),
        "Refs": ("as", []),
        "Conditions": ("a(sbbsi)", []),
        "Asserts": ("a(sbbsi)", []),
        "LoadError": ("(ss)", _load_error(unit)),
        "Job": ("(uo)", (job.id, face.job_path(job)) if job is not None else (0, "/")),
        "InvocationID": ("ay", b""),
        "StartLimitIntervalUSec": ("t", microseconds(definition.limit.interval)),
        "StartLimitBurst": ("u", definition.limit.burst),
        "JobTimeoutUSec": ("t", _UNSET),
    }


def _load_error(unit: Unit) -> tuple[str, str]:
    if unit.definition.is_missing:
        return f"{SYSTEMD}.NoSuchUnit", f"Unit {unit.name} not found."
    if unit.definition.error:
        return f"{SYSTEMD}.BadUnitSetting", f"Unit {unit.name} has a bad unit file setting."
    return "", ""


# ---- services


def service_properties(unit: Service) -> Properties:
    """org.freedesktop.systemd1.Service."""
    settings, main, control = unit.settings, unit.main, unit.control
    run = unit.main_run
    members = unit.members()
    texts = {
        "Type": states.origin_of(unit).type or "simple",
        "Restart": _RESTARTS[settings.restart],
        "PIDFile": settings.pid_file,
        "NotifyAccess": _SPEAKERS[settings.speakers],
        "KillMode": _KILL_MODES[settings.kill_mode],
        "StatusText": unit.status,
        "Result": states.RESULTS[unit.result],
        "ReloadResult": "success",
        "CleanResult": "success",
        "ControlGroup": control_group(unit) if members else "",
        "Slice": "system.slice",
        "BusName": "",
        "ExitType": "main",
    }
    found: Properties = {name: ("s", value) for name, value in texts.items()}
    found |= {
        "MainPID": ("u", main.id if main is not None else 0),
        "ControlPID": ("u", control.id if control is not None and control.status is None else 0),
        "NRestarts": ("u", unit.restarts),
        "UID": ("u", main.files.token.uid if main is not None else (1 << 32) - 1),
        "GID": ("u", main.files.token.gid if main is not None else (1 << 32) - 1),
        "StatusErrno": ("i", 0),
        "RemainAfterExit": ("b", settings.stays),
        "GuessMainPID": ("b", settings.guesses_main),
        "SendSIGKILL": ("b", settings.sends_final),
        "SendSIGHUP": ("b", settings.hangs_up),
        "KillSignal": ("i", int(settings.kill_signal)),
        "FinalKillSignal": ("i", int(settings.final_signal)),
        "TimeoutStartUSec": ("t", microseconds(settings.start_timeout)),
        "TimeoutStopUSec": ("t", microseconds(settings.stop_timeout)),
        "RuntimeMaxUSec": ("t", microseconds(settings.run_timeout)),
        "RestartUSec": ("t", microseconds(settings.restart_delay)),
        "WatchdogUSec": ("t", 0),
        "TasksCurrent": ("t", sum(len(process.threads) for process in members) if members else _UNSET),
        "TasksMax": ("t", _UNSET),
        "MemoryCurrent": ("t", _memory(unit) if members else _UNSET),
        "CPUUsageNSec": ("t", int(unit.processor_time().total * 1e9)),
        "IPIngressBytes": ("t", _UNSET),
        "IPEgressBytes": ("t", _UNSET),
    }
    for name, step in _STEPS.items():
        runs = run if step is Step.START else control
        found[name] = (_COMMANDS, [_command(each, runs) for each in settings.commands.get(step, ())])
    return found | _main_status(run) | _process_properties(settings)


def _memory(unit: Service) -> int:
    return sum(
        process.first_thread.guest.memory_usage().resident for process in unit.members() if process.threads
    )


def control_group(unit: Unit) -> str:
    """Where a unit would have its control group: there are none, but the name says what belongs together."""
    return f"/system.slice/{unit.name}"


def _status(run: Run | None) -> tuple[int, int]:
    """si_code and si_status of how a process ended."""
    if run is None or run.status is None:
        return 0, 0
    return (_KILLED, run.status.signal) if run.status.signal else (_EXITED, run.status.byte)


def _main_status(run: Run | None) -> Properties:
    code, status = _status(run)
    return {
        **_stamps("ExecMainStart", run.started if run is not None else None),
        **_stamps("ExecMainExit", run.ended if run is not None else None),
        "ExecMainPID": ("u", run.id if run is not None else 0),
        "ExecMainCode": ("i", code),
        "ExecMainStatus": ("i", status),
    }


def _command(command: Command, run: Run | None) -> tuple[Any, ...]:
    mine = run if run is not None and run.command is command else None
    times = [
        value
        for moment in ((mine.started, mine.ended) if mine is not None else (None, None))
        for value in ((moment.real // 1000, microseconds(moment.monotonic)) if moment is not None else (0, 0))
    ]
    code, status = _status(mine)
    process = mine.id if mine is not None else 0
    return command.program, list(command.arguments), command.ignores_failure, *times, process, code, status


def _process_properties(settings: ServiceSettings) -> Properties:
    process = settings.process if isinstance(settings.process, ProcessSettings) else ProcessSettings()
    texts = {
        "User": process.user,
        "Group": process.group,
        "WorkingDirectory": process.folder,
        "StandardInput": process.input,
        "StandardOutput": process.output,
        "StandardError": process.error,
        "SyslogIdentifier": process.identifier,
    }
    found: Properties = {name: ("s", value) for name, value in texts.items()}
    found |= {
        "Environment": ("as", [f"{name}={value}" for name, value in process.environment.items()]),
        "EnvironmentFiles": ("a(sb)", list(process.environment_files)),
        "SupplementaryGroups": ("as", list(process.groups)),
        "UMask": ("u", process.umask),
        "Nice": ("i", process.nice),
        "NoNewPrivileges": ("b", process.gains_nothing),
    }
    return found


# ---- sockets


def socket_properties(unit: Listener) -> Properties:
    """org.freedesktop.systemd1.Socket."""
    opened = unit.settings.sockets
    places = opened if isinstance(opened, Places) else Places(())
    listens = [(place.directive.removeprefix("Listen"), _shown(place.text)) for place in places.places]
    return {
        "Listen": ("a(ss)", listens),
        "Accept": ("b", False),
        "NConnections": ("u", 0),
        "NAccepted": ("u", 0),
        "NRefused": ("u", 0),
        "Result": ("s", states.RESULTS[unit.result]),
        "ControlPID": ("u", 0),
        "SocketMode": ("u", places.mode),
        "DirectoryMode": ("u", places.folder_mode),
        "Backlog": ("u", places.backlog),
        "RemoveOnStop": ("b", places.is_removed),
        "FileDescriptorName": ("s", unit.settings.name or unit.name),
    }


def _shown(text: str) -> str:
    return f"[::]:{text}" if text.isdecimal() else text


# ---- timers


def timer_properties(unit: Timer) -> Properties:
    """org.freedesktop.systemd1.Timer."""
    settings = unit.settings
    now = unit.manager.now()
    calendars = [each for each in settings.schedules if isinstance(each, Calendar)]
    after = [each for each in settings.schedules if isinstance(each, After)]
    next_real = 0 if unit.next is None else now.real // 1000 + microseconds(unit.next - now.monotonic)
    next_monotonic = 0 if unit.next is None else microseconds(unit.next)
    return {
        "Unit": ("s", settings.unit),
        "TimersCalendar": ("a(sst)", [("OnCalendar", each.text, next_real) for each in calendars]),
        "TimersMonotonic": (
            "a(stt)",
            [
                (each.name.replace("Sec", "USec"), microseconds(each.seconds), next_monotonic)
                for each in after
            ],
        ),
        "NextElapseUSecRealtime": ("t", next_real if calendars else 0),
        "NextElapseUSecMonotonic": ("t", 0 if calendars else next_monotonic),
        "LastTriggerUSec": ("t", unit.elapsed_real // 1000),
        "LastTriggerUSecMonotonic": ("t", microseconds(unit.elapsed)),
        "Result": ("s", states.RESULTS[unit.result]),
        "AccuracyUSec": ("t", 0),
        "RandomizedDelayUSec": ("t", microseconds(settings.random_delay)),
        "Persistent": ("b", False),
        "WakeSystem": ("b", False),
        "RemainAfterElapse": ("b", True),
    }
