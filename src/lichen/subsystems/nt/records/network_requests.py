"""What is asked of NSI, and the rows that iphlpapi sets.

Source: what iphlpapi and nsi of Wine 8 and 10 pass; netioapi.h, iprtrmib.h, ipmib.h, icmpapi.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, open_ended, padded_to, ptr, u8, u16, u32, u64
from lichen.subsystems.nt.records.network import Guid, Inet, IPv4


class ModuleId(NamedTuple):
    """NPI_MODULEID of the kind that is a GUID."""

    length: u16
    type: u32
    guid: Guid


class EnumerateAll(NamedTuple):
    """The request for all rows of a table, in columns of `count` elements."""

    module: ModuleId
    first: u32
    second: u32
    table: u32
    key_size: u32
    settings_size: u32
    state_size: u32
    nature_size: u32
    rows: u32


@open_ended()
class GetAll(NamedTuple):
    """The request for one row; the key follows."""

    module: ModuleId
    first: u32
    table: u32
    key_size: u32
    settings_size: u32
    state_size: u32
    nature_size: u32


@open_ended()
class GetOne(NamedTuple):
    """The request for a part of one row; the key follows."""

    module: ModuleId
    first: u32
    table: u32
    key_size: u32
    part: u32
    offset: u32


class AwaitChange(NamedTuple):
    """The request to be told when a table changes."""

    module: ModuleId
    table: u32


@open_ended()
class EchoRequest(NamedTuple):
    """The request for an echo: IP options, padded to 4 bytes, and the data follow; the time-out is in milliseconds."""

    source: Inet
    target: Inet
    reply_address: u64
    bits: u8
    ttl: u8
    tos: u8
    flags: u8
    options_size: u32
    data_size: u32
    timeout: u32


class EchoReply(NamedTuple):
    """ICMP_ECHO_REPLY; the data follow."""

    address: IPv4
    status: u32
    round_trip_time: u32
    data_size: u16
    replies: u16
    data: ptr
    ttl: u8
    tos: u8
    flags: u8
    options_size: u8
    options: ptr


class EchoReply32(NamedTuple):
    """ICMP_ECHO_REPLY32."""

    address: IPv4
    status: u32
    round_trip_time: u32
    data_size: u16
    replies: u16
    data: u32
    ttl: u8
    tos: u8
    flags: u8
    options_size: u8
    options: u32


# ---- rows that iphlpapi sets


class IpForwardRow(NamedTuple):
    """MIB_IPFORWARDROW."""

    destination: IPv4
    mask: IPv4
    policy: u32
    next_hop: IPv4
    interface: u32
    type: u32
    protocol: u32
    age: u32
    next_hop_system: u32
    metrics: Annotated[tuple[int, ...], Array(u32, 5)]


@padded_to(860)
class IfRow(NamedTuple):
    """MIB_IFROW; counts and a description follow."""

    name: Annotated[bytes, Bytes(512, align=2)]
    interface: u32
    type: u32
    mtu: u32
    speed: u32
    length: u32
    physical_address: Annotated[bytes, Bytes(8)]
    admin_status: u32
    oper_status: u32


class IpNetRow(NamedTuple):
    """MIB_IPNETROW."""

    interface: u32
    length: u32
    physical_address: Annotated[bytes, Bytes(8)]
    address: IPv4
    type: u32


@padded_to(80)
class UnicastRow(NamedTuple):
    """MIB_UNICASTIPADDRESS_ROW."""

    address: Inet
    luid: u64
    interface: u32
    prefix_origin: u32
    suffix_origin: u32
    valid_lifetime: u32
    preferred_lifetime: u32
    prefix_length: u8
    skip_as_source: u8
    duplicates: u32
    scope: u32
    created: u64


class IpForwardRow2(NamedTuple):
    """MIB_IPFORWARD_ROW2."""

    luid: u64
    interface: u32
    destination: Inet
    prefix_length: u8
    next_hop: Inet
    site_prefix_length: u8
    valid_lifetime: u32
    preferred_lifetime: u32
    metric: u32
    protocol: u32
    loopback: u8
    autoconfigured: u8
    publish: u8
    immortal: u8
    age: u32
    origin: u32


class IpNetRow2(NamedTuple):
    """MIB_IPNET_ROW2."""

    address: Inet
    interface: u32
    luid: u64
    physical_address: Annotated[bytes, Bytes(32)]
    length: u32
    state: u32
    flags: u8
    reachable_time: u32


@padded_to(168)
class IpInterfaceKey(NamedTuple):
    """MIB_IPINTERFACE_ROW, of which a notification tells no more than whose it is."""

    family: u16
    luid: u64
    interface: u32


class Notification(NamedTuple):
    """Lichen's own: what the loop that calls functions back gives the kernel, and gets; the row follows."""

    handle: ptr
    function: ptr
    context: ptr
    type: u32
    row: ptr
