"""Datagrams between programs of one machine: each finds its receiver by name or by the sender's connection.

Source: unix(7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.io.opening import Poll
from lichen.executive.network.sockets import Address, Caller, Message, MessageFlag
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.filesystems.sockets.local import SENDING, Item, LocalSocket

if TYPE_CHECKING:
    from lichen.filesystems.sockets.localdriver import Driver

_LONGEST_QUEUE: Final = 10
"""More messages than these wait only for those who are connected to each other."""


class DatagramSocket(LocalSocket):
    """A socket without a connection; `peer` is whom it sends to by default, and the only one whom it hears."""

    __slots__ = ("_callers",)

    def __init__(self, driver: Driver, caller: Caller, type: int, options: int) -> None:
        super().__init__(driver, caller, type, options)
        self._callers: dict[DatagramSocket, None] = {}
        """Those who are connected to this one: they are told when its queue has room again."""

    def connect(self, caller: Caller, address: Address | None) -> None:
        found = self.find(caller, address) if address is not None else None
        if found is not None and isinstance(found, DatagramSocket) and not found.hears(self):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        if self.peer is not found and self.peer is not None:
            self.empty()
        self.call(found)
        self.changed()

    def call(self, peer: LocalSocket | None) -> None:
        """Send to `peer` from now on."""
        if isinstance(self.peer, DatagramSocket):
            self.peer._callers.pop(self, None)
        self.peer = peer
        if isinstance(peer, DatagramSocket):
            peer._callers[self] = None

    def peer_address(self) -> Address:
        if self.peer is None:
            raise Failure(Status.CONNECTION_INVALID)
        return self.peer.address

    def hears(self, sender: LocalSocket) -> bool:
        """Whether messages of `sender` are taken."""
        return self.peer is None or self.peer is sender

    def send(self, caller: Caller | None, message: Message) -> int | Blocks[int]:
        if message.flags & MessageFlag.OUT_OF_BAND:
            raise Failure(Status.NOT_SUPPORTED)
        target = self.peer
        if message.address is not None:
            target = self.find(self.driver.caller(caller), message.address)
        if target is None:
            raise Failure(Status.CONNECTION_INVALID)
        return self.send_whole(caller, target, message)

    def check_target(self, target: LocalSocket) -> None:
        if self.shut & SENDING:
            raise Failure(Status.PIPE_DISCONNECTED)
        if target.dead:
            if self.peer is target:
                self.call(None)
            raise Failure(Status.CONNECTION_REFUSED)
        if isinstance(target, DatagramSocket) and not target.hears(self):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        super().check_target(target)

    def may_send_to(self, target: LocalSocket) -> bool:
        if self.is_cut_off(target):
            return True
        return self.sent < self.send_buffer and not self._is_full(target)

    def _is_full(self, target: LocalSocket) -> bool:
        return target.peer is not self and len(target.inbox) > _LONGEST_QUEUE

    def dequeue(self) -> Item:
        was_full = len(self.inbox) > _LONGEST_QUEUE
        item = super().dequeue()
        if was_full:
            for caller in self._callers:
                caller.notify()
        return item

    def poll(self) -> int:
        ready = super().poll()
        peer = self.peer
        if self.is_writable() and (peer is None or peer.dead or not self._is_full(peer)):
            ready |= Poll.WRITABLE
        return ready

    def closed(self) -> None:
        self.call(None)
        super().closed()
        for caller in self._callers:
            caller.notify()
