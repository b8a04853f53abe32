"""A console over a pseudo terminal of the host, which plays the user's real one."""

from __future__ import annotations

import os
import pty
import select
import struct
import time
import tty
from collections.abc import Callable, Iterator
from fcntl import F_GETFL, fcntl, ioctl
from typing import Any, cast

import pytest

from lichen.executive.io.opening import Poll
from lichen.executive.io.terminal import GetSettings, GetWindowSize, SetSettings, Settings, WindowSize
from lichen.executive.status import Status
from lichen.executive.wait import Blocks
from lichen.filesystems.terminal.console import ClientTerminal, join
from tests.turns import until
from tests.unit.filesystems.terminal.world import World
from tests.unit.kernel import status_of

_TCGETS2 = 0x802C542A
_WINDOW = struct.pack("4H", 30, 90, 1, 2)


class Watches:
    """The platform's part: who wants to hear of which descriptor."""

    def __init__(self) -> None:
        self.watched: dict[int, tuple[int, Callable[[int], None]]] = {}

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        assert descriptor not in self.watched
        self.watched[descriptor] = events, ready

    def unwatch(self, descriptor: int) -> None:
        del self.watched[descriptor]

    def run(self, seconds: float = 0.5) -> None:
        """Tell of what happens until nothing does."""
        deadline = time.monotonic() + seconds
        while self.watched and time.monotonic() < deadline:
            poll = select.poll()
            for descriptor, (events, _) in self.watched.items():
                poll.register(descriptor, events)
            found = poll.poll(20)
            if not found:
                return
            for descriptor, events in found:
                if descriptor in self.watched:
                    self.watched[descriptor][1](events)


class User:
    """Somebody in front of a terminal of the host, and the console on it."""

    def __init__(self) -> None:
        self.world, self.watches = World(), Watches()
        self.keyboard, self.passed = pty.openpty()
        self.settings = ioctl(self.passed, _TCGETS2, bytes(44))
        tty.setraw(self.passed)
        self.console = self.join()
        self.leader = self.world.process(leads="session")
        self.console.terminal.control(self.leader)
        self.file = self.console.open()

    def join(self) -> ClientTerminal:
        platform = cast(Any, self.watches)
        joined = join(
            self.world.terminals,
            platform,
            [self.passed, None],
            self.world.kernel.token,
            self.settings,
            _WINDOW,
        )
        assert joined is not None
        return joined

    def types(self, keys: bytes) -> None:
        os.write(self.keyboard, keys)
        self.watches.run()

    def may_write(self) -> bool:
        return bool(self.file.poll() & Poll.WRITABLE)

    def sees(self) -> bytes:
        shown = b""
        while select.select([self.keyboard], [], [], 0.05)[0]:
            shown += os.read(self.keyboard, 65536)
        return shown

    def close(self) -> None:
        self.console.close()
        for descriptor in (self.keyboard, self.passed):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture(params=["reopened", "shared"])
