"""Guests that compute are not held on the core that the kernel shares with guests, until they call again (DECISIONS 10).

One core for all is best for whoever calls the kernel often: nobody has to be woken on another. A guest that computes for
long stretches gains nothing by it, keeps others waiting, and leaves the other cores idle: the host may place it anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import Final

from lichen.platforms.native.thread import NativeThread, State

_INTERVAL: Final = 100
"""Milliseconds between two looks at what guests do, while they do anything."""
_AT_ONCE: Final = 128
"""Guests that are looked at without a pause, as each takes the host a while."""
_EVENTS: Final = 256
"""Events between two looks at the clock."""
_LONG: Final = 20_000_000
"""Nanoseconds that a guest must have computed between two looks..."""
_STRETCH: Final = 1_000_000
"""...and have computed on average before anything interrupted it."""


class Balance:
    """Lets guests run on all of `processors`, or only at home; nothing to decide when that is the same."""

    def __init__(self, threads: Mapping[int, NativeThread], processors: Set[int], home: Set[int]) -> None:
        self._threads, self._processors = threads, processors
        self._useful = processors > home
        self._next = 0.0
        self._position, self._found = 0, False
        """Of the round that looks at everybody: how many it has looked at, and whether one computes."""
        self.patience = _INTERVAL if self._useful else -1
        """Milliseconds that the kernel may sleep before it must look at what guests do; -1 when none computes."""

    def after_events(self) -> int:
        """Things happened: look when it is time. Returns after how many more events to ask again."""
        if self.patience < 0:
            self._look_later()
        elif time.monotonic() >= self._next:
            self._look()
        return _EVENTS

    def after_silence(self) -> int:
        """Nothing happened: look, and rest when nobody computes. Returns after how many events to ask again."""
        if self._useful and time.monotonic() >= self._next and not self._look():
            self.patience = -1
        return _EVENTS if self.patience >= 0 else 1

    def _look_later(self) -> None:
        self.patience = _INTERVAL if self._useful else -1
        self._next = time.monotonic() + _INTERVAL / 1000

    def _look(self) -> bool:
        """Place the next guests, every one in its turn; whether one computes, as far as is known."""
        threads = list(self._threads.values())
        if self._position >= len(threads):
            self._position, self._found = 0, False
        first, self._position = self._position, self._position + _AT_ONCE
        for thread in threads[first : self._position]:
            if thread.state == State.RUNNING and self._computes(thread):
                self._found = True
                thread.leave_home(self._processors)
            else:
                thread.come_home()
        self._look_later()
        return self._found or self._position < len(threads)

    @staticmethod
    def _computes(thread: NativeThread) -> bool:
        time_used, turns = thread.account.since_last_look()
        return time_used >= _LONG and time_used >= _STRETCH * turns
