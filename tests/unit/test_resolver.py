"""Names by name servers: who is asked, in which order, what is believed, and what comes of none."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import count
from typing import Any, cast

import pytest

from lichen.executive.network import dns
from lichen.executive.network.hosts import Settings, hosts_of, lines_with, services_of, settings_of
from lichen.executive.network.resolver import Found, Outcome, Resolver
from lichen.executive.network.sockets import AddressFamily, InternetAddress, Socket
from lichen.executive.wait import Blocks
from tests.unit.filesystems.test_host_sockets import Loopback
from tests.unit.name_server import AAAA, CNAME, PTR, SERVER_FAILURE, A, NameServer, cut, wire

HOST = bytes((192, 0, 2, 7))
HOST_6 = bytes.fromhex("20010db8000000000000000000000009")
HERE = bytes((127, 0, 0, 1))


@pytest.fixture
def server() -> Iterator[NameServer]:
    made = NameServer(
        {
            ("host.test", A): [("host.test", A, HOST)],
            ("host.test", AAAA): [("host.test", AAAA, HOST_6)],
            ("alias.test", A): [("alias.test", CNAME, wire("Host.Test")), ("host.test", A, HOST)],
            ("inner.domain.test", A): [("inner.domain.test", A, HOST)],
            ("7.2.0.192.in-addr.arpa", PTR): [("7.2.0.192.in-addr.arpa", PTR, wire("host.test"))],
        }
    )
    yield made
    made.close()


@pytest.fixture
def kernel() -> Iterator[Loopback]:
    made = Loopback()
    yield made
    made.close()


def resolver(kernel: Loopback, settings: Settings) -> Resolver:
    numbers = count(1)
    return Resolver(
        kernel.caller,
        kernel.devices.families,
        settings,
        lambda: kernel.now,
        lambda size: next(numbers).to_bytes(size, "big"),
    )


def settings(server: NameServer, **others: object) -> Settings:
    return Settings((InternetAddress(HERE, server.port),), **others)  # type: ignore[arg-type]


def finish(kernel: Loopback, asking: Blocks[Found]) -> Found:
    return cast(Found, kernel.finish(cast(Any, asking)))


def ask(kernel: Loopback, server: NameServer, name: str, *types: int, **others: object) -> Found:
    return finish(kernel, resolver(kernel, settings(server, **others)).search(name, types))


def test_both_kinds_of_addresses_are_asked_for_at_once(kernel: Loopback, server: NameServer) -> None:
    found = ask(kernel, server, "host.test", A, AAAA)
    assert found.outcome == Outcome.FOUND
    assert [each.of(each.type)[1] for each in found.answers] == [[HOST], [HOST_6]]
    assert [how for _, _, how in server.asked] == ["datagram", "datagram"]


def test_an_alias_leads_to_its_host(kernel: Loopback, server: NameServer) -> None:
    (answer,) = ask(kernel, server, "ALIAS.test", A).answers
    assert answer.of(A) == ("host.test", [HOST])


def test_what_there_is_not(kernel: Loopback, server: NameServer) -> None:
    assert ask(kernel, server, "nobody.test", A).outcome == Outcome.NO_SUCH_NAME
    assert ask(kernel, server, "inner.domain.test", AAAA).outcome == Outcome.NO_DATA
    assert ask(kernel, server, "two..dots", A).outcome == Outcome.FAILED
    assert ask(kernel, server, "x" * 64, A).outcome == Outcome.FAILED
    assert ask(kernel, server, "bücher.test", A).outcome == Outcome.FAILED


def test_domains_are_searched_for_names_with_few_dots(kernel: Loopback, server: NameServer) -> None:
    assert ask(kernel, server, "inner", A, search=("other.test", "domain.test")).outcome == Outcome.FOUND
    assert [name for name, _, _ in server.asked] == ["inner.other.test", "inner.domain.test"]
    server.asked.clear()
    assert ask(kernel, server, "inner.", A, search=("domain.test",)).outcome == Outcome.NO_SUCH_NAME
    assert [name for name, _, _ in server.asked] == ["inner"]
    server.asked.clear()
    ask(kernel, server, "a.b", A, search=("domain.test",), dots=2)
    assert [name for name, _, _ in server.asked] == ["a.b.domain.test", "a.b"]


def test_an_answer_that_was_cut_is_asked_for_by_a_connection(kernel: Loopback, server: NameServer) -> None:
    server.change = cut
    (answer,) = ask(kernel, server, "host.test", A).answers
    assert answer.of(A)[1] == [HOST]
    assert [how for _, _, how in server.asked] == ["datagram", "stream"]


def test_a_server_that_does_not_know_is_asked_again_and_then_others(
    kernel: Loopback, server: NameServer
) -> None:
    server.code = SERVER_FAILURE
    found = ask(kernel, server, "host.test", A, attempts=2)
    assert found.outcome == Outcome.TRY_AGAIN
    assert [answer.code for answer in found.answers] == [SERVER_FAILURE]
    assert len(server.asked) == 2
    other = NameServer(server.answers)
    try:
        both = Settings((InternetAddress(HERE, server.port), InternetAddress(HERE, other.port)))
        assert finish(kernel, resolver(kernel, both).search("host.test", [A])).outcome == Outcome.FOUND
    finally:
        other.close()


def test_silence_ends_with_the_time_for_it(kernel: Loopback, server: NameServer) -> None:
    server.change = lambda reply: []
    before = kernel.now
    found = ask(kernel, server, "host.test", A, timeout=1, attempts=2)
    assert found == Found(Outcome.TRY_AGAIN)
    assert 2 <= kernel.now - before < 3


def test_nobody_there_is_known_at_once(kernel: Loopback) -> None:
    nowhere = Settings((InternetAddress(HERE, 1),), attempts=1)
    before = kernel.now
    assert finish(kernel, resolver(kernel, nowhere).search("host.test", [A])).outcome == Outcome.TRY_AGAIN
    assert kernel.now - before < 1


def test_only_answers_to_the_question_are_believed(kernel: Loopback, server: NameServer) -> None:
    def strangers(reply: bytes) -> list[bytes]:
        other = server.reply(
            b"\0\1" + reply[2:4] + b"\0\1\0\0\0\0\0\0" + wire("alias.test") + b"\0\1\0\1", ""
        )
        number = struct.pack(">H", struct.unpack(">H", reply[:2])[0] ^ 0x100)
        return [b"", b"\0" * 5, number + reply[2:], reply[:2] + other[2:], reply[:20], reply]

    server.change = strangers
    (answer,) = ask(kernel, server, "host.test", A).answers
    assert answer.of(A)[1] == [HOST]


def test_names_of_addresses(kernel: Loopback, server: NameServer) -> None:
    (answer,) = ask(kernel, server, dns.reverse_name(HOST), PTR).answers
    assert answer.of(PTR)[1] == [b"host.test"]
    assert dns.reverse_name(HOST_6).startswith("9.0.0.0.0.")
    assert dns.reverse_name(HOST_6).endswith(".1.0.0.2.ip6.arpa")


def test_nothing_is_left_behind(kernel: Loopback, server: NameServer) -> None:
    made: list[Socket] = []
    family = kernel.devices.families.get(AddressFamily.INTERNET)

    class Noting:
        def create(self, *arguments: Any) -> Socket:
            made.append(family.create(*arguments))
            return made[-1]

        pair = family.pair

    kernel.devices.families.register(AddressFamily.INTERNET, Noting())
    server.change = cut
    ask(kernel, server, "host.test", A, AAAA)
    assert len(made) == 3
    assert [each.references for each in made] == [0, 0, 0]


def test_who_stops_asking_leaves_nothing_behind(kernel: Loopback, server: NameServer) -> None:
    server.change = lambda reply: []
    asking = resolver(kernel, settings(server)).search("host.test", [A])
    waits_for = next(asking)
    (socket,) = {getattr(each, "file", None) for each in waits_for.objects}
    assert isinstance(socket, Socket)
    asking.close()
    assert socket.references == 0


def test_lines_of_long_files_are_found() -> None:
    text = "127.0.0.1 Here\n" + "192.0.2.1 other\n" * 3
    assert lines_with(text, "here") == "127.0.0.1 Here"
    assert lines_with(text, "nowhere") == ""


@pytest.mark.parametrize("size", range(60))
def test_no_message_is_too_short_to_be_refused(size: int) -> None:
    whole = dns.answer("host.test", A, [HOST])
    if size < len(whole):
        with pytest.raises(dns.Malformed):
            dns.parse(whole[:size])


def test_names_that_lead_around_are_refused() -> None:
    head = struct.pack(">6H", 1, 0x8000, 1, 0, 0, 0)
    for name in (b"\xc0\x0c", b"\1a\xc0\x0c", b"\x3f" + b"x" * 10):
        with pytest.raises(dns.Malformed):
            dns.parse(head + name + b"\0\1\0\1")


def test_the_machines_files() -> None:
    assert settings_of("", 53).servers == (InternetAddress(HERE, 53),)
    found = settings_of(
        "# a\nnameserver 192.0.2.7 ; b\nnameserver nonsense\nnameserver 2001:db8::9\nsearch A. b\n"
        "options ndots:3 timeout:99 attempts:1 rotate ndots:x\n",
        53,
    )
    assert found == Settings(
        (InternetAddress(HOST, 53), InternetAddress(HOST_6, 53)), ("A", "b"), dots=3, timeout=30, attempts=1
    )
    assert [(each.address, each.names) for each in hosts_of("127.0.0.1 a b # c\n\nx y\n::1\n")] == [
        (HERE, ("a", "b"))
    ]
    assert services_of("http 80/tcp www\nbad x/udp\nlone\nhigh 99999/tcp\n") == [(("http", "www"), 80, "tcp")]