def user(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[User]:
    """With the terminal opened again for the kernel, and where that is not allowed."""
    if request.param == "shared":

        def refuse(path: str, flags: int) -> int:
            raise PermissionError(path)

        monkeypatch.setattr(os, "open", refuse)
    user = User()
    yield user
    user.close()


def test_what_the_client_found_is_what_guests_find(user: User) -> None:
    settings = cast(Settings, user.file.control(GetSettings()))
    found = struct.unpack("=4IB19s2I", user.settings)
    assert (settings.input, settings.local) == (found[0], found[3])
    assert user.file.control(GetWindowSize()) == WindowSize(30, 90, 1, 2)
    assert user.file.location.name == "0"


def test_lines_are_edited_by_the_machine(user: User) -> None:
    user.types(b"helo\x7flo\r")
    assert user.sees() == b"helo\b \blo\r\n"
    assert user.file.read(100) == b"hello\n"
    user.file.write(b"one\ntwo\n")
    assert user.sees() == b"one\r\ntwo\r\n"


def test_keys_signal_the_foreground(user: User) -> None:
    user.types(b"\x03")
    assert user.world.signals.take() == [(user.leader.id, 2)]
    assert user.sees() == b"^C"


def test_the_flags_of_the_clients_descriptor_stay(user: User) -> None:
    user.types(b"x\r")
    user.file.write(b"y")
    assert not fcntl(user.passed, F_GETFL) & os.O_NONBLOCK
    assert os.get_blocking(user.passed)


def test_nobody_waits_for_a_slow_terminal(user: User) -> None:
    text = b"0123456789abcde\n" * 8000
    writing = user.world.kernel.start(user.file.write(text))
    for _ in range(10):
        user.watches.run(0.05)
        user.world.kernel.settle()
    assert not user.may_write()
    shown = b""
    for _ in until(lambda: writing.ended and not user.console.in_transit(), "all has left"):
        shown += user.sees()
        user.watches.run(0.1)
        user.world.kernel.settle()
    assert (shown + user.sees()).replace(b"\r", b"") == text


def test_stopping_holds_what_has_not_left(user: User) -> None:
    user.types(b"\x13")
    assert not user.may_write()
    writing = user.world.kernel.start(user.file.write(b"late"))
    assert user.sees() == b""
    user.types(b"\x11")
    assert user.may_write()
    user.world.kernel.settle()
    assert (writing.result, user.sees()) == (4, b"late")


def test_typing_ahead_is_bounded(user: User) -> None:
    settings = user.console.terminal.discipline.settings
    user.file.control(SetSettings(settings._replace(input=0, local=0)))
    typed = 0
    os.set_blocking(user.keyboard, False)
    try:
        while typed < 200_000:
            typed += os.write(user.keyboard, b"k" * 1000)
            user.watches.run(0.02)
    except BlockingIOError:
        pass
    assert typed < 200_000
    read = 0
    while user.console.terminal.discipline.readable():
        read += len(cast(bytes, user.file.read(10_000)))
        user.watches.run(0.1)
    assert read == typed


def test_a_new_size(user: User) -> None:
    user.console.resize(struct.pack("4H", 50, 132, 0, 0))
    assert user.file.control(GetWindowSize()) == WindowSize(50, 132)
    assert user.world.signals.take() == [(user.leader.id, 28)]
    user.console.resize(b"nonsense, and too long")
    assert user.file.control(GetWindowSize()) == WindowSize(50, 132)


def test_the_end_of_the_hosts_terminal_hangs_up(user: User) -> None:
    os.close(user.keyboard)
    user.keyboard = -1
    user.watches.run()
    assert user.world.signals.take() == [(user.leader.id, 1), (user.leader.id, 18)]
    assert user.file.read(10) == b""
    assert status_of(user.file.write, b"x") == Status.IO_DEVICE_ERROR
    assert user.watches.watched == {}


def test_closing_leaves_nothing(user: User) -> None:
    user.file.write(b"x")
    user.console.close()
    user.console.close()
    assert user.watches.watched == {}
    assert user.world.terminals.consoles == []
    assert user.world.terminals.terminals == {}
    assert user.file.read(10) == b""


def test_draining(user: User) -> None:
    kernel = user.world.kernel
    kernel.start(user.file.write(b"x" * 150_000))
    ended: list[int] = []

    def drain(seconds: float) -> Blocks[None]:
        yield from user.console.drain(kernel.now + seconds)
        ended.append(user.console.in_transit())

    kernel.finish(cast(Any, drain(1)))
    assert ended.pop() > 0
    kernel.start(cast(Any, drain(100)))
    for _ in until(lambda: ended, "the console is drained"):
        user.sees()
        user.watches.run(0.1)
        kernel.settle()
    assert ended == [0]


def test_without_a_terminal_there_is_no_console() -> None:
    world = World()
    reading, writing = os.pipe()
    try:
        assert (
            join(world.terminals, cast(Any, Watches()), [reading, writing], world.kernel.token, b"", b"")
            is None
        )
    finally:
        os.close(reading)
        os.close(writing)


def test_settings_that_are_none_become_the_usual_ones() -> None:
    user = User()
    user.settings = b"short"
    again = user.join()
    try:
        assert again.terminal.discipline.settings.characters[:4] == b"\x03\x1c\x7f\x15"
    finally:
        again.close()
        user.close()
