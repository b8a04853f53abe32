"""The states of units in systemd's words.

Source: systemd's D-Bus interface, org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.services.listener import Listener
from lichen.executive.services.service import Service
from lichen.executive.services.transactions import JobKind
from lichen.executive.services.values import Phase, Result, State
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.definitions import Origin

if TYPE_CHECKING:
    from lichen.executive.services.unit import Unit

_ACTIVE: Final = {
    State.STOPPED: "inactive",
    State.START_PENDING: "activating",
    State.RUNNING: "active",
    State.STOP_PENDING: "deactivating",
}
_SERVICE: Final = {
    Phase.DEAD: "dead",
    Phase.BEFORE_START: "start-pre",
    Phase.STARTING: "start",
    Phase.AFTER_START: "start-post",
    Phase.RUNNING: "running",
    Phase.EXITED: "exited",
    Phase.RELOADING: "reload",
    Phase.STOPPING: "stop",
    Phase.TERMINATING: "stop-sigterm",
    Phase.KILLING: "stop-sigkill",
    Phase.AFTER_STOP: "stop-post",
    Phase.RESTARTING: "auto-restart",
}
_RUNNING: Final = {"target": "active", "slice": "active", "scope": "running", "mount": "mounted"}
RESULTS: Final = {
    Result.SUCCESS: "success",
    Result.EXIT_CODE: "exit-code",
    Result.SIGNAL: "signal",
    Result.TIMEOUT: "timeout",
    Result.PROTOCOL: "protocol",
    Result.RESOURCES: "resources",
    Result.START_LIMIT: "start-limit-hit",
    Result.CONDITION: "exec-condition",
    Result.ASSERTION: "assert",
}
JOBS: Final = {
    JobKind.START: "start",
    JobKind.STOP: "stop",
    JobKind.RESTART: "restart",
    JobKind.RELOAD: "reload",
    JobKind.CHECK: "verify-active",
}


def active(unit: Unit) -> str:
    """ActiveState."""
    if unit.has_failed:
        return "failed"
    return "reloading" if unit.phase is Phase.RELOADING else _ACTIVE[unit.state]


def sub(unit: Unit) -> str:
    """SubState."""
    if unit.has_failed:
        return "failed"
    if isinstance(unit, Service):
        return _SERVICE[unit.phase]
    if unit.state is State.STOPPED:
        return "dead"
    if unit.phase is Phase.WAITING:
        return "listening" if isinstance(unit, Listener) else "waiting"
    return _RUNNING.get(names.kind(unit.name), "running")


def load(unit: Unit) -> str:
    """LoadState."""
    origin = unit.definition.origin
    if isinstance(origin, Origin):
        return origin.state
    return "not-found" if unit.definition.is_missing else "loaded"


def origin_of(unit: Unit) -> Origin:
    """What the Linux face knows of a unit; as good as nothing for one that another source has defined."""
    origin = unit.definition.origin
    return origin if isinstance(origin, Origin) else Origin(load(unit))
