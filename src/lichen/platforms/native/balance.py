"""Guests that compute are not held on the core that the kernel shares with guests, until they call again (G10).

One core for all is best for whoever calls the kernel often: nobody has to be woken on another. A guest that computes for
long stretches gains nothing by it, keeps others waiting, and leaves the other cores idle: the host may place it anywhere.

Whether a guest computes is told by what it wants of a processor, not by what it gets: on a core that is shared by many, each
gets little, is interrupted often, and waits for most of the time. So the time that it waited for a processor counts as well,
and of the turns that it had on one only those that it ended itself, to wait for something, speak for a guest that calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lichen.platforms.native.accounting import busy_time
from lichen.platforms.native.thread import NativeThread, State

_SOON: Final = 0.025
"""Seconds between two looks at what guests do, while that changes..."""
_LATER: Final = 0.1
"""...and at most, while it does not..."""
_IDLE: Final = 0.15
"""...and while nobody uses the core at home: a guest may wake up by itself, and compute without ever calling."""
_AT_ONCE, _ASLEEP_AT_ONCE = 128, 32
"""Guests that are looked at without a pause, as each takes the host a while, and how many of those who did nothing lately."""
_WANTED: Final = 0.5
"""The part of the time since the last look, or of the last `_SOON` of it, in which a guest that computes wants to run."""
_STRETCH: Final = 0.001
"""Seconds that it computes on average before it waits for something."""
_BUSY: Final = 0.25
"""The part of the time that the core at home is used when somebody may be computing there."""


class Balance:
    """Lets guests run on all of `processors`, or only at home; nothing to decide when that is the same.

    `arm` has `look` called after so many seconds.
    """

    def __init__(
        self,
        threads: Mapping[int, NativeThread],
        processors: frozenset[int],
        home: frozenset[int],
        arm: Callable[[float], None],
    ) -> None:
        self._threads, self._processors, self._home, self._arm = threads, processors, home, arm
        self.resting = False
        """Nobody runs: `begin` is to be called when something happens, if only time passes."""
        self._elsewhere = processors - home
        self._pause, self._turn = _SOON, 0
        self._sent = 0
        """How many were ever sent away."""
        self._quiet = False
        """Nobody computed at the last look."""
        self._at_home: tuple[float, float | None] = (0.0, None)
        """When the core at home was looked at, and how long it had been busy by then."""
        if processors > home:
            self.begin()

    def begin(self) -> None:
        """Something happened: look at what guests do, from time to time."""
        self.resting, self._pause, self._quiet = False, _SOON, False
        self._arm(_SOON)

    def look(self) -> None:
        """Place guests, every one in its turn, and say when to look again."""
        now = time.monotonic()
        idle = self._home_is_idle(now)
        running = (
            thread for thread in self._threads.values() if thread.state == State.RUNNING or thread.away
        )
        first = next(running, None)
        if first is None:
            self.resting = True
            return
        if self._quiet and idle:
            self._arm(_IDLE)
            return
        self._place_all([first, *running], now)

    def _place_all(self, running: Sequence[NativeThread], now: float) -> None:
        awake = [thread for thread in running if thread.account.awake]
        asleep = [thread for thread in running if not thread.account.awake]
        turn, self._turn = self._turn, self._turn + 1
        changed = False
        for thread in (*_part(awake, _AT_ONCE, turn), *_part(asleep, _ASLEEP_AT_ONCE, turn)):
            changed |= self._place(thread, now)
        self._quiet = not any(thread.away for thread in running)
        self._pause = _SOON if changed else min(2 * self._pause, _LATER)
        self._arm(self._pause)

    def _place(self, thread: NativeThread, now: float) -> bool:
        """Send a guest away or call it home; whether that changed anything.

        The host hardly ever moves what runs to a core that does something else already. So most of those who leave are moved:
        of as many as there are cores one goes on at home, which the kernel needs but for moments.
        """
        if not self._computes(thread, now):
            return thread.come_home()
        if thread.away:
            return False
        stays = self._sent % len(self._processors) == len(self._processors) - 1
        left = thread.leave_home(self._processors, self._processors if stays else self._elsewhere)
        self._sent += left
        return left

    @staticmethod
    def _computes(thread: NativeThread, now: float) -> bool:
        look = thread.account.look(now)
        if look.used + look.waited < _WANTED * min(look.passed, _SOON):
            return False
        return look.used >= _STRETCH * look.turns or look.used >= _STRETCH * thread.account.sleeps()

    def _home_is_idle(self, now: float) -> bool:
        """Whether the core at home was hardly used since this was last asked; never where the host does not tell."""
        busy = busy_time(self._home)
        (then, before), self._at_home = self._at_home, (now, busy)
        return busy is not None and before is not None and busy - before < _BUSY * (now - then)


def _part(threads: Sequence[NativeThread], most: int, turn: int) -> Sequence[NativeThread]:
    """Those whose turn it is, when no more than `most` have it at once."""
    if len(threads) <= most:
        return threads
    first = turn % -(-len(threads) // most) * most
    return threads[first : first + most]
