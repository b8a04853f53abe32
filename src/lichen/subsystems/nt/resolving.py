"""Names of hosts for ws2_32: numeric addresses, `localhost` and the machine's own name; a Unix half would ask the C library.

Runtimes ask for numeric addresses at start, before they use any network. Names that only a name server knows are answered
as if none could be reached.

Source: ws2tcpip.h, winerror.h; the layouts are those of ws2_32's calls into its Unix half.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.layout import layout
from lichen.executive.network.sockets import InternetAddress
from lichen.subsystems.nt.records import MODEL, POINTER, ULONG
from lichen.subsystems.nt.records.host_names import (
    AddressHints,
    AddressInfo,
    AddressRequest,
    Hostent,
    HostRequest,
)
from lichen.subsystems.nt.sockets.addresses import encode

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_AF_UNSPEC: Final = 0
_AF_INET: Final = 2
_AF_INET6: Final = 23
_AI_PASSIVE: Final = 0x1
_AI_CANONNAME: Final = 0x2
_AI_NUMERICHOST: Final = 0x4

_ERROR_INSUFFICIENT_BUFFER: Final = 122
_WSAEINVAL: Final = 10022
_WSAEAFNOSUPPORT: Final = 10047
_WSATYPE_NOT_FOUND: Final = 10109
_WSAHOST_NOT_FOUND: Final = 11001
_WSANO_RECOVERY: Final = 11003

_LONGEST: Final = 1025
"""NI_MAXHOST, of a host's name with its end."""
_PARAMETERS, _HINTS = layout(AddressRequest, MODEL), layout(AddressHints, MODEL)
_ADDRINFO, _HOSTENT = layout(AddressInfo, MODEL), layout(Hostent, MODEL)
_BY_NAME: Final = layout(HostRequest, MODEL)
_ANY: Final = {_AF_INET6: "::", _AF_INET: "0.0.0.0"}
_LOOPBACK: Final = {_AF_INET6: "::1", _AF_INET: "127.0.0.1"}


class _Refused(Exception):
    """What is asked for has no answer but Winsock's error, the first argument."""


class _Address(NamedTuple):
    family: int
    binary: bytes
    scope: int = 0

    def encode(self, port: int) -> bytes:
        """SOCKADDR_IN or SOCKADDR_IN6."""
        return encode(InternetAddress(self.binary, port, scope=self.scope))


def get_address_information(thread: Thread, arguments: int) -> int:
    """getaddrinfo: 0, Winsock's error, or ERROR_INSUFFICIENT_BUFFER with the size that is needed."""
    memory = thread.memory
    node_at, service_at, hints_at, info_at, size_at = _PARAMETERS.read(memory, arguments)
    flags, family, kind, protocol = (
        _HINTS.read(memory, hints_at) if hints_at else AddressHints(0, _AF_UNSPEC, 0, 0)
    )
    node = memory.cstring(node_at, _LONGEST).decode("utf-8", "replace") if node_at else None
    service = memory.cstring(service_at, _LONGEST).decode("utf-8", "replace") if service_at else None
    try:
        addresses = _addresses(node, service, flags, family, thread.process.machine.system.host_name)
        port = _port(service)
    except _Refused as refused:
        (error,) = refused.args
        return int(error)
    canonical = (node or "").encode() + b"\0" if flags & _AI_CANONNAME else b""
    data = _encoded(info_at, addresses, (kind, protocol), port, canonical)
    return _given(thread, info_at, size_at, data)


