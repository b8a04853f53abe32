"""Names of hosts for ws2_32, whose Unix half would ask the C library: the machine's files first, then its name servers.

Whoever asks for what only a server knows waits as in any call that blocks, and nobody else does.

Source: ws2tcpip.h, winerror.h; the layouts are those of ws2_32's calls into its Unix half.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.network.sockets import InternetAddress
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import Blocks, then
from lichen.subsystems.nt.hostnames import AF_INET, AF_INET6, AF_UNSPEC, Host, Names, Refused
from lichen.subsystems.nt.records import MODEL, POINTER, ULONG
from lichen.subsystems.nt.records.host_names import (
    AddressHints,
    AddressInfo,
    AddressOfHost,
    AddressRequest,
    Hostent,
    HostRequest,
    NameRequest,
)
from lichen.subsystems.nt.sockets.addresses import FAMILIES, SIZES, decode, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_AI_CANONNAME: Final = 0x2
_NAME_REQUIRED, _NUMERIC_HOST, _NUMERIC_SERVICE, _NO_DOMAIN, _DATAGRAM = 0x4, 0x2, 0x8, 0x1, 0x10
"""NI_*"""
_SOCK_DGRAM: Final = 2
_SIZES: Final = {4: AF_INET, 16: AF_INET6}

_ERROR_INSUFFICIENT_BUFFER: Final = 122
_WSAEFAULT: Final = 10014
_WSAEINVAL: Final = 10022
_WSAEAFNOSUPPORT: Final = 10047
_WSATRY_AGAIN: Final = 11002
_WSAHOST_NOT_FOUND: Final = 11001

_LONGEST: Final = 1025
"""NI_MAXHOST, of a host's name with its end."""
_LONGEST_NAME: Final = 128
"""Of a sockaddr that may be any."""
_PARAMETERS, _HINTS = layout(AddressRequest, MODEL), layout(AddressHints, MODEL)
_ADDRINFO, _HOSTENT = layout(AddressInfo, MODEL), layout(Hostent, MODEL)
_BY_NAME, _BY_ADDRESS = layout(HostRequest, MODEL), layout(AddressOfHost, MODEL)
_NAME_INFO: Final = layout(NameRequest, MODEL)


def _answered(ask: Callable[[], Host | Blocks[Host]], tell: Callable[[Host], int]) -> int | Blocks[int]:
    """Tell what was found; Winsock's error where nothing was."""
    try:
        found = ask()
        if type(found) is GeneratorType:
            return _answered_later(found, tell)
        assert isinstance(found, Host)
        return tell(found)
    except Refused as refused:
        return refused.error


def _answered_later(asking: Blocks[Host], tell: Callable[[Host], int]) -> Blocks[int]:
    try:
        found = yield from asking
    except Refused as refused:
        return refused.error
    except Interrupted:
        return _WSATRY_AGAIN
    return tell(found)


def get_address_information(thread: Thread, arguments: int) -> int | Blocks[int]:
    """getaddrinfo: 0, Winsock's error, or ERROR_INSUFFICIENT_BUFFER with the size that is needed."""
    memory = thread.memory
    node_at, service_at, hints_at, info_at, size_at = _PARAMETERS.read(memory, arguments)
    flags, family, kind, protocol = (
        _HINTS.read(memory, hints_at) if hints_at else AddressHints(0, AF_UNSPEC, 0, 0)
    )
    node, service = (_text(thread, at) if at else None for at in (node_at, service_at))
    names = Names(thread)

    def tell(found: Host) -> int:
        port = names.port(service, kind, flags)
        canonical = found.name.encode() + b"\0" if flags & _AI_CANONNAME else b""
        data = _encoded(info_at, found, (kind, protocol), port, canonical)
        return _given(thread, info_at, size_at, data)

    def checked(found: Host) -> int:
        try:
            return tell(found)
        except Refused as refused:
            return refused.error

    return _answered(lambda: names.find(node, service, flags, family), checked)


def get_host_by_name(thread: Thread, arguments: int) -> int | Blocks[int]:
    """gethostbyname, which knows IPv4 alone: 0, Winsock's error, or ERROR_INSUFFICIENT_BUFFER with the size."""
    name_at, host_at, size_at = _BY_NAME.read(thread.memory, arguments)
    name = _text(thread, name_at)
    return _answered(
        lambda: Names(thread).find(name, None, 0, AF_INET),
        lambda found: _give_host(thread, found, host_at, size_at),
    )


