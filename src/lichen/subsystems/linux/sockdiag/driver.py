"""The driver of sock_diag among netlink's protocols. Its sockets are much to import, and come with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Caller, Family, Socket, SocketType
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.sockdiag.protocol import SOCK_DIAG

if TYPE_CHECKING:
    from lichen.executive.scheduler import Scheduler

_TYPES: Final = (SocketType.RAW, SocketType.DATAGRAM)
_MOST_PORTS: Final = 1 << 16


class DiagnosisSockets:
    """The driver of AF_NETLINK for sock_diag; for all other protocols it asks who was there before."""

    def __init__(self, scheduler: Scheduler, others: Family) -> None:
        self._scheduler, self._others = scheduler, others
        self.ports: set[int] = set()

    def create(self, caller: Caller, type: int, protocol: int, options: int) -> Socket:
        if protocol != SOCK_DIAG:
            return self._others.create(caller, type, protocol, options)
        if type not in _TYPES:
            raise Failure(Status.SOCKET_TYPE_NOT_SUPPORTED)
        from lichen.subsystems.linux.sockdiag.socket import DiagnosisSocket

        return DiagnosisSocket(self, caller, type, options)

    def pair(self, caller: Caller, type: int, protocol: int, options: int) -> tuple[Socket, Socket]:
        raise Failure(Status.NOT_SUPPORTED)

    def take_port(self, wanted: int, process: int) -> int:
        """A port of one's own: the one that is wanted, else the process's id, else one that no process has; ADDRESS_IN_USE."""
        port = wanted or process
        if port in self.ports:
            if wanted or len(self.ports) > _MOST_PORTS:
                raise Failure(Status.ADDRESS_IN_USE)
            port = 0xFFFFFFFF
            while port in self.ports:
                port -= 1
        self.ports.add(port)
        return port

    def caller(self) -> Caller:
        """Who sends by a plain write."""
        thread = self._scheduler.current
        if thread is None:
            raise Failure(Status.INVALID_PARAMETER)
        return Caller(thread.process.files, thread.process.id)

    def deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._scheduler.clock() + timeout
