"""Whole calls that are right, for what chance does not get right often enough: several arguments must agree, or other calls
must have come before.

A recipe makes those calls by the very thread that is to make the one in question, and returns the arguments for it. The
fuzzer spoils one of them now and then, so what lies behind the first checks meets lies too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Final

from lichen.executive.processes import Thread

Recipe = Callable[["Steps"], tuple[int, ...]]
_numbers: Final = count(1)


class Unready(Exception):
    """A call that had to come before failed or waits: the process has been spoiled too much for this recipe."""


class Steps:
    """What a recipe is made of: calls of one thread, and bytes in its memory."""

    def __init__(self, half: Any, thread: Thread) -> None:
        self.half, self.thread = half, thread
        half.source.thread = thread

    def call(self, name: str, *arguments: int) -> int:
        """Make a call, which must succeed; returns its result."""
        guest: Any = self.thread.guest
        if guest.state != "runs":
            raise Unready(name)
        results: list[int] = []
        guest.answered = results.append
        self.half.make(self.thread, name, *arguments)
        if not results or not self.half.succeeded(results[0]):
            raise Unready(name)
        return results[0]

    def put(self, data: bytes = bytes(16)) -> int:
        """Bytes that nobody else uses for a while; where they are."""
        address: int = self.half.source.put(data)
        return address

    def word(self, address: int, size: int = 4) -> int:
        """A number out of the guest's memory."""
        return int.from_bytes(self.thread.memory.read(address, size), "little")

    @staticmethod
    def name(folder: str = "/tmp/r") -> str:
        """A name that was never there before."""
        return f"{folder}{next(_numbers)}"

    def text(self, text: str) -> int:
        """A string with its NUL."""
        return self.put(text.encode() + b"\0")
