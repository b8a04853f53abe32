"""The log of a machine's kernel: guests can cause what is told in it, and must not fill the host's disk by that."""

from __future__ import annotations

import logging
from typing import Final, TextIO

MOST: Final = 16 << 20
"""Bytes that one run of a kernel writes."""


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error until that was `most` bytes."""

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.left = most
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if self.left <= 0:
            return
        self.left -= len(self.format(record).encode(errors="surrogateescape")) + 1
        super().emit(record)
        if self.left <= 0:
            self.stream.write("no more is logged: this is too much already\n")
            self.flush()
