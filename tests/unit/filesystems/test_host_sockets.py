"""Sockets over those of the host, on its loopback: waiting without waiting, addresses, what is refused."""

from __future__ import annotations

import errno
import resource
import select
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from lichen.executive.io.opening import Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.network.sockets import (
    AddressFamily,
    Caller,
    Control,
    InternetAddress,
    Level,
    Message,
    MessageFlag,
    NetlinkAddress,
    Received,
    ShutDown,
    Socket,
    SocketOption,
    SocketType,
)
from lichen.executive.status import Failure, Status
from lichen.filesystems import sockets
from lichen.filesystems.sockets.host import HostSocket
from tests.unit.kernel import Call, Kernel, status_of

STREAM, DATAGRAM = SocketType.STREAM, SocketType.DATAGRAM
HERE = bytes((127, 0, 0, 1))
IP_RECVTTL = 12
RTM_GETLINK, RTM_NEWLINK, NLMSG_ERROR = 18, 16, 2


class Loopback(Kernel):
    """A kernel that the host tells of changes, as a platform does. Its clock stands still unless a test turns it."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self.watches: dict[int, Callable[[int], None]] = {}
        sockets.register(self.devices, self.scheduler, self.scheduler.platform)
        self.caller = Caller(self.context, 100)
        self.made: list[Socket] = []

    def close(self) -> None:
        """Close every socket; the host is asked about none of them then."""
        for each in self.made:
            if each.references:
                each.release()
        self._epoll.close()

    def step(self, timeout: float | None) -> None:
        for descriptor, events in self._epoll.poll(0.01):
            self.watches[descriptor](events)
        self.now += 0.01

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self._epoll.register(descriptor, events)
        self.watches[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        del self.watches[descriptor]

    def create(
        self, type: int, options: int = 0, family: int = AddressFamily.INTERNET, protocol: int = 0
    ) -> Socket:
        made = self.devices.families.get(family).create(self.caller, type, protocol, options)
        self.made.append(made)
        return made

    def bound(self, type: int, options: int = 0) -> tuple[Socket, InternetAddress]:
        """A socket with a name, and the name."""
        made = self.create(type, options)
        made.bind(self.caller, InternetAddress(HERE, 0))
        name = made.local_address()
        assert isinstance(name, InternetAddress)
        return made, name

    def connected(self) -> tuple[Socket, Socket]:
        """A TCP connection: client and server."""
        listener, name = self.bound(STREAM)
        listener.listen(self.caller, 1)
        client = self.create(STREAM)
        connecting: Call[None] = self.start(client.connect(self.caller, name))
        server = self.finish(listener.accept(self.caller, 0))
        self.made.append(server)
        self.wait(connecting)
        return client, server

    def send(self, socket: Socket, data: bytes) -> int:
        return self.finish(socket.send(self.caller, Message(data)))


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    kernel = Loopback()
    yield kernel
    kernel.close()


class TestStream:
    """TCP with oneself."""

    def test_both_ways(self, loopback: Loopback) -> None:
        client, server = loopback.connected()
        assert client.peer_address() == server.local_address()
        assert loopback.send(client, b"ping") == 4
        assert loopback.finish(server.receive(100)).data == b"ping"
        assert loopback.finish(server.write(b"pong")) == 4
        assert loopback.finish(client.read(100)) == b"pong"

    def test_waiting_for_bytes(self, loopback: Loopback) -> None:
        client, server = loopback.connected()
        call: Call[Received] = loopback.start(server.receive(6, MessageFlag.WAIT_FOR_ALL))
        loopback.send(client, b"abc")
        loopback.scheduler.step()
        assert not call.ended
        loopback.send(client, b"defg")
        assert loopback.wait(call).data == b"abcdef"
        assert server.control(BytesAvailable()) == 1

    def test_more_than_the_host_takes(self, loopback: Loopback) -> None:
        client, server = loopback.connected()
        data = bytes(8 << 20)
        call: Call[int] = loopback.start(client.send(loopback.caller, Message(data)))
        assert not call.ended
        got = 0
        while got < len(data):
            got += len(loopback.finish(server.receive(1 << 20)).data)
        assert loopback.wait(call) == len(data)

    def test_the_end(self, loopback: Loopback) -> None:
        client, server = loopback.connected()
        client.shut_down(ShutDown.SEND)
        assert loopback.finish(server.receive(10)).data == b""
        assert status_of(client.send, loopback.caller, Message(b"x")) == Status.PIPE_CLOSING
        assert status_of(client.shut_down, 9) == Status.INVALID_PARAMETER

    def test_nobody_listens(self, loopback: Loopback) -> None:
        _, name = loopback.bound(STREAM)
        with pytest.raises(Failure) as failure:
            loopback.finish(loopback.create(STREAM).connect(loopback.caller, name))
        assert failure.value.status == Status.CONNECTION_REFUSED

    def test_a_time_limit(self, loopback: Loopback) -> None:
        client, _ = loopback.connected()
        client.receive_timeout = 0.03
        with pytest.raises(Failure) as failure:
            loopback.finish(client.receive(1))
        assert failure.value.status == Status.DEVICE_NOT_READY

    def test_nobody_waits_nobody_is_told(self, loopback: Loopback) -> None:
        client, server = loopback.connected()
        call: Call[Received] = loopback.start(server.receive(10))
        loopback.send(client, b"1")
        loopback.wait(call)
        loopback.send(client, b"2")
        for _ in range(3):
            loopback.scheduler.step()
        assert isinstance(server, HostSocket)
        assert not server.events
        assert server.poll() & Poll.READABLE

    def test_a_close_never_lingers(self, loopback: Loopback) -> None:
        client, _ = loopback.connected()
        client.set_option(loopback.caller, Level.SOCKET, SocketOption.LINGER, struct.pack("=ii", 1, 3600))
        client.send(loopback.caller, Message(bytes(1 << 20), flags=MessageFlag.DO_NOT_WAIT))
        client.release()


class TestDatagram:
    """UDP with oneself."""

    def test_messages_and_addresses(self, loopback: Loopback) -> None:
        (one, name), (other, sender) = loopback.bound(DATAGRAM), loopback.bound(DATAGRAM)
        other.send(loopback.caller, Message(b"hello", name))
        other.send(loopback.caller, Message(b"", name))
        found = loopback.finish(one.receive(2))
        assert (found.data, found.length, found.address, found.flags) == (
            b"he",
            5,
            sender,
            MessageFlag.TRUNCATED,
        )
        assert loopback.finish(one.receive(10)).data == b""

    def test_connecting_and_not(self, loopback: Loopback) -> None:
        (one, _), (_, name) = loopback.bound(DATAGRAM), loopback.bound(DATAGRAM)
        one.connect(loopback.caller, name)
        assert one.peer_address() == name
        one.connect(loopback.caller, None)
        assert status_of(one.peer_address) == Status.CONNECTION_INVALID

    def test_control_messages_come_when_asked_for(self, loopback: Loopback) -> None:
        (one, name), (other, _) = loopback.bound(DATAGRAM), loopback.bound(DATAGRAM)
        one.set_option(loopback.caller, Level.IP, IP_RECVTTL, b"\1\0\0\0")
        ttl = struct.pack("=i", 7)
        other.send(loopback.caller, Message(b"x", name, controls=(Control(Level.IP, socket.IP_TTL, ttl),)))
        found = loopback.finish(one.receive(10))
        assert found.controls == (Control(Level.IP, socket.IP_TTL, ttl),)


class TestRefusals:
    """What would reach beyond the socket itself."""

    def test_raw_packets(self, loopback: Loopback) -> None:
        assert status_of(loopback.create, SocketType.RAW) == Status.PRIVILEGE_NOT_HELD
        assert status_of(loopback.create, 4) == Status.SOCKET_TYPE_NOT_SUPPORTED
        assert status_of(loopback.create, STREAM, 0, 17) == Status.FAMILY_NOT_SUPPORTED

    def test_options_of_the_host(self, loopback: Loopback) -> None:
        made = loopback.create(STREAM)
        for level, name in ((Level.SOCKET, 25), (Level.SOCKET, 26), (Level.IP, 3), (Level.IP, 19), (99, 1)):
            assert (
                status_of(made.set_option, loopback.caller, level, name, b"\1\0\0\0") == Status.NO_SUCH_OPTION
            )
            assert status_of(made.option, level, name, 4) == Status.NO_SUCH_OPTION

    def test_low_ports_are_for_those_who_may(self, loopback: Loopback) -> None:
        made = loopback.create(STREAM)
        assert status_of(made.bind, loopback.caller, InternetAddress(HERE, 80)) == Status.ACCESS_DENIED

    def test_the_last_descriptors_are_the_kernel_s(
        self, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 10))
        assert status_of(loopback.create, STREAM) == Status.INSUFFICIENT_RESOURCES


class TestNetlink:
    """Looking at the host's network, and no more."""

    def request(self, type: int) -> bytes:
        return struct.pack("=IHHII", 32, type, 1, 1, 0) + bytes(16)

    def test_a_question_is_answered(self, loopback: Loopback) -> None:
        made = loopback.create(SocketType.RAW, family=AddressFamily.NETLINK)
        made.bind(loopback.caller, NetlinkAddress(0, 0))
        name = made.local_address()
        assert isinstance(name, NetlinkAddress)
        assert name.port >= 1 << 31
        question = struct.pack("=IHHII", 17, RTM_GETLINK, 0x301, 1, 0) + b"\0"
        made.send(loopback.caller, Message(question))
        answer = loopback.finish(made.receive(1 << 16))
        assert struct.unpack_from("=IHHII", answer.data)[1] == RTM_NEWLINK

    @pytest.mark.parametrize("type", [16, 17, 19, 20, 24, 25])
    def test_changes_are_refused(self, loopback: Loopback, type: int) -> None:
        made = loopback.create(SocketType.RAW, family=AddressFamily.NETLINK)
        assert not made.poll() & Poll.READABLE
        assert made.send(loopback.caller, Message(self.request(type))) == 32
        assert made.poll() & Poll.READABLE
        looked = loopback.finish(made.receive(0, MessageFlag.PEEK | MessageFlag.TRUNCATED))
        answer = loopback.finish(made.receive(1 << 16))
        assert looked.length == answer.length == 52
        length, kind, _, sequence, _, error = struct.unpack_from("=IHHIIi", answer.data)
        assert (length, kind, sequence, error) == (52, NLMSG_ERROR, 1, -errno.EPERM)
        assert answer.data[20:] == self.request(type)
        assert made.send(loopback.caller, Message(self.request(RTM_GETLINK) + self.request(type))) == 64
        kinds = [struct.unpack_from("=IH", loopback.finish(made.receive(1 << 16)).data)[1] for _ in range(2)]
        assert kinds[0] == NLMSG_ERROR
        to_others = Message(self.request(RTM_GETLINK), NetlinkAddress(7, 0))
        assert status_of(made.send, loopback.caller, to_others) == Status.PRIVILEGE_NOT_HELD

    def test_answers_that_nobody_receives_are_bounded(self, loopback: Loopback) -> None:
        made = loopback.create(SocketType.RAW, family=AddressFamily.NETLINK)
        for _ in range(256):
            made.send(loopback.caller, Message(self.request(16)))
        status = status_of(made.send, loopback.caller, Message(self.request(16)))
        assert status == Status.INSUFFICIENT_RESOURCES

    def test_other_subjects_are_not_there(self, loopback: Loopback) -> None:
        status = status_of(loopback.create, SocketType.RAW, 0, AddressFamily.NETLINK, 9)
        assert status == Status.PROTOCOL_NOT_SUPPORTED
