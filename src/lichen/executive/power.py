"""Ending and restarting the machine, as programs of either world ask for it (NT: Po).

Nothing here ends anything: whoever owns the machine waits for `changed`, winds it down, and boots it again after a restart.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from lichen.executive.wait import Condition

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler, Timer


class PowerAction(Enum):
    """What is to become of a machine when nothing runs on it any more."""

    HALT = "halt"
    POWER_OFF = "power off"
    RESTART = "restart"


class Power:
    """What was asked of a machine, and what is going to be.

    `requested` is the action until the owner takes it over, `requested_by` says who asked, for the log; `at_once` that no
    program is asked to end before it is ended. `changed` is signalled while there is a request. `is_ending` from the first
    request on, as there is no way back.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.requested: PowerAction | None = None
        self.requested_by = ""
        self.at_once = False
        self.is_ending = False
        self.changed = Condition(lambda: self.requested is not None)
        self._scheduled: Timer | None = None

    def request(self, action: PowerAction, by: str, at_once: bool = False) -> bool:
        """Ask for an action; the first request counts, but one that is to happen at once outdoes one that is not.

        Returns whether it is this one that counts.
        """
        if self.is_ending and not (at_once and not self.at_once):
            return False
        self.cancel()
        self.is_ending = True
        self.requested, self.requested_by, self.at_once = action, by, at_once
        self.changed.wake()
        return True

    def done(self) -> None:
        """The owner has begun with the request: only one that is to happen at once may follow."""
        self.requested, self.requested_by = None, ""

    # ---- later

    @property
    def is_scheduled(self) -> bool:
        """Whether an action is going to be requested."""
        return self._scheduled is not None

    def schedule(self, action: PowerAction, by: str, seconds: float) -> bool:
        """Request an action in so many seconds; False when another is scheduled, or the machine ends already."""
        if self.is_scheduled or self.is_ending:
            return False

        def expired() -> None:
            self._scheduled = None
            self.request(action, by)

        self._scheduled = self._scheduler.at(self._scheduler.clock() + seconds, expired)
        return True

    def cancel(self) -> bool:
        """Take back what is scheduled; False when nothing is, or when it has come to a request already."""
        scheduled, self._scheduled = self._scheduled, None
        if scheduled is not None:
            scheduled.cancel()
        return scheduled is not None
