"""What iphlpapi's functions are mended to ask: addresses, routes and neighbours that come, go and change (032).

Each gets what the function was called with, does it where the machine's network is its own, and answers with the error of
Win32 that the function returns.

Source: iphlpapi.h, netioapi.h; the functions' pages in Microsoft's documentation for their errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from lichen.abi.layout import Layout
from lichen.abi.memory import BadAddress
from lichen.executive.network.configuration import (
    Add,
    Configuration,
    InterfaceAddress,
    InterfaceFlag,
    Neighbour,
    Remove,
    Route,
    SetInterface,
)
from lichen.executive.network.sockets import AddressFamily
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.network.addresses import UNICAST
from lichen.subsystems.nt.network.interfaces import index_of
from lichen.subsystems.nt.network.tables import configuration, packer
from lichen.subsystems.nt.records import POINTER, ULONG
from lichen.subsystems.nt.records.network_requests import (
    IfRow,
    IpForwardRow,
    IpForwardRow2,
    IpNetRow,
    IpNetRow2,
    UnicastRow,
)
from lichen.subsystems.nt.sockets.addresses import FAMILIES

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Thread

SUCCESS, FILE_NOT_FOUND, ACCESS_DENIED, NOT_SUPPORTED, INVALID_PARAMETER = 0, 2, 5, 50, 87
NO_ACCESS, NOT_FOUND, ALREADY_EXISTS = 998, 1168, 5010
_ERRORS: Final = {
    Status.PRIVILEGE_NOT_HELD: ACCESS_DENIED,
    Status.ACCESS_DENIED: ACCESS_DENIED,
    Status.NOT_SUPPORTED: NOT_SUPPORTED,
    Status.NOT_IMPLEMENTED: NOT_SUPPORTED,
    Status.OBJECT_NAME_NOT_FOUND: FILE_NOT_FOUND,
    Status.NO_DEVICE: FILE_NOT_FOUND,
    Status.NOT_FOUND: NOT_FOUND,
    Status.INVALID_CID: NOT_FOUND,
    Status.ADDRESS_NOT_EXIST: NOT_FOUND,
    Status.OBJECT_NAME_COLLISION: ALREADY_EXISTS,
}
_MAIN, _STATIC, _UNIVERSE, _LINK = 254, 4, 0, 253
"""The table, the protocol and the scopes of routes that administrators make."""
_PERMANENT: Final = 0x80
_IPV4: Final = 4
_BROADCASTS_FROM: Final = 31
"""A net of longer prefixes has no address for all."""
_INVALID_ENTRY: Final = 2
_ADMIN_UP, _ADMIN_DOWN = 1, 2
"""Where dwIndex and dwAdminStatus are in a MIB_IFROW, behind its name."""

_FORWARD, _NET, _UNICAST = packer(IpForwardRow), packer(IpNetRow), packer(UnicastRow)
_FORWARD_2, _NET_2, _INTERFACE = packer(IpForwardRow2), packer(IpNetRow2), packer(IfRow)


class _Call:
    """A call of one of the functions."""

    def __init__(self, thread: Thread, arguments: int) -> None:
        self.thread, self._arguments = thread, arguments

    @property
    def machine(self) -> MachineState:
        return self.thread.process.machine

    @property
    def network(self) -> Configuration:
        return configuration(self.machine)

    def argument(self, number: int) -> int:
        return POINTER.read(self.thread.memory, self._arguments + number * POINTER.size)

    def row(self, layout: Layout[Any]) -> Any:
        """The record that the first argument points to; INVALID_PARAMETER when it points nowhere."""
        address = self.argument(0)
        if not address:
            raise Failure(Status.INVALID_PARAMETER)
        return layout.read(self.thread.memory, address)

    def change(self, *requests: Add | Remove | SetInterface) -> None:
        """Ask for changes; PRIVILEGE_NOT_HELD for who may not, or where the network is not the machine's own."""
        if not self.thread.process.files.token.has(Capability.NET_ADMIN):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        for request in requests:
            self.network.change(request)


