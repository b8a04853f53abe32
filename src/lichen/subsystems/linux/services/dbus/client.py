"""One client on D-Bus: one task of the kernel reads its calls, another writes; neither waits for the other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from lichen.executive.network.sockets import Caller
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import Blocks, Wait, outcome
from lichen.subsystems.linux.services.dbus import wire
from lichen.subsystems.linux.services.dbus.answering import Who, answer
from lichen.subsystems.linux.services.dbus.authentication import Authentication
from lichen.subsystems.linux.services.dbus.outbox import Outbox
from lichen.subsystems.linux.services.dbus.vocabulary import SYSTEMD

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Socket
    from lichen.subsystems.linux.services.dbus.face import Face

log = logging.getLogger("lichen.dbus")

_PIECE: Final = 65536
_AT_ONCE: Final = 4
"""Calls of one client that are carried out before others have their turn."""


class Client:
    """One connection. On the private socket a client is told of everything, on the bus of what it asks for."""

    def __init__(self, face: Face, socket: Socket, caller: Caller, is_bus: bool, number: int) -> None:
        self.face, self.socket, self.is_bus = face, socket, is_bus
        partner = socket.peer_credentials()
        assert partner is not None
        self.uid, self.process = partner.uid, partner.process
        self.name = f":1.{number}"
        self.names_us = ":1.0" if is_bus else SYSTEMD
        self.listens = not is_bus
        self._authentication = Authentication(face.identity, self.uid)
        self._buffer = bytearray()
        self._serial = 0
        self._outbox = Outbox(face.machine.scheduler, socket, caller, self.close)
        self._is_closed = False

    def next_serial(self) -> int:
        self._serial = self._serial % 0x7FFFFFFF + 1
        return self._serial

    # ---- reading

    def serve(self) -> Blocks[None]:
        """Serve the client until it goes."""
        try:
            while not self._is_closed:
                found = yield from outcome(self.socket.receive(_PIECE))
                for thing in found.objects:
                    thing.release()
                if not found.data:
                    break
                self._buffer += found.data
                yield from self._work()
        except (Failure, Interrupted):
            pass
        except wire.ProtocolError as error:
            log.info("process %d was let go: %s", self.process, error)
        self.close()

    def _work(self) -> Blocks[None]:
        """Take what has come."""
        if not self._is_in():
            answers = self._authentication.take(self._buffer)
            if answers:
                self.send(answers)
            if not self._is_in():
                return
            self.face.clients[self] = None
        done = 0
        clock = self.face.machine.scheduler.clock
        while not self._is_closed and (message := wire.take(self._buffer)) is not None:
            if message.type == wire.METHOD_CALL:
                yield from self._answer(message)
            done += 1
            if done % _AT_ONCE == 0:
                yield Wait((), clock())

    def _is_in(self) -> bool:
        return self._authentication.is_done

    def _answer(self, message: wire.Incoming) -> Blocks[None]:
        who = Who(self.uid, self.process, self)
        names_all = not self.is_bus
        receiver = self.name if self.is_bus else ""
        data = yield from answer(
            self.face, message, who, self.next_serial(), self.names_us, receiver, names_all
        )
        if not message.flags & wire.NO_REPLY:
            self.send(data)

    # ---- writing

    def send(self, data: bytes) -> None:
        """Send a message as soon as the client takes it."""
        self._outbox.send(data)

    def close(self) -> None:
        """Let the client go."""
        if self._is_closed:
            return
        self._is_closed = True
        self.face.clients.pop(self, None)
        self._outbox.close()
        self.socket.release()
