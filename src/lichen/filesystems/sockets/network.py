"""In which network of the host a machine's sockets are made: the host's own, or a namespace that is the machine's alone (029).

On the host's network a machine is one program of many, and administers nothing. A network of its own has a way out, or only
the loopback. Where a machine has one because nobody said otherwise, and no way out of it can be had, the machine goes to the
host's network before its first socket is made.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from lichen.executive.wait import Blocks, Condition, Wait

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler

_PATIENCE: Final = 2.0
"""Seconds that a first socket waits for the way out."""


class Network(Protocol):
    """Where sockets are made."""

    @property
    def is_own(self) -> bool:
        """Whether it is the machine's alone, and so its administrators' to change."""

    def socket(self, family: int, type: int, protocol: int) -> socket.socket:
        """A socket of the host's; OSError."""

    def prepare(self) -> Blocks[None] | None:
        """Wait until the network is as it is going to be; None when it is."""


class HostNetwork:
    """The host's."""

    is_own = False

    def socket(self, family: int, type: int, protocol: int) -> socket.socket:
        return socket.socket(family, type, protocol)

    def prepare(self) -> Blocks[None] | None:
        return None


class Namespace(Protocol):
    """What a platform has of a network namespace."""

    changed: Callable[[], None]
    failure: str
    out: bool
    out_failure: str

    @property
    def is_settled(self) -> bool: ...

    def begin(self) -> None: ...

    def settle(self) -> None: ...

    def socket(self, family: int, type: int, protocol: int) -> socket.socket: ...

    def close(self) -> None: ...


class OwnNetwork:
    """A namespace of the host, made at first use.

    `is_choice` says that the machine was to have it whatever comes; else it goes to the host's network, and tells
    `left` why, when there is no way out after all.
    """

    def __init__(self, namespace: Namespace, scheduler: Scheduler, is_choice: bool) -> None:
        self.namespace, self.scheduler, self._is_choice = namespace, scheduler, is_choice
        self.left: Callable[[str], None] = lambda reason: None
        self.settled: Callable[[], None] = lambda: None
        self._told = self._used = False
        self._host: HostNetwork | None = None
        self._ready = Condition(lambda: self._host is not None or namespace.is_settled)
        namespace.changed = self._changed

    @property
    def is_own(self) -> bool:
        return self._host is None

    def prepare(self) -> Blocks[None] | None:
        if self._host is not None or self.namespace.is_settled:
            return None
        self.namespace.begin()
        return self._wait()

    def _wait(self) -> Blocks[None]:
        yield Wait((self._ready,), self.scheduler.clock() + _PATIENCE, interruptible=False)

    def socket(self, family: int, type: int, protocol: int) -> socket.socket:
        if not self._used and self._host is None:
            self.namespace.settle()
        if self._host is not None:
            return self._host.socket(family, type, protocol)
        self._used = True
        return self.namespace.socket(family, type, protocol)

    def close(self) -> None:
        self.namespace.close()

    def _changed(self) -> None:
        namespace = self.namespace
        if namespace.is_settled and not self._told:
            self._told = True
            reason = namespace.failure or namespace.out_failure
            if reason and not self._is_choice and not self._used:
                self._host = HostNetwork()
                namespace.close()
                self.left(reason)
            else:
                self.settled()
        self._ready.wake()
