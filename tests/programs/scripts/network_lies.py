"""Messages to netlink's routes and to sock_diag that lie, by the thousand: SEED, and how many."""

from __future__ import annotations

import random
import socket
import struct
import sys
from collections.abc import Callable

EDGES = (0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NAMES = (b"lo\0", b"eth0\0", b"veth\0", b"bridge\0", b"dummy\0", b"vlan\0", b"vxlan\0", b"a" * 40, b"x1\0")
BODIES = {4: 16, 5: 8, 6: 12, 7: 12, 8: 12}
ROUTE, SOCK_DIAG = 0, 4
chosen = random.Random(int(sys.argv[1]))


def attribute(type: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), type) + value + bytes(-len(value) % 4)


def number() -> bytes:
    return struct.pack("=I", chosen.choice(EDGES))


def value() -> bytes:
    kind = chosen.randrange(6)
    if kind == 0:
        return number()
    if kind == 1:
        return chosen.randbytes(chosen.choice((0, 1, 2, 3, 4, 6, 8, 16, 17, 40)))
    if kind == 2:
        return chosen.choice(NAMES)
    if kind == 3:
        return socket.inet_aton(f"10.{chosen.randrange(4)}.0.{chosen.randrange(8)}")
    types = (chosen.randrange(60) | chosen.choice((0, 0x8000)) for _ in range(chosen.randrange(3)))
    return b"".join(attribute(type, number() if kind == 4 else value()) for type in types)


def spoilt(body: bytearray) -> bytes:
    for _ in range(chosen.randrange(4)):
        if body:
            body[chosen.randrange(len(body))] = chosen.choice(EDGES) & 255
    return bytes(body)


def message(protocol: int) -> bytes:
    if protocol == ROUTE:
        type = chosen.randrange(16, 36) if chosen.random() < 0.9 else chosen.randrange(130)
        body = bytearray(BODIES.get(type // 4, chosen.randrange(20)))
        if body:
            body[0] = chosen.choice((0, 2, 10, 17, 7))
        if type // 4 == 4:
            struct.pack_into("=i", body, 4, chosen.choice((0, 0, 1, 2, 3, 4, -1)))
    else:
        type = chosen.choice((18, 19, 20, 20, 20, 21, 21, chosen.randrange(30)))
        body = bytearray(chosen.choice((24, 56, 56, 72)))
        body[:4] = bytes((chosen.choice((1, 2, 10, 16, 17, 0)), chosen.choice((0, 6, 17, 255)), 0, 0))
        body[4:8] = number()
    lies = spoilt(body) + b"".join(
        attribute(chosen.randrange(62), value()) for _ in range(chosen.randrange(5))
    )
    if chosen.random() < 0.15:
        lies = lies[: chosen.randrange(len(lies) + 1)]
    flags = 1 | chosen.choice((0, 4, 0x100, 0x200, 0x300, 0x300, 0x400, 0x600, 0xE00, 0x704))
    length = 16 + len(lies) if chosen.random() < 0.9 else chosen.choice(EDGES)
    return (
        struct.pack("=IHHII", length, type, flags, chosen.randrange(9), chosen.choice((0, 0, 1, 2**32 - 1)))
        + lies
    )


def attempt(operation: Callable[..., object], *arguments: object) -> object:
    try:
        return operation(*arguments)
    except OSError:
        return None


protocol = ROUTE
asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
for at in range(int(sys.argv[2])):
    if at % 500 == 0:
        protocol = ROUTE if at % 1000 else SOCK_DIAG
        asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        asked.setblocking(False)
    several = b"".join(
        message(protocol) + bytes(chosen.choice((0, 0, 0, 1, 3))) for _ in range(chosen.choice((1, 1, 2)))
    )
    attempt(asked.send, several)
    while at % 4 == 0 and attempt(asked.recv, 1 << 16) is not None:
        continue
    if at % 50 == 0:
        attempt(asked.bind, (chosen.choice(EDGES), chosen.choice(EDGES)))
        attempt(asked.setsockopt, 270, chosen.randrange(14), number())
print("done")
