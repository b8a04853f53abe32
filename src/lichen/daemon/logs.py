"""The log of a machine's kernel: guests can cause what is told in it, and must not fill the host's disk by that."""

from __future__ import annotations

import logging
from typing import Final, TextIO

MOST: Final = 16 << 20
"""Bytes that one run of a kernel writes."""


def printable(text: str) -> str:
    """Text with escapes as in Python's strings for what is not to be seen: the end of a line, what controls a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _OneLine(logging.Formatter):
    """Has every message stay on its line, as guests choose names that are told in it; what follows an error does not."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with escapes for what would end it."""
        return printable(super().formatMessage(record))


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error until that was `most` bytes."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.left = most
        self.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if self.left <= 0:
            return
        self.left -= len(self.format(record).encode(errors="surrogateescape")) + 1
        super().emit(record)
        if self.left <= 0:
            self.stream.write("no more is logged: this is too much already\n")
            self.flush()
