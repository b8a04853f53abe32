"""What the network counts: packets, segments, datagrams and messages of ICMP, as the host does for whoever uses its network.

Source: iprtrmib.h (MIB_IPSTATS, MIB_TCPSTATS, MIB_UDPSTATS, MIB_ICMP_EX); RFC 1213 for the names in /proc/net/snmp.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout_of, u16
from lichen.executive.network.endpoints import endpoint_of
from lichen.executive.network.sockets import AddressFamily, Level
from lichen.subsystems.nt.network.tables import Row, Table, packer, size
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.network import (
    IcmpStatistics,
    IpStatistics,
    TcpLimits,
    TcpStatistics,
    UdpStatistics,
)
from lichen.subsystems.nt.sockets.addresses import AF_INET, AF_INET6

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState

_IPV4, _IPV6 = 4, 16
_FAMILY: Final = layout_of(u16, MODEL)
_KINDS: Final = {
    "DestUnreachs": 3,
    "TimeExcds": 11,
    "ParmProbs": 12,
    "SrcQuenchs": 4,
    "Redirects": 5,
    "Echos": 8,
    "EchoReps": 0,
    "Timestamps": 13,
    "TimestampReps": 14,
    "AddrMasks": 17,
    "AddrMaskReps": 18,
}
"""The messages of ICMP that are counted by name."""
_ALL_KINDS: Final = 256
_ICMP, _IP, _TCP = packer(IcmpStatistics), packer(IpStatistics), packer(TcpStatistics)
_LIMITS, _UDP = packer(TcpLimits), packer(UdpStatistics)


def _counts(machine: MachineState, width: int) -> dict[str, int]:
    """The host's counts by names such as IpInReceives, or Ip6InReceives."""
    name = "snmp" if width == _IPV4 else "snmp6"
    lines = machine.system.host.read(f"/proc/self/net/{name}").decode(errors="replace").splitlines()
    if width != _IPV4:
        pairs = (line.split() for line in lines)
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
    found = {}
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        group, *keys = names.split()
        for key, number in zip(keys, numbers.split()[1:], strict=False):
            found[group.rstrip(":") + key] = max(int(number), 0)
    return found


def _u32(number: int) -> int:
    return number & 0xFFFFFFFF


def _icmp(width: int, machine: MachineState) -> list[Row]:
    counts = _counts(machine, width)
    prefix = "Icmp" if width == _IPV4 else "Icmp6"
    parts: list[tuple[int, int, tuple[int, ...]]] = []
    for way in ("In", "Out"):
        kinds = [0] * _ALL_KINDS
        names = _KINDS if width == _IPV4 else {f"Type{kind}": kind for kind in range(_ALL_KINDS)}
        for name, kind in names.items():
            kinds[kind] = _u32(counts.get(f"{prefix}{way}{name}", 0))
        messages, errors = (counts.get(f"{prefix}{way}{name}", 0) for name in ("Msgs", "Errors"))
        parts.append((_u32(messages), _u32(errors), tuple(kinds)))
    received, sent = parts
    return [Row(b"", state=_ICMP.pack(IcmpStatistics(*received, *sent)))]


def _ip(width: int, machine: MachineState) -> list[Row]:
    counts = _counts(machine, width)
    prefix = "Ip" if width == _IPV4 else "Ip6"

    def count(name: str) -> int:
        return counts.get(prefix + name, 0)

    forwarded = "ForwDatagrams" if width == _IPV4 else "OutForwDatagrams"
    found = IpStatistics(
        *(b"", count("InReceives"), count("InOctets"), count(forwarded), count("InDelivers")),
        *(count("OutRequests"), (0, 0), count("OutOctets"), (0,) * 6, count("InHdrErrors")),
        *(_u32(count("InAddrErrors")), _u32(count("InUnknownProtos")), 0, _u32(count("ReasmReqds"))),
        *(_u32(count("ReasmOKs")), _u32(count("ReasmFails")), _u32(count("InDiscards"))),
        *(_u32(count("OutNoRoutes")), _u32(count("OutDiscards")), 0, _u32(count("FragOKs"))),
        *(_u32(count("FragFails")), _u32(count("FragCreates")), b""),
    )
    timeout = ULONG.pack(_u32(count("ReasmTimeout")))
    return [Row(b"", state=_IP.pack(found), nature=timeout)]


def _known(machine: MachineState, family: int, protocol: int) -> int:
    """How many sockets of its own a machine has that the network knows of."""
    sockets = machine.processes.init.files.devices.families.sockets.of(family)
    return sum(endpoint_of(socket).is_known for socket in sockets if socket.protocol == protocol)


def _tcp(machine: MachineState) -> list[Row]:
    """Segments are counted of both families together, and told with IPv4; the connections are the machine's own."""
    counts = _counts(machine, _IPV4)

    def count(name: str) -> int:
        return counts.get("Tcp" + name, 0)

    limits = TcpLimits(
        count("RtoAlgorithm"), _u32(count("RtoMin")), _u32(count("RtoMax")), _u32(count("MaxConn") or -1), 0
    )
    found = TcpStatistics(
        _u32(count("ActiveOpens")),
        _u32(count("PassiveOpens")),
        _u32(count("AttemptFails")),
        _u32(count("EstabResets")),
        _u32(count("CurrEstab")),
        0,
        count("InSegs"),
        count("OutSegs"),
        _u32(count("RetransSegs")),
        _u32(count("OutRsts")),
        _u32(count("InErrs")),
        _known(machine, AddressFamily.INTERNET, Level.TCP),
        b"",
    )
    newer = TcpStatistics(*(0,) * 11, _known(machine, AddressFamily.INTERNET_6, Level.TCP), b"")
    return [
        Row(_FAMILY.pack(family), state=_TCP.pack(each), nature=_LIMITS.pack(limits))
        for family, each in ((AF_INET, found), (AF_INET6, newer))
    ]


def _udp(machine: MachineState) -> list[Row]:
    return [
        Row(_FAMILY.pack(AF_INET), state=_udp_of(machine, _IPV4, "Udp", AddressFamily.INTERNET)),
        Row(_FAMILY.pack(AF_INET6), state=_udp_of(machine, _IPV6, "Udp6", AddressFamily.INTERNET_6)),
    ]


def _udp_of(machine: MachineState, width: int, prefix: str, family: int) -> bytes:
    counts = _counts(machine, width)
    found = UdpStatistics(
        counts.get(prefix + "InDatagrams", 0),
        _u32(counts.get(prefix + "NoPorts", 0)),
        _u32(counts.get(prefix + "InErrors", 0)),
        counts.get(prefix + "OutDatagrams", 0),
        _known(machine, family, Level.UDP),
        b"",
    )
    return _UDP.pack(found)


def tables(width: int) -> dict[int, Table]:
    """The tables of a module of IP by their numbers."""
    return {
        3: Table(0, 0, (size(IcmpStatistics),), 0, partial(_icmp, width), is_list=False),
        6: Table(0, 0, (size(IpStatistics),), ULONG.size, partial(_ip, width), is_list=False),
    }


OF_TCP: Final = Table(_FAMILY.size, 0, (size(TcpStatistics),), size(TcpLimits), _tcp, is_list=False)
OF_UDP: Final = Table(_FAMILY.size, 0, (size(UdpStatistics),), 0, _udp, is_list=False)
