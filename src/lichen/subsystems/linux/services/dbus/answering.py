"""Carrying out one call from D-Bus, whichever way it has come: what it answers, or how it is refused, as bytes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from lichen.executive.status import Failure
from lichen.executive.wait import Blocks, outcome
from lichen.subsystems.linux.services.dbus import objects, wire
from lichen.subsystems.linux.services.dbus.interface import Call, Refusal, denied, unknown_method
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.face import Face
    from lichen.subsystems.linux.services.dbus.interface import Method
    from lichen.subsystems.linux.services.dbus.vocabulary import Body

log = logging.getLogger("lichen.dbus")


class Who(NamedTuple):
    """Who calls: user, process, and the connection where that is one of ours."""

    uid: int
    process: int
    client: object


def answer(
    face: Face, message: wire.Incoming, who: Who, serial: int, us: str, receiver: str, names_all: bool
) -> Blocks[bytes]:
    """The message that a call is answered by. `names_all` says that every destination means us."""
    try:
        method, body = yield from _carry_out(face, message, who, names_all)
        return wire.answer(serial, message.serial, us, receiver, method.returns, body)
    except Refusal as error:
        refusal = error
    except wire.ProtocolError:
        raise
    except Failure as failure:
        refusal = Refusal(
            f"{DBUS}.Error.Failed", f"The machine could not do that: status {failure.status:#x}"
        )
    except Exception as error:  # whatever it is, it is the end of this call alone
        face.machine.scheduler.errors += 1
        log.exception("in %s.%s", message.interface, message.member)
        refusal = Refusal(f"{DBUS}.Error.Failed", f"an error in Lichen's kernel: {error}")
    text = str(refusal).encode("utf-8", "replace").decode()
    return wire.refusal(serial, message.serial, us, receiver, refusal.name, text)


def _carry_out(face: Face, message: wire.Incoming, who: Who, names_all: bool) -> Blocks[tuple[Method, Body]]:
    if not (names_all or not message.destination or message.destination in objects.NAMES):
        text = f"The name {message.destination} was not provided by any service"
        raise Refusal(f"{DBUS}.Error.ServiceUnknown", text)
    method = objects.method_of(message.interface, message.member)
    if method is None:
        raise unknown_method(f"Unknown method {message.member} or interface {message.interface}.")
    try:
        arguments: tuple[Any, ...] = message.arguments(method.takes)
    except ValueError as error:
        raise Refusal(f"{DBUS}.Error.InvalidArgs", str(error)) from error
    if method.changes and who.uid != 0:
        raise denied("Access denied: only user 0 may do that")
    call = Call(face, message.path, arguments, who.uid, who.process, who.client)
    body: Body = yield from outcome(method.body(call))
    return method, body
