"""Echo requests without guests: what is sent, and what becomes of answers, errors of routers, and silence."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, cast

import pytest

from lichen.executive.network.sockets import (
    AddressFamily,
    Caller,
    Control,
    InternetAddress,
    Level,
    Message,
    MessageFlag,
    Received,
    Socket,
    SocketType,
)
from lichen.executive.status import Failure, Status
from tests.unit.subsystems.nt.nsi import BASE, Machine

TARGET, ROUTER = bytes((10, 0, 0, 9)), bytes((10, 0, 0, 1))
DATA = b"twelve bytes"
ECHO_REPLY = struct.pack(">BBHHH", 0, 0, 0, 0, 1) + DATA
TIMED_OUT, GENERAL_FAILURE, EXPIRED = 11010, 11050, 11013


class Echoes(Socket):
    """A socket whose answers a test says: to reads, or to reads of errors."""

    __slots__ = ("answers", "errors", "options_set", "refuses", "sent")

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller.context, AddressFamily.INTERNET, SocketType.DATAGRAM, 1)
        self.answers: list[Received] = []
        self.errors: list[Received] = []
        self.sent: list[Message] = []
        self.options_set: dict[int, int] = {}
        self.refuses: int | None = None

    def set_option(self, caller: Caller, level: int, name: int, value: bytes) -> None:
        self.options_set[name] = struct.unpack("<i", value)[0]

    def send(self, caller: Caller | None, message: Message) -> int:
        if self.refuses is not None:
            raise Failure(self.refuses)
        self.sent.append(message)
        return len(message.data)

    def receive(self, size: int, flags: int = 0) -> Received:
        waiting = self.errors if flags & MessageFlag.ERROR_QUEUE else self.answers
        if not waiting:
            raise Failure(Status.DEVICE_NOT_READY)
        return waiting.pop(0)


class Family:
    """Gives out one socket, which a test has prepared."""

    def __init__(self) -> None:
        self.prepare: Callable[[Echoes], None] = lambda socket: None
        self.made: list[Echoes] = []

    def create(self, caller: Caller, type: int, protocol: int, options: int) -> Socket:
        assert (type, protocol) == (SocketType.DATAGRAM, 1)
        self.made.append(Echoes(caller))
        self.prepare(self.made[-1])
        return self.made[-1]


class Asked(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.family = Family()
        self.devices.families.register(AddressFamily.INTERNET, cast(Any, self.family))

    def echo(
        self, bits: int = 64, ttl: int = 0, room: int = 200, target: bytes = TARGET
    ) -> tuple[int, bytes]:
        inet = struct.pack("<HH4s20x", 2, 0, target)
        head = bytes(28) + inet + struct.pack("<QBBBBIII", BASE, bits, ttl, 0, 0, 0, len(DATA), 100)
        status, _ = self.ask(0x12100C, head + DATA, room)
        if not self.family.made:
            return status, b""
        self.wait(self.operation.call)
        assert self.family.made[0].references == 0
        status, length = self.operation.ended
        return status, self.memory.read(BASE, length)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def reply(data: bytes) -> tuple[bytes, int, int, bytes]:
    """Who answered, the status, how many answers there are, and the data."""
    host, status, _, length, count, place = struct.unpack_from("<4sIIHHQ", data)
    return host, status, count, data[place - BASE :][:length]


def answers(data: bytes, *controls: Control) -> Received:
    return Received(data, len(data), InternetAddress(TARGET, 0), controls=controls)


def test_an_answer_is_told_with_its_data(asked: Asked) -> None:
    ttl = Control(Level.IP, 2, struct.pack("<i", 57))
    asked.family.prepare = lambda socket: socket.answers.append(answers(ECHO_REPLY, ttl))
    status, data = asked.echo(ttl=9)
    assert (status, reply(data)) == (0, (TARGET, 0, 1, DATA))
    assert data[24] == 57
    (socket,) = asked.family.made
    assert socket.sent[0].data == struct.pack(">BBHHH", 8, 0, 0, 0, 1) + DATA
    assert socket.sent[0].address == InternetAddress(TARGET, 0)
    assert socket.options_set == {11: 1, 12: 1, 13: 1, 2: 9}


def test_a_program_of_32_bits_has_shorter_answers(asked: Asked) -> None:
    asked.family.prepare = lambda socket: socket.answers.append(answers(ECHO_REPLY))
    status, data = asked.echo(bits=32)
    assert (status, len(data)) == (0, 28 + len(DATA))
    assert struct.unpack_from("<I", data, 16) == (BASE + 28,)


def test_data_are_cut_to_the_room_that_there_is(asked: Asked) -> None:
    asked.family.prepare = lambda socket: socket.answers.append(answers(ECHO_REPLY))
    assert reply(asked.echo(room=45)[1])[3] == DATA[:5]


def test_what_is_no_answer_is_passed_over_until_there_is_no_time_left(asked: Asked) -> None:
    asked.family.prepare = lambda socket: socket.answers.extend(
        [answers(b"\3"), answers(b"\3" + ECHO_REPLY[1:])]
    )
    assert reply(asked.echo()[1])[1:3] == (TIMED_OUT, 0)


def test_a_router_may_answer_instead(asked: Asked) -> None:
    error = struct.pack("=IBBBBII", 113, 2, 11, 0, 0, 0, 0) + struct.pack("<HH4s8x", 2, 0, ROUTER)
    found = Received(DATA, len(DATA), None, controls=(Control(Level.IP, 11, error),))
    asked.family.prepare = lambda socket: socket.errors.append(found)
    assert reply(asked.echo()[1])[:3] == (ROUTER, EXPIRED, 1)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.NETWORK_UNREACHABLE, 11002),
        (Status.HOST_UNREACHABLE, 11003),
        (Status.IO_DEVICE_ERROR, GENERAL_FAILURE),
    ],
)
def test_what_cannot_be_sent_has_no_answers(asked: Asked, status: int, told: int) -> None:
    def refuse(socket: Echoes) -> None:
        socket.refuses = status

    asked.family.prepare = refuse
    assert reply(asked.echo()[1])[1:3] == (told, 0)


def test_what_is_wrong_is_refused(asked: Asked) -> None:
    assert asked.echo(room=39) == (Status.INVALID_PARAMETER, b"")
    assert asked.echo(target=bytes(4)) == (Status.INVALID_ADDRESS, b"")
    assert asked.ask(0x12100C, bytes(79))[0] == Status.INVALID_PARAMETER
    assert (
        asked.ask(0x12100C, bytes(72) + struct.pack("<II", 70000, 1) + bytes(70000))[0]
        == Status.INVALID_PARAMETER
    )
    assert asked.family.made == []
