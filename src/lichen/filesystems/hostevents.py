"""Tells guests that watch a folder or a file of the host what others do to it (inotify, NtNotifyChangeDirectoryFile).

What guests do themselves the executive tells; where they write to the host's own folders, the host tells of it once more, and
that echo is dropped. Who opens or reads a file is not told: the kernel does that all the time, and the host names nobody.
"""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from lichen.executive.io import watch
from lichen.executive.io.attributes import Kind
from lichen.executive.io.watch import Change
from lichen.executive.status import Failure
from lichen.filesystems import hostcalls
from lichen.filesystems.hostcalls import same_file
from lichen.filesystems.hostobject import HostObject, state_of
from lichen.filesystems.inotify import NAMES, OVERFLOW, Event, events

if TYPE_CHECKING:
    from lichen.filesystems.hostnode import HostNode
    from lichen.filesystems.unionnode import UnionNode

    Shown: TypeAlias = HostNode | UnionNode
    """What a guest watches: an object of the host itself, or one of a union that shows it."""

log = logging.getLogger("lichen.hostevents")

Listen = Callable[[int, int, Callable[[int], None]], None]
"""Has a function called whenever a descriptor is ready."""
_TOLD: Final = NAMES | Change.MODIFY | Change.ATTRIBUTES | Change.CLOSE_WRITE | Change.MOVE_SELF
_WENT: Final = Change.DELETE | Change.MOVED_FROM
_MASK_ADD: Final = 0x2000_0000


class _Followed(NamedTuple):
    """A node that guests watch, and the object of the host whose changes it shows; `names` are those that showed last."""

    shown: Shown
    host: HostNode
    number: int
    names: set[str]
    above: int
    """The watch of the folder that a folder is in; -1 for none."""


class HostEvents:
    """What guests of one machine watch of the host, `most` nodes at most; `soon` has a function called before long."""

    def __init__(self, most: int, listen: Listen, soon: Callable[[Callable[[], None]], None]) -> None:
        self.most, self._soon = most, soon
        self._inotify = hostcalls.inotify()
        self._followed: dict[Shown, _Followed] = {}
        self._by_number: dict[int, dict[Shown, None]] = {}
        self._below: dict[int, dict[Shown, None]] = {}
        """Folders by the watch of the folder that they are in, which tells of their end."""
        self._pending: list[Event] = []
        self._ours: dict[tuple[Shown, str], int] = {}
        """What guests have done to the host's files just now: bits of Change."""
        self._cookies = 0, 0
        listen(self._inotify, select.POLLIN, lambda ready: self.tell())

    def close(self) -> None:
        os.close(self._inotify)
        self._inotify = -1

    # ---- what is watched

    def follow(self, shown: Shown, host: HostNode) -> None:
        """Tell the watchers of `shown` what others do to `host` from now on, as far as the host lets us know."""
        self.leave(shown)
        if len(self._followed) >= self.most:
            log.warning("guests watch more of the host than Lichen lets them")
            return
        above = -1
        try:
            number = self._watch(host, _TOLD)
            names = set()
            if host.kind == Kind.DIRECTORY:
                names = {entry.name for entry in host.entries()}
                above = self._watch(host.parent, Change.DELETE) if host.parent is not None else -1
        except (OSError, Failure) as error:
            log.warning("what others do to a folder is not told: %s", error)
            return
        self._followed[shown] = _Followed(shown, host, number, names, above)
        self._by_number.setdefault(number, {})[shown] = None
        if above >= 0:
            self._below.setdefault(above, {})[shown] = None

    def _watch(self, host: HostObject, mask: int) -> int:
        path = host.path_descriptor()
        try:
            return hostcalls.watch(self._inotify, same_file(path), mask | _MASK_ADD)
        finally:
            os.close(path)

    def leave(self, shown: Shown) -> None:
        """Nobody watches a node any more."""
        followed = self._followed.pop(shown, None)
        if followed is None:
            return
        for number, nodes in ((followed.number, self._by_number), (followed.above, self._below)):
            left = nodes.get(number, {})
            left.pop(shown, None)
            if not left:
                nodes.pop(number, None)
            if number not in self._by_number and number not in self._below:
                hostcalls.unwatch(self._inotify, number)

    def ours(self, shown: Shown, change: int, name: str | None) -> None:
        """A guest has just done this, and its watchers know: what the host says of it from now until then is no news."""
        if shown not in self._followed:
            return
        self._pending += events(self._inotify)
        if self._pending:
            key = shown, name or ""
            self._ours[key] = self._ours.get(key, 0) | change
            self._soon(self.tell)

    # ---- what happens

    def tell(self) -> None:
        """Tell what has happened until now."""
        if self._inotify < 0:
            return
        pending, ours, self._pending, self._ours = self._pending, self._ours, [], {}
        for event in pending:
            self._happened(event, ours)
        for event in events(self._inotify):
            self._happened(event, {})

    def _happened(self, event: Event, ours: dict[tuple[Shown, str], int]) -> None:
        if event.mask & OVERFLOW:
            for shown in tuple(self._followed):
                watch.tell_outside(shown, Change.OVERFLOW, None)
            return
        for shown in tuple(self._by_number.get(event.watch, ())):
            change = event.mask & (_TOLD | Change.IS_DIRECTORY) & ~ours.get((shown, event.name), 0)
            followed = self._followed.get(shown)
            if followed is None or not change & _TOLD:
                continue
            if event.name:
                self._happened_in(followed, change, event)
            else:
                watch.tell_outside(shown, change, None)
                if change & Change.ATTRIBUTES and shown.kind != Kind.DIRECTORY:
                    self._end_if_gone(followed)
        if event.mask & Change.DELETE:
            for shown in tuple(self._below.get(event.watch, ())):
                if (followed := self._followed.get(shown)) is not None and followed.host.name == event.name:
                    self._end_if_gone(followed)

    def _happened_in(self, followed: _Followed, change: int, event: Event) -> None:
        """Something happened to a name in a folder: tell it if the name shows, or did until now."""
        name, names = event.name, followed.names
        if change & _WENT and name in names:
            names.discard(name)
        elif not change & _WENT and self._may_show(followed.host, name):
            names.add(name)
        else:
            return
        if not followed.shown.hides(name):
            watch.tell_outside(followed.shown, change, name, self._cookie(followed.shown, event.cookie))

    @staticmethod
    def _may_show(host: HostNode, name: str) -> bool:
        """Whether a name shows, or is gone already, so that it cannot be known any more."""
        try:
            state = state_of(name, host.directory())
        except (OSError, Failure):
            return True
        return state is None or host.file_system.shows(state)

    def _cookie(self, shown: Shown, of_host: int) -> int:
        """The executive's number for one of the host's, whose two events follow each other."""
        if not of_host:
            return 0
        if self._cookies[0] != of_host:
            self._cookies = of_host, watch.new_cookie(shown)
        return self._cookies[1]

    @staticmethod
    def _end_if_gone(followed: _Followed) -> None:
        """Tell that a node is gone, which the host cannot while the kernel has it open."""
        try:
            gone = not followed.host.state().st_nlink
        except (OSError, Failure):
            gone = True
        if gone and not followed.shown.files:
            watch.tell_outside(followed.shown, Change.DELETE_SELF, None)
