"""What is asked of one unit or job by its own object.

Source: org.freedesktop.systemd1(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.subsystems.linux.services.dbus import requests
from lichen.subsystems.linux.services.dbus.interface import Call, Method, Refusal
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, SYSTEMD

if TYPE_CHECKING:
    from lichen.executive.services.unit import Unit
    from lichen.subsystems.linux.services.dbus.interface import Methods
    from lichen.subsystems.linux.services.dbus.vocabulary import Body

_UNIT: Final = f"{SYSTEMD}.Unit"


def _unit(call: Call) -> Unit:
    unit = call.face.unit_at(call.path)
    if unit is None:
        raise Refusal(f"{DBUS}.Error.UnknownObject", f"Unknown object {call.path}")
    return unit


def _job(verb: str) -> Callable[[Call], Body]:
    def method(call: Call) -> Body:
        job = requests.enqueue(call.face, _unit(call).name, verb, call.arguments[0])
        return (call.face.job_path(job),)

    return method


def _kill(call: Call) -> Body:
    requests.kill(call.face, _unit(call), *call.arguments)
    return ()


def _reset(call: Call) -> Body:
    _unit(call).forget_failure()
    return ()


METHODS: Final[Methods] = {
    **{
        (_UNIT, name): Method("s", "o", _job(verb), changes=True)
        for name, verb in (
            ("Start", "start"),
            ("Stop", "stop"),
            ("Restart", "restart"),
            ("Reload", "reload"),
            ("TryRestart", "try-restart"),
            ("ReloadOrRestart", "reload-or-restart"),
            ("ReloadOrTryRestart", "reload-or-try-restart"),
        )
    },
    (_UNIT, "Kill"): Method("si", "", _kill, changes=True),
    (_UNIT, "ResetFailed"): Method("", "", _reset, changes=True),
    (_UNIT, "Ref"): Method("", "", lambda call: ()),
    (_UNIT, "Unref"): Method("", "", lambda call: ()),
}