def get_host_by_name(thread: Thread, arguments: int) -> int:
    """gethostbyname, which knows IPv4 alone: 0, Winsock's error, or ERROR_INSUFFICIENT_BUFFER with the size."""
    memory = thread.memory
    name_at, host_at, size_at = _BY_NAME.read(memory, arguments)
    name = memory.cstring(name_at, _LONGEST)
    try:
        text = name.decode("utf-8", "replace")
        addresses = _addresses(text, None, 0, _AF_INET, thread.process.machine.system.host_name)
    except _Refused as refused:
        (error,) = refused.args
        return int(error)
    lists = host_at + _HOSTENT.size  # no aliases, and the addresses, each list with its end
    binaries = lists + POINTER.size * (len(addresses) + 2)
    name_place = binaries + 4 * len(addresses)
    places = (0, *(binaries + 4 * number for number in range(len(addresses))), 0)
    head = _HOSTENT.pack(Hostent(name_place, lists, _AF_INET, 4, lists + POINTER.size))
    data = head + b"".join(map(POINTER.pack, places))
    data += b"".join(address.binary for address in addresses) + name + b"\0"
    return _given(thread, host_at, size_at, data)


def _given(thread: Thread, at: int, size_at: int, data: bytes) -> int:
    """Write an answer if there is room; its size is told in any case."""
    room = ULONG.read(thread.memory, size_at)
    thread.memory.write(size_at, ULONG.pack(len(data)))
    if room < len(data):
        return _ERROR_INSUFFICIENT_BUFFER
    thread.memory.write(at, data)
    return 0


def _addresses(
    node: str | None, service: str | None, flags: int, family: int, own_name: str
) -> list[_Address]:
    if family not in (_AF_UNSPEC, _AF_INET, _AF_INET6):
        raise _Refused(_WSAEAFNOSUPPORT)
    if node is None:
        if service is None:
            raise _Refused(_WSAHOST_NOT_FOUND)
        if flags & _AI_CANONNAME:
            raise _Refused(_WSAEINVAL)
        return _of_families(_ANY if flags & _AI_PASSIVE else _LOOPBACK, family)
    if (numeric := _numeric(node)) is not None:
        if family not in (_AF_UNSPEC, numeric.family):
            raise _Refused(_WSAHOST_NOT_FOUND)
        return [numeric]
    if flags & _AI_NUMERICHOST or not node:
        raise _Refused(_WSAHOST_NOT_FOUND)
    if node.lower().rstrip(".") in ("localhost", own_name.lower()):
        return _of_families(_LOOPBACK, family)
    raise _Refused(_WSANO_RECOVERY)


def _of_families(addresses: dict[int, str], family: int) -> list[_Address]:
    return [
        _Address(each, socket.inet_pton(socket.AF_INET if each == _AF_INET else socket.AF_INET6, text))
        for each, text in addresses.items()
        if family in (_AF_UNSPEC, each)
    ]


def _numeric(text: str) -> _Address | None:
    """The address that a text is, if it is one: in the forms of inet_aton, or of inet_pton with a numeric scope."""
    host, _, scope = text.partition("%")
    try:
        if not scope and not any(map(str.isspace, text)):
            return _Address(_AF_INET, socket.inet_aton(text))
    except (OSError, ValueError):
        pass
    try:
        return _Address(_AF_INET6, socket.inet_pton(socket.AF_INET6, host), int(scope or "0") & 0xFFFFFFFF)
    except (OSError, ValueError):
        return None


def _port(service: str | None) -> int:
    if not service:
        return 0
    if not (service.isascii() and service.isdigit()) or int(service) > 0xFFFF:
        raise _Refused(_WSATYPE_NOT_FOUND)
    return int(service)


def _encoded(at: int, addresses: list[_Address], what: tuple[int, int], port: int, canonical: bytes) -> bytes:
    """A list of ADDRINFO as it lies at `at`: the entries, their addresses, and the name that the first of them tells."""
    binaries = [address.encode(port) for address in addresses]
    place = at + len(addresses) * _ADDRINFO.size
    name_at = place + sum(map(len, binaries)) if canonical else 0
    entries = b""
    for number, (address, binary) in enumerate(zip(addresses, binaries, strict=True)):
        following = at + (number + 1) * _ADDRINFO.size if number + 1 < len(addresses) else 0
        hints = AddressHints(0, address.family, *what)
        entries += _ADDRINFO.pack(AddressInfo(hints, len(binary), 0 if number else name_at, place, following))
        place += len(binary)
    return entries + b"".join(binaries) + canonical
