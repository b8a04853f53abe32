"""What guests may say to the host's kernel about a network: looked at before it is passed on.

Everybody may ask. What changes something is for administrators of a machine that has a network of its own, and is passed on if
all that it says is known here: a topic, a family, attributes. For the host would take a number that means a namespace, a
process or a descriptor for one of the kernel's, whose message it is, and load modules for kinds of links and of congestion
control. So an attribute that is not listed is refused, also within another.

Source: rtnetlink(7), if_link.h, if_addr.h, rtnetlink.h, neighbour.h, fib_rules.h, veth.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lichen.executive.status import Failure, Status
from lichen.filesystems.sockets import rtnetlink
from lichen.filesystems.sockets.rtnetlink import HEADER, Kind

Check = Callable[[bytes], None]

_GET: Final = 2
"""The two low bits of a type that asks."""
_FAMILIES: Final = (0, 2, 10, 17)
"""Any, IPv4, IPv6, and packets, which the host's tools say for links."""
_LINK_KINDS: Final = (b"dummy", b"veth", b"bridge", b"vlan")


def _refuse(value: bytes) -> None:
    raise Failure(Status.NOT_SUPPORTED)


def _pass(value: bytes) -> None:
    """A number, a name or an address, which the host checks."""


def _all(size: int, checks: dict[int, Check]) -> Check:
    """A record of `size` bytes and attributes."""

    def check(value: bytes) -> None:
        if len(value) < size:
            raise Failure(Status.INVALID_PARAMETER)
        for type, content in rtnetlink.attributes(value[size + 3 & ~3 :]):
            checks.get(type, _refuse)(content)

    return check


def _passed(*types: int) -> dict[int, Check]:
    return dict.fromkeys(types, _pass)


def _link_kind(value: bytes) -> None:
    if value.rstrip(b"\0") not in _LINK_KINDS:
        raise Failure(Status.NOT_SUPPORTED)


def _next_hops(value: bytes) -> None:
    """RTA_MULTIPATH: each hop is a struct rtnexthop with attributes."""
    while value:
        length = int.from_bytes(value[:2], "little")
        if not _HOP_SIZE <= length <= len(value):
            raise Failure(Status.INVALID_PARAMETER)
        _HOP(value[:length])
        value = value[length + 3 & ~3 :]


_HOP_SIZE: Final = 8
_HOP: Final = _all(
    _HOP_SIZE,
    _passed(
        5,  # RTA_GATEWAY
        11,  # RTA_FLOW
        18,  # RTA_VIA
    ),
)

_PLAIN_LINK: Final = _passed(
    *range(1, 6),  # IFLA_ADDRESS IFLA_BROADCAST IFLA_IFNAME IFLA_MTU IFLA_LINK
    10,  # IFLA_MASTER
    13,  # IFLA_TXQLEN
    16,  # IFLA_OPERSTATE
    17,  # IFLA_LINKMODE
    20,  # IFLA_IFALIAS
    26,  # IFLA_AF_SPEC
    27,  # IFLA_GROUP
    29,  # IFLA_EXT_MASK
    31,  # IFLA_NUM_TX_QUEUES
    32,  # IFLA_NUM_RX_QUEUES
    33,  # IFLA_CARRIER
    39,  # IFLA_PROTO_DOWN
    52,  # IFLA_PROP_LIST
    53,  # IFLA_ALT_IFNAME
)
_PEER: Final = _all(rtnetlink.INTERFACE.size, _PLAIN_LINK)
_KIND, _DATA, _PEER_OF_VETH = 1, 2, 1


def _link_information(value: bytes) -> None:
    """IFLA_LINKINFO: what kind of link, and what is special to it. A veth's other end is a link too."""
    parts = dict(rtnetlink.attributes(value))
    for type in parts:
        if type not in (_KIND, _DATA):
            raise Failure(Status.NOT_SUPPORTED)
    kind = parts.get(_KIND, b"")
    _link_kind(kind)
    if kind.rstrip(b"\0") == b"veth" and _DATA in parts:
        _all(0, {_PEER_OF_VETH: _PEER})(parts[_DATA])


