"""A client that is slow gets its messages whole; one that takes none is let go."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from lichen.daemon import protocol
from lichen.daemon.connection import Connection


class Watching:
    """As much of a platform as a connection needs."""

    def __init__(self) -> None:
        self.events = 0
        self.ready: Callable[[int], None]

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self.events, self.ready = events, ready

    def unwatch(self, descriptor: int) -> None:
        self.events = 0


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Watching, socket.socket]]:
    ours, theirs = socket.socketpair()
    platform = Watching()
    connection = Connection(ours, cast(Any, platform))
    yield connection, platform, theirs
    connection.close()
    theirs.close()


def test_a_long_answer_arrives_whole(ends: tuple[Connection, Watching, socket.socket]) -> None:
    connection, platform, client = ends
    text = b"x" * (2 << 20)
    connection.send(protocol.ANSWER, text)
    connection.send(protocol.ANSWER, b"more")
    assert platform.events == select.EPOLLIN | select.EPOLLOUT
    buffer = bytearray()
    while platform.events & select.EPOLLOUT:
        buffer += client.recv(1 << 16)
        platform.ready(select.EPOLLOUT)
    assert protocol.receive(client, buffer) == (protocol.ANSWER, [text])
    assert protocol.receive(client, buffer) == (protocol.ANSWER, [b"more"])
    assert connection.is_open


def test_who_takes_nothing_is_let_go(ends: tuple[Connection, Watching, socket.socket]) -> None:
    connection, platform, _ = ends
    for _ in range(protocol.MOST // (1 << 20) + 2):
        connection.send(protocol.ANSWER, b"x" * (1 << 20))
    assert not connection.is_open
    assert platform.events == 0


def test_what_comes_while_it_waits_is_heard(ends: tuple[Connection, Watching, socket.socket]) -> None:
    connection, platform, client = ends
    heard: list[int] = []
    connection.message = lambda kind, fields, descriptors: heard.append(kind)
    connection.send(protocol.ANSWER, b"x" * (1 << 20))
    client.sendall(protocol.encode(protocol.QUERY))
    platform.ready(select.EPOLLIN)
    assert heard == [protocol.QUERY]
