"""The kernel's end of a client's socket: whole messages in and out, never waiting."""

from __future__ import annotations

import array
import logging
import os
import select
import socket
import struct
from collections.abc import Callable
from typing import Final

from lichen.daemon import protocol
from lichen.executive.interfaces import Platform

log = logging.getLogger("lichen.daemon")

_CREDENTIALS: Final = struct.Struct("=iII")
_PIECE: Final = 1 << 16


class Connection:
    """One client. `receiver` is told of its messages (kind, fields, descriptors) and, once, that it is gone."""

    def __init__(self, connection: socket.socket, platform: Platform) -> None:
        self.socket, self.platform = connection, platform
        self.message: Callable[[int, list[bytes], list[int]], None]
        self.gone: Callable[[], None] = lambda: None
        self._buffer = bytearray()
        self._descriptors: list[int] = []
        self._unsent = bytearray()
        self.is_open = True
        connection.setblocking(False)
        platform.watch(connection.fileno(), select.EPOLLIN, self._ready)

    def peer(self) -> tuple[int, int]:
        """(process id, user id) of whoever connected."""
        data = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(data)
        return pid, uid

    def send(self, kind: int, *fields: bytes) -> None:
        """Send a message; a client that does not take its messages is let go."""
        if not self.is_open:
            return
        waits = bool(self._unsent)
        self._unsent += protocol.encode(kind, *fields)
        if not waits:
            self._push()
            if self._unsent:
                self.platform.watch(self.socket.fileno(), select.EPOLLIN | select.EPOLLOUT, self._ready)
        elif len(self._unsent) > protocol.MOST:
            self.close()

    def _push(self) -> None:
        """Send as much as the host takes."""
        try:
            del self._unsent[: self.socket.send(self._unsent, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def close(self) -> None:
        """Hang up. `gone` is called, as when the client does it."""
        if not self.is_open:
            return
        self.is_open = False
        self.platform.unwatch(self.socket.fileno())
        self.socket.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        self._unsent.clear()
        self.gone()

    def _ready(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._push()
            if self.is_open and not self._unsent:
                self.platform.watch(self.socket.fileno(), select.EPOLLIN, self._ready)
        if events & ~select.EPOLLOUT and self.is_open:
            self._take()

    def _take(self) -> None:
        """Act on what the client has sent."""
        try:
            if not self._receive():
                self.close()
                return
            while self.is_open and (message := protocol.decode(self._buffer)) is not None:
                descriptors, self._descriptors = self._descriptors, []
                self.message(*message, descriptors)
        except (OSError, protocol.ProtocolError) as error:
            log.warning("a client was let go: %s", error)
            self.close()
        except Exception:
            self.close()
            raise

    def _receive(self) -> bool:
        """Take what has arrived; False at the end."""
        room = socket.CMSG_SPACE(protocol.MOST_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(_PIECE, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return True
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors += _numbers(content)
        self._buffer += data
        return bool(data)


def _numbers(content: bytes) -> list[int]:
    numbers: array.array[int] = array.array("i")
    numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
    return numbers.tolist()
