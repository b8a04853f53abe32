"""What guests say to the host about a network: only what is known passes, whatever is hidden in it."""

from __future__ import annotations

import random
import struct

import pytest

from lichen.executive.status import Failure, Status
from lichen.filesystems.sockets import route_messages
from lichen.filesystems.sockets.rtnetlink import (
    ADDRESS,
    INTERFACE,
    NEIGHBOUR,
    ROUTE,
    Kind,
    attribute,
    request,
)

LINK = INTERFACE.pack(0, 0, 1, 0, 0)
RULE = bytes((2, *[0] * 11))
NEW_ADDRESS = ADDRESS.pack(2, 24, 0, 0, 1) + attribute(2, bytes((10, 0, 0, 1)))
NEW_ROUTE = ROUTE.pack(2, 8, 0, 0, 254, 3, 0, 1, 0) + attribute(1, bytes((10, 0, 0, 0)))
IFLA_LINKINFO, IFLA_AF_SPEC, RTA_METRICS, RTA_MULTIPATH = 18, 26, 8, 9


def status_of(type: int, body: bytes, may_change: bool = True) -> int:
    try:
        route_messages.check(request(type, 0, body), may_change)
    except Failure as failure:
        return failure.status
    return Status.SUCCESS


def veth(*of_peer: bytes) -> bytes:
    """A new veth whose other end is to have these attributes."""
    peer = attribute(1, LINK + b"".join(of_peer))
    return LINK + attribute(IFLA_LINKINFO, attribute(1, "veth") + attribute(2, peer))


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (Kind.NEW_LINK, LINK + attribute(3, "name") + attribute(4, 1500)),
        (Kind.NEW_LINK, LINK + attribute(IFLA_LINKINFO, attribute(1, "dummy"))),
        (Kind.NEW_LINK, veth(attribute(3, "peer"))),
        (Kind.SET_LINK, LINK + attribute(10, 7)),
        (Kind.DELETE_LINK, LINK),
        (Kind.NEW_ADDRESS, NEW_ADDRESS),
        (Kind.DELETE_ADDRESS, NEW_ADDRESS),
        (Kind.NEW_ROUTE, NEW_ROUTE),
        (Kind.NEW_ROUTE, NEW_ROUTE + attribute(RTA_METRICS, attribute(2, 1400))),
        (Kind.NEW_ROUTE, NEW_ROUTE + attribute(RTA_MULTIPATH, struct.pack("<HBBi", 8, 0, 0, 1) * 2)),
        (Kind.DELETE_ROUTE, NEW_ROUTE),
        (Kind.NEW_NEIGHBOUR, NEIGHBOUR.pack(2, 1, 128, 0, 0) + attribute(1, bytes((10, 0, 0, 9)))),
        (Kind.NEW_RULE, RULE + attribute(15, 100)),
    ],
)
def test_administrators_change_what_is_known(type: int, body: bytes) -> None:
    assert status_of(type, body) == Status.SUCCESS
    assert status_of(type, body, may_change=False) == Status.PRIVILEGE_NOT_HELD
    assert status_of(type, body[:6]) == Status.INVALID_PARAMETER


@pytest.mark.parametrize("number", [19, 28, 37, 45, 46, 43, 22])
@pytest.mark.parametrize("type", [Kind.NEW_LINK, Kind.SET_LINK, Kind.DELETE_LINK])
def test_no_link_goes_to_another_namespace_or_gets_a_program(number: int, type: int) -> None:
    """IFLA_NET_NS_PID, _FD, the ids of namespaces, IFLA_XDP, virtual functions: of a link, and of a veth's other end."""
    assert status_of(type, LINK + attribute(number, 1)) == Status.NOT_SUPPORTED
    assert status_of(type, LINK + attribute(number | 0x8000, 1)) == Status.NOT_SUPPORTED
    assert status_of(type, veth(attribute(number, 1))) == Status.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("type", "body"),
    [
        (Kind.NEW_LINK, LINK + attribute(IFLA_LINKINFO, attribute(1, "vxlan"))),
        (Kind.NEW_LINK, LINK + attribute(IFLA_LINKINFO, attribute(1, "wireguard") + attribute(1, "tun"))),
        (Kind.NEW_LINK, LINK + attribute(IFLA_LINKINFO, attribute(2, b""))),
        (Kind.NEW_LINK, veth(attribute(IFLA_LINKINFO, attribute(1, "dummy")))),
        (Kind.NEW_LINK, INTERFACE.pack(7, 0, 1, 0, 0)),
        (Kind.NEW_ADDRESS, NEW_ADDRESS + attribute(10, 1)),
        (Kind.NEW_ROUTE, NEW_ROUTE + attribute(RTA_METRICS, attribute(16, "bbr"))),
        (Kind.NEW_ROUTE, NEW_ROUTE + attribute(22, b"") + attribute(21, 6)),
        (
            Kind.NEW_ROUTE,
            NEW_ROUTE + attribute(RTA_MULTIPATH, struct.pack("<HBBi", 16, 0, 0, 1) + attribute(22, 0)),
        ),
        (Kind.NEW_NEIGHBOUR, NEIGHBOUR.pack(2, 1, 128, 0, 0) + attribute(10, 1)),
        (Kind.NEW_ROUTE, b"\x1c" + NEW_ROUTE[1:]),
        *((type, RULE) for type in (36, 40, 44, 64, 68, 72, 80, 84, 88, 104, 116, 65532)),
        (Kind.GET_NAMESPACE, bytes(4) + attribute(2, 1)),
        (Kind.GET_LINK, LINK + attribute(46, 1)),
        (Kind.GET_ADDRESS, NEW_ADDRESS + attribute(10, 1)),
    ],
)
def test_what_is_not_known_is_not_passed_on(type: int, body: bytes) -> None:
    assert status_of(type, body) == Status.NOT_SUPPORTED


def test_everybody_may_ask() -> None:
    for type in (Kind.GET_LINK, Kind.GET_ADDRESS, Kind.GET_ROUTE, Kind.GET_NEIGHBOUR, Kind.GET_RULE, 38, 66):
        assert status_of(type, b"\0\0\0\0", may_change=False) == Status.SUCCESS
    assert status_of(Kind.GET_LINK, LINK + attribute(3, "lo") + attribute(29, 9), False) == Status.SUCCESS
    assert status_of(Kind.GET_NAMESPACE, b"\0\0\0\0", False) == Status.NOT_SUPPORTED


def test_messages_are_parted_as_the_host_does() -> None:
    first, second = request(Kind.GET_LINK, 0, LINK + b"x"), request(Kind.DELETE_LINK, 0, LINK)
    assert list(route_messages.parted(first + bytes(3) + second)) == [first, second]
    assert list(route_messages.parted(first + bytes(3) + second[:-1])) == [first]
    assert list(route_messages.parted(b"\3" + bytes(40))) == []


def test_no_bytes_break_it() -> None:
    """Every message that is well-formed for the host is either passed or refused, however it was broken."""
    chance = random.Random(7)
    whole = [veth(attribute(3, "peer")), NEW_ROUTE + attribute(RTA_METRICS, attribute(2, 1400)), NEW_ADDRESS]
    for _ in range(5000):
        body = bytearray(chance.choice(whole))
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        status = status_of(chance.randrange(16, 34), bytes(body[: chance.randrange(len(body) + 1)]))
        assert status in (Status.SUCCESS, Status.NOT_SUPPORTED, Status.INVALID_PARAMETER)
