"""SOCKADDR_IN and SOCKADDR_IN6 as the executive's addresses, and Winsock's numbers of families.

Source: ws2def.h, ws2ipdef.h.
"""

from __future__ import annotations

import struct
from typing import Final

from lichen.executive.network.sockets import Address, AddressFamily, InternetAddress
from lichen.executive.status import Failure, Status

AF_INET: Final = 2
AF_INET6: Final = 23
FAMILIES: Final = {
    AF_INET: AddressFamily.INTERNET,
    AF_INET6: AddressFamily.INTERNET_6,
}
_HOST_SIZE: Final = {AF_INET: 4, AF_INET6: 16}
_FAMILY: Final = struct.Struct("<H")
_PORT: Final = struct.Struct(">H")
_FLOW: Final = struct.Struct(">I")
_SCOPE: Final = struct.Struct("<I")
SIZES: Final = {AF_INET: 16, AF_INET6: 28}


def decode(data: bytes, family: int) -> InternetAddress:
    """The address in a sockaddr for a socket of an executive's `family`; INVALID_PARAMETER, INVALID_ADDRESS."""
    if len(data) < _FAMILY.size:
        raise Failure(Status.INVALID_PARAMETER)
    (given,) = _FAMILY.unpack_from(data)
    if FAMILIES.get(given) != family:
        raise Failure(Status.INVALID_ADDRESS)
    if len(data) < SIZES[given]:
        raise Failure(Status.INVALID_PARAMETER)
    (port,) = _PORT.unpack_from(data, 2)
    if given == AF_INET:
        return InternetAddress(data[4:8], port)
    (flow,), (scope,) = _FLOW.unpack_from(data, 4), _SCOPE.unpack_from(data, 24)
    return InternetAddress(data[8:24], port, flow & 0xFFFFF, scope)


def encode(address: Address | None) -> bytes:
    """The sockaddr of an address; none for what is no internet address."""
    if not isinstance(address, InternetAddress):
        return b""
    if len(address.host) == _HOST_SIZE[AF_INET]:
        return _FAMILY.pack(AF_INET) + _PORT.pack(address.port) + address.host + bytes(8)
    start = _FAMILY.pack(AF_INET6) + _PORT.pack(address.port) + _FLOW.pack(address.flow)
    return start + address.host + _SCOPE.pack(address.scope)


def unspecified(family: int) -> InternetAddress:
    """Any host and port, for a socket that is bound by what it does first."""
    return InternetAddress(bytes(4 if family == AddressFamily.INTERNET else 16), 0)
