"""Hosts and services by name and by address, as Winsock asks for them: in which order, and with which errors.

Source: getaddrinfo, gethostbyaddr (Windows' documentation); RFC 6761 for localhost, RFC 6724 for which address is first.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.network import dns
from lichen.executive.network.hosts import (
    address_of,
    hosts_of,
    lines_with,
    read_text,
    services_of,
    settings_of,
)
from lichen.executive.network.resolver import Found, Outcome, Resolver
from lichen.executive.network.sockets import Caller, InternetAddress
from lichen.executive.wait import Blocks

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 23
_PASSIVE, _CANONICAL, _NUMERIC_HOST, _NUMERIC_SERVICE = 0x1, 0x2, 0x4, 0x8
_ALL, _CONFIGURED, _MAPPED = 0x100, 0x400, 0x800
"""AI_*"""
_SOCK_STREAM, _SOCK_DGRAM = 1, 2
_WSAEINVAL: Final = 10022
_WSAEAFNOSUPPORT: Final = 10047
_WSATYPE_NOT_FOUND: Final = 10109
_WSAHOST_NOT_FOUND, _WSATRY_AGAIN, _WSANO_RECOVERY, _WSANO_DATA = 11001, 11002, 11003, 11004
_ERRORS: Final = {
    Outcome.NO_SUCH_NAME: _WSAHOST_NOT_FOUND,
    Outcome.NO_DATA: _WSANO_DATA,
    Outcome.TRY_AGAIN: _WSATRY_AGAIN,
    Outcome.FAILED: _WSAHOST_NOT_FOUND,
}
_SIZES: Final = {AF_INET: 4, AF_INET6: 16}
_TYPES: Final = {AF_INET: dns.A, AF_INET6: dns.ADDRESS_6}
_ANY: Final = (bytes(16), bytes(4))
_LOOPBACK: Final = (bytes(15) + b"\1", bytes((127, 0, 0, 1)))
_MAPPED_PREFIX: Final = bytes(10) + b"\xff\xff"
_LOOPBACK_FLAG: Final = 0x8
_GLOBAL: Final = 0


class Refused(Exception):
    """What is asked for has no answer but Winsock's error."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.error = error


class Host(NamedTuple):
    """What was found: the host's own name, its addresses, other names."""

    name: str
    addresses: tuple[InternetAddress, ...]
    aliases: tuple[str, ...] = ()


