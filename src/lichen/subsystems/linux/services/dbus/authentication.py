"""The server's side of how a connection on D-Bus begins: the socket says who the client is, and the client agrees.

Source: D-Bus specification, "Authentication Protocol".
"""

from __future__ import annotations

from typing import Final

from lichen.subsystems.linux.services.dbus.wire import ProtocolError

_LONGEST: Final = 4096
_MOST_LINES: Final = 32


class Authentication:
    """One client's way in. `identity` is the server's, 32 hexadecimal digits; `uid` whom the socket shows."""

    def __init__(self, identity: str, uid: int) -> None:
        self._identity, self._uid = identity, uid
        self._is_first = True
        self._lines = 0
        self._agreed = self.is_done = False

    def take(self, buffer: bytearray) -> bytes:
        """Take the lines that have come; what to answer. What follows the last line stays in the buffer. ProtocolError."""
        answers = b""
        if self._is_first and buffer:
            if buffer[0]:
                raise ProtocolError("a client does not begin with a zero byte")
            del buffer[0]
            self._is_first = False
        while not self.is_done and (end := buffer.find(b"\r\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            self._lines += 1
            if self._lines > _MOST_LINES:
                raise ProtocolError("a client does not come to an end of who it is")
            answers += self._line(line)
        if not self.is_done and len(buffer) > _LONGEST:
            raise ProtocolError("a line is too long")
        return answers

    def _line(self, line: bytes) -> bytes:
        words = line.split(b" ")
        if words[0] == b"AUTH":
            if words[1:2] != [b"EXTERNAL"]:
                return b"REJECTED EXTERNAL\r\n"
            return self._identify(words[2]) if len(words) > 2 else b"DATA\r\n"
        if words[0] == b"DATA":
            return self._identify(words[1] if len(words) > 1 else b"")
        if words[0] == b"BEGIN":
            if not self._agreed:
                raise ProtocolError("a client begins without saying who it is")
            self.is_done = True
            return b""
        if words[0] == b"CANCEL":
            return b"REJECTED EXTERNAL\r\n"
        return b"ERROR\r\n"

    def _identify(self, text: bytes) -> bytes:
        """A client may say only who it is: its user id, as the hexadecimal digits of its decimal ones, or nothing."""
        if text and text != str(self._uid).encode().hex().encode():
            return b"REJECTED EXTERNAL\r\n"
        self._agreed = True
        return b"OK " + self._identity.encode() + b"\r\n"
