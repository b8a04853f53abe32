"""How long a machine runs: while it was started to stay, has a session, or anything lives in it; then a while longer.

What lives in it need not belong to a session: a daemon or what `nohup` and `setsid` left behind keeps the machine as it
keeps a host. Without any of these it waits for its next session, and ends.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lichen.daemon import ending, places
from lichen.executive.wait import Blocks, Wait

if TYPE_CHECKING:
    from lichen.daemon.kernel import Kernel
    from lichen.daemon.session import Session
    from lichen.executive.processes import Process
    from lichen.executive.scheduler import Parking

_IDLE: Final = 60.0
"""Seconds that a machine waits for its next session; LICHEN_IDLE_SECONDS of the first client's environment changes it."""
_MOST_NAMED: Final = 8
"""How many processes are named that were left running."""


class Life:
    """What keeps one machine running. A throw-away machine is kept by its one session alone."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.sessions: list[Session] = []
        self.is_started = not kernel.fresh and places.is_started(kernel.folder)
        """Whether it is to stay until it is stopped."""
        self._watch: Parking | None = None
        self._idle_until: float | None = None

    def begin(self, session: Session) -> None:
        """One more session."""
        self.sessions.append(session)
        self._rest()

    def end(self, session: Session) -> None:
        """A client is gone, which need not have had a session."""
        if session in self.sessions:
            self.sessions.remove(session)
        self.look()

    def start(self) -> bool:
        """Have the machine stay until it is stopped; False when that was so already."""
        places.set_started(self._kernel.folder, True)
        was, self.is_started = self.is_started, True
        self._rest()
        return not was

    def look(self) -> None:
        """Unless something keeps the machine that tells of its end by itself, watch for the end of the rest."""
        if self.sessions or self.is_started or self._watch is not None or self._kernel.is_ending:
            return
        if self._kernel.fresh:
            self._kernel.go_down(ending.PROGRAM_ENDED)
        else:
            self._watch = self._kernel.machine.scheduler.spawn(self._until_idle())

    def over(self) -> None:
        """The machine goes down."""
        self._rest()

    def _rest(self) -> None:
        self._idle_until = None
        watch, self._watch = self._watch, None
        if watch is not None:
            self._kernel.machine.scheduler.cancel(watch)

    def _until_idle(self) -> Blocks[None]:
        machine = self._kernel.machine
        while True:
            while left := machine.living():
                yield Wait((left[0].ended,))
            self._idle_until = machine.scheduler.clock() + _idle_seconds()
            yield Wait((), self._idle_until)
            if not machine.living():
                break
        self._watch = None
        self._kernel.go_down(ending.IDLE)

    # ---- what is told

    def reasons(self) -> list[str]:
        """What keeps the machine, in words."""
        found = ["started"] if self.is_started else []
        for session in self.sessions:
            process = session.process
            if process is not None:
                found.append(f"session of uid {process.files.token.euid}: {process.name}")
        left = list(self._left_running())
        found += [f"left running: pid {process.id} {process.name}" for process in left[:_MOST_NAMED]]
        if len(left) > _MOST_NAMED:
            found.append(f"and {len(left) - _MOST_NAMED} more processes")
        if not found and self._idle_until is not None:
            seconds = max(0.0, self._idle_until - self._kernel.machine.scheduler.clock())
            found.append(f"idle, ends in {seconds:.0f} s")
        return found

    def _left_running(self) -> Iterator[Process]:
        """Processes that belong to no session's program and its descendants."""
        programs = {session.process for session in self.sessions}
        for process in self._kernel.machine.living():
            ancestor: Process | None = process
            while ancestor is not None and ancestor not in programs:
                ancestor = ancestor.parent
            if ancestor is None:
                yield process


def _idle_seconds() -> float:
    try:
        seconds = float(os.environ["LICHEN_IDLE_SECONDS"])
    except (KeyError, ValueError):
        return _IDLE
    return seconds if math.isfinite(seconds) else _IDLE
