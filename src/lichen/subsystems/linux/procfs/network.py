"""/proc/net: interfaces and routes of the network that the machine is on; its own sockets, but never those of the host.

Source: proc(5), tcp(7); net/ipv4/tcp_ipv4.c, net/unix/af_unix.c for the columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.generated import Folder, Text
from lichen.executive.network.sockets import (
    AddressFamily,
    InternetAddress,
    Level,
    LocalAddress,
    Socket,
    SocketOption,
    SocketType,
)
from lichen.executive.status import Failure
from lichen.subsystems.linux.procfs.subjects import Task, Whole

if TYPE_CHECKING:
    from lichen.executive.host import Host

_OF_HOST: Final = (
    *(
        "dev",
        "route",
        "if_inet6",
        "ipv6_route",
        "arp",
        "snmp",
        "snmp6",
        "netstat",
        "fib_trie",
        "fib_triestat",
    ),
    *("igmp", "igmp6", "dev_mcast", "protocols", "psched", "softnet_stat"),
)
"""What the kernel of the host counts and knows of the network that its machines are on."""
_INTERNET: Final = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
)
_INTERNET_6: Final = (
    b"  sl  local_address                         remote_address                        st tx_queue rx_queue "
    b"tr tm->when retrnsmt   uid  timeout inode"
)
_LOCAL: Final = b"Num       RefCount Protocol Flags    Type St Inode Path\n"
_PACKET: Final = b"sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n"
_WIDTH: Final = 149
_FAMILIES: Final = (
    AddressFamily.LOCAL,
    AddressFamily.INTERNET,
    AddressFamily.INTERNET_6,
    AddressFamily.NETLINK,
)
_NOBODY: Final = {AddressFamily.INTERNET: bytes(4), AddressFamily.INTERNET_6: bytes(16)}
_TCP_INFO: Final = 11
"""The option whose first byte is the state of a connection."""
_ESTABLISHED, _CLOSED = 1, 7
_ACCEPTS: Final = 0x10000
_UNCONNECTED, _CONNECTED = 1, 3


def _sockets(machine: Whole, family: int) -> list[Socket]:
    """The sockets of a family that processes have descriptors of, the oldest first."""
    found = {
        handle.object: None
        for process in machine.state.processes.values()
        if not process.is_zombie
        for _, handle in process.handles
        if isinstance(handle.object, Socket) and handle.object.family == family
    }
    return sorted(found, key=lambda socket: socket.attributes().file_id)


# ---- TCP and UDP


def _internet(family: int, type: int, header: bytes) -> Callable[[Task], bytes]:
    """The table of the sockets of one type over IPv4 or IPv6."""

    def table(task: Task) -> bytes:
        sockets = (socket for socket in _sockets(task.machine, family) if socket.type == type)
        lines = [_internet_line(number, socket) for number, socket in enumerate(sockets)]
        return b"".join(line.ljust(_WIDTH) + b"\n" for line in (header, *lines))

    return table


def _internet_line(number: int, socket: Socket) -> bytes:
    attributes = socket.attributes()
    local, peer = (_endpoint(socket, ask) for ask in (socket.local_address, socket.peer_address))
    state = _state(socket)
    return (
        f"{number:4d}: {local} {peer} {state:02X} 00000000:00000000 00:00000000 00000000 "
        f"{attributes.uid:5d} {0:8d} {attributes.file_id} 1 0000000000000000"
    ).encode()


def _endpoint(socket: Socket, ask: Callable[[], object]) -> str:
    """Address and port, the address in words of 32 bits as x86 reads them."""
    try:
        address = ask()
    except Failure:
        address = None
    if not isinstance(address, InternetAddress):
        address = InternetAddress(_NOBODY[socket.family], 0)
    words = (address.host[at : at + 4][::-1].hex().upper() for at in range(0, len(address.host), 4))
    return f"{''.join(words)}:{address.port:04X}"


def _state(socket: Socket) -> int:
    if socket.type == SocketType.STREAM:
        return socket.option(Level.TCP, _TCP_INFO, 1)[0]
    return _ESTABLISHED if _is_connected(socket) else _CLOSED


def _is_connected(socket: Socket) -> bool:
    try:
        socket.peer_address()
    except Failure:
        return False
    return True


# ---- sockets within the machine


def _local(task: Task) -> bytes:
    return _LOCAL + b"".join(_local_line(socket) for socket in _sockets(task.machine, AddressFamily.LOCAL))


def _local_line(socket: Socket) -> bytes:
    listens = any(socket.option(Level.SOCKET, SocketOption.ACCEPTS_CONNECTIONS, 4))
    state = _CONNECTED if _is_connected(socket) else _UNCONNECTED
    line = (
        f"{0:016x}: {2:08X} {0:08X} {_ACCEPTS if listens else 0:08X} {socket.type:04X} {state:02X} "
        f"{socket.attributes().file_id:5d}"
    ).encode()
    address = socket.local_address()
    name = address.text if isinstance(address, LocalAddress) else b""
    if name:
        line += b" " + name.replace(b"\0", b"@")
    return line + b"\n"


def _of_host(name: str) -> Callable[[Task], bytes]:
    return lambda task: task.machine.host.read(f"/proc/self/net/{name}")


def _socket_counts(family: int, suffix: str) -> Callable[[Task], bytes]:
    """sockstat: how many sockets there are; of IPv4 with all together, and room for columns that nobody counts."""

    def table(task: Task) -> bytes:
        found = [socket.type for socket in _sockets(task.machine, family)]
        streams, datagrams = found.count(SocketType.STREAM), found.count(SocketType.DATAGRAM)
        if suffix:
            rows = [
                f"TCP6: inuse {streams}",
                f"UDP6: inuse {datagrams}",
                "UDPLITE6: inuse 0",
                "RAW6: inuse 0",
            ]
            rows.append("FRAG6: inuse 0 memory 0")
        else:
            total = sum(len(_sockets(task.machine, each)) for each in _FAMILIES)
            rows = [f"sockets: used {total}", f"TCP: inuse {streams} orphan 0 tw 0 alloc {streams} mem 0"]
            rows += [
                f"UDP: inuse {datagrams} mem 0",
                "UDPLITE: inuse 0",
                "RAW: inuse 0",
                "FRAG: inuse 0 memory 0",
            ]
        return "".join(f"{row}\n" for row in rows).encode()

    return table


def tree(host: Host) -> Folder[Task]:
    families = (("", AddressFamily.INTERNET, _INTERNET), ("6", AddressFamily.INTERNET_6, _INTERNET_6))
    types = (("tcp", SocketType.STREAM), ("udp", SocketType.DATAGRAM))
    tables = {
        name + suffix: Text(_internet(family, type, header))
        for name, type in types
        for suffix, family, header in families
    }
    for suffix, family, header in families:
        tables["sockstat" + suffix] = Text(_socket_counts(family, suffix))
        tables["raw" + suffix] = Text(_internet(family, SocketType.RAW, header))
    of_host = {name: Text(_of_host(name)) for name in _OF_HOST if host.has(f"/proc/self/net/{name}")}
    return Folder({**of_host, **tables, "packet": Text(lambda _: _PACKET), "unix": Text(_local)})
