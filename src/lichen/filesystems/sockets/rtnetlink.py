"""The records of rtnetlink: requests and answers, taken apart and put together.

Source: netlink(7), rtnetlink(7), if_link.h, if_addr.h, rtnetlink.h, neighbour.h.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

from lichen.executive.status import Failure, Status

HEADER: Final = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""
INTERFACE: Final = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, kind, index, flags, change."""
ADDRESS: Final = struct.Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
ROUTE: Final = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, destination and source length, TOS, table, protocol, scope, type, flags."""
NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
"""struct ndmsg: family, index, state, flags, type."""
RULE_SIZE: Final = 12
"""struct fib_rule_hdr."""
_ATTRIBUTE: Final = struct.Struct("=HH")
TYPE_BITS: Final = 0x3FFF
"""The bits of an attribute's type without its flags."""
ROOM: Final = 1 << 16


class Kind:
    """Types of messages: of each topic NEW, DEL, GET and SET follow each other."""

    ERROR: Final = 2
    DONE: Final = 3
    FIRST: Final = 16
    """Types below are the netlink protocol's own."""
    NEW_LINK: Final = 16
    DELETE_LINK: Final = 17
    GET_LINK: Final = 18
    SET_LINK: Final = 19
    NEW_ADDRESS: Final = 20
    DELETE_ADDRESS: Final = 21
    GET_ADDRESS: Final = 22
    NEW_ROUTE: Final = 24
    DELETE_ROUTE: Final = 25
    GET_ROUTE: Final = 26
    NEW_NEIGHBOUR: Final = 28
    DELETE_NEIGHBOUR: Final = 29
    GET_NEIGHBOUR: Final = 30
    NEW_RULE: Final = 32
    DELETE_RULE: Final = 33
    GET_RULE: Final = 34
    GET_NAMESPACE: Final = 90


class RequestFlag:
    """How a request is meant."""

    REQUEST: Final = 0x1
    ACKNOWLEDGE: Final = 0x4
    DUMP: Final = 0x300
    EXCLUSIVE: Final = 0x200
    CREATE: Final = 0x400


ALL_GROUPS: Final = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400
"""The multicast groups that tell of links, neighbours, and addresses and routes of IPv4 and IPv6."""


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The types and bodies of the host's messages."""
    start = 0
    while start + HEADER.size <= len(data):
        length, type, _, _, _ = HEADER.unpack_from(data, start)
        yield type, data[start + HEADER.size : start + length]
        start += max(length, HEADER.size) + 3 & ~3


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Types and values; INVALID_PARAMETER for one that does not end within the data."""
    start = 0
    while start + _ATTRIBUTE.size <= len(data):
        length, type = _ATTRIBUTE.unpack_from(data, start)
        if not _ATTRIBUTE.size <= length <= len(data) - start:
            raise Failure(Status.INVALID_PARAMETER)
        yield type & TYPE_BITS, data[start + _ATTRIBUTE.size : start + length]
        start += length + 3 & ~3


def attribute(type: int, value: bytes | int | str | None) -> bytes:
    """One attribute; nothing for None. Numbers are of 32 bits, and texts end with a zero byte."""
    if value is None:
        return b""
    if isinstance(value, int):
        value = value.to_bytes(4, "little")
    elif isinstance(value, str):
        value = os.fsencode(value) + b"\0"
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), type) + value + bytes(-len(value) % 4)


def request(type: int, flags: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), type, flags | RequestFlag.REQUEST, 0, 0) + body


def refusal(message: bytes, number: int, port: int) -> bytes:
    """How the host answers a message of `port` with an errno."""
    _, _, _, sequence, _ = HEADER.unpack_from(message)
    body = struct.pack("=i", -number) + message
    return HEADER.pack(HEADER.size + len(body), Kind.ERROR, 0, sequence, port) + body


def ask(host: socket.socket, message: bytes) -> Iterator[bytes]:
    """Send a request, and give the bodies of what the host answers; OSError when it says no."""
    host.send(message)
    while True:
        for type, data in messages(host.recv(ROOM)):
            if type == Kind.DONE:
                return
            if type == Kind.ERROR:
                number = -struct.unpack_from("=i", data)[0]
                if number:
                    raise OSError(number, os.strerror(number))
                return
            yield data
