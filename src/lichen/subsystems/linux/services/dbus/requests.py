"""What clients ask the service manager to do, in systemd's words, and how it is refused.

Source: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.services.service import Service
from lichen.executive.services.transactions import JobKind, RequestError
from lichen.executive.services.values import State
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.dbus.interface import Refusal, invalid
from lichen.subsystems.linux.services.dbus.vocabulary import SYSTEMD

if TYPE_CHECKING:
    from lichen.executive.services.transactions import Job
    from lichen.executive.services.unit import Unit
    from lichen.subsystems.linux.services.dbus.face import Face

_MODES: Final = {
    "replace": True,
    "fail": False,
    "replace-irreversibly": True,
    "ignore-dependencies": True,
    "ignore-requirements": True,
}
_REASONS: Final = {
    "missing": "NoSuchUnit",
    "masked": "UnitMasked",
    "bad": "BadUnitSetting",
    "conflict": "TransactionIsDestructive",
}
_HIGHEST_SIGNAL: Final = 64


def refusal(error: RequestError) -> Refusal:
    """A refusal of the manager as an error on D-Bus."""
    return Refusal(f"{SYSTEMD}.{_REASONS.get(error.reason, 'TransactionJobsConflicting')}", str(error))


def no_such_unit(name: str) -> Refusal:
    return Refusal(f"{SYSTEMD}.NoSuchUnit", f"Unit {name} not found.")


def enqueue(face: Face, name: str, verb: str, mode: str) -> Job:
    """Have something become of a unit; Refusal."""
    if mode == "isolate":
        raise Refusal(
            f"{SYSTEMD}.NoIsolation", "Isolating is not carried out here: units are stopped by name."
        )
    if mode not in _MODES:
        raise invalid(f"Job mode {mode} invalid")
    if not names.is_valid(name):
        raise invalid(f"Unit name {name} is not valid.")
    unit = face.manager.load(name)
    kind = _kind(face, unit, verb)
    definition = unit.definition
    starts = kind in (JobKind.START, JobKind.RESTART)
    if (starts and definition.refuses_start) or (kind is JobKind.STOP and definition.refuses_stop):
        raise Refusal(
            f"{SYSTEMD}.OnlyByDependency",
            f"Operation refused, unit {name} may be requested by dependency only.",
        )
    if not starts and definition.is_missing and unit.state is State.STOPPED:
        raise no_such_unit(name)
    try:
        return face.manager.request(unit, kind, _MODES[mode])
    except RequestError as error:
        raise refusal(error) from error


def _kind(face: Face, unit: Unit, verb: str) -> JobKind:
    runs = unit.state is not State.STOPPED
    if verb in ("start", "stop"):
        return JobKind.START if verb == "start" else JobKind.STOP
    if verb == "reload":
        return _reload(unit)
    if verb in ("reload-or-restart", "reload-or-try-restart") and runs and unit.can_reload:
        return JobKind.RELOAD
    only_running = "try" in verb
    if not runs and only_running:
        return JobKind.STOP  # which is done at once for what does not run
    return JobKind.RESTART if runs else JobKind.START


def _reload(unit: Unit) -> JobKind:
    if not unit.can_reload:
        text = f"Job type reload is not applicable for unit {unit.name}."
        raise Refusal(f"{SYSTEMD}.JobTypeNotApplicable", text)
    return JobKind.RELOAD


def kill(face: Face, unit: Unit, whom: str, number: int) -> None:
    """Send a signal to the processes of a unit; Refusal."""
    if not 0 < number <= _HIGHEST_SIGNAL:
        raise invalid("Signal number out of range.")
    if not isinstance(unit, Service):
        raise Refusal(f"{SYSTEMD}.NoSuchProcess", f"Unit {unit.name} has no processes to kill.")
    control = unit.control.process if unit.control is not None else None
    targets = {
        "all": unit.members(),
        "main": [unit.main] if unit.main is not None else [],
        "control": [control] if control is not None else [],
    }
    kind = whom.removesuffix("-fail")
    if kind not in targets:
        raise invalid(f"Invalid who argument: {whom}")
    found = targets[kind]
    if not found and kind != "all":
        raise Refusal(f"{SYSTEMD}.NoSuchProcess", f"No {kind} process to kill")
    unit.send(found, number)
