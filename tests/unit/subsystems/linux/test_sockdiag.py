"""sock_diag without guests: the table, requests that are cut or lie, filters, and answers that wait."""

from __future__ import annotations

import errno
import random
import struct

import pytest

from lichen.executive.io.opening import Options, Poll
from lichen.executive.network.endpoints import Endpoint
from lichen.executive.network.sockets import (
    AddressFamily,
    Caller,
    InternetAddress,
    Level,
    LocalAddress,
    Message,
    MessageFlag,
    NetlinkAddress,
    Received,
    Socket,
    SocketType,
)
from lichen.executive.network.table import ConnectionState, Queues
from lichen.executive.security.tokens import Token
from lichen.executive.status import POSIX, Failure, Status
from lichen.filesystems.sockets.localfamily import LocalSockets
from lichen.subsystems.linux.sockdiag.driver import DiagnosisSockets
from lichen.subsystems.linux.sockdiag.filters import Filter
from lichen.subsystems.linux.sockdiag.messages import Refused, attribute, attributes
from lichen.subsystems.linux.sockdiag.protocol import SOCK_DIAG
from lichen.subsystems.linux.sockdiag.socket import DiagnosisSocket
from tests.unit.kernel import Kernel, status_of

HOST = bytes((10, 1, 2, 3))
DUMP, ASK, ACKNOWLEDGE = 0x301, 0x1, 0x5
UNIX_DUMP = struct.pack("<BBHIII8s", AddressFamily.LOCAL, 0, 0, 0xFFF, 0, 0, b"\xff" * 8)


class Refusing:
    """Nobody else's protocols."""

    def create(self, caller: Caller, type: int, protocol: int, options: int) -> Socket:
        raise Failure(Status.PROTOCOL_NOT_SUPPORTED)

    def pair(self, caller: Caller, type: int, protocol: int, options: int) -> tuple[Socket, Socket]:
        raise Failure(Status.NOT_SUPPORTED)


class Asked(Kernel):
    """A kernel with local sockets, and one that asks about them."""

    def __init__(self) -> None:
        super().__init__()
        self.local = LocalSockets(self.scheduler)
        self.driver = DiagnosisSockets(self.scheduler, Refusing())
        self.caller = Caller(self.context, 100)
        self.diag = self.driver.create(self.caller, SocketType.RAW, SOCK_DIAG, Options.NONBLOCKING)

    def make(self) -> Socket:
        return self.local.create(self.caller, SocketType.STREAM, 0, 0)

    def ask(self, body: bytes, type: int = 20, flags: int = DUMP) -> int:
        data = struct.pack("<IHHII", 16 + len(body), type, flags, 9, 0) + body
        sent = self.diag.send(self.caller, Message(data))
        assert isinstance(sent, int)
        return sent

    def read(self, flags: int = 0) -> Received:
        found = self.diag.receive(1 << 16, flags)
        assert isinstance(found, Received)
        return found

    def answers(self) -> list[tuple[int, bytes]]:
        """Types and bodies of the messages that wait."""
        found = []
        while self.diag.poll() & Poll.READABLE:
            data = self.read().data
            while data:
                length, type, _, sequence, port = struct.unpack_from("<IHHII", data)
                assert (sequence, port) == (9, 100)
                found.append((type, data[16:length]))
                data = data[length + 3 & ~3 :]
        return found


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_sockets_are_in_the_table_until_they_are_closed(asked: Asked) -> None:
    table = asked.devices.families.sockets
    made = asked.make()
    assert list(table) == [asked.diag, made]
    made.release()
    assert list(table) == [asked.diag]
    asked.diag.release()
    assert len(table) == 0
    assert not asked.driver.ports


