"""Messages of netlink: their heads, attributes and errors.

Source: netlink(7), RFC 3549.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from lichen.subsystems.linux.sockdiag.records import (
    ATTRIBUTE,
    HEADER,
    NetlinkAttribute,
    NetlinkHeader,
)

REQUEST, MULTI, ACKNOWLEDGE, DUMP = 0x1, 0x2, 0x4, 0x300
ERROR, DONE = 2, 3
FIRST_TYPE: Final = 16
"""Types below are the netlink protocol's own."""
_TYPE: Final = 0x3FFF
"""The bits of an attribute's type without its flags."""
_NUMBER: Final = struct.Struct("<i")


class Refused(Exception):
    """What is asked for is answered with an error, whose number in Linux is the first argument."""


class Ended(Refused):
    """The same of a dump that ends before it has begun: its end tells the error."""


class Request(NamedTuple):
    """A message, and its bytes as they came."""

    header: NetlinkHeader
    body: bytes
    whole: bytes

    @property
    def is_dump(self) -> bool:
        return self.header.flags & DUMP == DUMP

    def answer(self, type: int, body: bytes, flags: int = 0, port: int = 0) -> bytes:
        """A message that answers this one, to the socket at `port`."""
        data = HEADER.pack(NetlinkHeader(HEADER.size + len(body), type, flags, self.header.seq, port)) + body
        return data + bytes(-len(data) % 4)

    def error(self, number: int, port: int) -> bytes:
        """An error with the request that caused it; 0 acknowledges, and tells of the request its head alone."""
        return self.answer(
            ERROR, _NUMBER.pack(-number) + (self.whole if number else self.whole[: HEADER.size]), 0, port
        )

    def done(self, number: int, port: int) -> bytes:
        """The end of a dump, and the error that ended it if there was one."""
        return self.answer(DONE, _NUMBER.pack(-number), MULTI, port)


def requests(data: bytes) -> Iterator[Request]:
    """The messages of a datagram, until one whose length is none."""
    start = 0
    while start + HEADER.size <= len(data):
        header = HEADER.unpack(data, start)
        if not HEADER.size <= header.len <= len(data) - start:
            return
        whole = data[start : start + header.len]
        yield Request(header, whole[HEADER.size :], whole)
        start += header.len + 3 & ~3


def attribute(type: int, value: bytes) -> bytes:
    """An attribute as it stands in an answer."""
    data = ATTRIBUTE.pack(NetlinkAttribute(ATTRIBUTE.size + len(value), type)) + value
    return data + bytes(-len(data) % 4)


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes of a request, until one whose length is none."""
    found: dict[int, bytes] = {}
    start = 0
    while start + ATTRIBUTE.size <= len(data):
        length, type = ATTRIBUTE.unpack(data, start)
        if not ATTRIBUTE.size <= length <= len(data) - start:
            break
        found[type & _TYPE] = data[start + ATTRIBUTE.size : start + length]
        start += length + 3 & ~3
    return found