def _host(inet: bytes) -> bytes:
    """The host in a SOCKADDR_INET; INVALID_PARAMETER for another family."""
    family = FAMILIES.get(int.from_bytes(inet[:2], "little"))
    if family is None:
        raise Failure(Status.INVALID_PARAMETER)
    return inet[4:8] if family == AddressFamily.INTERNET else inet[8:24]


def _prefix_length(mask: bytes) -> int:
    """How many bits a mask has; INVALID_PARAMETER for one with a hole."""
    number = int.from_bytes(mask, "big")
    length = number.bit_count()
    if number != (1 << 32) - (1 << 32 - length):
        raise Failure(Status.INVALID_PARAMETER)
    return length


# ---- routes


def _new_route(destination: bytes, length: int, gateway: bytes, interface: int, metric: int) -> Route:
    """A route of the administrator's; INVALID_PARAMETER when its destination has bits beyond its prefix."""
    width = 8 * len(destination)
    if length > width or len(gateway) != len(destination):
        raise Failure(Status.INVALID_PARAMETER)
    if int.from_bytes(destination, "big") & (1 << width - length) - 1:
        raise Failure(Status.INVALID_PARAMETER)
    by = gateway if any(gateway) else None
    scope = _LINK if by is None and len(destination) == _IPV4 else _UNIVERSE
    return Route(destination, length, by, interface, None, metric, _MAIN, _STATIC, scope, UNICAST)


def _same_route(network: Configuration, wanted: Route) -> Route:
    """The route that there is to a destination by a gateway and an interface; NOT_FOUND."""
    for route in network.routes():
        place = (route.destination, route.prefix_length, route.interface, route.table)
        if place == (wanted.destination, wanted.prefix_length, wanted.interface, wanted.table) and (
            route.gateway or None
        ) == (wanted.gateway if any(wanted.gateway or b"") else None):
            return route
    raise Failure(Status.NOT_FOUND)


def _route(call: _Call) -> Route:
    row = call.row(_FORWARD)
    interface = index_of(call.machine, 0, row.interface)
    gateway = _on_link(call, row.next_hop)
    metric = row.metrics[0] if row.metrics[0] != 0xFFFFFFFF else 0
    return _new_route(row.destination, _prefix_length(row.mask), gateway, interface, metric)


def _route_2(call: _Call) -> Route:
    row = call.row(_FORWARD_2)
    interface = index_of(call.machine, row.luid, row.interface)
    gateway = _on_link(call, _host(row.next_hop))
    return _new_route(_host(row.destination), row.prefix_length, gateway, interface, row.metric)


def _on_link(call: _Call, gateway: bytes) -> bytes:
    """The gateway, or none: one's own address stands for what is on the link."""
    is_own = any(address.host == gateway for address in call.network.addresses())
    return bytes(len(gateway)) if is_own else gateway


def _creates(read: Callable[[_Call], Route]) -> Callable[[_Call], None]:
    return lambda call: call.change(Add(read(call)))


def _deletes(read: Callable[[_Call], Route]) -> Callable[[_Call], None]:
    return lambda call: call.change(Remove(_same_route(call.network, read(call))))


def _sets(read: Callable[[_Call], Route]) -> Callable[[_Call], None]:
    def change(call: _Call) -> None:
        wanted = read(call)
        found = _same_route(call.network, wanted)
        if found.metric != wanted.metric:
            call.change(Add(found._replace(metric=wanted.metric)), Remove(found))
        else:
            call.change()

    return change


# ---- neighbours


def _neighbour(call: _Call) -> Neighbour:
    row = call.row(_NET)
    if row.length > len(row.physical_address):
        raise Failure(Status.INVALID_PARAMETER)
    interface = index_of(call.machine, 0, row.interface)
    return Neighbour(interface, row.address, row.physical_address[: row.length], _PERMANENT)


