"""TCP and UDP: the sockets of both worlds, with the processes that have them.

Source: tcpmib.h (MIB_TCP_STATE), udpmib.h.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from lichen.executive.network.endpoints import Endpoint, endpoint_of, owners
from lichen.executive.network.sockets import Address, AddressFamily, InternetAddress, Level
from lichen.executive.network.table import ConnectionState
from lichen.subsystems.nt.network.tables import Row, Table, packer, size
from lichen.subsystems.nt.records import ULONG
from lichen.subsystems.nt.records.network import INET_SIZE, TcpKey, TcpOwner, UdpOwner
from lichen.subsystems.nt.shared_data import file_time
from lichen.subsystems.nt.sockets.addresses import encode

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

_STATES: Final = {
    ConnectionState.CLOSED: 1,
    ConnectionState.LISTEN: 2,
    ConnectionState.SYN_SENT: 3,
    ConnectionState.SYN_RECEIVED: 4,
    ConnectionState.ESTABLISHED: 5,
    ConnectionState.FIN_WAIT_1: 6,
    ConnectionState.FIN_WAIT_2: 7,
    ConnectionState.CLOSE_WAIT: 8,
    ConnectionState.CLOSING: 9,
    ConnectionState.LAST_ACK: 10,
    ConnectionState.TIME_WAIT: 11,
}
_LISTENS: Final = 2
_ESTABLISHED: Final = 5
_MAPPED: Final = bytes(10) + b"\xff\xff"
_STATE_SIZES: Final = (20, 24)
"""Of Wine 8, and of later releases."""
_KEY, _TCP_OWNER, _UDP_OWNER = packer(TcpKey), packer(TcpOwner), packer(UdpOwner)


def _inet(address: InternetAddress) -> bytes:
    """SOCKADDR_INET; an IPv4 address in IPv6's clothes is one of IPv4, as Windows shows it."""
    if address.host.startswith(_MAPPED):
        address = InternetAddress(address.host[len(_MAPPED) :], address.port)
    return encode(address).ljust(INET_SIZE, b"\0")


def _pair(endpoint: Endpoint) -> tuple[bytes, bytes]:
    local = _or_nobody(endpoint.local, endpoint.family)
    remote = _or_nobody(endpoint.remote, endpoint.family)
    if local.host.startswith(_MAPPED) and not any(remote.host):
        remote = InternetAddress(bytes(4), remote.port)
    return _inet(local), _inet(remote)


def _or_nobody(address: Address | None, family: int) -> InternetAddress:
    if isinstance(address, InternetAddress):
        return address
    return InternetAddress(bytes(4 if family == AddressFamily.INTERNET else 16), 0)


def _endpoints(machine: MachineState, protocol: int) -> list[tuple[Endpoint, int]]:
    """What the network knows of a protocol's sockets, and the first process that has each; 0 where nobody has."""
    table = machine.processes.init.files.devices.families.sockets
    having = owners(machine.processes.values())
    found = []
    for socket in table.of(AddressFamily.INTERNET, AddressFamily.INTERNET_6):
        if socket.protocol != protocol:
            continue
        endpoint = endpoint_of(socket)
        if endpoint.is_known:
            processes = having.get(socket)
            found.append((endpoint, processes[0].id if processes else 0))
    return found


def _tcp(shows: Callable[[int], bool], machine: MachineState) -> list[Row]:
    rows = []
    for endpoint, process in _endpoints(machine, Level.TCP):
        state = _STATES.get(endpoint.state, 1)
        if shows(state):
            owner = TcpOwner(b"", process, file_time(endpoint.created), 0)
            key = _KEY.pack(TcpKey(*_pair(endpoint)))
            rows.append(Row(key, state=ULONG.pack(state).ljust(24, b"\0"), nature=_TCP_OWNER.pack(owner)))
    return rows


def _udp(machine: MachineState) -> list[Row]:
    return [
        Row(
            _pair(endpoint)[0],
            nature=_UDP_OWNER.pack(UdpOwner(process, 0, file_time(endpoint.created), 0, 0, 0)),
        )
        for endpoint, process in _endpoints(machine, Level.UDP)
    ]


def _tcp_table(shows: Callable[[int], bool]) -> Table:
    return Table(size(TcpKey), 0, _STATE_SIZES, size(TcpOwner), partial(_tcp, shows))


TCP: Final = {
    3: _tcp_table(lambda state: True),
    4: _tcp_table(lambda state: state == _ESTABLISHED),
    5: _tcp_table(lambda state: state == _LISTENS),
}
UDP: Final = {1: Table(INET_SIZE, 0, (), size(UdpOwner), _udp)}