def get_host_by_address(thread: Thread, arguments: int) -> int | Blocks[int]:
    """gethostbyaddr: 0, Winsock's error, or ERROR_INSUFFICIENT_BUFFER with the size."""
    address_at, size, family, host_at, size_at = _BY_ADDRESS.read(thread.memory, arguments)
    if _SIZES.get(size) != family:
        return _WSAEAFNOSUPPORT if family not in (AF_INET, AF_INET6) else _WSAEFAULT
    address = InternetAddress(thread.memory.read(address_at, size), 0)
    return _answered(
        lambda: Names(thread).name_of(address),
        lambda found: _give_host(thread, found, host_at, size_at),
    )


def get_name_information(thread: Thread, arguments: int) -> int | Blocks[int]:
    """getnameinfo: the name of a host and of a service, or their numbers; 0, or Winsock's error."""
    memory = thread.memory
    address_at, size, host_at, host_room, service_at, service_room, flags = _NAME_INFO.read(memory, arguments)
    data = memory.read(address_at, min(size, _LONGEST_NAME))
    family = int.from_bytes(data[:2], "little")
    if size < SIZES.get(family, 0) or len(data) < 2:
        return _WSAEFAULT
    if family not in SIZES:
        return _WSAEAFNOSUPPORT
    try:
        address = decode(data, FAMILIES[family])
    except Failure:
        return _WSAEINVAL
    names = Names(thread)

    def tell(found: Host) -> int:
        host = found.name.partition(".")[0] if flags & _NO_DOMAIN else found.name
        service = names.service(address.port, bool(flags & _DATAGRAM), bool(flags & _NUMERIC_SERVICE))
        for text, at, room in ((host, host_at, host_room), (service, service_at, service_room)):
            if at and room:
                data = text.encode() + b"\0"
                if len(data) > room:
                    return _ERROR_INSUFFICIENT_BUFFER
                memory.write(at, data)
        return 0

    numeric = names.text_of(address)
    if flags & _NUMERIC_HOST or not host_at or not host_room:
        return tell(Host(numeric, ()))

    def found_or_number(found: int | Host) -> int:
        if (
            isinstance(found, int)
            and found in (_WSAHOST_NOT_FOUND, _WSATRY_AGAIN)
            and not flags & _NAME_REQUIRED
        ):
            return tell(Host(numeric, ()))
        return found if isinstance(found, int) else tell(found)

    named: list[Host] = []

    def keep(found: Host) -> int:
        named.append(found)
        return 0

    return then(
        _answered(lambda: names.name_of(address), keep),
        lambda error: found_or_number(named[0] if named else error),
    )


def _text(thread: Thread, at: int) -> str:
    return thread.memory.cstring(at, _LONGEST).decode("utf-8", "replace")


def _given(thread: Thread, at: int, size_at: int, data: bytes) -> int:
    """Write an answer if there is room; its size is told in any case."""
    room = ULONG.read(thread.memory, size_at)
    thread.memory.write(size_at, ULONG.pack(len(data)))
    if room < len(data):
        return _ERROR_INSUFFICIENT_BUFFER
    thread.memory.write(at, data)
    return 0


def _give_host(thread: Thread, host: Host, at: int, size_at: int) -> int:
    """A HOSTENT: its two lists, each with its end, what they lead to, and the name."""
    size = len(host.addresses[0].host)
    aliases = [alias.encode() + b"\0" for alias in host.aliases]
    lists = at + _HOSTENT.size
    binaries = lists + POINTER.size * (len(aliases) + 1 + len(host.addresses) + 1)
    texts = binaries + size * len(host.addresses)
    alias_places, place = [], texts
    for alias in aliases:
        alias_places.append(place)
        place += len(alias)
    places = (
        *alias_places,
        0,
        *(binaries + size * number for number in range(len(host.addresses))),
        0,
    )
    addresses_at = lists + POINTER.size * (len(aliases) + 1)
    data = _HOSTENT.pack(Hostent(place, lists, _SIZES[size], size, addresses_at))
    data += b"".join(map(POINTER.pack, places))
    data += b"".join(address.host for address in host.addresses) + b"".join(aliases)
    return _given(thread, at, size_at, data + host.name.encode() + b"\0")


def _encoded(at: int, found: Host, what: tuple[int, int], port: int, canonical: bytes) -> bytes:
    """A list of ADDRINFO as it lies at `at`: the entries, their addresses, and the name that the first of them tells."""
    binaries = [encode(address._replace(port=port)) for address in found.addresses]
    place = at + len(binaries) * _ADDRINFO.size
    name_at = place + sum(map(len, binaries)) if canonical else 0
    entries = b""
    for number, (address, binary) in enumerate(zip(found.addresses, binaries, strict=True)):
        following = at + (number + 1) * _ADDRINFO.size if number + 1 < len(binaries) else 0
        hints = AddressHints(0, _SIZES[len(address.host)], *what)
        entries += _ADDRINFO.pack(AddressInfo(hints, len(binary), 0 if number else name_at, place, following))
        place += len(binary)
    return entries + b"".join(binaries) + canonical
