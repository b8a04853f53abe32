"""The records of NSI, which no public header declares; x64 and x86 differ in pointers alone."""

from __future__ import annotations

from lichen.subsystems.nt.records import network, network_requests
from tests.layouts.nt_documented import Documented


def of_both(source: str, size: int, offsets: tuple[int, ...]) -> Documented:
    """Of a record without pointers."""
    return Documented(source, (size, offsets), (size, offsets))


NETWORK = {
    network.InterfaceSettings: of_both("Wine's iphlpapi and nsi", 1092, (0, 16, 20, 536, 570, 572, 1088)),
    network.InterfaceState: of_both(
        "Wine's iphlpapi and nsi",
        216,
        (0, 4, 8, 12, 16, 24, 32, 40, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160, 208),
    ),
    network.InterfaceNature: of_both(
        "Wine's iphlpapi and nsi", 600, (0, 4, 520, 524, 528, 532, 536, 552, 554, 588, 592, 596)
    ),
    network.UnicastKey: of_both("Wine's iphlpapi and nsi", 16, (0, 8, 12)),
    network.UnicastKey6: of_both("Wine's iphlpapi and nsi", 24, (0, 8)),
    network.UnicastSettings: of_both("Wine's iphlpapi and nsi", 28, (0, 4, 8, 12, 16, 20)),
    network.UnicastState: of_both("Wine's iphlpapi and nsi", 8, (0, 4)),
    network.NeighbourKey: of_both("Wine's iphlpapi and nsi", 24, (0, 8, 16, 20)),
    network.NeighbourKey6: of_both("Wine's iphlpapi and nsi", 32, (0, 8, 16)),
    network.NeighbourState: of_both("Wine's iphlpapi and nsi", 16, (0, 4, 8, 9, 10, 12)),
    network.RouteKey: of_both("Wine's iphlpapi and nsi", 48, (0, 4, 8, 9, 12, 24, 32, 40, 44)),
    network.RouteKey6: of_both("Wine's iphlpapi and nsi", 72, (0, 4, 20, 21, 24, 36, 40, 48, 56)),
    network.RouteSettings: of_both("Wine's iphlpapi and nsi", 32, (0, 4, 8, 12, 16, 20, 21, 22, 23, 24, 28)),
    network.RouteState: of_both("Wine's iphlpapi and nsi", 20, (0, 4, 16)),
    network.RouteState6: of_both("Wine's iphlpapi and nsi", 32, (0, 4, 16)),
    network.RouteNature: of_both("Wine's iphlpapi and nsi", 8, (0, 4)),
    network.CompartmentSettings: of_both("Wine's iphlpapi and nsi", 16, (0, 4, 8, 12)),
    network.CompartmentState: of_both("Wine's iphlpapi and nsi", 16, (0, 4, 8, 12)),
    network.IcmpStatistics: of_both("Wine's iphlpapi and nsi", 2064, (0, 4, 8, 1032, 1036, 1040)),
    network.IpStatistics: of_both(
        "Wine's iphlpapi and nsi",
        216,
        (
            0,
            16,
            24,
            32,
            40,
            48,
            56,
            72,
            80,
            128,
            136,
            140,
            144,
            148,
            152,
            156,
            160,
            164,
            168,
            172,
            176,
            180,
            184,
            188,
        ),
    ),
    network.TcpStatistics: of_both(
        "Wine's iphlpapi and nsi", 104, (0, 4, 8, 12, 16, 20, 24, 32, 40, 44, 48, 52, 56)
    ),
    network.TcpLimits: of_both("Wine's iphlpapi and nsi", 20, (0, 4, 8, 12, 16)),
    network.UdpStatistics: of_both("Wine's iphlpapi and nsi", 48, (0, 8, 12, 16, 24, 28)),
    network.TcpKey: of_both("Wine's iphlpapi and nsi", 56, (0, 28)),
    network.TcpOwner: of_both("Wine's iphlpapi and nsi", 32, (0, 12, 16, 24)),
    network.UdpOwner: of_both("Wine's iphlpapi and nsi", 32, (0, 4, 8, 16, 20, 24)),
    network_requests.ModuleId: of_both("documentation of NPI_MODULEID", 24, (0, 4, 8)),
    network_requests.EnumerateAll: of_both(
        "Wine's iphlpapi and nsi", 56, (0, 24, 28, 32, 36, 40, 44, 48, 52)
    ),
    network_requests.GetAll: of_both("Wine's iphlpapi and nsi", 48, (0, 24, 28, 32, 36, 40, 44)),
    network_requests.GetOne: of_both("Wine's iphlpapi and nsi", 44, (0, 24, 28, 32, 36, 40)),
    network_requests.AwaitChange: of_both("Wine's iphlpapi and nsi", 28, (0, 24)),
    network_requests.EchoRequest: of_both(
        "Wine's iphlpapi and nsi", 80, (0, 28, 56, 64, 65, 66, 67, 68, 72, 76)
    ),
    network_requests.EchoReply32: of_both(
        "documentation of ICMP_ECHO_REPLY32", 28, (0, 4, 8, 12, 14, 16, 20, 21, 22, 23, 24)
    ),
    network_requests.Notification: Documented(
        "Lichen's own", (40, (0, 8, 16, 24, 32)), (20, (0, 4, 8, 12, 16))
    ),
}
