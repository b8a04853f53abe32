"""As much of systemd-logind as ends the machine: at once, or at a time that is said.

Source: org.freedesktop.login1(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.power import PowerAction
from lichen.subsystems.linux.services.dbus.interface import Call, Method, Refusal, invalid
from lichen.subsystems.linux.services.dbus.vocabulary import LOGIN

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.face import Face
    from lichen.subsystems.linux.services.dbus.interface import Methods
    from lichen.subsystems.linux.services.dbus.vocabulary import Body, Properties

PATH: Final = "/org/freedesktop/login1"
_MANAGER: Final = f"{LOGIN}.Manager"
_ACTIONS: Final = {
    "poweroff": PowerAction.POWER_OFF,
    "reboot": PowerAction.RESTART,
    "halt": PowerAction.HALT,
}


def request(call: Call, action: PowerAction, at_once: bool = False) -> None:
    """Have the machine end, as a process asks for it on D-Bus."""
    process = call.face.machine.processes.get(call.process)
    by = f"{process or f'process {call.process}'} on D-Bus"
    message = f": {call.face.wall_message}" if call.face.wall_message else ""
    call.face.machine.power.request(action, by + message, at_once)


def _ends(action: PowerAction) -> Callable[[Call], Body]:
    def method(call: Call) -> Body:
        request(call, action)
        return ()

    return method


def _set_message(call: Call) -> Body:
    call.face.wall_message = call.arguments[0][:1000] if call.arguments[1] else ""
    return ()


def _schedule(call: Call) -> Body:
    kind, microseconds = call.arguments
    action = _ACTIONS.get(kind)
    if action is None:
        raise invalid(f"Unsupported shutdown type: {kind}")
    face, power = call.face, call.face.machine.power
    power.cancel()
    seconds = max(0.0, microseconds / 1e6 - face.manager.now().real / 1e9)
    if not power.schedule(action, f"a shutdown that process {call.process} has scheduled", seconds):
        raise Refusal(f"{LOGIN}.OperationInProgress", "There is a shutdown already")
    face.scheduled = kind, microseconds
    return ()


def _cancel(call: Call) -> Body:
    call.face.scheduled = "", 0
    return (call.face.machine.power.cancel(),)


def properties(face: Face) -> Properties:
    """org.freedesktop.login1.Manager."""
    scheduled = face.scheduled if face.machine.power.is_scheduled else ("", 0)
    return {
        "ScheduledShutdown": ("(st)", scheduled),
        "PreparingForShutdown": ("b", face.machine.power.requested is not None),
        "WallMessage": ("s", face.wall_message),
        "EnableWallMessages": ("b", False),
        "OnExternalPower": ("b", True),
        "Docked": ("b", False),
    }


def _can(call: Call) -> Body:
    return ("yes" if call.uid == 0 else "no",)


METHODS: Final[Methods] = {
    (_MANAGER, "SetWallMessage"): Method("sb", "", _set_message, changes=True),
    (_MANAGER, "ScheduleShutdown"): Method("st", "", _schedule, changes=True),
    (_MANAGER, "CancelScheduledShutdown"): Method("", "b", _cancel, changes=True),
    (_MANAGER, "ListInhibitors"): Method("", "a(ssssuu)", lambda call: ([],)),
    (_MANAGER, "ListSessions"): Method("", "a(susso)", lambda call: ([],)),
    (_MANAGER, "ListUsers"): Method("", "a(uso)", lambda call: ([],)),
    (_MANAGER, "ListSeats"): Method("", "a(so)", lambda call: ([],)),
    **{(_MANAGER, f"Can{name}"): Method("", "s", _can) for name in ("PowerOff", "Reboot", "Halt")},
    **{
        (_MANAGER, f"{name}{suffix}"): Method(takes, "", _ends(action), changes=True)
        for name, action in (
            ("PowerOff", PowerAction.POWER_OFF),
            ("Reboot", PowerAction.RESTART),
            ("Halt", PowerAction.HALT),
        )
        for suffix, takes in (("", "b"), ("WithFlags", "t"))
    },
}
