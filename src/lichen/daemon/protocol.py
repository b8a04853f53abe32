"""What a client and the kernel say to each other over their socket.

A message is a head (magic, size, kind) and fields of bytes, each with its length. A list is a field of strings that end with
a zero byte, which no argument or variable holds. Head and framing never change, so that any version understands another's
SHUTDOWN and can say why it refuses the rest.
"""

from __future__ import annotations

import socket
import struct

import lichen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

VERSION: Final = 2
"""Raised with every change of a message's fields."""

START: Final = 1
RESIZE: Final = 2
SIGNAL: Final = 3
SHUTDOWN: Final = 4
"""End the machine: by the field STOP or RESTART as these say, without a field at once.

There is an answer only to a RESTART that will not be one, as the machine is going down for good.
"""
QUERY: Final = 5
CONTINUED: Final = 6
"""A shell continues the client; its field says whether in the foreground of the terminal."""
STAY: Final = 7
"""Have the machine stay until it is stopped: the client's version and flags, as in START. The answer is JSON."""

EXITED: Final = 64
FAILED: Final = 65
WARNING: Final = 66
ANSWER: Final = 67
STARTED: Final = 68
STOPPED: Final = 69
"""The program has stopped, as by ^Z."""

MAGIC: Final = b"lich"
MOST: Final = 8 << 20
"""The longest message: twice what Linux takes as arguments and environment."""
MOST_DESCRIPTORS: Final = 4
TRACE: Final = b"trace"
"""Flag of START: the last descriptor that is passed is where a trace goes."""
ROOT_FILES: Final = b"root-files"
JOB_CONTROL: Final = b"job-control"
"""Flag of START: the machine must show what others may not read."""
STOP: Final = b"stop"
RESTART: Final = b"restart"
DISK: Final = b"disk="
"""Begins a flag of START: the bytes of the host's disk that the machine may take from now on, 0 for all."""
NETWORK: Final = b"network="
"""Begins a flag of START: the network that the machine must be on."""
PUBLISH: Final = b"publish="
"""Begins a flag of START: a port of the host that is to lead into the machine."""
_START_FIELDS: Final = 12
_HEAD: Final = struct.Struct("<4sII")
WORD: Final = struct.Struct("<I")


def version() -> str:
    """What both sides must have in common."""
    return f"{lichen.__version__} (protocol {VERSION})"


class ProtocolError(Exception):
    """The other side does not speak this protocol."""


def encode(kind: int, *fields: bytes) -> bytes:
    """A message."""
    body = b"".join(WORD.pack(len(field)) + field for field in fields)
    return _HEAD.pack(MAGIC, len(body), kind) + body


def decode(buffer: bytearray) -> tuple[int, list[bytes]] | None:
    """Take the first message, as its kind and fields, from what has arrived; None when it is not whole yet."""
    if len(buffer) < _HEAD.size:
        return None
    magic, size, kind = _HEAD.unpack_from(buffer)
    if magic != MAGIC or size > MOST:
        raise ProtocolError("the other side does not speak Lichen's protocol")
    end = _HEAD.size + size
    if len(buffer) < end:
        return None
    body = bytes(buffer[_HEAD.size : end])
    del buffer[:end]
    return kind, _fields(body)


def _fields(body: bytes) -> list[bytes]:
    fields, at = [], 0
    while at < len(body):
        if at + WORD.size > len(body):
            raise ProtocolError("a message is cut short")
        (length,) = WORD.unpack_from(body, at)
        at += WORD.size
        if at + length > len(body):
            raise ProtocolError("a message is cut short")
        fields.append(body[at : at + length])
        at += length
    return fields


def values(flags: Iterable[bytes], name: bytes) -> list[str]:
    """What the flags say that begin with `name`."""
    return [flag.removeprefix(name).decode(errors="replace") for flag in flags if flag.startswith(name)]


def joined(strings: Iterable[bytes]) -> bytes:
    """A list as one field."""
    return b"".join(string + b"\0" for string in strings)


def parted(field: bytes) -> list[bytes]:
    """The list that a field holds."""
    return field.split(b"\0")[:-1]


class Start:
    """START: what to run, as whom, where, and with which files."""

    def __init__(
        self,
        version: bytes,
        program: bytes,
        arguments: list[bytes],
        environment: list[bytes],
        folder: bytes,
        user: bytes = b"",
        groups: list[bytes] | None = None,
        shares: list[bytes] | None = None,
        standard: bytes = b"",
        flags: list[bytes] | None = None,
        terminal: bytes = b"",
        window: bytes = b"",
    ) -> None:
        self.version = version
        self.program = program
        """A path, a name, or nothing for the user's login shell."""
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.user = user
        """A name of the machine's, or nothing for the caller's id."""
        self.groups = groups or []
        self.shares = shares or []
        """Three strings for each: folder of the host, folder of the guest, `ro` or `rw`."""
        self.standard = standard
        """A byte for each descriptor from 0 on: whether it is among those that are passed."""
        self.flags = flags or []
        self.terminal, self.window = terminal, window
        """struct termios2 and struct winsize of the client's terminal as it was found, if it is raw now; else empty."""

    def encode(self) -> bytes:
        return encode(
            START,
            self.version,
            self.program,
            joined(self.arguments),
            joined(self.environment),
            self.folder,
            self.user,
            joined(self.groups),
            joined(self.shares),
            self.standard,
            joined(self.flags),
            self.terminal,
            self.window,
        )

    @classmethod
    def decode(cls, fields: list[bytes]) -> Start:
        """The request in a message's fields; ProtocolError when there are too few."""
        if len(fields) < _START_FIELDS:
            raise ProtocolError("a START message is incomplete")
        version, program, arguments, environment, folder, user, groups, shares, standard, flags, *rest = (
            fields
        )
        return cls(
            version,
            program,
            parted(arguments),
            parted(environment),
            folder,
            user,
            parted(groups),
            parted(shares),
            standard,
            parted(flags),
            rest[0],
            rest[1],
        )


def send(connection: socket.socket, message: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send a whole message; descriptors travel with its first byte."""
    sent = socket.send_fds(connection, [message], list(descriptors)) if descriptors else 0
    if sent < len(message):
        connection.sendall(message[sent:])


def receive(connection: socket.socket, buffer: bytearray) -> tuple[int, list[bytes]] | None:
    """Wait for the next message; None when the other side is gone."""
    while (message := decode(buffer)) is None:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return None
        buffer += data
    return message
