"""Connections between programs of one machine: how two ends come together and come apart.

A connecting socket is connected as soon as it is in the listener's queue: its other end exists from then on, and what is
sent waits in it until somebody accepts it.

Source: unix(7), connect(2), accept(2), shutdown(2).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from lichen.executive.io.file import Pollers
from lichen.executive.io.opening import Poll
from lichen.executive.network.sockets import (
    Address,
    Caller,
    Credentials,
    Message,
    MessageFlag,
    Received,
    Socket,
)
from lichen.executive.network.table import Queues
from lichen.executive.status import Failure, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Condition, Wait
from lichen.filesystems.sockets.local import BOTH, RECEIVING, SENDING, LocalSocket

if TYPE_CHECKING:
    from lichen.filesystems.sockets.localdriver import Driver

_LONGEST_QUEUE: Final = 4096


class ConnectedSocket(LocalSocket):
    """One end of a connection, or one who listens."""

    __slots__ = ("_backlog", "_joiners", "_listener", "embryos")

    def __init__(self, driver: Driver, caller: Caller, type: int, options: int) -> None:
        super().__init__(driver, caller, type, options)
        self._listener: Credentials | None = None
        """Who listens here; None when nobody does."""
        self._backlog = 0
        self.embryos: deque[ConnectedSocket] = deque()
        """Other ends of those who have connected, until they are accepted."""
        self._joiners = Pollers()

    # ---- coming together

    def listen(self, caller: Caller, backlog: int) -> None:
        if not self.address.text or self.peer is not None:
            raise Failure(Status.INVALID_PARAMETER)
        self._backlog = min(max(backlog, 0), _LONGEST_QUEUE)
        self._listener = caller.effective
        self._joiners.wake()

    @property
    def is_listening(self) -> bool:
        return self._listener is not None

    def connect(self, caller: Caller, address: Address | None) -> Blocks[None] | None:
        if address is None or self.is_listening:
            raise Failure(Status.INVALID_PARAMETER)
        listener = self._listener_at(caller, address)
        if not listener.takes_another():
            if not self.may_wait():
                raise Failure(Status.DEVICE_NOT_READY)
            return self._connect_later(caller, address, listener)
        listener.join(self, caller)
        return None

    def _listener_at(self, caller: Caller, address: Address) -> ConnectedSocket:
        if self.peer is not None:
            raise Failure(Status.CONNECTION_ACTIVE)
        found = self.find(caller, address)
        if not isinstance(found, ConnectedSocket) or not found.is_listening or found.shut & RECEIVING:
            raise Failure(Status.CONNECTION_REFUSED)
        return found

    def _connect_later(self, caller: Caller, address: Address, listener: ConnectedSocket) -> Blocks[None]:
        deadline = self.driver.deadline(self.send_timeout)
        while not listener.takes_another():
            if (yield Wait((listener.turn(),), deadline)) == TIMED_OUT:
                raise Failure(Status.DEVICE_NOT_READY)
            listener = self._listener_at(caller, address)
        listener.join(self, caller)

    def takes_another(self) -> bool:
        """Whether there is a place in the queue of those who connect."""
        return len(self.embryos) <= self._backlog

    def turn(self) -> Condition:
        """What to wait for until `takes_another`, or until nobody listens any more."""
        turn = Condition(lambda: self.dead or bool(self.shut & RECEIVING) or self.takes_another())
        turn.waiters = self._joiners.waiters
        return turn

    def join(self, client: ConnectedSocket, caller: Caller) -> None:
        """Connect `client` to a new socket in the queue."""
        assert self._listener is not None
        embryo = type(self)(self.driver, caller, self.type, 0)
        embryo.address = self.address
        client.pair_with(embryo, caller.effective, self._listener)
        self.embryos.append(embryo)
        client.changed()
        self.notify()

    def accept(self, caller: Caller, options: int) -> Socket | Blocks[Socket]:
        if not self.is_listening:
            raise Failure(Status.INVALID_PARAMETER)
        if self.embryos or self.shut & RECEIVING:
            return self._accepted(options)
        if not self.may_wait():
            raise Failure(Status.DEVICE_NOT_READY)
        return self._accept_later(options)

    def _accept_later(self, options: int) -> Blocks[Socket]:
        deadline = self.driver.deadline(self.receive_timeout)
        while not self.embryos and not self.shut & RECEIVING:
            if (yield Wait((self.ready(Poll.READABLE),), deadline)) == TIMED_OUT:
                raise Failure(Status.DEVICE_NOT_READY)
        return self._accepted(options)

    def _accepted(self, options: int) -> Socket:
        if not self.embryos:
            raise Failure(Status.INVALID_PARAMETER)
        socket = self.embryos.popleft()
        socket.options = options
        self._joiners.wake()
        return socket

    def queues(self) -> Queues:
        return Queues(len(self.embryos), self._backlog) if self.is_listening else super().queues()

    def connecting(self) -> list[Socket]:
        return [embryo.peer for embryo in self.embryos if embryo.peer is not None]

    def peer_address(self) -> Address:
        if self.peer is None:
            raise Failure(Status.CONNECTION_INVALID)
        return self.peer.address

    # ---- coming apart

    def shut_down(self, how: int) -> None:
        super().shut_down(how)
        peer = self.peer
        if peer is not None and not peer.dead:
            peer.shut |= (SENDING if self.shut & RECEIVING else 0) | (RECEIVING if self.shut & SENDING else 0)
            peer.changed()
        self._joiners.wake()

    def closed(self) -> None:
        self._leave(bool(self.inbox))
        while self.embryos:
            embryo = self.embryos.popleft()
            embryo._leave(unread=True)
            embryo.release()
        super().closed()
        self._joiners.wake()
        self.peer = None  # the other end may go on referring to this one

    def _leave(self, unread: bool) -> None:
        """Let the other end know that this one goes, and whether that cost it something."""
        peer = self.peer
        if peer is None or peer.dead or self.dead:
            return
        self.dead = True
        peer.shut = BOTH
        if unread:
            peer.error = Status.CONNECTION_RESET
        peer.changed()

    def poll(self) -> int:
        ready = super().poll()
        if self._listener is not None:
            return ready | Poll.READABLE if self.embryos else ready
        if self.peer is None:
            ready |= Poll.HANGUP
        return ready | Poll.WRITABLE if self.is_writable() else ready


class PacketSocket(ConnectedSocket):
    """A connection whose messages stay apart."""

    __slots__ = ()

    def send(self, caller: Caller | None, message: Message) -> int | Blocks[int]:
        if message.flags & MessageFlag.OUT_OF_BAND:
            raise Failure(Status.NOT_SUPPORTED)
        if self.peer is None:
            raise Failure(Status.CONNECTION_INVALID)
        self.check_error()
        return self.send_whole(caller, self.peer, message)

    def receive(self, size: int, flags: int = 0) -> Received | Blocks[Received]:
        if self.peer is None:
            raise Failure(Status.CONNECTION_INVALID)
        return super().receive(size, flags)
