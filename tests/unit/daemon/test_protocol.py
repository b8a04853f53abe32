"""Messages between clients and kernels."""

from __future__ import annotations

import os
import socket

import pytest

from lichen.daemon import protocol

START = protocol.Start(
    version=b"1",
    program=b"ls",
    arguments=[b"ls", b"", b"\xff\n"],
    environment=[b"A=b=c", b"EMPTY="],
    folder=b"/",
    user=b"root",
    groups=[b"0", b"27"],
    shares=[b"/a", b"/b", b"ro"],
    standard=b"\1\0\1",
    flags=[protocol.TRACE],
    terminal=b"\0" * 44,
    window=b"12345678",
)


def test_a_request_survives_the_road() -> None:
    message = protocol.decode(bytearray(START.encode()))
    assert message is not None
    assert message[0] == protocol.START
    assert vars(protocol.Start.decode(message[1])) == vars(START)


def test_messages_arrive_in_any_pieces() -> None:
    stream = protocol.encode(protocol.SIGNAL, b"15") + protocol.encode(protocol.SHUTDOWN) + START.encode()
    buffer, kinds = bytearray(), []
    for byte in stream:
        buffer.append(byte)
        while (message := protocol.decode(buffer)) is not None:
            kinds.append(message[0])
    assert kinds == [protocol.SIGNAL, protocol.SHUTDOWN, protocol.START]
    assert not buffer


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        protocol.MAGIC + b"\xff\xff\xff\xff\1\0\0\0",
        protocol.MAGIC + b"\2\0\0\0\1\0\0\0xx",
        protocol.MAGIC + b"\5\0\0\0\1\0\0\0\7\0\0\0x",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(bytearray(data))


def test_an_incomplete_request_is_refused() -> None:
    with pytest.raises(protocol.ProtocolError):
        protocol.Start.decode([b"1", b"ls"])


def test_descriptors_travel_with_a_message_of_any_size() -> None:
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with ours, theirs, os.fdopen(reading, "rb") as out:
        protocol.send(ours, protocol.encode(protocol.SIGNAL, b"15"), [writing])
        os.close(writing)
        data, descriptors, _, _ = socket.recv_fds(theirs, 4096, 4)
        assert protocol.decode(bytearray(data)) == (protocol.SIGNAL, [b"15"])
        with os.fdopen(descriptors[0], "wb") as passed:
            passed.write(b"through")
        assert out.read() == b"through"


def test_receive_tells_the_end() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(protocol.encode(protocol.SHUTDOWN))
        theirs.close()
        buffer = bytearray()
        assert protocol.receive(ours, buffer) == (protocol.SHUTDOWN, [])
        assert protocol.receive(ours, buffer) is None
