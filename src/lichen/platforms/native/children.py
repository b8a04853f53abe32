"""The children of this host process: whoever asks the host first is told of all of them, whichever platform they belong to."""

from __future__ import annotations

import os
import select
from collections.abc import Container
from typing import Final, Protocol

from lichen.platforms.native import host

_LOOK: Final = 5
"""Milliseconds between two looks for an end, which another platform may have taken the signal of."""


def has_stopped(status: int) -> bool:
    """Whether a wait status is a ptrace stop, and no end."""
    return status & 0xFF == 0x7F


class Parent(Protocol):
    """A platform, as far as it is told of children."""

    @property
    def threads(self) -> Container[int]: ...
    def tell(self, tid: int, status: int) -> None: ...


class Children:
    """Hands what the host tells on to the platform that it is for. All platforms of a process run in one host thread."""

    def __init__(self) -> None:
        self._platforms: list[Parent] = []
        self._born: dict[int, None] = {}
        """New host threads whose first stop was told of before their platform asked for it."""

    def join(self, platform: Parent) -> None:
        self._platforms.append(platform)

    def leave(self, platform: Parent) -> None:
        self._platforms.remove(platform)

    def pass_on(self, tid: int, status: int) -> None:
        """One platform was told of a thread that is not its own."""
        for platform in self._platforms:
            if tid in platform.threads:
                platform.tell(tid, status)
                return
        if has_stopped(status):
            self._born[tid] = None

    def is_born(self, tid: int) -> bool:
        """Whether the first stop of a new host thread was told; it is so once."""
        return tid in self._born and self._born.pop(tid) is None

    def reap(self, tids: set[int], signals: int) -> None:
        """Wait for the ends of threads that were killed: in any order, as a process's first thread ends last."""
        end = select.poll()
        end.register(signals, select.POLLIN)
        while tids:
            for tid in tuple(tids):
                try:
                    found, status = os.waitpid(tid, host.ANY_CHILD | os.WNOHANG)
                except ChildProcessError:
                    tids.discard(tid)
                    continue
                if found and not has_stopped(status):
                    tids.discard(tid)
            if tids:
                end.poll(_LOOK)


CHILDREN: Final = Children()
"""Those of this process, of which the host keeps one list."""
