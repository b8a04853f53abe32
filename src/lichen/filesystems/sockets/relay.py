"""Carries connections and datagrams from one network to another, by a socket in each.

A port of the host that leads into a machine is one, and a resolver on the host's loopback that a machine may ask is another.
The kernel carries them in its run loop: it never waits, keeps a little of what was not taken yet, and reads no more before.

Source: tcp(7), udp(7), epoll(7).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lichen.executive.io.opening import Poll
from lichen.executive.status import Failure
from lichen.filesystems.hostlimits import require_room

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.scheduler import Scheduler, Timer

Connect = Callable[[], socket.socket]
"""Makes a non-blocking socket whose connection has been begun; OSError."""
_PIECE: Final = 1 << 16
_MOST: Final = 1024
"""Connections at a time; more wait until one of them ends."""
_MOST_SENDERS: Final = 256
"""Senders of datagrams who may be answered."""
_SILENCE: Final = 60.0
"""Seconds after which a sender of datagrams is forgotten."""


def connecting(make: Callable[[], socket.socket], address: tuple[str, int]) -> Connect:
    """Connects sockets of one kind to one address."""

    def connect() -> socket.socket:
        made = make()
        try:
            made.setblocking(False)
            number = made.connect_ex(address)
            if number not in (0, errno.EINPROGRESS):
                raise OSError(number, os.strerror(number))
        except BaseException:
            made.close()
            raise
        return made

    return connect


def _is_room_for(made: socket.socket) -> bool:
    """Whether the kernel keeps enough descriptors for its own work, two sockets for each connection included."""
    try:
        require_room(made.fileno() + 1)
    except Failure:
        return False
    return True


class StreamRelay:
    """Takes connections of a listening socket, and carries each on to the first of `targets` that takes it."""

    def __init__(self, platform: Platform, listener: socket.socket, targets: Sequence[Connect]) -> None:
        self.platform, self.listener, self.targets = platform, listener, targets
        self.connections: dict[_Connection, None] = {}
        listener.setblocking(False)
        self._listen()

    def _listen(self) -> None:
        self.platform.watch(self.listener.fileno(), Poll.READABLE, lambda _: self._accept())

    def _accept(self) -> None:
        with suppress(OSError):  # whoever came is gone
            near, _ = self.listener.accept()
            near.setblocking(False)
            connection = _Connection(self, near)
            self.connections[connection] = None
            if _is_room_for(near):
                connection.begin()
            else:
                connection.close()
        if len(self.connections) >= _MOST:
            self.platform.unwatch(self.listener.fileno())

    def ended(self, connection: _Connection) -> None:
        """One connection is over: there is room for another."""
        if len(self.connections) == _MOST:
            self._listen()
        self.connections.pop(connection, None)

    def close(self) -> None:
        for connection in tuple(self.connections):
            connection.close()
        self.platform.unwatch(self.listener.fileno())
        self.listener.close()


class _Way:
    """One direction of a connection: what was read and not yet written."""

    __slots__ = ("ended", "source", "target", "waiting")

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.waiting = b""
        self.ended = False
        """Nothing more is read, or all has been passed on if nothing waits."""

    def read(self) -> None:
        """Take what has come; its end is passed on behind it."""
        self.waiting = self.source.recv(_PIECE)
        if not self.waiting:
            self.ended = True
            with suppress(OSError):  # the other end may be gone already
                self.target.shutdown(socket.SHUT_WR)

    def write(self) -> None:
        self.waiting = self.waiting[self.target.send(self.waiting, socket.MSG_NOSIGNAL) :]


class _Connection:
    def __init__(self, relay: StreamRelay, near: socket.socket) -> None:
        self.relay, self.near = relay, near
        self.far: socket.socket | None = None
        self.left = list(relay.targets)
        self.ways: tuple[_Way, ...] = ()

    def begin(self) -> None:
        """Try the next target; the connection ends when there is none."""
        if self.far is not None:
            self._drop(self.far)
            self.far = None
        while self.left and self.far is None:
            with suppress(OSError):
                self.far = self.left.pop(0)()
        if self.far is None:
            self.close()
        else:
            self.relay.platform.watch(self.far.fileno(), Poll.WRITABLE, lambda _: self._connected())

    def _connected(self) -> None:
        assert self.far is not None
        if self.far.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.begin()
            return
        self.ways = (_Way(self.near, self.far), _Way(self.far, self.near))
        self._watch()

    def _watch(self) -> None:
        """Be told when something can be read that there is room for, or written."""
        there, back = self.ways
        platform = self.relay.platform
        for end, outgoing, incoming in ((self.near, there, back), (there.target, back, there)):
            mask = 0 if outgoing.ended or outgoing.waiting else Poll.READABLE
            mask |= Poll.WRITABLE if incoming.waiting else 0
            if mask:
                platform.watch(end.fileno(), mask, lambda _: self._carry())
            else:  # the host would tell of a hang-up for ever
                platform.unwatch(end.fileno())

    def _carry(self) -> None:
        try:
            for way in self.ways:
                with suppress(BlockingIOError):
                    if not way.waiting and not way.ended:
                        way.read()
                    if way.waiting:
                        way.write()
        except OSError:
            self.close()
            return
        if all(way.ended and not way.waiting for way in self.ways):
            self.close()
        else:
            self._watch()

    def _drop(self, end: socket.socket) -> None:
        self.relay.platform.unwatch(end.fileno())
        end.close()

    def close(self) -> None:
        self._drop(self.near)
        if self.far is not None:
            self._drop(self.far)
        self.relay.ended(self)


class DatagramRelay:
    """Passes datagrams that come to a socket on, each sender's by a socket of its own, and the answers back."""

    def __init__(
        self, platform: Platform, scheduler: Scheduler, near: socket.socket, target: Connect
    ) -> None:
        self.platform, self.scheduler, self.near, self.target = platform, scheduler, near, target
        self.senders: dict[tuple[object, ...], tuple[socket.socket, float]] = {}
        """By whom something came: the socket in the other network and when it was last used, the latest last."""
        self._timer: Timer | None = None
        near.setblocking(False)
        platform.watch(near.fileno(), Poll.READABLE, lambda _: self._come())

    def _come(self) -> None:
        with suppress(OSError):  # nobody hears them there, or there is no room: datagrams may be lost
            data, sender = self.near.recvfrom(_PIECE)
            self._far_of(sender).send(data)

    def _far_of(self, sender: tuple[object, ...]) -> socket.socket:
        known = self.senders.pop(sender, None)
        if known is None:
            if len(self.senders) >= _MOST_SENDERS:
                self._forget(next(iter(self.senders)))
            far = self.target()
            self.platform.watch(far.fileno(), Poll.READABLE, lambda _: self._answer(far, sender))
        else:
            far = known[0]
        self.senders[sender] = far, self.scheduler.clock()
        if self._timer is None:
            self._timer = self.scheduler.at(self.scheduler.clock() + _SILENCE, self._sweep)
        return far

    def _answer(self, far: socket.socket, sender: tuple[object, ...]) -> None:
        with suppress(OSError):
            self.near.sendto(far.recv(_PIECE), sender)

    def _sweep(self) -> None:
        self._timer = None
        now = self.scheduler.clock()
        for sender, (_, used) in tuple(self.senders.items()):
            if used + _SILENCE <= now:
                self._forget(sender)
        if self.senders:
            oldest = min(used for _, used in self.senders.values())
            self._timer = self.scheduler.at(oldest + _SILENCE, self._sweep)

    def _forget(self, sender: tuple[object, ...]) -> None:
        far, _ = self.senders.pop(sender)
        self.platform.unwatch(far.fileno())
        far.close()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for sender in tuple(self.senders):
            self._forget(sender)
        self.platform.unwatch(self.near.fileno())
        self.near.close()