class Names:
    """What a thread asks, by the files and servers of its machine as it sees them."""

    def __init__(self, thread: Thread) -> None:
        process = thread.process
        self._context, self._machine = process.files, process.machine
        self._caller = Caller(process.files, process.id)

    @property
    def resolver(self) -> Resolver:
        settings = settings_of(read_text(self._context, "etc", "resolv.conf"), dns.PORT)
        families, scheduler = self._context.devices.families, self._machine.scheduler
        return Resolver(self._caller, families, settings, scheduler.clock, self._machine.system.host.random)

    # ---- by name

    def find(self, node: str | None, service: str | None, flags: int, family: int) -> Host | Blocks[Host]:
        """The host of a name, or what no name means; Refused."""
        if family not in (AF_UNSPEC, AF_INET, AF_INET6):
            raise Refused(_WSAEAFNOSUPPORT)
        if node is None:
            if service is None:
                raise Refused(_WSAHOST_NOT_FOUND)
            if flags & _CANONICAL:
                raise Refused(_WSAEINVAL)
            return Host("", _of_family(_ANY if flags & _PASSIVE else _LOOPBACK, family))
        if (numeric := _numeric(node)) is not None:
            return Host(node, (self._fitting(numeric, family, flags),))
        if flags & _NUMERIC_HOST or not node:
            raise Refused(_WSAHOST_NOT_FOUND)
        known = self.known(node, family)
        if known is not None:
            return known
        families = [each for each in (AF_INET, AF_INET6) if family in (AF_UNSPEC, each)]
        if flags & _CONFIGURED:
            families = [each for each in families if self._own(_SIZES[each])] or families
        return self._ask(node, families, family, flags)

    def _fitting(self, numeric: InternetAddress, family: int, flags: int) -> InternetAddress:
        if family in (AF_UNSPEC, AF_INET if len(numeric.host) == 4 else AF_INET6):
            return numeric
        if family == AF_INET6 and flags & _MAPPED:
            return numeric._replace(host=_MAPPED_PREFIX + numeric.host)
        raise Refused(_WSAHOST_NOT_FOUND)

    def known(self, node: str, family: int) -> Host | None:
        """What the machine knows by itself: its hosts file, itself."""
        wanted = node.lower().rstrip(".")
        text = lines_with(read_text(self._context, "etc", "hosts"), wanted)
        lines = [each for each in hosts_of(text) if wanted in map(str.lower, each.names)]
        fitting = _of_family(tuple(each.address for each in lines), family)
        if fitting:
            first = next(each for each in lines if each.address == fitting[0].host)
            return Host(first.names[0], fitting, tuple(n for n in first.names[1:]))
        if wanted == "localhost" or wanted.endswith(".localhost"):
            return Host(node, _of_family(_LOOPBACK, family))
        if wanted == self._machine.system.host_name.lower():
            own = _of_family(tuple(self._own(16) + self._own(4)), family)
            return Host(self._machine.system.host_name, own or _of_family(_LOOPBACK, family))
        return None

    def _own(self, size: int) -> list[bytes]:
        """The addresses by which others may know the machine."""
        configuration = self._context.devices.families.configuration
        if configuration is None:
            return []
        here = {each.index for each in configuration.interfaces() if each.flags & _LOOPBACK_FLAG}
        return [
            each.host
            for each in configuration.addresses()
            if len(each.host) == size and each.scope == _GLOBAL and each.interface not in here
        ]

    def _ask(self, node: str, families: list[int], family: int, flags: int) -> Blocks[Host]:
        found = yield from self.resolver.search(node, [_TYPES[each] for each in families])
        if family == AF_INET6 and flags & _MAPPED and (flags & _ALL or found.outcome != Outcome.FOUND):
            older = yield from self.resolver.search(node, [dns.A])
            found = Found(min(found.outcome, older.outcome), found.answers + older.answers)
        if found.outcome != Outcome.FOUND:
            raise Refused(_ERRORS[found.outcome])
        addresses: list[InternetAddress] = []
        name = node
        for answer in found.answers:
            name, data = answer.of(answer.type)
            addresses += [InternetAddress(each, 0) for each in data if len(each) in (4, 16)]
        if family == AF_INET6:
            addresses = [
                each if len(each.host) == 16 else each._replace(host=_MAPPED_PREFIX + each.host)
                for each in addresses
            ]
        newer_first = bool(self._own(16))
        addresses.sort(key=lambda each: (len(each.host) == 4) == newer_first)
        if not addresses:
            raise Refused(_WSANO_DATA)
        return Host(name, tuple(addresses))

    # ---- by address

    def name_of(self, address: InternetAddress) -> Host | Blocks[Host]:
        """The host of an address; Refused."""
        text = read_text(self._context, "etc", "hosts")
        if len(address.host) == _SIZES[AF_INET]:  # one of version 6 has many spellings
            text = lines_with(text, self.text_of(address))
        for line in hosts_of(text):
            if line.address == address.host:
                return Host(line.names[0], (address._replace(port=0),), line.names[1:])
        if address.host in _LOOPBACK:
            return Host("localhost", (address._replace(port=0),))
        if address.host in self._own(len(address.host)):
            return Host(self._machine.system.host_name, (address._replace(port=0),))
        return self._ask_name(address)

    def _ask_name(self, address: InternetAddress) -> Blocks[Host]:
        found = yield from self.resolver.ask(dns.reverse_name(address.host), [dns.POINTER])
        if found.outcome != Outcome.FOUND:
            raise Refused(_WSATRY_AGAIN if found.outcome == Outcome.TRY_AGAIN else _WSAHOST_NOT_FOUND)
        _, names = found.answers[0].of(dns.POINTER)
        name, *aliases = (each.decode() for each in names)
        return Host(name, (address._replace(port=0),), tuple(aliases))

    @staticmethod
    def text_of(address: InternetAddress) -> str:
        """An address as its number."""
        family = socket.AF_INET if len(address.host) == 4 else socket.AF_INET6
        return socket.inet_ntop(family, address.host) + (f"%{address.scope}" if address.scope else "")

    # ---- services

    def port(self, service: str | None, kind: int, flags: int) -> int:
        """The port of a service, which may be its number; Refused."""
        if not service:
            return 0
        if service.isascii() and service.isdigit():
            if int(service) > 0xFFFF:
                raise Refused(_WSATYPE_NOT_FOUND)
            return int(service)
        protocols = {_SOCK_STREAM: ("tcp",), _SOCK_DGRAM: ("udp",)}.get(kind, ("tcp", "udp"))
        for names, number, protocol in self._services() if not flags & _NUMERIC_SERVICE else ():
            if service in names and protocol in protocols:
                return number
        raise Refused(_WSATYPE_NOT_FOUND)

    def service(self, port: int, datagrams: bool, numeric: bool) -> str:
        """The name of a port's service, or its number."""
        wanted = port, "udp" if datagrams else "tcp"
        for names, number, protocol in () if numeric else self._services():
            if (number, protocol) == wanted:
                return names[0]
        return str(port)

    def _services(self) -> list[tuple[tuple[str, ...], int, str]]:
        return services_of(read_text(self._context, "etc", "services"))


def _of_family(hosts: tuple[bytes, ...], family: int) -> tuple[InternetAddress, ...]:
    return tuple(
        InternetAddress(each, 0) for each in hosts if family == AF_UNSPEC or len(each) == _SIZES[family]
    )


def _numeric(text: str) -> InternetAddress | None:
    """The address that a text is, if it is one: in the forms of inet_aton too."""
    if "%" not in text and not any(map(str.isspace, text)):
        try:
            return InternetAddress(socket.inet_aton(text), 0)
        except (OSError, ValueError):
            pass
    return address_of(text) if ":" in text else None
