"""Answers names on port 53 of the loopback, in a network of its own, while a command runs: `named.py COMMAND...`."""

from __future__ import annotations

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.unit.name_server import AAAA, CNAME, MX, PTR, A, NameServer, cut, wire

HOST = bytes((192, 0, 2, 7))
HOST_6 = bytes.fromhex("20010db8000000000000000000000009")
SIOCGIFFLAGS, SIOCSIFFLAGS, UP = 0x8913, 0x8914, 1


def bring_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack_from("h", request, 16)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | UP))


def main() -> int:
    bring_up()
    many = [("many.test", A, bytes((192, 0, 2, number))) for number in range(1, 101)]
    server = NameServer(
        {
            ("host.test", A): [("host.test", A, HOST)],
            ("host.test", AAAA): [("host.test", AAAA, HOST_6)],
            ("host.test", MX): [("host.test", MX, b"\0\5" + wire("mail.test"))],
            ("alias.test", A): [("alias.test", CNAME, wire("host.test")), ("host.test", A, HOST)],
            ("inner.domain.test", A): [("inner.domain.test", A, HOST)],
            ("many.test", A): many,
            ("7.2.0.192.in-addr.arpa", PTR): [("7.2.0.192.in-addr.arpa", PTR, wire("host.test"))],
        },
        port=53,
    )
    server.change = lambda reply: cut(reply) if len(reply) > 512 else [reply]
    try:
        return subprocess.run(sys.argv[1:], check=False).returncode
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
