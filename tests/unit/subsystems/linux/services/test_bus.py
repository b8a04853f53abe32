"""D-Bus as bytes: a client's way in, and messages that are none."""

from __future__ import annotations

import random
import struct

import pytest

from lichen.subsystems.linux.services.dbus import wire
from lichen.subsystems.linux.services.dbus.authentication import Authentication

CALL = {1: "/org/x", 2: "org.x.Y", 3: "Do"}


def message(signature: str = "", body: tuple[object, ...] = (), **fields: object) -> bytes:
    return wire.outgoing(
        wire.METHOD_CALL, 7, {**CALL, **{int(k[1:]): v for k, v in fields.items()}}, signature, body
    )


def test_a_call_is_read_as_it_was_written() -> None:
    data = bytearray(message("sas", ("x", ["y", "z"])) + message()[:5])
    found = wire.take(data)
    assert found is not None
    assert (found.path, found.interface, found.member, found.serial) == ("/org/x", "org.x.Y", "Do", 7)
    assert found.arguments("sas") == ("x", ["y", "z"])
    with pytest.raises(ValueError, match="signature"):
        found.arguments("s")
    assert len(data) == 5
    assert wire.take(data) is None


@pytest.mark.parametrize(
    "head",
    [
        b"x" * 16,
        b"l\1\0\2" + struct.pack("<III", 0, 1, 0),
        b"l\1\0\1" + struct.pack("<III", 1 << 30, 1, 0),
        b"l\1\0\1" + struct.pack("<III", 0, 1, 1 << 30),
        b"l\1\0\1" + struct.pack("<III", 0, 0, 0),
        b"l\1\0\1" + struct.pack("<III", 0, 1, 8) + b"\1\3a()\0\0\0",
        b"l\1\0\1" + struct.pack("<III", 0, 1, 8) + b"\1\1v\0\1v\0\0",
        b"l\1\0\1" + struct.pack("<III", 0, 1, 8) + b"\1\1z\0\0\0\0\0",
        b"l\x09\0\1" + struct.pack("<III", 0, 1, 0),
    ],
)
def test_what_is_no_message(head: bytes) -> None:
    with pytest.raises(wire.ProtocolError):
        wire.take(bytearray(head))


def test_fields_of_the_wrong_type() -> None:
    data = bytearray(message("u", (5,)))
    at = data.index(b"Do\0")
    data[at - 8 : at + 3] = b"\3\1u\0\2\0\0\0Do\0"
    with pytest.raises(wire.ProtocolError):
        wire.take(data)
    with pytest.raises(wire.ProtocolError):
        wire.take(bytearray(message("", (), _9=2)))


def test_damaged_messages_are_refused_and_nothing_else() -> None:
    chance = random.Random(7)
    whole = message("sas", ("x", ["y", "z"]))
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = wire.take(data)
            if found is not None:
                found.arguments("sas")
        except (wire.ProtocolError, ValueError):
            continue


def test_texts_that_are_no_utf_8_are_sent_all_the_same() -> None:
    assert b"a?b" in wire.answer(1, 2, ":1.0", "", "as", (["a\udcffb"],))


def test_how_systemctl_comes_in() -> None:
    way = Authentication("0" * 32, 0)
    buffer = bytearray(b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nrest")
    assert way.take(buffer) == b"DATA\r\nOK " + b"0" * 32 + b"\r\nERROR\r\n"
    assert way.is_done
    assert buffer == b"rest"


def test_other_ways_in() -> None:
    way = Authentication("0" * 32, 1000)
    assert way.take(bytearray(b"\0AUTH\r\n")) == b"REJECTED EXTERNAL\r\n"
    assert way.take(bytearray(b"AUTH EXTERNAL 30\r\n")) == b"REJECTED EXTERNAL\r\n"
    assert way.take(bytearray(b"AUTH EXTERNAL 31303030\r\n")).startswith(b"OK ")
    assert not way.is_done


@pytest.mark.parametrize(
    "data", [b"AUTH", b"\0BEGIN\r\n", b"\0" + b"x" * 5000, b"\0" + b"DATA x\r\n" * 40, b"\0AUTH\r\nBEGIN\r\n"]
)
def test_ways_that_lead_nowhere(data: bytes) -> None:
    with pytest.raises(wire.ProtocolError):
        Authentication("0" * 32, 0).take(bytearray(data))


def test_a_hundred_thousand_damaged_messages() -> None:
    chance = random.Random(11)
    whole = message("asas", (["a"], []))
    size, taken = len(whole), 0
    for _ in range(100_000):
        data = bytearray(whole)
        data[chance.randrange(size)] = chance.randrange(256)
        data[chance.randrange(4, 16)] ^= 1 << chance.randrange(8)
        try:
            taken += wire.take(data) is not None
        except wire.ProtocolError:
            taken += 1
    assert 0 < taken <= 100_000
