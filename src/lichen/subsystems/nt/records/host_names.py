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
