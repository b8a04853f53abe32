"""One client on D-Bus: one task of the kernel reads its calls, another writes; neither waits for the other."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.network.sockets import Caller, Message
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import Blocks, Wait, outcome
from lichen.subsystems.linux.services.dbus import objects, wire
from lichen.subsystems.linux.services.dbus.authentication import Authentication
from lichen.subsystems.linux.services.dbus.interface import Call, Refusal, denied, unknown_method
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, SYSTEMD

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Socket
    from lichen.subsystems.linux.services.dbus.face import Face
    from lichen.subsystems.linux.services.dbus.interface import Method
    from lichen.subsystems.linux.services.dbus.vocabulary import Body

log = logging.getLogger("lichen.dbus")

_PIECE: Final = 65536
_MOST_UNSENT: Final = 8 << 20
"""Bytes that wait for a client that does not read; then it is let go."""
_AT_ONCE: Final = 4
"""Calls of one client that are carried out before others have their turn."""


class Client:
    """One connection. On the private socket a client is told of everything, on the bus of what it asks for."""

    def __init__(self, face: Face, socket: Socket, caller: Caller, is_bus: bool, number: int) -> None:
        self.face, self.socket, self._caller, self.is_bus = face, socket, caller, is_bus
        partner = socket.peer_credentials()
        assert partner is not None
        self.uid, self.process = partner.uid, partner.process
        self.name = f":1.{number}"
        self.names_us = ":1.0" if is_bus else SYSTEMD
        self.listens = not is_bus
        self._authentication = Authentication(face.identity, self.uid)
        self._buffer = bytearray()
        self._serial = 0
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._is_writing = self._is_closed = False

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
        wants_answer = not message.flags & wire.NO_REPLY
        try:
            method, body = yield from self._carry_out(message)
            serial = self.next_serial()
            data = wire.answer(serial, message.serial, self.names_us, self._receiver, method.returns, body)
        except Refusal as refusal:
            data = self._refusal(message, refusal)
        except wire.ProtocolError:
            raise
        except Failure as failure:
            text = f"The machine could not do that: status {failure.status:#x}"
            data = self._refusal(message, Refusal(f"{DBUS}.Error.Failed", text))
        except Exception as error:  # whatever it is, it is the end of this call alone
            self.face.machine.scheduler.errors += 1
            log.exception("in %s.%s", message.interface, message.member)
            data = self._refusal(
                message, Refusal(f"{DBUS}.Error.Failed", f"an error in Lichen's kernel: {error}")
            )
        if wants_answer:
            self.send(data)

    def _carry_out(self, message: wire.Incoming) -> Blocks[tuple[Method, Body]]:
        method = objects.method_of(message.interface, message.member)
        if not self._is_for_us(message.destination):
            text = f"The name {message.destination} was not provided by any service"
            raise Refusal(f"{DBUS}.Error.ServiceUnknown", text)
        if method is None:
            raise unknown_method(f"Unknown method {message.member} or interface {message.interface}.")
        try:
            arguments: tuple[Any, ...] = message.arguments(method.takes)
        except ValueError as error:
            raise Refusal(f"{DBUS}.Error.InvalidArgs", str(error)) from error
        if method.changes and self.uid != 0:
            raise denied("Access denied: only user 0 may do that")
        call = Call(self.face, message.path, arguments, self.uid, self.process, self)
        body: Body = yield from outcome(method.body(call))
        return method, body

    def _is_for_us(self, destination: str) -> bool:
        return not self.is_bus or not destination or destination in objects.NAMES

    @property
    def _receiver(self) -> str:
        return self.name if self.is_bus else ""

    def _refusal(self, message: wire.Incoming, refusal: Refusal) -> bytes:
        text = str(refusal).encode("utf-8", "replace").decode()
        return wire.refusal(
            self.next_serial(), message.serial, self.names_us, self._receiver, refusal.name, text
        )

    # ---- writing

    def send(self, data: bytes) -> None:
        """Send a message as soon as the client takes it."""
        if self._is_closed:
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > _MOST_UNSENT:
            log.info("process %d does not read what it is told, and was let go", self.process)
            self.close()
        elif not self._is_writing:
            self._is_writing = True
            self.face.machine.scheduler.spawn(self._write())

    def _write(self) -> Blocks[None]:
        try:
            while self._unsent and not self._is_closed:
                data = self._unsent.popleft()
                yield from outcome(self.socket.send(self._caller, Message(data)))
                self._unsent_bytes -= len(data)
        except (Failure, Interrupted):
            self.close()
        self._is_writing = False

    def close(self) -> None:
        """Let the client go."""
        if self._is_closed:
            return
        self._is_closed = True
        self.face.clients.pop(self, None)
        self._unsent.clear()
        self.socket.release()
