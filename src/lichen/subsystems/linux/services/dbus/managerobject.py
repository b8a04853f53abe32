"""org.freedesktop.systemd1.Manager: what systemctl asks of the service manager as a whole.

Source: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.power import PowerAction
from lichen.executive.services.service import Service
from lichen.executive.services.transactions import Job
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.dbus import filemethods, loginobject, requests, states, unitproperties
from lichen.subsystems.linux.services.dbus.interface import Call, Method, Refusal, invalid
from lichen.subsystems.linux.services.dbus.patterns import matches, patterns_of
from lichen.subsystems.linux.services.dbus.requests import no_such_unit
from lichen.subsystems.linux.services.dbus.vocabulary import SYSTEMD
from lichen.subsystems.linux.services.unitpaths import FOLDERS

if TYPE_CHECKING:
    from lichen.executive.processes import Process
    from lichen.executive.services.unit import Unit
    from lichen.subsystems.linux.services.dbus.face import Face
    from lichen.subsystems.linux.services.dbus.interface import Methods
    from lichen.subsystems.linux.services.dbus.vocabulary import Body, Properties

MANAGER: Final = f"{SYSTEMD}.Manager"
_ROWS: Final = "a(ssssssouso)"
_AT_ONCE: Final = 32
_VERSION: Final = "252 (Lichen)"
_MOST_SHOWN: Final = 4096
_MOST_NAMES: Final = 1000


def _row(face: Face, unit: Unit) -> tuple[object, ...]:
    job = face.manager.job_of(unit)
    return (
        unit.name,
        unit.definition.display_name or unit.name,
        states.load(unit),
        states.active(unit),
        states.sub(unit),
        "",
        names.path_of(unit.name),
        job.id if job is not None else 0,
        states.JOBS[job.kind] if job is not None else "",
        face.job_path(job) if job is not None else "/",
    )


def _list(call: Call) -> Blocks[Body]:
    """Units in some states, whose names match some patterns; all when nothing is said."""
    wanted = call.arguments[0] if call.arguments else []
    patterns = patterns_of(call)
    rows = []
    for index, unit in enumerate(list(call.face.manager.units.values())):
        row = _row(call.face, unit)
        if (not wanted or set(wanted) & {row[2], row[3], row[4]}) and matches(unit.name, patterns):
            rows.append(row)
        if index % _AT_ONCE == _AT_ONCE - 1:
            yield Wait((), call.face.machine.scheduler.clock())
    return (rows,)


def _list_by_names(call: Call) -> Blocks[Body]:
    if len(call.arguments[0]) > _MOST_NAMES:
        raise invalid("Too many names.")
    rows = []
    for name in call.arguments[0]:
        rows.append(_row(call.face, call.face.unit(name)))
        yield Wait((), call.face.machine.scheduler.clock())
    return (rows,)


def _get(call: Call) -> Body:
    name = call.arguments[0]
    if call.face.manager.get(name) is None:
        raise no_such_unit(name)
    return (names.path_of(call.face.unit(name).name),)


def _load(call: Call) -> Body:
    name = call.arguments[0]
    if not names.is_valid(name):
        raise invalid(f"Unit name {name} is not valid.")
    return (names.path_of(call.face.unit(name).name),)


def _by_process(call: Call) -> Body:
    id = call.arguments[0] or call.process
    process = call.face.machine.processes.get(id)
    unit = call.face.manager.unit_of(process) if process is not None else None
    if unit is None:
        raise Refusal(f"{SYSTEMD}.NoUnitForPID", f"PID {id} does not belong to any loaded unit.")
    return (names.path_of(unit.name),)


def _job(verb: str) -> Callable[[Call], Body]:
    def method(call: Call) -> Body:
        name, mode = call.arguments
        return (call.face.job_path(requests.enqueue(call.face, name, verb, mode)),)

    return method


def _enqueue(call: Call) -> Body:
    name, verb, mode = call.arguments
    job = requests.enqueue(call.face, name, verb, mode)
    path = names.path_of(job.unit.name)
    return job.id, call.face.job_path(job), job.unit.name, path, states.JOBS[job.kind], []


def _kill(call: Call) -> Body:
    name, whom, number = call.arguments
    unit = call.face.manager.get(name)
    if unit is None:
        raise no_such_unit(name)
    requests.kill(call.face, unit, whom, number)
    return ()


def _reset(call: Call) -> Body:
    for unit in list(call.face.manager.units.values()):
        unit.forget_failure()
    return ()


def _reset_one(call: Call) -> Body:
    unit = call.face.manager.get(call.arguments[0])
    if unit is None:
        raise no_such_unit(call.arguments[0])
    unit.forget_failure()
    return ()


# ---- jobs


def _jobs(call: Call) -> Body:
    return ([_job_row(call.face, job) for job in call.face.manager.jobs.values()],)


def _job_row(face: Face, job: Job) -> tuple[object, ...]:
    state = "running" if job.is_running else "waiting"
    unit = job.unit.name
    return job.id, unit, states.JOBS[job.kind], state, face.job_path(job), names.path_of(unit)


def _find_job(call: Call) -> Job:
    job = call.face.manager.jobs.get(call.arguments[0])
    if job is None:
        raise Refusal(f"{SYSTEMD}.NoSuchJob", f"Job {call.arguments[0]} does not exist.")
    return job


def _cancel_job(call: Call) -> Body:
    call.face.manager.cancel(_find_job(call))
    return ()


def _clear_jobs(call: Call) -> Body:
    for job in list(call.face.manager.jobs.values()):
        call.face.manager.cancel(job)
    return ()


def job_properties(face: Face, path: str) -> Properties | None:
    """The properties of a job by its path; None when there is no such job."""
    number = path.removeprefix(f"{names.PATH}/job/")
    job = face.manager.jobs.get(int(number)) if number.isdecimal() and len(number) < 10 else None
    if job is None:
        return None
    return {
        "Id": ("u", job.id),
        "Unit": ("(so)", (job.unit.name, names.path_of(job.unit.name))),
        "JobType": ("s", states.JOBS[job.kind]),
        "State": ("s", "running" if job.is_running else "waiting"),
    }


# ---- processes


def _processes(call: Call) -> Body:
    """The processes of a unit, or of all services for the root of the slices."""
    name = call.arguments[0]
    units: list[Unit]
    if names.kind(name) == "slice":
        units = [unit for unit in call.face.manager.units.values() if isinstance(unit, Service)]
    else:
        units = [call.face.unit(name)]
    rows = [
        (unitproperties.control_group(unit), process.id, _shown(process))
        for unit in units
        if isinstance(unit, Service)
        for process in unit.members()
    ]
    return (rows,)


def _shown(process: Process) -> str:
    return (process.command_line or process.name)[:_MOST_SHOWN].encode(errors="replace").decode()


# ---- the manager itself


def _reload(call: Call) -> Body:
    face = call.face
    face.installer.paths.forget()
    face.manager.reload()
    face.tell(names.PATH, MANAGER, "Reloading", "b", (False,))
    return ()


def _subscribe(call: Call) -> Body:
    client = call.client
    if hasattr(client, "listens"):
        client.listens = True
    return ()


def _ends(action: PowerAction) -> Callable[[Call], Body]:
    def method(call: Call) -> Body:
        loginobject.request(call, action, at_once=True)
        return ()

    return method


def _state(face: Face) -> str:
    if face.manager.is_closing or face.machine.power.requested is not None:
        return "stopping"
    return "degraded" if any(unit.has_failed for unit in face.manager.units.values()) else "running"


def properties(face: Face) -> Properties:
    """org.freedesktop.systemd1.Manager."""
    manager, started = face.manager, face.started
    texts = {
        "Version": _VERSION,
        "Features": "",
        "Virtualization": "container-other",
        "Architecture": "x86-64",
        "Tainted": "",
        "SystemState": _state(face),
        "ControlGroup": "",
        "LogLevel": "info",
        "LogTarget": "journal",
        "DefaultStandardOutput": "journal",
        "DefaultStandardError": "inherit",
        "ServiceWatchdogs": "",
    }
    found: Properties = {name: ("s", value) for name, value in texts.items() if name != "ServiceWatchdogs"}
    numbers = {
        "NNames": len(manager.names),
        "NFailedUnits": sum(unit.has_failed for unit in manager.units.values()),
        "NJobs": len(manager.jobs),
        "NInstalledJobs": len(manager.jobs),
        "NFailedJobs": 0,
    }
    found |= {name: ("u", value) for name, value in numbers.items()}
    for name in ("Userspace", "Finish", "Kernel", "UnitsLoadStart", "UnitsLoadFinish", "GeneratorsStart"):
        found[f"{name}Timestamp"] = ("t", started.real // 1000)
        found[f"{name}TimestampMonotonic"] = ("t", unitproperties.microseconds(started.monotonic))
    found |= {
        "Progress": ("d", 1.0),
        "Environment": ("as", []),
        "ConfirmSpawn": ("b", False),
        "ShowStatus": ("b", False),
        "UnitPath": ("as", list(FOLDERS)),
    }
    return found


def _method(takes: str, returns: str, body: Callable[[Call], Body | Blocks[Body]]) -> Method:
    """One that only the administrator may call."""
    return Method(takes, returns, body, changes=True)


_VERBS: Final = {
    "StartUnit": "start",
    "StopUnit": "stop",
    "RestartUnit": "restart",
    "ReloadUnit": "reload",
    "TryRestartUnit": "try-restart",
    "ReloadOrRestartUnit": "reload-or-restart",
    "ReloadOrTryRestartUnit": "reload-or-try-restart",
}
_METHODS: Final[dict[str, Method]] = {
    **{name: _method("ss", "o", _job(verb)) for name, verb in _VERBS.items()},
    "EnqueueUnitJob": _method("sss", "uososa(uosos)", _enqueue),
    "KillUnit": _method("ssi", "", _kill),
    "ResetFailed": _method("", "", _reset),
    "ResetFailedUnit": _method("s", "", _reset_one),
    "ListUnits": Method("", _ROWS, _list),
    "ListUnitsFiltered": Method("as", _ROWS, _list),
    "ListUnitsByPatterns": Method("asas", _ROWS, _list),
    "ListUnitsByNames": Method("as", _ROWS, _list_by_names),
    "GetUnit": Method("s", "o", _get),
    "LoadUnit": Method("s", "o", _load),
    "GetUnitByPID": Method("u", "o", _by_process),
    "GetUnitProcesses": Method("s", "a(sus)", _processes),
    "ListJobs": Method("", "a(usssoo)", _jobs),
    "GetJob": Method("u", "o", lambda call: (call.face.job_path(_find_job(call)),)),
    "CancelJob": _method("u", "", _cancel_job),
    "ClearJobs": _method("", "", _clear_jobs),
    "Subscribe": Method("", "", _subscribe),
    "Unsubscribe": Method("", "", lambda call: ()),
    "Reload": _method("", "", _reload),
    "Reexecute": _method("", "", _reload),
    "PowerOff": _method("", "", _ends(PowerAction.POWER_OFF)),
    "Reboot": _method("", "", _ends(PowerAction.RESTART)),
    "Halt": _method("", "", _ends(PowerAction.HALT)),
    "KExec": _method("", "", _ends(PowerAction.RESTART)),
    **filemethods.METHODS,
}
METHODS: Final[Methods] = {(MANAGER, name): method for name, method in _METHODS.items()}
