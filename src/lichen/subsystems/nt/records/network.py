"""What NSI tells of a network, table by table: the parts of a row that identify it, may be set, change, and stay.

Source: what iphlpapi and nsi of Wine 8 and 10 get; ifdef.h, ws2ipdef.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, u8, u16, u32, u64

INET_SIZE = 28
Inet = Annotated[bytes, Bytes(INET_SIZE, align=4)]
"""SOCKADDR_INET."""
Guid = Annotated[bytes, Bytes(16, align=4)]
IPv4 = Annotated[bytes, Bytes(4, align=4)]
IPv6 = Annotated[bytes, Bytes(16, align=1)]


class CountedString(NamedTuple):
    """IF_COUNTED_STRING: the length in bytes, without the NUL."""

    length: u16
    string: Annotated[bytes, Bytes(514, align=2)]


class PhysicalAddress(NamedTuple):
    """IF_PHYSICAL_ADDRESS."""

    length: u16
    address: Annotated[bytes, Bytes(32)]


# ---- interfaces


class InterfaceSettings(NamedTuple):
    """NDIS, table 0: what may be set."""

    network_guid: Guid
    admin_status: u32
    alias: CountedString
    physical_address: PhysicalAddress
    pad: u16
    second_name: CountedString
    unknown: u32


class InterfaceState(NamedTuple):
    """NDIS, table 0: what changes; speeds in bits per second."""

    operational_status: u32
    flags: u32
    media_state: u32
    unknown: u32
    mtu: u32
    transmit_speed: u64
    receive_speed: u64
    unknown_2: Annotated[tuple[int, ...], Array(u64, 3)]
    in_discards: u64
    in_errors: u64
    in_octets: u64
    in_unicast: u64
    in_multicast: u64
    in_broadcast: u64
    out_octets: u64
    out_unicast: u64
    out_multicast: u64
    out_broadcast: u64
    out_errors: u64
    out_discards: u64
    octets_by_kind: Annotated[tuple[int, ...], Array(u64, 6)]
    unknown_3: u64


class InterfaceNature(NamedTuple):
    """NDIS, table 0: what stays."""

    number: u32
    description: CountedString
    type: u32
    access_type: u32
    unknown: u32
    connection_type: u32
    guid: Guid
    connector_present: u16
    permanent_address: PhysicalAddress
    flags: u32
    media_type: u32
    physical_medium: u32


# ---- addresses, neighbours, routes


class UnicastKey(NamedTuple):
    """IPv4, table 10."""

    luid: u64
    address: IPv4
    pad: u32


class UnicastKey6(NamedTuple):
    """IPv6, table 10."""

    luid: u64
    address: IPv6


class UnicastSettings(NamedTuple):
    """IP, table 10: what may be set."""

    preferred_lifetime: u32
    valid_lifetime: u32
    prefix_origin: u32
    suffix_origin: u32
    prefix_length: u32
    unknown: Annotated[tuple[int, ...], Array(u32, 2)]


class UnicastState(NamedTuple):
    """IP, table 10: what changes."""

    scope: u32
    duplicates: u32


class NeighbourKey(NamedTuple):
    """IPv4, table 11."""

    luid: u64
    second_luid: u64
    address: IPv4
    pad: u32


class NeighbourKey6(NamedTuple):
    """IPv6, table 11."""

    luid: u64
    second_luid: u64
    address: IPv6


class NeighbourState(NamedTuple):
    """IP, table 11: what changes."""

    state: u32
    time: u32
    is_router: u8
    is_unreachable: u8
    address_length: u16
    unknown: u32


class RouteKey(NamedTuple):
    """IPv4, table 16."""

    unknown: u32
    prefix: IPv4
    prefix_length: u8
    unknown_2: Annotated[bytes, Bytes(3)]
    unknown_3: Annotated[bytes, Bytes(12, align=4)]
    luid: u64
    second_luid: u64
    next_hop: IPv4
    pad: u32


class RouteKey6(NamedTuple):
    """IPv6, table 16."""

    unknown: u32
    prefix: IPv6
    prefix_length: u8
    unknown_2: Annotated[bytes, Bytes(3)]
    unknown_3: Annotated[bytes, Bytes(12, align=4)]
    pad: u32
    luid: u64
    second_luid: u64
    next_hop: IPv6


class RouteSettings(NamedTuple):
    """IP, table 16: what may be set."""

    site_prefix_length: u32
    valid_lifetime: u32
    preferred_lifetime: u32
    metric: u32
    protocol: u32
    loopback: u8
    autoconfigured: u8
    publish: u8
    immortal: u8
    unknown: u32
    unknown_2: u32


class RouteState(NamedTuple):
    """IPv4, table 16: what changes."""

    age: u32
    unknown: Annotated[tuple[int, ...], Array(u32, 3)]
    address: IPv4


class RouteState6(NamedTuple):
    """IPv6, table 16: what changes."""

    age: u32
    unknown: Annotated[tuple[int, ...], Array(u32, 3)]
    address: IPv6


class RouteNature(NamedTuple):
    """IP, table 16: what stays."""

    origin: u32
    interface: u32


# ---- compartments and statistics


class CompartmentSettings(NamedTuple):
    """IP, table 2: what may be set."""

    not_forwarding: u32
    unknown: u32
    default_ttl: u32
    unknown_2: u32


class CompartmentState(NamedTuple):
    """IP, table 2: what changes."""

    interfaces: u32
    routes: u32
    unknown: u32
    addresses: u32


class IcmpStatistics(NamedTuple):
    """IP, table 3."""

    in_messages: u32
    in_errors: u32
    in_types: Annotated[tuple[int, ...], Array(u32, 256)]
    out_messages: u32
    out_errors: u32
    out_types: Annotated[tuple[int, ...], Array(u32, 256)]


class IpStatistics(NamedTuple):
    """IP, table 6."""

    unknown: Annotated[bytes, Bytes(16, align=4)]
    in_receives: u64
    in_octets: u64
    forwarded: u64
    in_delivers: u64
    out_requests: u64
    unknown_2: Annotated[tuple[int, ...], Array(u64, 2)]
    out_octets: u64
    unknown_3: Annotated[tuple[int, ...], Array(u64, 6)]
    in_header_errors: u64
    in_address_errors: u32
    in_unknown_protocols: u32
    unknown_4: u32
    reassemblies: u32
    reassembled: u32
    reassembly_failures: u32
    in_discards: u32
    out_no_routes: u32
    out_discards: u32
    routing_discards: u32
    fragmented: u32
    fragmentation_failures: u32
    fragments: u32
    unknown_5: Annotated[bytes, Bytes(28, align=4)]


class TcpStatistics(NamedTuple):
    """TCP, table 0: what changes."""

    active_opens: u32
    passive_opens: u32
    failed_attempts: u32
    resets: u32
    established: u32
    pad: u32
    in_segments: u64
    out_segments: u64
    retransmitted: u32
    out_resets: u32
    in_errors: u32
    connections: u32
    unknown: Annotated[bytes, Bytes(48, align=4)]


class TcpLimits(NamedTuple):
    """TCP, table 0: what stays; times in milliseconds."""

    timeout_algorithm: u32
    timeout_minimum: u32
    timeout_maximum: u32
    most_connections: u32
    unknown: u32


class UdpStatistics(NamedTuple):
    """UDP, table 0."""

    in_datagrams: u64
    no_ports: u32
    in_errors: u32
    out_datagrams: u64
    endpoints: u32
    unknown: Annotated[bytes, Bytes(20, align=4)]


# ---- connections and endpoints


class TcpKey(NamedTuple):
    """TCP, tables 3, 4 and 5."""

    local: Inet
    remote: Inet


class TcpOwner(NamedTuple):
    """TCP, tables 3, 4 and 5: what stays; the time is a FILETIME."""

    unknown: Annotated[bytes, Bytes(12, align=4)]
    process: u32
    created: u64
    module: u64


class UdpOwner(NamedTuple):
    """UDP, table 1: what stays."""

    process: u32
    unknown: u32
    created: u64
    flags: u32
    unknown_2: u32
    module: u64
