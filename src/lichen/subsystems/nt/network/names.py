"""What dnsapi asks of the name servers: who they are, and where names are looked for, as the machine's /etc/resolv.conf says.

Source: resolv.conf(5); windns.h; what dnsapi of Wine 8 and 10 passes its Unix half.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.io.lookup import Walk, find
from lichen.executive.network.sockets import AddressFamily, InternetAddress
from lichen.executive.security.modes import READ, check
from lichen.executive.status import Failure
from lichen.subsystems.nt.network.tables import packer
from lichen.subsystems.nt.records import ULONG
from lichen.subsystems.nt.records.network_requests import (
    DnsAddress,
    DnsAddressArray,
    SearchListRequest,
    ServerListRequest,
)
from lichen.subsystems.nt.sockets.addresses import FAMILIES, encode
from lichen.subsystems.nt.types import encode as utf_16

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.processes import Thread

_FILE: Final = ("etc", "resolv.conf")
_MOST: Final = 1 << 16
_MOST_SERVERS: Final = 3
_MOST_DOMAINS: Final = 6
_SUCCESS, _MORE_DATA = 0, 234
_SERVERS, _DOMAINS = packer(ServerListRequest), packer(SearchListRequest)
_ARRAY, _ADDRESS = packer(DnsAddressArray), packer(DnsAddress)


def _lines(context: FileSystemContext) -> list[list[str]]:
    """The words of each line; none when there is no such file, or it may not be read."""
    try:
        node = find(context, context.root, _FILE, Walk.FOLLOW).node
        check(context.token, node.attributes(), READ)
        data = node.read_at(0, _MOST) if node.kind == Kind.REGULAR else b""
    except Failure:
        return []
    return [line.split() for line in data.decode("utf-8", "replace").splitlines()]


def servers(context: FileSystemContext) -> list[InternetAddress]:
    """The name servers, of which a resolver asks three at most."""
    named = (words[1] for words in _lines(context) if len(words) > 1 and words[0] == "nameserver")
    hosts = [host for text in named if (host := _host(text)) is not None]
    return [InternetAddress(host, 0) for host in hosts[:_MOST_SERVERS]]


def domains(context: FileSystemContext) -> list[str]:
    """Where names are looked for: what the last line says that speaks of it."""
    found: list[str] = []
    for words in _lines(context):
        if words and words[0] == "search":
            found = words[1:]
        elif len(words) > 1 and words[0] == "domain":
            found = words[1:2]
    return found[:_MOST_DOMAINS]


def _host(text: str) -> bytes | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, text.partition("%")[0])
        except OSError:
            continue
    return None


def give_servers(thread: Thread, arguments: int) -> int:
    """The servers of a family as a DNS_ADDR_ARRAY, where there is room for it; its size in any case."""
    wanted, at, size_at = _SERVERS.read(thread.memory, arguments)
    family = FAMILIES.get(wanted)
    width = {AddressFamily.INTERNET: 4, AddressFamily.INTERNET_6: 16}.get(family or 0)
    found = [
        encode(each) for each in servers(thread.process.files) if width is None or len(each.host) == width
    ]
    head = DnsAddressArray(len(found), len(found), *(0,) * 7)
    data = _ARRAY.pack(head) + b"".join(_ADDRESS.pack(DnsAddress(each, len(each), b"")) for each in found)
    return _given(thread, at, size_at, data)


def give_domains(thread: Thread, arguments: int) -> int:
    """The list of domains, each with its NUL, and a NUL behind."""
    at, size_at = _DOMAINS.read(thread.memory, arguments)
    data = b"".join(utf_16(each + "\0") for each in domains(thread.process.files)) + b"\0\0"
    return _given(thread, at, size_at, data)


def _given(thread: Thread, at: int, size_at: int, data: bytes) -> int:
    room = ULONG.read(thread.memory, size_at)
    thread.memory.write(size_at, ULONG.pack(len(data)))
    if not at:
        return _SUCCESS
    if room < len(data):
        return _MORE_DATA
    thread.memory.write(at, data)
    return _SUCCESS
