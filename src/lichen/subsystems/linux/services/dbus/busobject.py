"""What the bus itself answers: as much of a bus as clients of one server ask for.

Programs that want to speak to each other need a real dbus-daemon. Source: D-Bus specification, "Message Bus Messages".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lichen.subsystems.linux.services.dbus.interface import Call, Method, Refusal, denied
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, LOGIN, SYSTEMD

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.interface import Methods
    from lichen.subsystems.linux.services.dbus.vocabulary import Body

_OWNED: Final = (DBUS, SYSTEMD, LOGIN)
_ALREADY_RUNNING: Final = 2


def _hello(call: Call) -> Body:
    return (_client(call).name,)


def _client(call: Call) -> Any:
    return call.client


def _add_match(call: Call) -> Body:
    _client(call).listens = True
    return ()


def _owner(call: Call) -> Body:
    name = call.arguments[0]
    if name in _OWNED:
        return (DBUS if name == DBUS else ":1.0",)
    raise _nobody(name)


def _nobody(name: str) -> Refusal:
    return Refusal(f"{DBUS}.Error.NameHasNoOwner", f"Could not get owner of name '{name}': no such name")


def _start(call: Call) -> Body:
    if call.arguments[0] in _OWNED:
        return (_ALREADY_RUNNING,)
    raise Refusal(
        f"{DBUS}.Error.ServiceUnknown", f"The name {call.arguments[0]} was not provided by any service"
    )


def _process(call: Call) -> Body:
    return (_credentials(call)[1],)


def _user(call: Call) -> Body:
    return (_credentials(call)[0],)


def _credentials(call: Call) -> tuple[int, int]:
    """User and process behind a name."""
    name = call.arguments[0]
    if name in _OWNED or name == ":1.0":
        return 0, 1
    for client in call.face.clients:
        if client.is_bus and client.name == name:
            return client.uid, client.process
    raise _nobody(name)


def _all_credentials(call: Call) -> Body:
    uid, process = _credentials(call)
    return ({"UnixUserID": ("u", uid), "ProcessID": ("u", process)},)


def _request_name(call: Call) -> Body:
    raise denied("This bus has no names to give")


METHODS: Final[Methods] = {
    (DBUS, "Hello"): Method("", "s", _hello),
    (DBUS, "AddMatch"): Method("s", "", _add_match),
    (DBUS, "RemoveMatch"): Method("s", "", lambda call: ()),
    (DBUS, "GetNameOwner"): Method("s", "s", _owner),
    (DBUS, "NameHasOwner"): Method("s", "b", lambda call: (call.arguments[0] in _OWNED,)),
    (DBUS, "ListNames"): Method("", "as", lambda call: ([*_OWNED, _client(call).name],)),
    (DBUS, "ListActivatableNames"): Method("", "as", lambda call: ([DBUS],)),
    (DBUS, "StartServiceByName"): Method("su", "u", _start),
    (DBUS, "RequestName"): Method("su", "u", _request_name),
    (DBUS, "GetConnectionUnixProcessID"): Method("s", "u", _process),
    (DBUS, "GetConnectionUnixUser"): Method("s", "u", _user),
    (DBUS, "GetConnectionCredentials"): Method("s", "a{sv}", _all_credentials),
    (DBUS, "GetId"): Method("", "s", lambda call: (call.face.identity,)),
    (f"{DBUS}.Peer", "Ping"): Method("", "", lambda call: ()),
    (f"{DBUS}.Peer", "GetMachineId"): Method(
        "", "s", lambda call: (call.face.definitions.facts().machine_id,)
    ),
}
