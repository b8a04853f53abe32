"""A name server of a test's own on the loopback, which says what it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

A, CNAME, PTR, MX, AAAA = 1, 5, 12, 15, 28
NO_SUCH_NAME, SERVER_FAILURE = 3, 2
Answers = dict[tuple[str, int], list[tuple[str, int, bytes]]]


def wire(name: str) -> bytes:
    """A name as it is in messages."""
    return b"".join(bytes((len(each),)) + each.encode() for each in name.split(".") if each) + b"\0"


def bound_alike(port: int) -> tuple[socket.socket, socket.socket]:
    """Sockets for datagrams and for connections at the same port, any one when it is 0."""
    while True:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            streams.bind(("127.0.0.1", port))
            datagrams.bind(streams.getsockname())
            streams.listen()
            return datagrams, streams
        except OSError:
            datagrams.close()
            streams.close()
            if port:
                raise


class NameServer:
    """Answers by datagrams and connections, from a thread of its own.

    `answers` has the records (owner, type, data) of each (name, type). A name without any does not exist, unless `exists` has
    it. `change` may turn a reply to a datagram into others, or none.
    """

    def __init__(self, answers: Answers, exists: frozenset[str] = frozenset(), port: int = 0) -> None:
        self.answers, self.exists = answers, exists
        self.change: Callable[[bytes], list[bytes]] = lambda reply: [reply]
        self.code = 0
        self.asked: list[tuple[str, int, str]] = []
        """Name, type, and by what."""
        self.datagrams, self.streams = bound_alike(port)
        self.port = self.datagrams.getsockname()[1]
        self._threads = [threading.Thread(target=each) for each in (self._datagrams, self._streams)]
        for each in self._threads:
            each.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        for each in self._threads:
            each.join()
        self.datagrams.close()
        self.streams.close()

    def _datagrams(self) -> None:
        while True:
            question, whence = self.datagrams.recvfrom(65536)
            if not question:
                return
            for reply in self.change(self.reply(question, "datagram")):
                self.datagrams.sendto(reply, whence)

    def _streams(self) -> None:
        while True:
            connection, _ = self.streams.accept()
            with connection:
                size = connection.recv(2, socket.MSG_WAITALL)
                if not size:
                    return
                question = connection.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
                reply = self.reply(question, "stream")
                connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def reply(self, question: bytes, how: str) -> bytes:
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        name = ".".join(labels)
        (type,) = struct.unpack_from(">H", question, at + 1)
        self.asked.append((name, type, how))
        records = self.answers.get((name.lower(), type), [])
        exists = (
            records or name.lower() in self.exists or any(each == name.lower() for each, _ in self.answers)
        )
        code = self.code or (0 if exists else NO_SUCH_NAME)
        head = question[:2] + struct.pack(">5H", 0x8180 | code, 1, len(records), 0, 0)
        body = b"".join(
            wire(owner) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for owner, kind, data in records
        )
        return head + question[12 : at + 5] + body


def cut(reply: bytes) -> list[bytes]:
    """A reply of which nothing but the question has found room."""
    end = reply.index(b"\0", 12) + 5
    (flags,) = struct.unpack_from(">H", reply, 2)
    return [reply[:2] + struct.pack(">5H", flags | 0x200, 1, 0, 0, 0) + reply[12:end]]
