"""Every method that is answered on D-Bus, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.dbus import (
    busobject,
    loginobject,
    managerobject,
    unitobject,
    unitproperties,
)
from lichen.subsystems.linux.services.dbus.interface import Call, Method, Refusal
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, LOGIN, PROPERTIES, SYSTEMD

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.face import Face
    from lichen.subsystems.linux.services.dbus.interface import Methods
    from lichen.subsystems.linux.services.dbus.vocabulary import Body, Properties

NAMES: Final = (DBUS, SYSTEMD, LOGIN, ":1.0")


def _properties(face: Face, path: str, interface: str) -> Properties | None:
    """All properties of an object; None when there is no such object."""
    if path == names.PATH:
        return managerobject.properties(face)
    if path == loginobject.PATH:
        return loginobject.properties(face)
    unit = face.unit_at(path)
    if unit is not None:
        return unitproperties.all_of(face, unit, interface)
    return managerobject.job_properties(face, path)


def _object(call: Call, interface: str) -> Properties:
    found = _properties(call.face, call.path, interface)
    if found is None:
        raise Refusal(f"{DBUS}.Error.UnknownObject", f"Unknown object {call.path}")
    return found


def _get(call: Call) -> Body:
    interface, name = call.arguments
    found = _object(call, interface)
    if name not in found:
        raise Refusal(f"{DBUS}.Error.UnknownProperty", f"Unknown property {name}")
    return (found[name],)


def _get_all(call: Call) -> Body:
    return (_object(call, call.arguments[0]),)


_METHODS: Final[Methods] = {
    (PROPERTIES, "Get"): Method("ss", "v", _get),
    (PROPERTIES, "GetAll"): Method("s", "a{sv}", _get_all),
    **busobject.METHODS,
    **managerobject.METHODS,
    **unitobject.METHODS,
    **loginobject.METHODS,
}


def method_of(interface: str, member: str) -> Method | None:
    """The method that a call means."""
    return _METHODS.get((interface, member))
