"""What ws2_32 and its Unix half exchange of names of hosts.

Source: ws2def.h, winsock2.h; the requests as ws2_32 of Wine passes them.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i16, i32, ptr, u16, u32


class AddressRequest(NamedTuple):
    """Node, service, hints, where the answer goes, where its size is."""

    node: ptr
    service: ptr
    hints: ptr
    info: ptr
    size: ptr


class HostRequest(NamedTuple):
    """The name, where the answer goes, where its size is."""

    name: ptr
    host: ptr
    size: ptr


class AddressOfHost(NamedTuple):
    """The address, its size and family, where the answer goes, where its size is."""

    address: ptr
    address_size: i32
    family: i32
    host: ptr
    size: ptr


class NameRequest(NamedTuple):
    """The sockaddr and its size; where the names of the host and the service go, and how much room is there; flags."""

    address: ptr
    address_size: i32
    host: ptr
    host_room: u32
    service: ptr
    service_room: u32
    flags: u32


class SearchRequest(NamedTuple):
    """dnsapi: where the domains that are searched go, and their size."""

    list: ptr
    size: ptr


class ServersRequest(NamedTuple):
    """dnsapi: servers of which family, where their DNS_ADDR_ARRAY goes, and its size."""

    family: u16
    addresses: ptr
    size: ptr


class QueryRequest(NamedTuple):
    """dnsapi: the name, the type of records, options, where the message goes, and its size."""

    name: ptr
    type: u16
    options: u32
    message: ptr
    size: ptr


class ServerArray(NamedTuple):
    """The head of DNS_ADDR_ARRAY."""

    most: u32
    number: u32
    tag: u32 = 0
    family: u16 = 0
    reserved: Annotated[bytes, Bytes(18, align=2)] = b""


class ServerAddress(NamedTuple):
    """DNS_ADDR: a sockaddr with the room of any, and its size in what else is known."""

    address: Annotated[bytes, Bytes(32)]
    address_size: u32
    reserved: Annotated[bytes, Bytes(28, align=4)] = b""


class AddressHints(NamedTuple):
    """The head of ADDRINFOA, which is all that a caller says."""

    flags: i32
    family: i32
    socktype: i32
    protocol: i32


class AddressInfo(NamedTuple):
    """ADDRINFOA."""

    hints: AddressHints
    addrlen: ptr
    canonname: ptr
    addr: ptr
    next: ptr


class Hostent(NamedTuple):
    """HOSTENT."""

    name: ptr
    aliases: ptr
    addrtype: i16
    length: i16
    addr_list: ptr


class InternetAddress(NamedTuple):
    """SOCKADDR_IN; port and address are in network order."""

    family: u16
    port: Annotated[bytes, Bytes(2, align=2)]
    address: Annotated[bytes, Bytes(4, align=4)]
    zero: Annotated[bytes, Bytes(8)] = b""


class InternetAddress6(NamedTuple):
    """SOCKADDR_IN6; port and flow are in network order."""

    family: u16
    port: Annotated[bytes, Bytes(2, align=2)]
    flowinfo: Annotated[bytes, Bytes(4, align=4)]
    address: Annotated[bytes, Bytes(16, align=2)]
    scope_id: u32
