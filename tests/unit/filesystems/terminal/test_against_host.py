"""The line discipline against the host's: the same settings, keys, reads and writes, chosen at random, at both.

Signals and ^S are left to the fixed tests: what the host drops then depends on how far its own workers have come.
"""

from __future__ import annotations

import os
import pty
import struct
import time
from collections.abc import Iterator
from fcntl import ioctl
from random import Random
from typing import Final

import pytest

from lichen.executive.io.terminal import Character, Input, Local, Output, Settings
from lichen.filesystems.terminal.discipline import Discipline

_TERMIOS: Final = struct.Struct("=4IB19s")
_TCSETS, _FIONREAD = 0x5402, 0x541B
_SECONDS: Final = 2.0
_KEYS: Final = (
    *(
        b"a",
        b"b",
        b"Z",
        b"_",
        b"1",
        b" ",
        b"\t",
        b"\n",
        b"\r",
        b"\x7f",
        b"\x7f",
        b"\x15",
        b"\x17",
        b"\x12",
        b"\x16",
    ),
    *(b"\x04", b"\x01", b"\x1b", b";", b"!", b"\xc3\xa9", b"\xe2\x82\xac", b"\xa9", b"\xff", b"\0", b"\b"),
    *(b"long word", b"foo bar"),
)
_END: Final = b"a;"
"""Ends whatever is typed: it is echoed or can be read, so the host has come so far when it shows."""
_INPUT: Final = (Input.ISTRIP, Input.INLCR, Input.IGNCR, Input.ICRNL, Input.IUCLC, Input.PARMRK, Input.IUTF8)
_OUTPUT: Final = (
    Output.OPOST,
    Output.OLCUC,
    Output.ONLCR,
    Output.OCRNL,
    Output.ONOCR,
    Output.ONLRET,
    Output.XTABS,
)
_LOCAL: Final = (
    *(Local.ICANON, Local.ECHO, Local.ECHOE, Local.ECHOK, Local.ECHONL, Local.ECHOCTL, Local.ECHOPRT),
    *(Local.ECHOKE, Local.IEXTEN),
)


class Host:
    """A pseudo terminal of the host."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        os.set_blocking(self.slave, False)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)

    def change(self, settings: Settings) -> None:
        ioctl(self.slave, _TCSETS, _TERMIOS.pack(*settings[:6]))

    def shows(self, expected: bytes) -> bytes:
        """What comes out, waiting a little for all that is expected and for more."""
        shown, deadline = b"", time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                shown += os.read(self.master, 4096)
            except BlockingIOError:
                if len(shown) >= len(expected):
                    break
                time.sleep(0.0005)
        return shown

    def available(self, expected: int) -> int:
        deadline = time.monotonic() + _SECONDS
        while True:
            count: int = struct.unpack("i", ioctl(self.slave, _FIONREAD, bytes(4)))[0]
            if count == expected or time.monotonic() > deadline:
                return count
            time.sleep(0.0005)

    def reads(self, size: int) -> bytes | None:
        try:
            return os.read(self.slave, size)
        except BlockingIOError:
            return None


@pytest.fixture
def host() -> Iterator[Host]:
    terminal = Host()
    yield terminal
    terminal.close()


def random_settings(random: Random) -> Settings:
    def flip(flags: int, bits: tuple[int, ...]) -> int:
        for bit in bits:
            if random.random() < 0.12:
                flags ^= bit
        return flags

    base = Settings()
    characters = bytearray(base.characters)
    characters[Character.EOL] = _END[-1]
    if random.random() < 0.2:
        characters[Character.EOL2] = ord("!")
    return base._replace(
        input=flip(base.input & ~Input.IXON, _INPUT),
        output=flip(base.output, _OUTPUT),
        local=flip(base.local & ~Local.ISIG, _LOCAL),
        characters=bytes(characters),
    )


@pytest.mark.parametrize("seed", range(25))
def test_the_same_as_the_host(host: Host, seed: int) -> None:
    random = Random(seed)
    settings = random_settings(random)
    host.change(settings)
    ours = Discipline(settings)
    for _ in range(30):
        step = random.choice("ttttrrws")
        keys = b"".join(random.choice(_KEYS) for _ in range(random.choice((1, 1, 2, 5, 12, 40))))
        if step == "t":
            keys += _END
            os.write(host.master, keys)
            assert ours.receive(keys).taken == len(keys)
            echo = ours.take_echo()
            assert host.shows(echo) == echo
            assert host.available(ours.available) == ours.available
        elif step == "r":
            size = random.choice((1, 2, 3, 5, 8, 100, 4096))
            assert host.reads(size) == (ours.read(size) if ours.readable() else None)
        elif step == "w":
            assert os.write(host.slave, keys) == len(keys)
            shown = ours.write(keys)
            assert host.shows(shown) == shown
        else:
            settings = random_settings(random)
            host.change(settings)
            ours.change(settings)
            assert host.shows(b"") == ours.take_echo()
