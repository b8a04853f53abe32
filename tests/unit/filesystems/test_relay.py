"""Connections and datagrams that are carried from one network to another, without waiting and without losing a byte."""

from __future__ import annotations

import os
import resource
import select
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import pytest

from lichen.executive.io.opening import Poll
from lichen.filesystems.hostlimits import KEPT_BACK
from lichen.filesystems.sockets import relay
from lichen.filesystems.sockets.relay import DatagramRelay, StreamRelay, connecting

HERE = "127.0.0.1"


class Loop:
    """Platform and scheduler: tells of descriptors and of a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.watches: dict[int, tuple[int, Callable[[int], None]]] = {}
        self.timers: list[Timer] = []

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self.watches[descriptor] = events, ready

    def unwatch(self, descriptor: int) -> None:
        self.watches.pop(descriptor, None)

    def clock(self) -> float:
        return self.now

    def at(self, deadline: float, expired: Callable[[], None]) -> Timer:
        self.timers.append(Timer(deadline, expired))
        return self.timers[-1]

    def step(self, seconds: float = 5.0) -> bool:
        """One thing that happens; False when nothing does."""
        poll = select.poll()
        for descriptor, (events, _) in self.watches.items():
            poll.register(descriptor, events)
        for descriptor, happened in poll.poll(seconds * 1000)[:1]:
            self.watches[descriptor][1](happened)
            return True
        return False

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert self.step()


class Timer:
    def __init__(self, deadline: float, expired: Callable[[], None]) -> None:
        self.deadline, self.expired = deadline, expired
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def loop() -> Loop:
    return Loop()


def listening(type: int = socket.SOCK_STREAM) -> socket.socket:
    made = socket.socket(socket.AF_INET, type)
    made.bind((HERE, 0))
    if type == socket.SOCK_STREAM:
        made.listen()
    return made


def to(server: socket.socket) -> relay.Connect:
    return connecting(partial(socket.socket, socket.AF_INET, server.type), server.getsockname())


@pytest.fixture
def streams(loop: Loop) -> Iterator[tuple[StreamRelay, socket.socket]]:
    """A relay, and the server that it leads to."""
    with listening() as server:
        made = StreamRelay(cast(Any, loop), listening(), [to(server)])
        yield made, server
        made.close()
        assert loop.watches == {}


def connected(loop: Loop, streams: tuple[StreamRelay, socket.socket]) -> tuple[socket.socket, socket.socket]:
    made, server = streams
    before = len(made.connections)
    client = socket.create_connection(made.listener.getsockname())
    loop.until(lambda: len(made.connections) > before and all(each.ways for each in made.connections))
    return client, server.accept()[0]


def test_bytes_go_both_ways_and_ends_too(loop: Loop, streams: tuple[StreamRelay, socket.socket]) -> None:
    client, served = connected(loop, streams)
    with client, served:
        client.sendall(b"there")
        loop.until(lambda: bool(select.select([served], [], [], 0)[0]))
        assert served.recv(100) == b"there"
        client.shutdown(socket.SHUT_WR)
        loop.until(lambda: bool(select.select([served], [], [], 0)[0]))
        assert served.recv(100) == b""
        served.sendall(b"back")
        served.close()
        loop.until(lambda: not streams[0].connections)
        assert (client.recv(100), client.recv(100)) == (b"back", b"")


def test_connections_that_there_are_no_descriptors_for_end(
    loop: Loop, streams: tuple[StreamRelay, socket.socket]
) -> None:
    """What the kernel keeps back for its own work is not for whoever comes from outside."""
    client, served = connected(loop, streams)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (served.fileno() + KEPT_BACK, hard))
    try:
        with socket.create_connection(streams[0].listener.getsockname()) as refused:
            loop.until(lambda: bool(select.select([refused], [], [], 0)[0]))
            assert refused.recv(1) == b""
        with client, served:
            client.sendall(b"there")
            loop.until(lambda: bool(select.select([served], [], [], 0)[0]))
            assert served.recv(100) == b"there"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    loop.until(lambda: not streams[0].connections)


def test_who_reads_slowly_loses_nothing(loop: Loop, streams: tuple[StreamRelay, socket.socket]) -> None:
    client, served = connected(loop, streams)
    data, got = os.urandom(1 << 25), bytearray()
    with client, served:
        client.setblocking(False)
        left = memoryview(data)
        while left:  # as much as both networks and the relay take
            try:
                left = left[client.send(left) :]
            except BlockingIOError:
                if not loop.step(0.05):
                    break
        assert left, "the relay reads although nobody takes what it has"
        while len(got) < len(data):
            while select.select([served], [], [], 0)[0] and (piece := served.recv(1 << 16)):
                got += piece
            if left and select.select([], [client], [], 0)[1]:
                left = left[client.send(left) :]
            loop.step(0.0)
        assert bytes(got) == data


def test_nobody_listens_there(loop: Loop) -> None:
    gone = listening()
    target = to(gone)
    gone.close()
    made = StreamRelay(cast(Any, loop), listening(), [target, target])
    with socket.create_connection(made.listener.getsockname()) as client:
        assert loop.step()
        loop.until(lambda: not made.connections)
        assert client.recv(1) == b""
    made.close()
    assert loop.watches == {}


def test_the_second_target_takes_what_the_first_does_not(loop: Loop) -> None:
    gone = listening()
    target = to(gone)
    gone.close()
    with listening() as server:
        made = StreamRelay(cast(Any, loop), listening(), [target, to(server)])
        with socket.create_connection(made.listener.getsockname()):
            loop.until(lambda: any(each.ways for each in made.connections))
            server.accept()[0].close()
        made.close()


def test_no_more_than_so_many_at_a_time(
    loop: Loop, streams: tuple[StreamRelay, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_MOST", 2)
    pairs = [connected(loop, streams) for _ in range(2)]
    third = socket.create_connection(streams[0].listener.getsockname())
    assert not loop.step(0.0)
    for each in pairs[0]:
        each.close()
    loop.until(lambda: len(streams[0].connections) == 1)
    loop.until(lambda: len(streams[0].connections) == 2)
    for each in (*pairs[1], third):
        each.close()


def test_datagrams_are_answered_to_whom_they_came_from(loop: Loop) -> None:
    with listening(socket.SOCK_DGRAM) as server:
        near = listening(socket.SOCK_DGRAM)
        made = DatagramRelay(cast(Any, loop), cast(Any, loop), near, to(server))
        clients = [listening(socket.SOCK_DGRAM) for _ in range(2)]
        for number, client in enumerate(clients):
            client.sendto(b"%d" % number, near.getsockname())
        for _ in clients:
            assert loop.step()
        for _ in clients:
            data, sender = server.recvfrom(100)
            server.sendto(b"answer to " + data, sender)
        for _ in clients:
            assert loop.step()
        assert [client.recv(100) for client in clients] == [b"answer to 0", b"answer to 1"]
        assert len(made.senders) == 2
        loop.now = 100.0
        (timer,) = loop.timers
        timer.expired()
        assert made.senders == {}
        made.close()
        for client in clients:
            client.close()
    assert loop.watches == {}


def test_the_one_silent_for_longest_makes_room(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_MOST_SENDERS", 1)
    with listening(socket.SOCK_DGRAM) as server, listening(socket.SOCK_DGRAM) as one:
        near = listening(socket.SOCK_DGRAM)
        made = DatagramRelay(cast(Any, loop), cast(Any, loop), near, to(server))
        with listening(socket.SOCK_DGRAM) as other:
            for each in (one, other):
                each.sendto(b"x", near.getsockname())
                assert loop.step()
            assert list(made.senders) == [other.getsockname()]
        made.close()
        assert loop.timers[0].cancelled


def test_interest_is_readiness_of_the_executive() -> None:
    assert (Poll.READABLE, Poll.WRITABLE) == (select.POLLIN, select.POLLOUT)
