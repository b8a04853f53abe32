"""A listener: a unit that holds sockets, and starts a service when somebody comes to them. The service gets them all.

The sockets outlive the service, so that nobody who connects is turned away while it is not there.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from lichen.executive.io.opening import Poll
from lichen.executive.services.unit import Unit
from lichen.executive.services.values import CannotLaunch, ListenerSettings, Phase, Result, State
from lichen.executive.wait import Blocks, Changes, Wait

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Socket
    from lichen.executive.scheduler import Parking
    from lichen.executive.services.unit import Owner
    from lichen.executive.services.values import Definition

_MOST_TRIGGERS: Final = 20
_INTERVAL: Final = 2.0
"""More starts than these in so many seconds are those of a service that does not take what it is started for."""


class Listener(Unit):
    """A unit that starts a service when there is something to read on one of its sockets."""

    def __init__(self, manager: Owner, definition: Definition) -> None:
        super().__init__(manager, definition)
        self.sockets: list[Socket] = []
        self._work: Parking | None = None
        self._changes = Changes()
        self._triggers: deque[float] = deque()

    @property
    def settings(self) -> ListenerSettings:
        assert isinstance(self.definition.settings, ListenerSettings)
        return self.definition.settings

    def start(self) -> None:
        if not self.may_start():
            return
        try:
            self.sockets = self.manager.launcher.listen(self)
        except CannotLaunch as error:
            self.manager.log.tell(self.name, str(error), 3)
            self.stopped(Result.RESOURCES)
            return
        self.enter(State.RUNNING, Phase.WAITING)
        self._work = self.manager.machine.scheduler.spawn(self._watch())

    def stop(self) -> None:
        self._close()
        super().stop()

    def unit_stopped(self) -> None:
        """The service has ended: whoever comes next starts it again."""
        self._changes.notify()

    def _close(self) -> None:
        if self._work is not None:
            self.manager.machine.scheduler.cancel(self._work)
            self._work = None
        sockets, self.sockets = self.sockets, []
        for socket in sockets:
            socket.release()
        self.manager.launcher.stop_listening(self)

    def _watch(self) -> Blocks[None]:
        readable = Poll.READABLE | Poll.ERROR | Poll.HANGUP
        while True:
            yield Wait(tuple(socket.ready(readable) for socket in self.sockets))
            if self._is_too_often() or not self.manager.trigger(self, self.settings.unit):
                break
            self.enter(State.RUNNING, Phase.RUNNING)
            while not self._is_over():
                yield Wait((self._changes,))
            self.enter(State.RUNNING, Phase.WAITING)
        self._work = None
        self._close()
        self.stopped(Result.RESOURCES)

    def _is_over(self) -> bool:
        service = self.manager.get(self.settings.unit)
        return service is None or (service.state is State.STOPPED and not self.manager.is_busy(service))

    def _is_too_often(self) -> bool:
        now = self.manager.machine.scheduler.clock()
        while self._triggers and self._triggers[0] <= now - _INTERVAL:
            self._triggers.popleft()
        self._triggers.append(now)
        if len(self._triggers) <= _MOST_TRIGGERS:
            return False
        self.manager.log.tell(self.name, f"{self.settings.unit} does not take what it is started for.", 4)
        return True
