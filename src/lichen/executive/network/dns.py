"""Messages of the domain name system: questions as they are sent, and answers as records.

Names are texts without a dot at the end; a name that is no host's (with bytes beyond ASCII) is never asked for.

Source: RFC 1035, RFC 3596 (AAAA).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

PORT: Final = 53
MOST_BYTES: Final = 65535
A, NAME_SERVER, ALIAS, POINTER, ADDRESS_6 = 1, 2, 5, 12, 28
"""Types of records: A, NS, CNAME, PTR, AAAA."""
SUCCESS, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
"""Response codes."""
_INTERNET: Final = 1
_HEADER: Final = struct.Struct(">6H")
_QUESTION: Final = struct.Struct(">HH")
_RECORD: Final = struct.Struct(">HHIH")
_ANSWERS, _CUT, _RECURSE, _RECURSES = 0x8000, 0x200, 0x100, 0x80
_TO_NAME: Final = b"\xc0\x0c"
"""The name that a message begins with."""
_CODE: Final = 0xF
_POINTER: Final = 0xC0
_LONGEST_LABEL, _LONGEST_NAME = 63, 253
_MOST_POINTERS: Final = 64


class Malformed(Exception):
    """What came is no message, or a name is none that can be asked for."""


class Record(NamedTuple):
    """One resource record; `data` are its bytes, or the name that a record of such a type leads to."""

    name: str
    type: int
    lifetime: int
    data: bytes
    target: str = ""


class Answer(NamedTuple):
    """A response: `code` says how it went, `whole` that nothing was cut off; `message` is as it came."""

    number: int
    code: int
    whole: bool
    name: str
    type: int
    records: tuple[Record, ...]
    message: bytes

    def of(self, type: int) -> tuple[str, list[bytes]]:
        """What its name has of a type: the name that it stands for in the end, and the data of that."""
        name = self.name
        leads = {each.name: each.target for each in self.records if each.type == ALIAS}
        seen: set[str] = set()
        while type != ALIAS and name in leads and name not in seen:
            seen.add(name)
            name = leads[name]
        return name, [
            each.target.encode() or each.data
            for each in self.records
            if (each.name, each.type) == (name, type)
        ]


def question(number: int, name: str, type: int, recursive: bool = True) -> bytes:
    """The message that asks for the records of a type; Malformed for what is no name."""
    flags = _RECURSE if recursive else 0
    return _HEADER.pack(number, flags, 1, 0, 0, 0) + _encoded(name) + _QUESTION.pack(type, _INTERNET)


def _encoded(name: str) -> bytes:
    if len(name) > _LONGEST_NAME or not name.isascii():
        raise Malformed
    found = b""
    for label in name.split(".") if name else ():
        if not 0 < len(label) <= _LONGEST_LABEL:
            raise Malformed
        found += bytes((len(label),)) + label.encode()
    return found + b"\0"


def answer(name: str, type: int, hosts: list[bytes]) -> bytes:
    """The message by which a server would tell a name's addresses; Malformed for what is no name."""
    head = _HEADER.pack(0, _ANSWERS | _RECURSE | _RECURSES, 1, len(hosts), 0, 0)
    records = [_TO_NAME + _RECORD.pack(type, _INTERNET, 0, len(host)) + host for host in hosts]
    return head + _encoded(name) + _QUESTION.pack(type, _INTERNET) + b"".join(records)


def asked(message: bytes) -> tuple[str, int]:
    """The name, in small letters, and the type that a message asks for."""
    name, at = _name(message, _HEADER.size)
    type, _ = _QUESTION.unpack_from(message, at)
    return name, type


def parse(message: bytes) -> Answer:
    """The answer in a message; Malformed. What is there of one that was cut need mean nothing."""
    try:
        number, flags, questions, answers, _, _ = _HEADER.unpack_from(message)
        name, at = _name(message, _HEADER.size)
        type, kind = _QUESTION.unpack_from(message, at)
    except (struct.error, IndexError):
        raise Malformed from None
    if not flags & _ANSWERS or questions != 1 or kind != _INTERNET:
        raise Malformed
    whole = not flags & _CUT
    records: list[Record] = []
    at += _QUESTION.size
    try:
        for _ in range(answers):
            record, at = _record(message, at)
            records.append(record)
    except (struct.error, IndexError, Malformed):
        if whole:
            raise Malformed from None
    return Answer(number, flags & _CODE, whole, name, type, tuple(records), message)


def _record(message: bytes, at: int) -> tuple[Record, int]:
    name, at = _name(message, at)
    type, _, lifetime, size = _RECORD.unpack_from(message, at)
    at += _RECORD.size
    if at + size > len(message):
        raise Malformed
    target = _name(message, at)[0] if type in (ALIAS, POINTER, NAME_SERVER) else ""
    return Record(name, type, lifetime, message[at : at + size], target), at + size


def _name(message: bytes, at: int) -> tuple[str, int]:
    """The name at a place, in small letters, and where what follows it begins."""
    labels: list[str] = []
    end, jumps, size = 0, 0, 0
    while length := message[at]:
        if length >= _POINTER:
            end = end or at + 2
            at = (length & ~_POINTER) << 8 | message[at + 1]
            jumps += 1
            if jumps > _MOST_POINTERS:
                raise Malformed
            continue
        label = message[at + 1 : at + 1 + length]
        size += length + 1
        if length > _LONGEST_LABEL or len(label) < length or size > _LONGEST_NAME + 1:
            raise Malformed
        labels.append(label.decode("ascii", "backslashreplace").lower())
        at += length + 1
    return ".".join(labels), end or at + 1


def reverse_name(host: bytes) -> str:
    """The name at which the names of an address are."""
    if len(host) == 4:
        return ".".join(str(each) for each in reversed(host)) + ".in-addr.arpa"
    return ".".join(reversed(host.hex())) + ".ip6.arpa"
