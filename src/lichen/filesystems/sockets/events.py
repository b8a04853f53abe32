"""What the host tells of its sockets: one queue for a machine, which may be asked at any time.

The run loop hears of it as of any other descriptor. But what one guest sent over the loopback has arrived when its call
returns, and an epoll that is asked next must know: so the queue can also be emptied from within a call.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.opening import Poll

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform

INTEREST: Final = Poll.READABLE | Poll.PRIORITY | Poll.WRITABLE | Poll.READ_HANGUP
_AT_ONCE: Final = 64


class HostEvents:
    """Calls back for descriptors of the host that have changed (edge-triggered)."""

    def __init__(self, platform: Platform) -> None:
        self._epoll = select.epoll()
        self._watches: dict[int, Callable[[], None]] = {}
        platform.watch(self._epoll.fileno(), Poll.READABLE, lambda _: self.dispatch())

    def __len__(self) -> int:
        return len(self._watches)

    def watch(self, descriptor: int, changed: Callable[[], None]) -> None:
        """Call `changed` whenever a descriptor may be ready for something else, and once if it is ready now."""
        self._epoll.register(descriptor, INTEREST | select.EPOLLET)
        self._watches[descriptor] = changed

    def unwatch(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)
        del self._watches[descriptor]

    def dispatch(self) -> None:
        """Tell of what has happened until now."""
        more = True
        while more:
            found = self._epoll.poll(0, _AT_ONCE)
            for descriptor, _ in found:
                if changed := self._watches.get(descriptor):
                    changed()
            more = len(found) == _AT_ONCE
