"""What never leaves a machine's network: packets to addresses that the way out would take for the host's own loopback.

A network keeps those to itself as a rule, but not if a sender names another interface (IP_PKTINFO, IP_UNICAST_IF), writes the
header itself (IP_HDRINCL), or has removed the loopback's addresses. So the host drops them wherever they would go out: in a
table of its packet filter that belongs to the namespace and that guests have no means to name.

Source: nftables' netlink interface: linux/netfilter/nfnetlink.h, nf_tables.h; netlink(7).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

_HEADER: Final = struct.Struct("=IHHIIBBH")
"""struct nlmsghdr and struct nfgenmsg, whose last number is in network order."""
_ATTRIBUTE: Final = struct.Struct("=HH")
_NUMBER: Final = struct.Struct(">I")
_ERROR: Final = struct.Struct("=IHHIIi")
_NESTED: Final = 0x8000
_ANSWER_ROOM: Final = 1 << 16
_PATIENCE: Final = 1.0
_NETFILTER: Final = 12  # NETLINK_NETFILTER
_TABLES: Final = 10  # NFNL_SUBSYS_NFTABLES
_BEGIN, _END, _NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0x10, 0x11, _TABLES << 8, _TABLES << 8 | 3, _TABLES << 8 | 6
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE, _APPEND = 0x1, 0x4, 0x200, 0x400, 0x800
_ERROR_TYPE: Final = 2
_ANY_FAMILY, _BOTH_FAMILIES = 0, 1  # NFPROTO_UNSPEC NFPROTO_INET
_NAME: Final = b"lichen\0"
_GOING_OUT: Final = 4  # NF_INET_POST_ROUTING
_DROP, _ACCEPT = 0, 1
_REGISTER: Final = 1
_OUTGOING_INTERFACE, _PROTOCOL = 5, 15  # NFT_META_OIF NFT_META_NFPROTO
_LOOPBACK: Final = (1).to_bytes(4, "little")
"""The index that the loopback has in every namespace."""
_NETWORK_HEADER: Final = 1
_TARGETS: Final = (
    (socket.AF_INET, 16, b"\x7f"),  # 127.0.0.0/8
    (socket.AF_INET, 16, b"\0"),  # 0.0.0.0/8: who connects there means himself
    (socket.AF_INET6, 24, bytes(10)),  # ::1, ::, and addresses of IPv4 in those of IPv6
)
"""Families, where in the header the target is, and how it begins if it may not go out."""


def keep_in() -> None:
    """Have the host drop such packets in this process's network namespace; OSError when it cannot."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER) as host:
        host.settimeout(_PATIENCE)
        host.send(_batch())
        for sequence in range(1, 3 + len(_RULES)):
            _, type, _, answered, _, number = _ERROR.unpack_from(host.recv(_ANSWER_ROOM))
            if type == _ERROR_TYPE and number == -errno.EEXIST:
                return  # it has been done for this namespace, all at once
            if type != _ERROR_TYPE or number or answered != sequence:
                raise OSError(-number or errno.EPROTO, os.strerror(-number or errno.EPROTO))


def _batch() -> bytes:
    """All that is to be there, which the host takes as a whole or not."""
    chain = _attributes(
        (1, _NAME),  # NFTA_CHAIN_TABLE
        (3, _NAME),  # NFTA_CHAIN_NAME
        (4, _attributes((1, _NUMBER.pack(_GOING_OUT)), (2, _NUMBER.pack(0)))),  # NFTA_CHAIN_HOOK
        (7, b"filter\0"),  # NFTA_CHAIN_TYPE
    )
    asked = [(_NEW_TABLE, _EXCLUSIVE, _attributes((1, _NAME))), (_NEW_CHAIN, 0, chain)]
    asked += [(_NEW_RULE, _APPEND, _rule(*rule)) for rule in _RULES]
    parts = [_message(_BEGIN, 0, 0, _ANY_FAMILY, _TABLES, b"")]
    for sequence, (type, flags, body) in enumerate(asked, 1):
        parts.append(_message(type, flags | _CREATE | _ACKNOWLEDGE, sequence, _BOTH_FAMILIES, 0, body))
    return b"".join((*parts, _message(_END, 0, 0, _ANY_FAMILY, _TABLES, b"")))


def _message(type: int, flags: int, sequence: int, family: int, topic: int, body: bytes) -> bytes:
    size = _HEADER.size + len(body)
    return _HEADER.pack(size, type, flags | _REQUEST, sequence, 0, family, 0, socket.htons(topic)) + body


def _attributes(*parts: tuple[int, bytes]) -> bytes:
    """Types and values, put one behind the other."""
    return b"".join(
        _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), type) + value + bytes(-len(value) % 4)
        for type, value in parts
    )


def _rule(*expressions: bytes) -> bytes:
    listed = _attributes(*((_NESTED | 1, expression) for expression in expressions))
    return _attributes((1, _NAME), (2, _NAME), (_NESTED | 4, listed))  # NFTA_RULE_TABLE _CHAIN _EXPRESSIONS


def _expression(name: bytes, *parts: tuple[int, bytes]) -> bytes:
    return _attributes((1, name + b"\0"), (_NESTED | 2, _attributes(*parts)))


def _is(value: bytes) -> bytes:
    """Go on if that is in the register."""
    data = _attributes((1, value))
    return _expression(b"cmp", (1, _NUMBER.pack(_REGISTER)), (2, _NUMBER.pack(0)), (_NESTED | 3, data))


def _of_packet(what: int) -> bytes:
    """Have something that is known of the packet in the register."""
    return _expression(b"meta", (1, _NUMBER.pack(_REGISTER)), (2, _NUMBER.pack(what)))


def _of_header(offset: int, size: int) -> bytes:
    numbers = (_REGISTER, _NETWORK_HEADER, offset, size)
    return _expression(b"payload", *((at, _NUMBER.pack(number)) for at, number in enumerate(numbers, 1)))


def _verdict(code: int) -> bytes:
    verdict = _attributes((_NESTED | 2, _attributes((1, _NUMBER.pack(code)))))
    return _expression(b"immediate", (1, _NUMBER.pack(0)), (_NESTED | 2, verdict))


_RULES: Final = (
    (_of_packet(_OUTGOING_INTERFACE), _is(_LOOPBACK), _verdict(_ACCEPT)),
    *(
        (
            _of_packet(_PROTOCOL),
            _is(bytes((family,))),
            _of_header(offset, len(start)),
            _is(start),
            _verdict(_DROP),
        )
        for family, offset, start in _TARGETS
    ),
)
