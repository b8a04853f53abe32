"""Sockets within the machine, between two ends of one test."""

from __future__ import annotations

import errno

import pytest

from lichen.executive.io.anonymous import create_pipe
from lichen.executive.io.file import File
from lichen.executive.io.opening import Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.sockets import (
    Address,
    Caller,
    Credentials,
    Level,
    LocalAddress,
    Message,
    MessageFlag,
    Received,
    ShutDown,
    SocketOption,
    SocketType,
)
from lichen.executive.status import POSIX, Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.filesystems.pipe import Pipes
from lichen.filesystems.sockets import local, localfamily
from lichen.filesystems.sockets.local import DEFAULT_BUFFER, LocalSocket
from lichen.filesystems.sockets.localfamily import LocalSockets
from tests.unit.kernel import Call, Kernel, status_of

STREAM, DATAGRAM, SEQUENCED = SocketType.STREAM, SocketType.DATAGRAM, SocketType.SEQUENCED
NAME = LocalAddress(b"\0name")
IN, OUT, HANGUP, READ_HANGUP = Poll.READABLE, Poll.WRITABLE, Poll.HANGUP, Poll.READ_HANGUP
NONBLOCKING = Options.NONBLOCKING


class Sockets:
    """Makes and uses sockets as one process."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel, self.family = kernel, LocalSockets(kernel.scheduler)
        self.caller = Caller(kernel.context, 100)

    def one(self, type: int = STREAM, name: LocalAddress | None = None, options: int = 0) -> LocalSocket:
        """A socket, which has a name if one is given."""
        socket = self.family.create(self.caller, type, 0, options)
        if name is not None:
            socket.bind(self.caller, name)
        return socket

    def pair(self, type: int = STREAM, options: int = 0) -> tuple[LocalSocket, LocalSocket]:
        return self.family.pair(self.caller, type, 0, options)

    def listener(self, backlog: int = 5) -> LocalSocket:
        socket = self.one(name=NAME)
        socket.listen(self.caller, backlog)
        return socket

    def send(
        self, socket: LocalSocket, data: bytes, address: Address | None = None, *objects: File
    ) -> int | Blocks[int]:
        return socket.send(self.caller, Message(data, address, objects=objects))

    def receive(self, socket: LocalSocket, size: int = 1000, flags: int = 0) -> bytes:
        return self.kernel.finish(socket.receive(size, flags)).data


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel()
    Pipes().register(kernel.devices)
    return kernel


@pytest.fixture
def sockets(kernel: Kernel) -> Sockets:
    return Sockets(kernel)


def test_what_waits_in_all_of_them_is_bounded(sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_MOST_WAITING", 5000)
    one, other = sockets.pair(options=NONBLOCKING)
    more, _ = sockets.pair(DATAGRAM, options=NONBLOCKING)
    sockets.send(one, bytes(3000))
    sockets.send(more, bytes(3000))
    for socket in (one, more):
        assert status_of(sockets.send, socket, b"x") == POSIX | errno.ENOBUFS
    sockets.receive(other, 3000)
    sockets.send(more, b"x")
    for socket in (one, more):
        socket.release()
    other.release()
    assert sockets.family.waiting == 3000 + 1 + 2 * local.OVERHEAD


class TestStream:
    """Bytes without borders."""

    def test_bytes_run_together_and_come_in_any_portions(self, sockets: Sockets) -> None:
        one, other = sockets.pair()
        sockets.send(one, b"hel")
        sockets.send(one, b"lo you")
        assert other.control(BytesAvailable()) == 9
        assert sockets.receive(other, 100, MessageFlag.PEEK) == b"hello you"
        assert [sockets.receive(other, size) for size in (1, 4, 100)] == [b"h", b"ello", b" you"]
        assert other.control(BytesAvailable()) == 0

    def test_a_reader_waits(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        call: Call[Received] = kernel.start(other.receive(10))
        assert not call.ended
        sockets.send(one, b"x")
        kernel.settle()
        assert call.result.data == b"x"

    def test_a_long_write_waits_for_its_reader(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        data = bytes(range(251)) * 4000
        call: Call[int] = kernel.start(sockets.send(one, data))
        assert not one.poll() & OUT
        got = b""
        while len(got) < len(data):
            got += sockets.receive(other, 50_000)
            kernel.settle()
        assert (got, call.result) == (data, len(data))
        assert one.poll() & OUT

    def test_waiting_for_all(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        call: Call[Received] = kernel.start(other.receive(6, MessageFlag.WAIT_FOR_ALL))
        for part in (b"ab", b"cd"):
            sockets.send(one, part)
            kernel.settle()
        assert not call.ended
        sockets.send(one, b"efgh")
        kernel.settle()
        assert call.result.data == b"abcdef"
        call = kernel.start(other.receive(6, MessageFlag.WAIT_FOR_ALL))
        one.release()
        kernel.settle()
        assert call.result.data == b"gh"

    def test_an_interrupted_wait_for_all_gives_what_came(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        sockets.send(one, b"ab")
        call: Call[Received] = kernel.start(other.receive(6, MessageFlag.WAIT_FOR_ALL))
        kernel.scheduler.interrupt(call.parking)
        assert call.result.data == b"ab"

    def test_ending_one_way(self, sockets: Sockets) -> None:
        one, other = sockets.pair()
        one.shut_down(ShutDown.SEND)
        assert other.poll() == IN | OUT | READ_HANGUP
        assert sockets.receive(other) == b""
        assert status_of(sockets.send, one, b"x") == Status.PIPE_CLOSING
        sockets.send(other, b"late")
        assert sockets.receive(one) == b"late"

    def test_closing(self, sockets: Sockets) -> None:
        one, other = sockets.pair()
        sockets.send(one, b"last")
        one.release()
        assert other.poll() == IN | OUT | READ_HANGUP | HANGUP
        assert [sockets.receive(other), sockets.receive(other)] == [b"last", b""]
        assert status_of(sockets.send, other, b"x") == Status.PIPE_CLOSING

    def test_closing_with_unread_bytes_is_an_error_to_the_other(self, sockets: Sockets) -> None:
        one, other = sockets.pair()
        sockets.send(other, b"unread")
        one.release()
        assert other.poll() & Poll.ERROR
        assert status_of(other.receive, 1) == Status.CONNECTION_RESET
        assert sockets.receive(other) == b""

    def test_a_time_limit(self, kernel: Kernel, sockets: Sockets) -> None:
        one, _ = sockets.pair()
        one.receive_timeout = one.send_timeout = 2.0
        with pytest.raises(Failure):
            kernel.finish(one.receive(1))
        assert kernel.now == 1002
        sent = kernel.finish(sockets.send(one, bytes(10 * DEFAULT_BUFFER)))
        assert DEFAULT_BUFFER <= sent < 2 * DEFAULT_BUFFER

    def test_without_waiting(self, sockets: Sockets) -> None:
        one, other = sockets.pair(options=NONBLOCKING)
        assert status_of(other.receive, 1) == Status.DEVICE_NOT_READY
        sent = sockets.send(one, bytes(10 * DEFAULT_BUFFER))
        assert isinstance(sent, int)
        assert sent < 2 * DEFAULT_BUFFER
        assert status_of(sockets.send, one, b"x") == Status.DEVICE_NOT_READY

    def test_small_messages_fill_a_buffer_too(self, sockets: Sockets) -> None:
        one, _ = sockets.pair(options=NONBLOCKING)
        count = 0
        while one.poll() & OUT and count < 1000:
            count += 1
            sockets.send(one, b"x")
        assert count < 1000

    def test_another_sender_is_another_message(self, sockets: Sockets) -> None:
        one, other = sockets.pair()
        other.set_option(sockets.caller, Level.SOCKET, SocketOption.PASS_CREDENTIALS, b"\1\0\0\0")
        sockets.send(one, b"a")
        one.send(Caller(sockets.kernel.context, 200), Message(b"b"))
        found = [sockets.kernel.finish(other.receive(10)) for _ in range(2)]
        assert [(each.data, each.credentials) for each in found] == [
            (b"a", Credentials(100, 1000, 1000)),
            (b"b", Credentials(200, 1000, 1000)),
        ]


class TestConnecting:
    """Names, listeners and those who come."""

    def test_what_is_sent_before_it_is_accepted_waits(self, kernel: Kernel, sockets: Sockets) -> None:
        listener, client = sockets.listener(), sockets.one()
        assert client.poll() & HANGUP
        assert client.connect(sockets.caller, NAME) is None
        sockets.send(client, b"early")
        assert listener.poll() == IN
        server = kernel.finish(listener.accept(sockets.caller, 0))
        assert isinstance(server, LocalSocket)
        assert sockets.receive(server) == b"early"
        assert (server.local_address(), client.peer_address()) == (listener.address, listener.address)
        assert client.peer_credentials() == server.peer_credentials() == Credentials(100, 1000, 1000)

    def test_a_full_queue_makes_the_next_one_wait(self, kernel: Kernel, sockets: Sockets) -> None:
        listener, clients = sockets.listener(0), [sockets.one() for _ in range(3)]
        assert clients[0].connect(sockets.caller, NAME) is None
        waiting: Call[None] = kernel.start(clients[1].connect(sockets.caller, NAME))
        clients[2].options |= NONBLOCKING
        assert status_of(clients[2].connect, sockets.caller, NAME) == Status.DEVICE_NOT_READY
        assert not waiting.ended
        listener.accept(sockets.caller, 0)
        kernel.settle()
        assert waiting.result is None

    def test_the_listener_goes(self, kernel: Kernel, sockets: Sockets) -> None:
        listener, early, late = sockets.listener(0), sockets.one(), sockets.one()
        early.connect(sockets.caller, NAME)
        waiting: Call[None] = kernel.start(late.connect(sockets.caller, NAME))
        listener.release()
        kernel.settle()
        with pytest.raises(Failure):
            _ = waiting.result
        assert status_of(early.receive, 1) == Status.CONNECTION_RESET
        assert status_of(sockets.one().connect, sockets.caller, NAME) == Status.CONNECTION_REFUSED

    def test_refusals(self, sockets: Sockets) -> None:
        socket = sockets.one(name=NAME)
        assert status_of(sockets.one().connect, sockets.caller, NAME) == Status.CONNECTION_REFUSED
        assert status_of(sockets.one(DATAGRAM).connect, sockets.caller, NAME) == Status.WRONG_SOCKET_TYPE
        assert status_of(sockets.one, STREAM, NAME) == Status.ADDRESS_IN_USE
        assert status_of(socket.bind, sockets.caller, LocalAddress(b"\0other")) == Status.INVALID_PARAMETER
        assert status_of(socket.accept, sockets.caller, 0) == Status.INVALID_PARAMETER
        assert status_of(sockets.one().listen, sockets.caller, 1) == Status.INVALID_PARAMETER
        assert status_of(sockets.send, socket, b"x") == Status.CONNECTION_INVALID
        socket.release()
        sockets.one(name=NAME)

    def test_an_interrupted_accept(self, kernel: Kernel, sockets: Sockets) -> None:
        call: Call[object] = kernel.start(sockets.listener().accept(sockets.caller, 0))
        kernel.scheduler.interrupt(call.parking)
        with pytest.raises(Interrupted):
            _ = call.result


class TestMessages:
    """Packets and datagrams stay as they were sent."""

    @pytest.mark.parametrize("type", [DATAGRAM, SEQUENCED])
    def test_they_stay_apart(self, sockets: Sockets, type: int) -> None:
        one, other = sockets.pair(type)
        for data in (b"first", b"", b"third"):
            assert sockets.send(one, data) == len(data)
        assert other.control(BytesAvailable()) == 5
        cut = sockets.kernel.finish(other.receive(2))
        assert (cut.data, cut.length, cut.flags) == (b"fi", 5, MessageFlag.TRUNCATED)
        assert [sockets.receive(other), sockets.receive(other)] == [b"", b"third"]
        assert status_of(sockets.send, one, bytes(DEFAULT_BUFFER)) == Status.MESSAGE_TOO_LONG

    def test_a_datagram_finds_its_receiver_by_name(self, sockets: Sockets) -> None:
        receiver, sender = sockets.one(DATAGRAM, NAME), sockets.one(DATAGRAM, LocalAddress())
        sockets.send(sender, b"x", NAME)
        found = sockets.kernel.finish(receiver.receive(10))
        assert (found.data, found.address) == (b"x", LocalAddress(b"\x0000001"))
        assert status_of(sockets.send, sender, b"x") == Status.CONNECTION_INVALID

    def test_a_full_queue_makes_senders_wait(self, kernel: Kernel, sockets: Sockets) -> None:
        receiver, sender = sockets.one(DATAGRAM, NAME), sockets.one(DATAGRAM)
        sender.connect(sockets.caller, NAME)
        sent = 0
        while sender.poll() & OUT:
            sockets.send(sender, b"x")
            sent += 1
        assert sent == 11
        waiting: Call[int] = kernel.start(sockets.send(sender, b"last"))
        assert not waiting.ended
        sockets.receive(receiver)
        kernel.settle()
        assert (waiting.result, sender.poll() & OUT) == (4, 0)

    def test_the_receiver_goes(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair(DATAGRAM)
        other.release()
        assert status_of(sockets.send, one, b"x") == Status.CONNECTION_REFUSED
        assert status_of(sockets.send, one, b"x") == Status.CONNECTION_INVALID

    def test_who_is_connected_hears_nobody_else(self, sockets: Sockets) -> None:
        one, _ = sockets.pair(DATAGRAM)
        one.bind(sockets.caller, NAME)
        stranger = sockets.one(DATAGRAM)
        assert status_of(sockets.send, stranger, b"x", NAME) == Status.PRIVILEGE_NOT_HELD


class TestFilesThatTravel:
    """Descriptors in messages."""

    def test_they_stay_open_on_the_way(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        reader, writer = create_pipe(kernel.context)
        sockets.send(one, b"x", None, writer)
        writer.release()
        assert reader.poll() == 0
        found = kernel.finish(other.receive(10))
        assert found.objects == (writer,)
        writer.release()
        assert reader.poll() == HANGUP

    def test_they_come_with_their_bytes(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        reader, _ = create_pipe(kernel.context)
        sockets.send(one, b"ab")
        sockets.send(one, b"cd", None, reader)
        sockets.send(one, b"ef")
        found = [kernel.finish(other.receive(size)) for size in (1, 2, 9)]
        assert [each.data for each in found] == [b"a", b"bc", b"def"]
        assert [len(each.objects) for each in found] == [0, 1, 0]

    def test_what_is_never_received_is_given_back(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        reader, writer = create_pipe(kernel.context)
        sockets.send(one, b"x", None, writer)
        writer.release()
        other.release()
        assert reader.poll() == HANGUP

    def test_a_peek_leaves_a_copy(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        reader, _ = create_pipe(kernel.context)
        sockets.send(one, b"x", None, reader)
        kernel.finish(other.receive(10, MessageFlag.PEEK))
        kernel.finish(other.receive(10))
        assert reader.references == 3

    def test_a_plain_read_drops_them(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        reader, _ = create_pipe(kernel.context)
        sockets.send(one, b"x", None, reader)
        assert kernel.finish(other.read(10)) == b"x"
        assert reader.references == 1

    def test_sockets_within_each_other_are_found(self, kernel: Kernel, sockets: Sockets) -> None:
        reader, writer = create_pipe(kernel.context)
        one, other = sockets.pair()
        sockets.send(one, b"x", None, other, writer)
        sockets.send(other, b"x", None, one)
        for file in (one, other, writer):
            file.release()
        assert not reader.poll()
        unrelated, _ = sockets.pair()
        unrelated.release()
        assert (one.dead, other.dead, reader.poll()) == (True, True, HANGUP)

    def test_a_reachable_one_is_left_alone(self, kernel: Kernel, sockets: Sockets) -> None:
        one, other = sockets.pair()
        inner, far = sockets.pair()
        sockets.send(inner, b"kept")
        sockets.send(one, b"x", None, far)
        far.release()
        sockets.family.rights.collect()
        found = kernel.finish(other.receive(10)).objects[0]
        assert isinstance(found, LocalSocket)
        assert sockets.receive(found) == b"kept"

    def test_many_within_each_other_end_together(self, kernel: Kernel, sockets: Sockets) -> None:
        """However deep they are, nobody's stack grows with them."""
        reader, writer = create_pipe(kernel.context)
        one, other = sockets.pair()
        sockets.send(one, b"x", None, writer)
        writer.release()
        for _ in range(1500):
            outer, far = sockets.pair()
            sockets.send(outer, b"x", None, one, other)
            one.release()
            other.release()
            one, other = outer, far
        assert not reader.poll()
        one.release()
        other.release()
        assert reader.poll() == HANGUP

    def test_a_close_looks_at_what_is_on_the_way_the_more_seldom_the_more_it_is(
        self, sockets: Sockets, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, _ = sockets.pair(DATAGRAM)
        for _ in range(10):
            sockets.send(one, b"", None, *[sockets.one() for _ in range(100)])
        looked: list[LocalSocket] = []

        def within(socket: LocalSocket) -> list[File]:
            looked.append(socket)
            return []

        monkeypatch.setattr(localfamily, "_within", within)
        for _ in range(100):
            sockets.one().release()
        assert len(looked) < 100 * 200

    def test_there_is_a_limit(self, kernel: Kernel, sockets: Sockets) -> None:
        one, _ = sockets.pair(DATAGRAM, NONBLOCKING)
        reader, _ = create_pipe(kernel.context)
        for _ in range(4096 // 250):
            sockets.send(one, b"", None, *[reader] * 250)
        assert status_of(sockets.send, one, b"", None, *[reader] * 250) == Status.TOO_MANY_REFERENCES
