"""Guests that compute are not held on the core that the kernel shares with guests, until they call again (DECISIONS 10).

One core for all is best for whoever calls the kernel often: nobody has to be woken on another. A guest that computes for
long stretches gains nothing by it, keeps others waiting, and leaves the other cores idle: the host may place it anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import Final

from lichen.platforms.native.thread import NativeThread, State

INTERVAL: Final = 0.1
"""Seconds between two looks at what guests do, while they do anything."""
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
        self.alert = self._useful
        """Whether guests may be computing, so that the kernel must not sleep beyond the next look."""

    def after_event(self) -> None:
        """Something happened: look again soon, or now when it is time."""
        if not self.alert:
            self.alert = self._useful
            self._next = time.monotonic() + INTERVAL
        elif time.monotonic() >= self._next:
            self._look()

    def after_silence(self) -> None:
        """Nothing happened: look, and rest when nobody computes."""
        if self.alert and time.monotonic() >= self._next:
            self.alert = self._look()

    def _look(self) -> bool:
        """Place every guest; whether one computes."""
        computing = False
        for thread in list(self._threads.values()):
            if thread.state is State.RUNNING and self._computes(thread):
                computing = True
                thread.leave_home(self._processors)
            else:
                thread.come_home()
        self._next = time.monotonic() + INTERVAL
        return computing

    @staticmethod
    def _computes(thread: NativeThread) -> bool:
        time_used, turns = thread.account.since_last_look()
        return time_used >= _LONG and time_used >= _STRETCH * turns
