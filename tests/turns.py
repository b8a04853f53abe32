"""Loops of tests that wait for something: they fail with what did not happen, not by the time-out of the whole test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator


def until(reached: Callable[[], object], what: str, seconds: float = 20.0) -> Iterator[None]:
    """Turns of a loop until something is reached; fails with `what` never happened when that takes too long."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        yield
