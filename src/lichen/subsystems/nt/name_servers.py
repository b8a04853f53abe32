"""The domain name system for dnsapi: the servers and domains of the machine, and whole answers.

Source: windns.h, winerror.h; the layouts are those of dnsapi's calls into its Unix half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.network import dns
from lichen.executive.network.hosts import read_text, settings_of
from lichen.executive.network.resolver import Found, Outcome
from lichen.executive.network.sockets import InternetAddress
from lichen.executive.status import Interrupted
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.hostnames import AF_INET, AF_INET6, Names
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.host_names import (
    QueryRequest,
    SearchRequest,
    ServerAddress,
    ServerArray,
    ServersRequest,
)
from lichen.subsystems.nt.sockets.addresses import encode
from lichen.subsystems.nt.state import nt_of_process

if TYPE_CHECKING:
    from lichen.executive.network.hosts import Settings
    from lichen.executive.processes import Thread

_SEARCH, _SERVERS, _QUERY = (layout(each, MODEL) for each in (SearchRequest, ServersRequest, QueryRequest))
_ARRAY, _ADDRESS = layout(ServerArray, MODEL), layout(ServerAddress, MODEL)
_ACCEPT_CUT, _STREAM_ONLY, _NOT_RECURSIVE, _NOT_BY_WIRE, _NOT_BY_FILE = 0x1, 0x2, 0x4, 0x10, 0x40
"""DNS_QUERY_ACCEPT_TRUNCATED_RESPONSE, USE_TCP_ONLY, NO_RECURSION, NO_WIRE_QUERY, NO_HOSTS_FILE"""
_ERROR_INVALID_NAME: Final = 123
_ERROR_MORE_DATA: Final = 234
_ERROR_TIMEOUT: Final = 1460
_SERVER_FAILURE, _NAME_ERROR, _NO_RECORDS = 9002, 9003, 9501
_NO_RECORD_HERE: Final = 9701  # DNS_ERROR_RECORD_DOES_NOT_EXIST
_ERRORS: Final = {
    Outcome.NO_SUCH_NAME: _NAME_ERROR,
    Outcome.NO_DATA: _NO_RECORDS,
    Outcome.FAILED: _ERROR_INVALID_NAME,
}
_FAMILIES: Final = {dns.A: AF_INET, dns.ADDRESS_6: AF_INET6}
_FAMILY_SIZES: Final = {AF_INET: 4, AF_INET6: 16}
_LONGEST: Final = 1025
_MOST_SERVERS: Final = 3


def _settings(thread: Thread) -> Settings:
    return settings_of(read_text(thread.process.files, "etc", "resolv.conf"), dns.PORT)


def get_search_list(thread: Thread, arguments: int) -> int:
    """The domains that are searched, each with its end, and an end of the list."""
    at, size_at = _SEARCH.read(thread.memory, arguments)
    texts = "".join(each + "\0" for each in _settings(thread).search) + "\0"
    return _given(thread, at, size_at, texts.encode("utf-16-le"))


def get_servers(thread: Thread, arguments: int) -> int:
    """The name servers of a family, or all of them.

    That there is none is an empty list and no error, for which iphlpapi would tell no addresses either.
    """
    family, at, size_at = _SERVERS.read(thread.memory, arguments)
    size = _FAMILY_SIZES.get(family)
    servers = [each for each in _settings(thread).servers if size in (None, len(each.host))]
    data = _ARRAY.pack(ServerArray(len(servers), len(servers)))
    for server in servers:
        name = encode(server._replace(port=0))
        data += _ADDRESS.pack(ServerAddress(name.ljust(32, b"\0"), len(name)))
    return _given(thread, at, size_at, data)


def set_servers(thread: Thread, arguments: int) -> int:
    """Have what the process asks from now on be asked of other servers: an IP4_ARRAY; none changes nothing."""
    count = ULONG.read(thread.memory, arguments) if arguments else 0
    if count:
        data = thread.memory.read(arguments + ULONG.size, 4 * min(count, _MOST_SERVERS))
        nt_of_process(thread.process).name_servers = tuple(
            InternetAddress(data[at : at + 4], dns.PORT) for at in range(0, len(data), 4)
        )
    return 0


def query(thread: Thread, arguments: int) -> int | Blocks[int]:
    """Ask for records of a type: the answer as it came; 0, or an error of Windows'."""
    name_at, type, options, at, size_at = _QUERY.read(thread.memory, arguments)
    name = thread.memory.cstring(name_at, _LONGEST).decode("utf-8", "replace").rstrip(".")
    names = Names(thread)
    if type in _FAMILIES and not options & _NOT_BY_FILE:
        known = names.known(name, _FAMILIES[type])
        if known is not None and known.addresses:
            hosts = [address.host for address in known.addresses]
            return _told(thread, at, size_at, dns.answer(name, type, hosts))
    if options & _NOT_BY_WIRE:
        return _NO_RECORD_HERE
    resolver = names.resolver
    if chosen := nt_of_process(thread.process).name_servers:
        resolver.settings = resolver.settings._replace(servers=chosen)
    resolver.recursive = not options & _NOT_RECURSIVE
    resolver.only_streams, resolver.takes_cut = bool(options & _STREAM_ONLY), bool(options & _ACCEPT_CUT)
    return _asked(thread, resolver.ask(name, [type]), at, size_at)


def _asked(thread: Thread, asking: Blocks[Found], at: int, size_at: int) -> Blocks[int]:
    try:
        outcome, answers = yield from asking
    except Interrupted:
        return _ERROR_TIMEOUT
    if outcome == Outcome.TRY_AGAIN:
        return _SERVER_FAILURE if answers else _ERROR_TIMEOUT
    if outcome != Outcome.FOUND:
        return _ERRORS[outcome]
    return _told(thread, at, size_at, answers[0].message)


def _told(thread: Thread, at: int, size_at: int, message: bytes) -> int:
    room = ULONG.read(thread.memory, size_at)
    thread.memory.write(size_at, ULONG.pack(len(message)))
    if room < len(message):
        return _ERROR_MORE_DATA
    thread.memory.write(at, message)
    return 0


def _given(thread: Thread, at: int, size_at: int, data: bytes) -> int:
    """As `_told`; who gives no place only wants the size."""
    if at:
        return _told(thread, at, size_at, data)
    thread.memory.write(size_at, ULONG.pack(len(data)))
    return 0
