"""Hears from the host what others do to folders whose names and attributes are remembered (015).

A watch is on a folder: it tells of names that come and go in it, and of changes to what they lead to. There are few: the
oldest makes room, and what is not watched is asked of the host at each use. So is what no watch tells the truth about: file
systems that other computers or programs change. What the host tells is read by whoever is about to use what is remembered.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import ref

from lichen.executive.io import outside
from lichen.filesystems import hostcalls
from lichen.filesystems.hostcalls import same_file
from lichen.filesystems.hostevents import HostEvents, Listen
from lichen.filesystems.inotify import (
    ATTRIBUTES,
    CLOSE_WRITE,
    DELETE_SELF,
    IGNORED,
    IS_DIRECTORY,
    MODIFY,
    MOVE_SELF,
    NAMES,
    OVERFLOW,
    UNMOUNT,
    Event,
    events,
)

if TYPE_CHECKING:
    from lichen.filesystems.hostobject import HostObject

_MASK: Final = NAMES | MODIFY | ATTRIBUTES | CLOSE_WRITE | DELETE_SELF | MOVE_SELF
_GONE: Final = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED
_LIMIT: Final = "/proc/sys/fs/inotify/max_user_watches"
_MOST: Final = 8192
_SHARE: Final = 8
"""The user's other programs watch as well: this is the part of what the host allows that a machine takes."""
_LOCAL: Final = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0xCA451A4E,  # bcachefs
        0xF2F52010,  # F2FS
        0x2FC12FC1,  # ZFS
        0x01021994,  # tmpfs
        0x858458F6,  # ramfs
        0x794C7630,  # overlayfs
        0x73717368,  # SquashFS
        0xE0F5E1E2,  # EROFS
        0x9660,  # ISO 9660
        0x4D44,  # FAT
        0x2011BAB0,  # exFAT
        0x7366746E,  # NTFS
    }
)
"""File systems that only this host changes, so that it can tell of every change: `f_type` of statfs(2)."""


def _most_watches() -> int:
    try:
        with open(_LIMIT) as file:
            return min(_MOST, int(file.read()) // _SHARE)
    except (OSError, ValueError):
        return 0


class HostMonitor:
    """The watches of one machine, told to its `sources`. `most` says how many; None: a part of what the host allows."""

    def __init__(self, sources: list[outside.Source], most: int | None = None) -> None:
        self._sources = sources
        self.most = _most_watches() if most is None else most
        self.events: HostEvents | None = None
        """Who tells guests, once somebody listens."""
        self._watched: dict[int, list[ref[HostObject]]] = {}
        """By the host's number, the oldest first: one folder may be in several trees."""
        self._local: dict[int, bool] = {}
        """By device: whether a watch can be trusted there."""
        self._poll = select.epoll()
        self._source = outside.Source(self._poll.poll, self._learn)
        self._inotify = -1
        try:
            self._inotify = hostcalls.inotify()
            self._mounts = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # the user has as many as the host allows: everything is asked for at each use
            self.most = 0
            return
        self._poll.register(self._inotify, select.EPOLLIN)
        self._poll.register(self._mounts, select.EPOLLPRI)
        self._sources.append(self._source)

    def listen(self, listen: Listen, soon: Callable[[Callable[[], None]], None]) -> None:
        """Tell guests of changes from now on; see HostEvents."""
        with suppress(OSError):  # the user has as many as the host allows: guests hear of what guests do
            self.events = HostEvents(self.most, listen, soon)

    def close(self) -> None:
        if self.events is not None:
            self.events.close()
            self.events = None
        if self._source in self._sources:
            self._sources.remove(self._source)
            os.close(self._mounts)
        if self._inotify >= 0:
            os.close(self._inotify)
            self._inotify = -1
        self._poll.close()
        self.most = 0

    def watch(self, node: HostObject) -> bool:
        """Have the host tell of a folder from now on; False when it cannot be trusted to."""
        if not self.most or not self._is_local(node):
            return False
        try:
            number = hostcalls.watch(self._inotify, same_file(node.directory()), _MASK)
        except OSError:  # a folder that may be searched but not read, or as many watches as the user may have
            return False
        self._watched.setdefault(number, []).append(ref(node))
        node.watch = number
        if len(self._watched) > self.most:
            self._drop(next(iter(self._watched)))
        return True

    def _is_local(self, node: HostObject) -> bool:
        device = node.identity[0]
        local = self._local.get(device)
        if local is None:
            local = self._local[device] = hostcalls.file_system_type(node.directory()) in _LOCAL
        return local

    def _drop(self, number: int) -> None:
        """Watch a folder no longer."""
        hostcalls.unwatch(self._inotify, number)
        for node in self._forget(number):
            node.watch = -1
            node.doubt(None)

    def _forget(self, number: int) -> list[HostObject]:
        """The folders that a watch was for, which is over."""
        known = [reference() for reference in self._watched.pop(number, ())]
        return [node for node in known if node is not None and node.watch == number]

    # ---- what the host tells

    def _learn(self, told: list[tuple[int, int]]) -> None:
        """Take in what has happened until now. That the mounts have changed is told once."""
        while told:
            if any(descriptor == self._mounts for descriptor, _ in told):
                self._doubt_all()
            for event in events(self._inotify):
                self._take(event)
            told = self._poll.poll(0, 2)

    def _take(self, event: Event) -> None:
        if event.mask & OVERFLOW:
            self._doubt_all()
        elif event.mask & IGNORED:
            for node in self._forget(event.watch):
                node.watch = -1
                node.doubt(None)
        else:
            self._happened(event)

    def _happened(self, event: Event) -> None:
        mask = event.mask
        for reference in self._watched.get(event.watch, ()):
            node = reference()
            if node is None:
                continue
            if mask & _GONE:
                node.doubt(None)
            elif mask & NAMES or (mask & ATTRIBUTES and mask & IS_DIRECTORY and event.name):
                node.doubt(event.name)
            else:
                node.touched(itself=not event.name)

    def _doubt_all(self) -> None:
        for references in list(self._watched.values()):
            for reference in references:
                node = reference()
                if node is not None:
                    node.doubt(None)