_LINK: Final = _all(rtnetlink.INTERFACE.size, {**_PLAIN_LINK, 18: _link_information})  # IFLA_LINKINFO
_ADDRESS: Final = _all(
    rtnetlink.ADDRESS.size, _passed(*range(1, 10), 11)
)  # IFA_ADDRESS ... IFA_RT_PRIORITY, IFA_PROTO
_ROUTE: Final = _all(
    rtnetlink.ROUTE.size,
    {
        **_passed(
            *range(1, 8),  # RTA_DST ... RTA_PREFSRC
            *(11, 12, 15, 16),  # RTA_FLOW RTA_CACHEINFO RTA_TABLE RTA_MARK
            *(18, 20, 23, 25, 26),  # RTA_VIA RTA_PREF RTA_EXPIRES RTA_UID RTA_TTL_PROPAGATE
            *(27, 28, 29),  # RTA_IP_PROTO RTA_SPORT RTA_DPORT
        ),
        8: _all(0, _passed(*range(1, 16), 17)),  # RTA_METRICS, without RTAX_CC_ALGO
        9: _next_hops,  # RTA_MULTIPATH
    },
)
_NEIGHBOUR: Final = _all(
    rtnetlink.NEIGHBOUR.size,
    _passed(1, 2, 3, 4, 12, 15),  # NDA_DST NDA_LLADDR NDA_CACHEINFO NDA_PROBES NDA_PROTOCOL NDA_FLAGS_EXT
)
_RULE: Final = _all(
    rtnetlink.RULE_SIZE,
    _passed(
        *(1, 2, 3, 4, 6, 10, 11),  # FRA_DST FRA_SRC FRA_IFNAME FRA_GOTO FRA_PRIORITY FRA_FWMARK FRA_FLOW
        *(13, 14, 15, 16, 17),  # FRA_SUPPRESS_IFGROUP ... FRA_OIFNAME
        *range(20, 25),  # FRA_UID_RANGE ... FRA_DPORT_RANGE
    ),
)


class _Topic(NamedTuple):
    """What may be said about one kind of thing: to have one more or to change one, and to have it no more."""

    new: int
    delete: int
    check: Check


_CHANGES: Final[dict[int, Check]] = {
    Kind.SET_LINK: _LINK,
    **{
        type: topic.check
        for topic in (
            _Topic(Kind.NEW_LINK, Kind.DELETE_LINK, _LINK),
            _Topic(Kind.NEW_ADDRESS, Kind.DELETE_ADDRESS, _ADDRESS),
            _Topic(Kind.NEW_ROUTE, Kind.DELETE_ROUTE, _ROUTE),
            _Topic(Kind.NEW_NEIGHBOUR, Kind.DELETE_NEIGHBOUR, _NEIGHBOUR),
            _Topic(Kind.NEW_RULE, Kind.DELETE_RULE, _RULE),
        )
        for type in (topic.new, topic.delete)
    },
}
_QUESTIONS: Final[dict[int, Check]] = {
    Kind.GET_LINK: _all(
        rtnetlink.INTERFACE.size,
        # IFLA_IFNAME IFLA_MASTER IFLA_LINKINFO IFLA_EXT_MASK IFLA_ALT_IFNAME
        {**_passed(3, 10, 29, 53), 18: _all(0, {_KIND: _link_kind})},
    ),
    Kind.GET_ADDRESS: _all(rtnetlink.ADDRESS.size, _passed(*range(1, 10), 11)),
    Kind.GET_NAMESPACE: _refuse,
}
_SHORT_QUESTION: Final = 4
"""A question may be no longer than the family, and how that is filled up."""


def parted(data: bytes) -> Iterator[bytes]:
    """The messages in what a guest sends, each as long as it says: as far as the host reads them."""
    start = 0
    while start + HEADER.size <= len(data):
        length = int.from_bytes(data[start : start + 4], "little")
        if not HEADER.size <= length <= len(data) - start:
            break
        yield data[start : start + length]
        start += length + 3 & ~3


def check(message: bytes, may_change: bool) -> None:
    """Fail for a message that is not passed on.

    PRIVILEGE_NOT_HELD for a change by who may not, NOT_SUPPORTED for what is not known, INVALID_PARAMETER for what does not
    fit together.
    """
    _, type, _, _, _ = HEADER.unpack_from(message)
    body = message[HEADER.size :]
    if type < Kind.FIRST:
        return
    if type & 3 == _GET:
        if len(body) > _SHORT_QUESTION or type == Kind.GET_NAMESPACE:
            _QUESTIONS.get(type, _pass)(body)
        return
    if not may_change:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if not body or body[0] not in _FAMILIES:
        raise Failure(Status.NOT_SUPPORTED)
    _CHANGES.get(type, _refuse)(body)
