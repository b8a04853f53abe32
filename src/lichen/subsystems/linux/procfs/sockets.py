"""/proc/net/tcp, udp, unix and the like: the sockets of the machine, but never those of the host.

Source: proc(5), tcp(7); net/ipv4/tcp_ipv4.c, net/ipv4/udp.c, net/unix/af_unix.c, net/netlink/af_netlink.c for the columns.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from lichen.executive.io.generated import Text
from lichen.executive.network.endpoints import Endpoint, endpoint_of
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    InternetAddress,
    Level,
    LocalAddress,
    NetlinkAddress,
    Socket,
    SocketType,
)
from lichen.executive.network.table import ConnectionState, SocketTable
from lichen.subsystems.linux.procfs.subjects import Task

_INTERNET: Final = (
    b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
)
_INTERNET_6: Final = (
    b"  sl  local_address                         remote_address                        st tx_queue rx_queue "
    b"tr tm->when retrnsmt   uid  timeout inode"
)
_DATAGRAMS: Final = b" ref pointer drops"
_LOCAL: Final = b"Num       RefCount Protocol Flags    Type St Inode Path\n"
_NETLINK: Final = (
    b"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
)
_PACKET: Final = b"sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n"
_WIDTH: Final = 149
_FAMILIES: Final = {"": AddressFamily.INTERNET, "6": AddressFamily.INTERNET_6}
_NOBODY: Final = {AddressFamily.INTERNET: bytes(4), AddressFamily.INTERNET_6: bytes(16)}
_UDP_LITE: Final = 136
_ECHOES: Final = {AddressFamily.INTERNET: 1, AddressFamily.INTERNET_6: 58}
_ACCEPTS: Final = 0x10000
_UNCONNECTED, _CONNECTED = 1, 3
_TIMES: Final = struct.Struct("<II")
_TIMES_AT, _WINDOW_AT = 8, 76
"""Where tcpi_rto and tcpi_ato are, and tcpi_snd_ssthresh and tcpi_snd_cwnd."""
_NO_THRESHOLD: Final = 0x7FFFFFFF

_Chooses = Callable[[Endpoint], bool]


def _table(task: Task) -> SocketTable[Socket]:
    return task.machine.state.processes.init.files.devices.families.sockets


# ---- TCP, UDP, raw sockets and echoes


def _internet(
    family: int, header: bytes, chooses: _Chooses, line: Callable[[int, Endpoint, Socket], str]
) -> Callable[[Task], bytes]:
    """The table of some sockets over IPv4 or IPv6."""

    def table(task: Task) -> bytes:
        shown = ((endpoint_of(socket), socket) for socket in _table(task).of(family))
        chosen = [(endpoint, socket) for endpoint, socket in shown if endpoint.is_known and chooses(endpoint)]
        lines = [line(number, endpoint, socket).encode() for number, (endpoint, socket) in enumerate(chosen)]
        return b"".join(each.ljust(_WIDTH) + b"\n" for each in (header, *lines))

    return table


def _head(number: int, endpoint: Endpoint) -> str:
    listens = endpoint.state == ConnectionState.LISTEN
    receive, send = endpoint.queues
    local, remote = (_address(endpoint.family, each) for each in (endpoint.local, endpoint.remote))
    return (
        f"{number:4d}: {local} {remote} {endpoint.state:02X} {0 if listens else send:08X}:{receive:08X} "
        f"00:00000000 00000000 {endpoint.uid:5d} {0:8d} {endpoint.id}"
    )


def _address(family: int, address: Address | None) -> str:
    """Address and port, the address in words of 32 bits as x86 reads them."""
    if not isinstance(address, InternetAddress):
        address = InternetAddress(_NOBODY[family], 0)
    words = (address.host[at : at + 4][::-1].hex().upper() for at in range(0, len(address.host), 4))
    return f"{''.join(words)}:{address.port:04X}"


def _stream(number: int, endpoint: Endpoint, socket: Socket) -> str:
    """With the times until something is sent again or acknowledged, in hundredths of a second, and the window."""
    transport = socket.transport()
    again, acknowledge = (each // 10000 for each in _TIMES.unpack_from(transport, _TIMES_AT))
    threshold, window = _TIMES.unpack_from(transport, _WINDOW_AT)
    if endpoint.state == ConnectionState.LISTEN:
        again, window, last = 100, 10, 0
    else:
        last = -1 if threshold >= _NO_THRESHOLD else threshold
    return f"{_head(number, endpoint)} 1 0000000000000000 {again} {acknowledge} 0 {window} {last}"


def _datagram(number: int, endpoint: Endpoint, socket: Socket) -> str:
    return f"{_head(number, endpoint)} 2 0000000000000000 {socket.buffer_use().drops}"


def _is_stream(endpoint: Endpoint) -> bool:
    return endpoint.protocol == Level.TCP


def _is_datagram(endpoint: Endpoint) -> bool:
    return endpoint.type == SocketType.DATAGRAM and endpoint.protocol == Level.UDP


def _is_partial(endpoint: Endpoint) -> bool:
    return endpoint.type == SocketType.DATAGRAM and endpoint.protocol == _UDP_LITE


def _is_raw(endpoint: Endpoint) -> bool:
    return endpoint.type == SocketType.RAW


def _is_echo(endpoint: Endpoint) -> bool:
    return endpoint.type == SocketType.DATAGRAM and endpoint.protocol == _ECHOES[endpoint.family]


# ---- sockets within the machine, and those that ask the kernel


def _local(task: Task) -> bytes:
    return _LOCAL + b"".join(map(_local_line, _table(task).of(AddressFamily.LOCAL)))


def _local_line(socket: Socket) -> bytes:
    endpoint = endpoint_of(socket)
    flags = _ACCEPTS if endpoint.state == ConnectionState.LISTEN else 0
    state = _CONNECTED if endpoint.state == ConnectionState.ESTABLISHED else _UNCONNECTED
    line = f"{0:016x}: {2:08X} {0:08X} {flags:08X} {socket.type:04X} {state:02X} {endpoint.id:5d}".encode()
    if isinstance(endpoint.local, LocalAddress) and endpoint.local.text:
        line += b" " + endpoint.local.text.replace(b"\0", b"@")
    return line + b"\n"


def _netlink(task: Task) -> bytes:
    return _NETLINK + b"".join(map(_netlink_line, _table(task).of(AddressFamily.NETLINK)))


def _netlink_line(socket: Socket) -> bytes:
    endpoint, drops = endpoint_of(socket), socket.buffer_use().drops
    name = endpoint.local if isinstance(endpoint.local, NetlinkAddress) else NetlinkAddress(0, 0)
    receive, send = endpoint.queues
    return (
        f"{0:016x} {socket.protocol:<3d} {name.port:<10d} {name.groups:08x} {receive:<8d} {send:<8d} "
        f"{0:<5d} {2:<8d} {drops:<8d} {endpoint.id:<8d}\n"
    ).encode()


# ---- how many there are


def _counts(task: Task) -> bytes:
    table = _table(task)
    tcp, udp, partial, raw = _count(table, AddressFamily.INTERNET)
    made = sum(each.protocol == Level.TCP for each in table.of(*_FAMILIES.values()))
    rows = (
        f"sockets: used {len(table)}",
        f"TCP: inuse {tcp} orphan 0 tw 0 alloc {made} mem 0",
        f"UDP: inuse {udp} mem 0",
        f"UDPLITE: inuse {partial}",
        f"RAW: inuse {raw}",
        "FRAG: inuse 0 memory 0",
    )
    return "".join(f"{row}\n" for row in rows).encode()


def _counts_6(task: Task) -> bytes:
    tcp, udp, partial, raw = _count(_table(task), AddressFamily.INTERNET_6)
    rows = (
        f"TCP6: inuse {tcp}",
        f"UDP6: inuse {udp}",
        f"UDPLITE6: inuse {partial}",
        f"RAW6: inuse {raw}",
        "FRAG6: inuse 0 memory 0",
    )
    return "".join(f"{row}\n" for row in rows).encode()


def _count(table: SocketTable[Socket], family: int) -> list[int]:
    known = [endpoint for socket in table.of(family) if (endpoint := endpoint_of(socket)).is_known]
    return [sum(map(chooses, known)) for chooses in (_is_stream, _is_datagram, _is_partial, _is_raw)]


def tables() -> dict[str, Text[Task]]:
    """What /proc/net has of sockets."""
    found = {
        "packet": Text[Task](lambda _: _PACKET),
        "unix": Text[Task](_local),
        "netlink": Text[Task](_netlink),
        "sockstat": Text[Task](_counts),
        "sockstat6": Text[Task](_counts_6),
    }
    kinds = (("udp", _is_datagram), ("udplite", _is_partial), ("raw", _is_raw), ("icmp", _is_echo))
    for suffix, family in _FAMILIES.items():
        header = _INTERNET_6 if suffix else _INTERNET
        found["tcp" + suffix] = Text(_internet(family, header, _is_stream, _stream))
        for name, chooses in kinds:
            found[name + suffix] = Text(_internet(family, header + _DATAGRAMS, chooses, _datagram))
    return found