def test_a_dump_ends_and_another_one_may_begin(asked: Asked) -> None:
    sockets = [asked.make() for _ in range(500)]
    for _ in range(2):
        asked.ask(UNIX_DUMP)
        found = asked.answers()
        assert [type for type, _ in found] == [20] * 500 + [3]
    asked.ask(UNIX_DUMP)
    asked.ask(UNIX_DUMP)
    assert asked.answers()[0][1][:4] == struct.pack("<i", -errno.EBUSY)
    assert len(sockets) == len(asked.devices.families.sockets) - 1


def test_sockets_that_are_closed_meanwhile_are_left_out(asked: Asked) -> None:
    sockets = [asked.make() for _ in range(500)]
    asked.ask(UNIX_DUMP)
    asked.read()
    for each in sockets:
        each.release()
    assert len(asked.answers()) <= 2


def test_answers_are_cut_peeked_at_and_waited_for(asked: Asked) -> None:
    assert status_of(asked.diag.receive, 10) == Status.DEVICE_NOT_READY
    asked.ask(UNIX_DUMP)
    whole = asked.read(MessageFlag.PEEK)
    cut = asked.diag.receive(10)
    assert isinstance(cut, Received)
    assert (cut.length, cut.flags, cut.address) == (whole.length, MessageFlag.TRUNCATED, NetlinkAddress(0, 0))
    asked.diag.options = 0
    waiting = asked.start(asked.diag.receive(100))
    asked.settle()
    assert not waiting.ended
    asked.ask(b"", type=3, flags=ACKNOWLEDGE)
    received = asked.wait(waiting)
    assert isinstance(received, Received)
    assert received.data[16:20] == bytes(4)


def test_one_cannot_be_made_to_keep_more_than_so_many_answers(asked: Asked) -> None:
    for _ in range(256):
        asked.ask(b"", flags=ASK)
    assert status_of(asked.ask, b"", 20, ASK) == POSIX | errno.ENOBUFS
    assert len(asked.answers()) == 256


def test_who_may_not_destroys_nothing(asked: Asked) -> None:
    asked.ask(struct.pack("<BB54x", AddressFamily.INTERNET, 6), type=21, flags=ASK)
    assert asked.answers()[0][1][:4] == struct.pack("<i", -errno.EPERM)
    asked.caller = Caller(asked.context.copy(Token.of_user(0, 0)), 100)
    asked.ask(struct.pack("<BB54x", AddressFamily.INTERNET, 6), type=21, flags=ASK)
    assert asked.answers()[0][1][:4] == struct.pack("<i", -errno.ENOENT)
    asked.ask(struct.pack("<BB54x", AddressFamily.LOCAL, 0), type=21, flags=ASK)
    assert asked.answers()[0][1][:4] == struct.pack("<i", -errno.EOPNOTSUPP)


def test_ports_are_ones_own(asked: Asked) -> None:
    asked.diag.bind(asked.caller, NetlinkAddress(0, 0))
    other = asked.driver.create(asked.caller, SocketType.RAW, SOCK_DIAG, 0)
    assert status_of(other.bind, asked.caller, NetlinkAddress(100, 0)) == Status.ADDRESS_IN_USE
    other.bind(asked.caller, NetlinkAddress(0, 0))
    assert other.local_address() == NetlinkAddress(0xFFFFFFFF, 0)
    assert status_of(other.bind, asked.caller, NetlinkAddress(0, 1)) == Status.PRIVILEGE_NOT_HELD
    assert status_of(other.connect, asked.caller, NetlinkAddress(5, 0)) == Status.PRIVILEGE_NOT_HELD
    assert status_of(other.bind, asked.caller, LocalAddress(b"x")) == Status.INVALID_PARAMETER
    assert status_of(asked.driver.create, asked.caller, SocketType.RAW, 0, 0) == Status.PROTOCOL_NOT_SUPPORTED


