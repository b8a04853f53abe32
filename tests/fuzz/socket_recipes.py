"""Requests to sockets that are right, or nearly so: local ones, as those need no host, between two ends of one process."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from tests.fuzz.arguments import EDGES
from tests.fuzz.nt_recipes import _file, _made, _named, _set_event
from tests.fuzz.recipes import Recipe, Steps

CREATE, BIND, LISTEN, ACCEPT, CONNECT = 0x120320, 0x12003, 0x1200B, 0x120324, 0x12032C
OPTIONS: Final = range(0x12036C, 0x1204C8, 4)
_AF_UNIX, _AF_INET, _STREAM = 1, 2, 1
_SPOILT: Final = 0.3
"""How often some bytes of a request are others."""
Request = tuple[int, int, bytes, int]
"""Whom to ask, the code, what is given, and how much room there is for the answer."""


def _opened(s: Steps) -> int:
    """A socket that is none yet, whose requests go on by themselves."""
    name = _named(s, "\\Device\\Afd\\Endpoint")
    return _made(s, "NtCreateFile", 0xC0100000, name, s.put(), 0, 0x80, 3, 3, 0, 0, 0)


def _asked(s: Steps, request: Request) -> tuple[int, ...]:
    """The arguments of a request."""
    handle, code, data, room = request
    return handle, 0, 0, 0, s.put(), code, s.put(data) if data else 0, len(data), s.put(bytes(room)), room


def _ask(s: Steps, *request: int | bytes) -> int:
    """Make a request, which must succeed; where its answer is."""
    values = _asked(s, request)  # type: ignore[arg-type]
    s.call("NtDeviceIoControlFile", *values)
    return values[8]


def _socket(s: Steps) -> int:
    handle = _opened(s)
    _ask(s, handle, CREATE, struct.pack("<4i", _AF_UNIX, _STREAM, 0, 0), 0)
    return handle


def _name(s: Steps) -> bytes:
    return struct.pack("<H108s", _AF_UNIX, s.name("C:\\r").encode())


def _listener(s: Steps) -> tuple[int, bytes]:
    handle, name = _socket(s), _name(s)
    _ask(s, handle, BIND, bytes(4) + name, len(name))
    _ask(s, handle, LISTEN, struct.pack("<3I", 0, 4, 0), 0)
    return handle, name


def _connecting(name: bytes, plainly: int = 1, more: bytes = b"") -> bytes:
    return struct.pack("<2I", len(name), plainly) + name + more


def _pair(s: Steps) -> tuple[int, int, int]:
    """A listener and the two ends of a connection."""
    server, name = _listener(s)
    client = _socket(s)
    _ask(s, client, CONNECT, _connecting(name), 0)
    return server, client, s.word(_ask(s, server, ACCEPT, b"", 4))


def _buffers(s: Steps, *sizes: int) -> int:
    return s.put(b"".join(struct.pack("<I4xQ", size, s.put(bytes(size))) for size in sizes))


def _sending(s: Steps, flags: int = 0, later: int = 0) -> bytes:
    return struct.pack("<Q4IQ", 0, 0, flags, later, 2, _buffers(s, 5, 9))


def _receiving(s: Steps, flags: int = 0, later: int = 1) -> bytes:
    control, flags_at = s.put(struct.pack("<I4xQ", 64, s.put(bytes(64)))), s.put(struct.pack("<I", flags))
    size = s.put(struct.pack("<i", 110))
    return struct.pack("<4Q2IQ", control, s.put(bytes(110)), size, flags_at, later, 2, _buffers(s, 3, 9))


def _with_control(s: Steps) -> bytes:
    """A message with control data, of which local sockets pass on nothing."""
    control = struct.pack("<Qii4s4x", 20, 0, 21, b"\x40\0\0\0")
    message = struct.pack("<Qi4xQI4xI4xQI4x", 0, 0, _buffers(s, 5), 1, len(control), s.put(control), 0)
    return struct.pack("<Q4IQ", 0, 0, 0x40000000, 0, 1, s.put(message))


def _polling(timeout: int, alone: int, *asked: tuple[int, int]) -> bytes:
    head = struct.pack("<qIB3x", timeout, len(asked), alone)
    return head + b"".join(struct.pack("<QII", handle, flags, 0) for handle, flags in asked)


def _transmitting(s: Steps) -> bytes:
    around = s.put(b"around")
    return struct.pack("<q2Q6I", 0, around, around, 6, 6, _file(s), 0, 0, 0)


def _to_be_accepted(s: Steps) -> int:
    server, name = _listener(s)
    _ask(s, _socket(s), CONNECT, _connecting(name), 0)
    return server


def _of_connection(
    code: int, data: Callable[[Steps], bytes] | bytes = b"", room: int = 0
) -> Callable[[Steps], Request]:
    return lambda s: (
        _pair(s)[s.half.random.choice((1, 2))],
        code,
        data if isinstance(data, bytes) else data(s),
        room,
    )


def _bound(s: Steps) -> Request:
    name = _name(s)
    return _socket(s), BIND, bytes(4) + name, len(name)


def _connect(s: Steps, plainly: int) -> Request:
    client, (_, name) = _socket(s), _listener(s)
    if not plainly:
        own = _name(s)
        _ask(s, client, BIND, bytes(4) + own, len(own))
    return client, CONNECT, _connecting(name, plainly, b"" if plainly else b"first"), 0


def _accept_into(s: Steps) -> Request:
    server = _to_be_accepted(s)
    return server, 0x120328, struct.pack("<3I", _socket(s), 0, 128), 256


def _poll(s: Steps) -> Request:
    server, client, other = _pair(s)
    alone = s.half.random.randrange(2)
    return client, 0x12024, _polling(-1000, alone, (client, 0x1FF), (other, 1), (server, 0x80)), 64


def _defer(s: Steps) -> Request:
    server, _, other = _pair(s)
    return server, 0x120364, struct.pack("<I", other), 0


_REQUESTS: Final[tuple[Callable[[Steps], Request], ...]] = (
    lambda s: (_opened(s), CREATE, struct.pack("<4i", _AF_UNIX, _STREAM, 0, 0), 0),
    _bound,
    lambda s: (_to_be_accepted(s), ACCEPT, b"", 4),
    lambda s: (_listener(s)[0], ACCEPT, b"", 4),
    lambda s: _connect(s, 1),
    lambda s: _connect(s, 0),
    _accept_into,
    _poll,
    _defer,
    _of_connection(0x120338, _sending),
    _of_connection(0x120338, _with_control),
    _of_connection(0x120334, _receiving),
    _of_connection(0x120334, lambda s: _receiving(s, flags=2, later=0)),
    _of_connection(0x12033C, _transmitting),
    _of_connection(0x120330, struct.pack("<I", 1)),
    _of_connection(0x120330, struct.pack("<I", 0x101)),
    _of_connection(0x120360, room=110),
    _of_connection(0x1202F, room=110),
    _of_connection(0x120368, room=12),
    _of_connection(0x120F00, room=4),
    _of_connection(0x12034C, room=4),
    _of_connection(0x120344, struct.pack("<I", 1)),
    _of_connection(0x12017, lambda s: struct.pack("<Q3I4x", _buffers(s, 4, 4), 2, 2, 0x20)),
    _of_connection(0x12087, lambda s: struct.pack("<QI4x", _set_event(s), 0x1FF)),
    _of_connection(0x1208B, room=56),
)


def _request(s: Steps) -> tuple[int, ...]:
    """Any of them, or any option; sometimes with other bytes in it."""
    random = s.half.random
    if random.random() < 0.2:
        request: Request = (_pair(s)[1], random.choice(OPTIONS), struct.pack("<3i", 1, 2, 3), 16)
    else:
        request = random.choice(_REQUESTS)(s)
    handle, code, data, room = request
    if data and random.random() < _SPOILT:
        spoilt = bytearray(data)
        at = random.randrange(0, len(data), 4)
        spoilt[at : at + 8] = struct.pack("<Q", random.choice(EDGES))[: len(data) - at]
        data = bytes(spoilt)
    return _asked(s, (handle, code, data, room))


def _transfer(s: Steps) -> tuple[int, ...]:
    """Reading from and writing to a connection as if it were a file."""
    return _pair(s)[s.half.random.choice((1, 2))], 0, 0, 0, s.put(), s.put(b"data"), 4, 0, 0


def _receives(s: Steps) -> tuple[int, ...]:
    """A connection by which something is received, some time."""
    _, client, _ = _pair(s)
    s.call("NtDeviceIoControlFile", *_asked(s, (client, 0x120334, _receiving(s), 0)))
    return client, 0, s.put()


SOCKET_RECIPES: Final[Mapping[str, Recipe]] = {
    "NtDeviceIoControlFile": _request,
    "NtReadFile": _transfer,
    "NtWriteFile": _transfer,
    "NtCancelIoFile": lambda s: (_receives(s)[0], s.put()),
    "NtCancelIoFileEx": _receives,
    "NtClose": lambda s: (_receives(s)[0],),
}
