"""The service manager as a client of a bus that a daemon of the machine runs, where it has systemd's and logind's names.

When dbus-daemon is started, it takes the place of the kernel's own bus; what systemctl asks there comes here by way of it, and
so does its wish to have a unit started whose name somebody has asked for. Who a caller is, the daemon says.

Source: D-Bus specification, "Message Bus Messages", "Message Bus Starting Services (Activation)".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from lichen.executive.network.sockets import (
    AddressFamily,
    Caller,
    LocalAddress,
    ShutDown,
    SocketType,
)
from lichen.executive.processes import INIT
from lichen.executive.services.transactions import JobKind, RequestError
from lichen.executive.status import Failure, Interrupted
from lichen.executive.wait import Blocks, Changes, Wait, outcome
from lichen.subsystems.linux.services.dbus import wire
from lichen.subsystems.linux.services.dbus.answering import Who, answer
from lichen.subsystems.linux.services.dbus.outbox import Outbox
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, LOGIN, SYSTEMD
from lichen.subsystems.linux.services.listening import BUS

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.network.sockets import Socket
    from lichen.subsystems.linux.services.dbus.face import Face

log = logging.getLogger("lichen.dbus")

_PIECE: Final = 65536
_MOST_AT_ONCE: Final = 64
_MOST_KNOWN: Final = 1000
_PATIENCE: Final = 5.0
"""Seconds for the daemon to say who somebody is."""
_ALLOW_NOTHING: Final = 0
_ACTIVATOR: Final = f"{SYSTEMD}.Activator"


class BusLink:
    """One connection to the daemon, until either ends."""

    is_bus, listens, names_us, name, uid, process = False, False, "", "", 0, INIT

    def __init__(self, face: Face, context: FileSystemContext) -> None:
        self.face, self._context, self._caller = face, context, Caller(context, INIT)
        self._buffer = bytearray()
        self._serial = 0
        self._answers: dict[int, wire.Incoming | None] = {}
        self._changes = Changes()
        self._users: dict[str, int] = {}
        self._working = 0
        self._socket: Socket
        self._outbox: Outbox

    def next_serial(self) -> int:
        self._serial = self._serial % 0x7FFFFFFF + 1
        return self._serial

    def serve(self) -> Blocks[None]:
        """Join the bus, take the names, and answer there."""
        family = self._context.devices.families.get(AddressFamily.LOCAL)
        self._socket = family.create(self._caller, SocketType.STREAM, 0, 0)
        self._outbox = Outbox(self.face.machine.scheduler, self._socket, self._caller, self._give_up)
        try:
            address = LocalAddress(b"/" + "/".join(BUS).encode(), (self._context.root, BUS, 0))
            yield from outcome(self._socket.connect(self._caller, address))
            yield from self._come_in()
            self.face.clients[self] = None
            self.listens = True
            yield from self._read()
        except (Failure, Interrupted, wire.ProtocolError) as error:
            log.info("the bus of the machine's own daemon was left: %s", error)
        self.listens = False
        self.face.clients.pop(self, None)
        self._outbox.close()
        self._socket.release()

    def _come_in(self) -> Blocks[None]:
        self.send(b"\0AUTH EXTERNAL 30\r\n")
        while b"\r\n" not in self._buffer:
            yield from self._receive()
        if not self._buffer.startswith(b"OK "):
            raise wire.ProtocolError("the daemon does not let the kernel in")
        self._buffer.clear()
        self.send(b"BEGIN\r\n")
        self._call("Hello", "", ())
        for name in (SYSTEMD, LOGIN):
            self._call("RequestName", "su", (name, _ALLOW_NOTHING))

    def _receive(self) -> Blocks[None]:
        received = yield from outcome(self._socket.receive(_PIECE))
        for thing in received.objects:
            thing.release()
        if not received.data:
            raise wire.ProtocolError("it has ended")
        self._buffer += received.data

    def _read(self) -> Blocks[None]:
        scheduler = self.face.machine.scheduler
        while True:
            while (message := wire.take(self._buffer)) is not None:
                if message.type == wire.METHOD_CALL and self._working < _MOST_AT_ONCE:
                    scheduler.spawn(self._answer(message))
                elif (
                    message.type == wire.SIGNAL and message.interface == _ACTIVATOR and message.sender == DBUS
                ):
                    self._activate(message)
                elif message.reply_to in self._answers:
                    self._answers[message.reply_to] = message
                    self._changes.notify()
                yield Wait((), scheduler.clock())
            yield from self._receive()

    # ---- what is asked

    def _answer(self, message: wire.Incoming) -> Blocks[None]:
        self._working += 1
        try:
            uid = yield from self._user_of(message.sender)
            who = Who(uid, 0, self)
            data = yield from answer(self.face, message, who, self.next_serial(), "", message.sender, True)
            if not message.flags & wire.NO_REPLY:
                self.send(data)
        except (Failure, Interrupted, wire.ProtocolError) as error:
            log.info("a call of %s was dropped: %s", message.sender, error)
        self._working -= 1

    def _user_of(self, sender: str) -> Blocks[int]:
        """The user behind a name on the bus; nobody when the daemon does not say it."""
        if sender in self._users:
            return self._users[sender]
        serial = self._call("GetConnectionUnixUser", "s", (sender,))
        self._answers[serial] = None
        scheduler = self.face.machine.scheduler
        deadline = scheduler.clock() + _PATIENCE
        while self._answers[serial] is None and self.listens and scheduler.clock() < deadline:
            yield Wait((self._changes,), deadline)
        found = self._answers.pop(serial)
        if (
            found is None
            or found.type != wire.METHOD_RETURN
            or found.sender != DBUS
            or found.signature != "u"
        ):
            return -1
        if len(self._users) >= _MOST_KNOWN:
            self._users.clear()
        uid: int = found.arguments("u")[0]
        self._users[sender] = uid
        return uid

    def _activate(self, message: wire.Incoming) -> None:
        """Start the unit behind a name that somebody has asked the daemon for."""
        if message.member != "ActivationRequest" or message.signature != "s":
            return
        name: str = message.arguments("s")[0]
        try:
            self.face.manager.request(self.face.manager.load(name), JobKind.START)
        except RequestError as error:
            body = (name, f"{SYSTEMD}.NoSuchUnit", str(error))
            path = "/org/freedesktop/systemd1"
            self.send(wire.signal(self.next_serial(), "", path, _ACTIVATOR, "ActivationFailure", "sss", body))

    # ---- what is said

    def _call(self, member: str, signature: str, body: tuple[Any, ...]) -> int:
        serial = self.next_serial()
        self.send(wire.call(serial, DBUS, "/org/freedesktop/DBus", DBUS, member, signature, body))
        return serial

    def send(self, data: bytes) -> None:
        """Send a message as soon as the daemon takes it."""
        self._outbox.send(data)

    def _give_up(self) -> None:
        self._socket.shut_down(ShutDown.BOTH)
