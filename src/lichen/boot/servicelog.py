"""What services write and what is said of them: one file for each machine, of lines with a time and the unit's name.

Services can cause any number of lines, so there are two files of a limited size, of which the older one goes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_MOST: Final = 8 << 20
_LONGEST: Final = 8192
"""Characters of a line."""


class Line(NamedTuple):
    """One line of the log."""

    time: str
    """As ISO 8601 has it."""
    unit: str
    identifier: str
    process: str
    """A number, or nothing for what the manager says."""
    level: str
    text: str


class ServiceLog:
    """Writes the log; `now` gives nanoseconds since 1970."""

    def __init__(self, path: str, now: Callable[[], int], most: int = _MOST) -> None:
        self._path, self._now, self._most = path, now, most
        self._file = -1
        self._size = 0

    def tell(self, unit: str, text: str, level: int = 6) -> None:
        """Note a line of the manager's own."""
        self.write(unit, "", 0, text, level)

    def write(self, unit: str, identifier: str, process: int, text: str, level: int = 6) -> None:
        """Note a line that a process has written."""
        from datetime import UTC, datetime

        seconds = self._now() / 1e9
        time = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
        words = (time, unit, identifier, str(process or ""), str(level), text[:_LONGEST])
        line = "\t".join(_plain(word) for word in words) + "\n"
        self._append(line.encode("utf-8", "surrogateescape"))

    def _append(self, data: bytes) -> None:
        if self._file < 0:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._file).st_size
        if self._size + len(data) > self._most // 2:
            os.close(self._file)
            self._file = -1
            os.replace(self._path, f"{self._path}.old")
            self._append(data)
            return
        try:
            self._size += os.write(self._file, data)
        except OSError:  # the host's disk is full: services go on
            return

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _plain(text: str) -> str:
    """A text without what separates fields and lines, or drives a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def read(path: str) -> Iterator[Line]:
    """The lines of a log, from the oldest on; none when nothing was ever told."""
    for name in (f"{path}.old", path):
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                for text in file:
                    words = text.rstrip("\n").split("\t")
                    if len(words) == len(Line._fields):
                        yield Line(*words)
        except FileNotFoundError:
            continue
