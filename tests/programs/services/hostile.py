"""Says to the service manager what no client should, on the socket that every user may use; prints how it was answered."""

import os
import random
import socket
import struct
import sys

BUS = "/run/dbus/system_bus_socket"
HELLO = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"


def joined() -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(BUS)
    client.sendall(HELLO)
    while not client.recv(100).endswith(b"\r\n"):
        pass
    return client


def field(number: int, kind: bytes, text: bytes) -> bytes:
    size = struct.pack("<I", len(text)) if kind != b"g" else bytes([len(text)])
    data = bytes([number, 1]) + kind + b"\0" + size + text + b"\0"
    return data + bytes(-len(data) % 8)


def call(
    member: bytes, signature: bytes = b"", body: bytes = b"", path: bytes = b"/org/freedesktop/systemd1"
) -> bytes:
    fields = (
        field(1, b"o", path) + field(2, b"s", b"org.freedesktop.systemd1.Manager") + field(3, b"s", member)
    )
    if signature:
        fields += field(8, b"g", signature)
    return b"l\1\0\1" + struct.pack("<III", len(body), 1, len(fields)) + fields + body


def is_let_go(client: socket.socket) -> bool:
    client.settimeout(20)
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def garbage(count: int) -> None:
    """Damaged messages, each on a connection that it costs."""
    chance = random.Random(1)
    whole = call(b"ListUnitsByPatterns", b"asas", bytes(16))
    for _ in range(count):
        client = joined()
        data = bytearray(whole * 3)
        for _ in range(20):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            client.sendall(data)
        except OSError:
            pass
        client.close()


def flood(count: int) -> None:
    """Calls that nobody reads the answers of."""
    client = joined()
    client.setblocking(False)
    data = call(b"ListUnitsByPatterns", b"asas", bytes(16)) * 100
    for _ in range(count // 100):
        try:
            client.send(data)
        except OSError:
            break
    client.close()


garbage(int(sys.argv[1]))
flood(int(sys.argv[2]))
for bad in (
    b"x" * 100,
    call(b"x", b"a()", b"\1\0\0\0\0\0\0\0"),
    call(b"x")[:-1] + b"\xff" * 9,
    b"l\1\0\1" + b"\xff" * 60,
):
    client = joined()
    client.sendall(bad)
    client.shutdown(socket.SHUT_WR)
    print(is_let_go(client))
many: list[socket.socket] = []


def all_that_there_are() -> None:
    while len(many) < 200:
        many.append(joined())


try:
    all_that_there_are()
except OSError:
    pass
print(len(many) < 100, os.getuid())