def _neighbour_2(call: _Call) -> Neighbour:
    row = call.row(_NET_2)
    if row.length > len(row.physical_address):
        raise Failure(Status.INVALID_PARAMETER)
    interface = index_of(call.machine, row.luid, row.interface)
    return Neighbour(interface, _host(row.address), row.physical_address[: row.length], _PERMANENT)


def _keeps_neighbour(read: Callable[[_Call], Neighbour]) -> Callable[[_Call], None]:
    return lambda call: call.change(Add(read(call)))


def _sets_neighbour(read: Callable[[_Call], Neighbour]) -> Callable[[_Call], None]:
    """What is known of a neighbour is this from now on."""

    def change(call: _Call) -> None:
        wanted = read(call)
        before = [Remove(each) for each in call.network.neighbours() if _is_same(each, wanted)]
        call.change(*before, Add(wanted))

    return change


def _is_same(one: Neighbour, other: Neighbour) -> bool:
    return (one.interface, one.host) == (other.interface, other.host)


def _set_neighbour(call: _Call) -> None:
    """SetIpNetEntry, by which an entry goes too."""
    if call.row(_NET).type == _INVALID_ENTRY:
        _forgets_neighbour(_neighbour)(call)
    else:
        _sets_neighbour(_neighbour)(call)


def _forgets_neighbour(read: Callable[[_Call], Neighbour]) -> Callable[[_Call], None]:
    def forget(call: _Call) -> None:
        wanted = read(call)
        for known in call.network.neighbours():
            if _is_same(known, wanted):
                call.change(Remove(known))
                return
        raise Failure(Status.NOT_FOUND)

    return forget


def _flush(call: _Call) -> None:
    """FlushIpNetTable: what is known of an interface's neighbours of IPv4."""
    interface = index_of(call.machine, 0, call.argument(0) & 0xFFFFFFFF)
    known = call.network.neighbours()
    call.change(*(Remove(each) for each in known if each.interface == interface and len(each.host) == _IPV4))


# ---- addresses


def _add(call: _Call, interface: int, host: bytes, length: int) -> None:
    if length > 8 * len(host) or not any(host):
        raise Failure(Status.INVALID_PARAMETER)
    label = next(each.name for each in call.network.interfaces() if each.index == interface)
    broadcast = None
    if len(host) == _IPV4 and length < _BROADCASTS_FROM:
        rest = (1 << 32 - length) - 1
        broadcast = (int.from_bytes(host, "big") | rest).to_bytes(_IPV4, "big")
    call.change(Add(InterfaceAddress(interface, host, length, _UNIVERSE, label, broadcast)))


def _remove(call: _Call, host: bytes, interface: int | None = None) -> None:
    for address in call.network.addresses():
        if address.host == host and interface in (None, address.interface):
            call.change(Remove(address))
            return
    raise Failure(Status.NOT_FOUND)


def _add_ip_address(call: _Call) -> None:
    """AddIPAddress: the context by which it goes again is the address itself."""
    host, mask = (ULONG.pack(call.argument(number) & 0xFFFFFFFF) for number in (0, 1))
    interface = index_of(call.machine, 0, call.argument(2) & 0xFFFFFFFF)
    context, instance = call.argument(3), call.argument(4)
    memory = call.thread.memory
    if not context or not instance:
        raise Failure(Status.INVALID_PARAMETER)
    memory.write(context, host)
    memory.write(instance, ULONG.pack(0))
    _add(call, interface, host, _prefix_length(mask))


def _delete_ip_address(call: _Call) -> None:
    _remove(call, ULONG.pack(call.argument(0) & 0xFFFFFFFF))


def _create_unicast(call: _Call) -> None:
    row = call.row(_UNICAST)
    host = _host(row.address)
    length = row.prefix_length if row.prefix_length != 0xFF else 8 * len(host)
    _add(call, index_of(call.machine, row.luid, row.interface), host, length)