def test_what_is_no_request_is_not_answered_and_does_no_harm(asked: Asked) -> None:
    generator = random.Random(5)
    sockets = [asked.make() for _ in range(3)]
    assert isinstance(asked.diag, DiagnosisSocket)
    for _ in range(100000):
        family = generator.choice((1, 2, 10, 16, 17, generator.randrange(256)))
        body = bytes((family, generator.choice((0, 6, 17, 136, 255)))) + generator.randbytes(
            generator.randrange(80)
        )
        if generator.random() < 0.5:
            body = body[:56].ljust(56, b"\0") + attribute(1, generator.randbytes(generator.randrange(40)))
        length = 16 + len(body) if generator.random() < 0.9 else generator.randrange(1 << 32)
        type = generator.choice((18, 20, 20, 20, 21, generator.randrange(1 << 16)))
        flags = generator.choice((DUMP, ASK, ACKNOWLEDGE, generator.randrange(1 << 16)))
        asked.diag.send(asked.caller, Message(struct.pack("<IHHII", length, type, flags, 9, 0) + body))
        asked.answers()
    assert len(asked.devices.families.sockets) == 1 + len(sockets)


def test_attributes_end_where_one_has_no_length() -> None:
    assert attributes(attribute(1, b"abc") + attribute(2, b"")) == {1: b"abc", 2: b""}
    assert attributes(attribute(1, b"abc") + struct.pack("<HH", 3, 2)) == {1: b"abc"}
    assert attributes(struct.pack("<HH", 200, 2)) == {}


def endpoint(local: InternetAddress, remote: InternetAddress | None = None) -> Endpoint:
    return Endpoint(
        *(5, AddressFamily.INTERNET, SocketType.STREAM, Level.TCP, local, remote),
        *(ConnectionState.ESTABLISHED, Queues(), 0, 0),
    )


def operation(code: int, yes: int, no: int) -> bytes:
    return struct.pack("<BBH", code, yes, no)


def host(code: int, prefix: int, port: int, address: bytes, family: int = 2) -> bytes:
    argument = struct.pack("<BBxxi", family, prefix, port) + address
    size = 4 + len(argument)
    return operation(code, size, size + 4) + argument


def test_filters_compare_ports_and_hosts() -> None:
    found = endpoint(InternetAddress(HOST, 80), InternetAddress(bytes((1, 1, 1, 1)), 5000))
    cases = [
        (operation(2, 8, 12) + operation(0, 0, 80), True),
        (operation(2, 8, 12) + operation(0, 0, 81), False),
        (operation(3, 8, 12) + operation(0, 0, 79), False),
        (operation(4, 8, 12) + operation(0, 0, 5000), True),
        (operation(11, 8, 12) + operation(0, 0, 80), True),
        (operation(12, 8, 12) + operation(0, 0, 80), False),
        (host(7, 8, -1, bytes((10, 0, 0, 0))), True),
        (host(7, 16, -1, bytes((10, 0, 0, 0))), False),
        (host(7, 32, 80, HOST), True),
        (host(7, 0, 81, b"", 0), False),
        (host(8, 0, 5000, b"", 0), True),
        (operation(6, 4, 8), False),
        (operation(9, 8, 12) + bytes(4), True),
        (operation(1, 4, 8) + operation(0, 4, 4), True),
        (b"", True),
    ]
    for code, chosen in cases:
        assert Filter(code).chooses(found) is chosen, code.hex()


@pytest.mark.parametrize(
    "code",
    [
        b"\2",
        operation(2, 8, 12),
        operation(2, 0, 12) + bytes(4),
        operation(2, 12, 12) + bytes(4),
        operation(2, 8, 16) + bytes(4),
        operation(2, 8, 6) + bytes(4),
        operation(2, 8, 0) + bytes(4),
        operation(2, 8, 4) + operation(0, 0, 80),
        operation(99, 4, 4),
        operation(10, 12, 12) + bytes(8),
        host(7, 33, -1, HOST),
        host(7, 8, -1, HOST[:3]),
        host(7, 8, -1, HOST, 77),
    ],
)
def test_filters_that_are_wrong_are_refused(code: bytes) -> None:
    with pytest.raises(Refused) as refused:
        Filter(code)
    assert refused.value.args == (errno.EINVAL,)
