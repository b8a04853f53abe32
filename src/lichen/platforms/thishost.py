"""The host that this process runs on."""

from __future__ import annotations

import os
import time

from lichen.executive.status import Failure, Status


class ThisHost:
    """Its processors are those that the process may be run on when this is made: a platform may bind it to one later."""

    def __init__(self) -> None:
        self.processors = frozenset(os.sched_getaffinity(0))

    def name(self) -> str:
        return os.uname().nodename

    def now(self) -> int:
        return time.time_ns()

    def clock(self, id: int) -> float:
        return time.clock_gettime(id)

    def resolution(self, id: int) -> float:
        return time.clock_getres(id)

    def random(self, size: int) -> bytes:
        return os.urandom(size)

    def read(self, path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            return b""

    def set(self, path: str, text: bytes) -> None:
        raise Failure(Status.PRIVILEGE_NOT_HELD)

    def has(self, path: str) -> bool:
        return os.path.exists(path)

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except OSError:
            return []