def _delete_unicast(call: _Call) -> None:
    row = call.row(_UNICAST)
    _remove(call, _host(row.address), index_of(call.machine, row.luid, row.interface))


def _initialises(layout: Layout[Any], values: dict[str, bytes]) -> Callable[[_Call], None]:
    """Fill a record with zeros, and what is not zero when nothing is said."""

    def initialise(call: _Call) -> None:
        data = bytearray(layout.size)
        for name, value in values.items():
            at = layout.offsets[name]
            data[at : at + len(value)] = value
        call.thread.memory.write(call.argument(0), bytes(data))

    return initialise


# ---- interfaces


def _set_interface(call: _Call) -> None:
    """SetIfEntry, which sets an interface up or down and nothing else."""
    row = call.row(_INTERFACE)
    wanted = index_of(call.machine, 0, row.interface)
    if row.admin_status not in (_ADMIN_UP, _ADMIN_DOWN):
        raise Failure(Status.INVALID_PARAMETER)
    flags = next(each.flags for each in call.network.interfaces() if each.index == wanted)
    flags = flags | InterfaceFlag.UP if row.admin_status == _ADMIN_UP else flags & ~InterfaceFlag.UP
    call.change(SetInterface(wanted, flags=flags))


_FOREVER: Final = b"\xff" * 4
FUNCTIONS: Final[dict[str, Callable[[_Call], None]]] = {
    "AddIPAddress": _add_ip_address,
    "CreateIpForwardEntry": _creates(_route),
    "CreateIpNetEntry": _keeps_neighbour(_neighbour),
    "DeleteIPAddress": _delete_ip_address,
    "DeleteIpForwardEntry": _deletes(_route),
    "DeleteIpNetEntry": _forgets_neighbour(_neighbour),
    "FlushIpNetTable": _flush,
    "SetIfEntry": _set_interface,
    "SetIpForwardEntry": _sets(_route),
    "SetIpNetEntry": _set_neighbour,
    "CreateIpForwardEntry2": _creates(_route_2),
    "CreateIpNetEntry2": _keeps_neighbour(_neighbour_2),
    "CreateUnicastIpAddressEntry": _create_unicast,
    "DeleteIpForwardEntry2": _deletes(_route_2),
    "DeleteIpNetEntry2": _forgets_neighbour(_neighbour_2),
    "DeleteUnicastIpAddressEntry": _delete_unicast,
    "InitializeIpForwardEntry": _initialises(
        _FORWARD_2,
        {
            "valid_lifetime": _FOREVER,
            "preferred_lifetime": _FOREVER,
            "metric": _FOREVER,
            "protocol": ULONG.pack(3),
            "immortal": b"\1",
            "publish": b"\1",
        },
    ),
    "InitializeUnicastIpAddressEntry": _initialises(
        _UNICAST,
        {
            "valid_lifetime": _FOREVER,
            "preferred_lifetime": _FOREVER,
            "prefix_length": b"\xff",
            "prefix_origin": ULONG.pack(16),
            "suffix_origin": ULONG.pack(16),
        },
    ),
    "SetIpForwardEntry2": _sets(_route_2),
    "SetIpNetEntry2": _sets_neighbour(_neighbour_2),
}
"""What is mended, by name; a name that a DLL does not export is added to it."""
FIRST_CODE: Final = 0x100
CODES: Final = {name: FIRST_CODE + number for number, name in enumerate(FUNCTIONS)}
"""The codes by which they ask the kernel."""
_BY_CODE: Final = {CODES[name]: function for name, function in FUNCTIONS.items()}


def answer(thread: Thread, code: int, arguments: int) -> int | None:
    """The error of Win32 that a function ends with, whose arguments lie at an address; None for another code."""
    function = _BY_CODE.get(code)
    if function is None:
        return None
    try:
        function(_Call(thread, arguments))
    except BadAddress:
        return NO_ACCESS
    except Failure as failure:
        return _ERRORS.get(failure.status, INVALID_PARAMETER)
    return SUCCESS
