"""Files of a client: pipes, sockets and regular files of the host that guests read and write."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from lichen.executive.io.file import SEEK_CURRENT, SEEK_SET, File
from lichen.executive.io.location import anonymous
from lichen.executive.io.opening import Access, Open, Options, Poll
from lichen.executive.io.requests import BytesAvailable
from lichen.executive.status import Status
from lichen.filesystems import passed
from lichen.filesystems.passed import PassedNode
from tests.unit.kernel import Kernel, status_of


class World(Kernel):
    """A kernel that hears of host descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.watches: dict[int, Callable[[int], None]] = {}
        self.epoll = select.epoll()

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self.epoll.register(descriptor, events)
        self.watches[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        self.epoll.unregister(descriptor)
        del self.watches[descriptor]

    def hear(self) -> None:
        """Tell of what has happened on the host, and let everybody go on who can."""
        for descriptor, events in self.epoll.poll(0):
            self.watches[descriptor](events)
        self.settle()

    def file(self, descriptor: int, options: int = 0) -> File:
        node = PassedNode(descriptor, self.devices, cast(Any, self))
        return node.file(anonymous(node.label, node), Open(node.access, options=options))


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    assert not world.watches
    world.epoll.close()


@pytest.fixture(params=["opened again", "as it was passed"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the host lets the kernel open a pipe again, so that it may be told not to wait."""
    if request.param == "as it was passed":
        monkeypatch.setattr(passed, "_own", lambda descriptor, kind: (descriptor, True))
    return cast(str, request.param)


def test_reading_a_pipe_waits_for_its_writer(world: World, way: str) -> None:
    reading, writing = os.pipe()
    file = world.file(reading)
    call = world.start(file.read(100))
    assert not call.ended
    os.write(writing, b"hello")
    world.hear()
    assert call.result == b"hello"
    call = world.start(file.read(100))
    assert not call.ended
    os.close(writing)
    world.hear()
    assert call.result == b""
    file.release()


def test_writing_to_a_full_pipe_waits_for_its_reader(world: World, way: str) -> None:
    reading, writing = os.pipe()
    file = world.file(writing)
    content = os.urandom(200_000)
    call = world.start(file.write(content))
    assert not call.ended
    arrived = b""
    while len(arrived) < len(content):
        arrived += os.read(reading, 10_000)
        world.hear()
    assert call.result == len(content)
    assert arrived == content
    os.close(reading)
    assert status_of(file.write, b"x") == Status.PIPE_CLOSING
    file.release()


def test_files_that_must_not_wait(world: World, way: str) -> None:
    reading, writing = os.pipe()
    source, target = world.file(reading, Options.NONBLOCKING), world.file(writing, Options.NONBLOCKING)
    assert status_of(source.read, 1) == Status.DEVICE_NOT_READY
    while target.poll() & Poll.WRITABLE:
        assert cast(int, target.write(bytes(10_000))) > 0
    assert status_of(target.write, b"x") == Status.DEVICE_NOT_READY
    assert source.poll() & Poll.READABLE
    target.release()
    source.release()


def test_the_flags_of_the_client_stay(world: World) -> None:
    reading, writing = os.pipe()
    file = world.file(os.dup(reading))
    world.start(file.read(1))
    assert os.get_blocking(reading)
    assert os.get_blocking(writing)
    os.write(writing, b"x")
    world.hear()
    for descriptor in (reading, writing):
        os.close(descriptor)
    file.release()


def test_both_ends_of_a_socket(world: World) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        file = world.file(theirs.detach())
        call = world.start(file.read(100))
        assert not call.ended
        ours.sendall(b"question")
        world.hear()
        assert call.result == b"question"
        assert file.write(b"answer") == 6
        assert ours.recv(100) == b"answer"
    assert file.read(100) == b""
    assert status_of(file.write, b"x") in (Status.PIPE_CLOSING, Status.CONNECTION_RESET)
    file.release()


def test_a_regular_file_shares_its_position_with_the_host(world: World, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    descriptor = os.open(path, os.O_RDWR)
    file = world.file(os.dup(descriptor))
    assert file.read(3) == b"012"
    assert os.read(descriptor, 2) == b"34"
    assert file.seek(0, SEEK_CURRENT) == file.position == 5
    file.position = 7
    assert os.lseek(descriptor, -2, os.SEEK_CUR) == 5
    assert file.read(2, 8) == b"89"
    assert file.write(b"x", 0) == 1
    assert file.write(b"ab") == 2
    file.seek(0, SEEK_SET)
    assert file.read(1 << 40) == b"x1234ab789"
    file.truncate(2)
    assert (file.attributes().size, path.read_bytes()) == (2, b"x1")
    mapping = file.mapping()
    assert mapping is not None
    assert (mapping.key, mapping.size) == (None, 2)
    os.close(file.node.open_host(True))
    file.release()
    os.close(descriptor)


def test_opening_again_gives_no_more_rights(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    file = world.file(os.open(tmp_path / "file", os.O_RDONLY))
    again = file.node.open(file.location, Open(Access.READ), world.token)
    assert isinstance(again, File)
    assert again.read(4) == b"text"
    assert status_of(file.node.open, file.location, Open(Access.WRITE), world.token) == Status.ACCESS_DENIED
    assert status_of(file.write, b"x") == Status.INVALID_HANDLE
    assert status_of(file.node.open_host, True) == Status.ACCESS_DENIED
    descriptor = cast(PassedNode, file.node).descriptor
    file.release()
    os.fstat(descriptor)
    again.release()
    assert status_of(lambda: cast(PassedNode, again.node).read_at(0, 1)) == Status.INVALID_HANDLE


def test_pipes_have_no_place_to_seek_to(world: World) -> None:
    reading, writing = os.pipe()
    file = world.file(reading)
    os.write(writing, b"x")
    assert file.control(BytesAvailable()) == 1
    os.close(writing)
    assert status_of(file.seek, 0) == Status.NOT_SEEKABLE
    assert status_of(file.read, 1, 0) == Status.NOT_SEEKABLE
    assert status_of(file.mapping) == Status.NO_DEVICE
    assert file.location.name.startswith("pipe:[")
    file.release()
