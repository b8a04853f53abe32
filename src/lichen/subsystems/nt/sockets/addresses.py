"""SOCKADDR_IN and SOCKADDR_IN6 as the executive's addresses, and Winsock's numbers of families.

Source: ws2def.h, ws2ipdef.h.
"""

from __future__ import annotations

from typing import Final

from lichen.abi.layout import layout, layout_of, u16
from lichen.executive.network.sockets import Address, AddressFamily, InternetAddress
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt.records import MODEL, host_names

AF_INET: Final = 2
AF_INET6: Final = 23
FAMILIES: Final = {
    AF_INET: AddressFamily.INTERNET,
    AF_INET6: AddressFamily.INTERNET_6,
}
_HOST_SIZE: Final = {AF_INET: 4, AF_INET6: 16}
_FAMILY: Final = layout_of(u16, MODEL)
_IN, _IN_6 = layout(host_names.InternetAddress, MODEL), layout(host_names.InternetAddress6, MODEL)
SIZES: Final = {AF_INET: _IN.size, AF_INET6: _IN_6.size}


def decode(data: bytes, family: int) -> InternetAddress:
    """The address in a sockaddr for a socket of an executive's `family`; INVALID_PARAMETER, INVALID_ADDRESS."""
    if len(data) < _FAMILY.size:
        raise Failure(Status.INVALID_PARAMETER)
    given = _FAMILY.unpack(data)
    if FAMILIES.get(given) != family:
        raise Failure(Status.INVALID_ADDRESS)
    if len(data) < SIZES[given]:
        raise Failure(Status.INVALID_PARAMETER)
    if given == AF_INET:
        found = _IN.unpack(data)
        return InternetAddress(found.address, int.from_bytes(found.port, "big"))
    _, port, flow, host, scope = _IN_6.unpack(data)
    return InternetAddress(host, int.from_bytes(port, "big"), int.from_bytes(flow, "big") & 0xFFFFF, scope)


def encode(address: Address | None) -> bytes:
    """The sockaddr of an address; none for what is no internet address."""
    if not isinstance(address, InternetAddress):
        return b""
    port = address.port.to_bytes(2, "big")
    if len(address.host) == _HOST_SIZE[AF_INET]:
        return _IN.pack(host_names.InternetAddress(AF_INET, port, address.host))
    flow = address.flow.to_bytes(4, "big")
    return _IN_6.pack(host_names.InternetAddress6(AF_INET6, port, flow, address.host, address.scope))


def unspecified(family: int) -> InternetAddress:
    """Any host and port, for a socket that is bound by what it does first."""
    return InternetAddress(bytes(4 if family == AddressFamily.INTERNET else 16), 0)
