"""Messages of D-Bus as bytes: the one module that knows the library which writes and reads them.

What comes from a guest is read in two steps. The head says which method is meant; the body is read only with the signature
that this method has, so that no guest makes the kernel read types of its own devising.

Source: D-Bus specification, "Message Protocol".
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

from jeepney import low_level  # type: ignore[import-untyped]

MOST: Final = 1 << 17
"""Bytes of a message that is taken; systemctl's are a few hundred."""
_MOST_HEAD: Final = 4096
_FIXED: Final = 16
NO_REPLY: Final = 0x1
METHOD_CALL, METHOD_RETURN, ERROR, SIGNAL = 1, 2, 3, 4
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY, _DESTINATION, _SENDER, _SIGNATURE, _FDS = range(1, 10)
_TEXT: Final = {_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _DESTINATION, _SENDER, _SIGNATURE}


class ProtocolError(Exception):
    """The other side does not speak D-Bus."""


class Incoming(NamedTuple):
    """A message that has come, its body unread."""

    type: int
    flags: int
    serial: int
    path: str
    interface: str
    member: str
    destination: str
    sender: str
    signature: str
    reply_to: int
    data: bytes
    body: int
    """Where the body begins."""
    order: Any

    def arguments(self, signature: str) -> tuple[Any, ...]:
        """The body, when it has this signature; ValueError otherwise, and ProtocolError for one that is damaged."""
        if self.signature != signature:
            raise ValueError(f"the signature {self.signature!r} is not {signature!r}")
        if not signature:
            return ()
        try:
            kind = low_level.parse_signature(list(f"({signature})"))
            found, _ = kind.parse_data(self.data, self.body, self.order)
        except Exception as error:  # the library raises whatever the damage leads to
            raise ProtocolError("the body of a message is damaged") from error
        return tuple(found)


def take(buffer: bytearray) -> Incoming | None:
    """The first message, taken out of what has come; None when it is not whole yet."""
    if len(buffer) < _FIXED:
        return None
    order = {ord("l"): "<", ord("B"): ">"}.get(buffer[0])
    if order is None or buffer[3] != 1:
        raise ProtocolError("no message of D-Bus")
    body, serial, fields = struct.unpack_from(f"{order}III", buffer, 4)
    head = _FIXED + fields + -fields % 8
    if fields > _MOST_HEAD or head + body > MOST or not serial:
        raise ProtocolError("a message is too long")
    if len(buffer) < head + body:
        return None
    data = bytes(buffer[: head + body])
    del buffer[: head + body]
    if b"()" in data[:head]:  # of types without content there may be any number in no room
        raise ProtocolError("a type without content")
    return _incoming(data)


def _incoming(data: bytes) -> Incoming:
    try:
        head, body = low_level.Header.from_buffer(data)
    except Exception as error:  # as above
        raise ProtocolError("the head of a message is damaged") from error
    fields = {int(number): value for number, value in head.fields.items()}
    if any(not isinstance(value, str) for number, value in fields.items() if number in _TEXT):
        raise ProtocolError("a field of a message has another type")
    if fields.get(_FDS):
        raise ProtocolError("descriptors are not taken")
    path, interface, member, destination, sender, signature = (
        str(fields.get(number, ""))
        for number in (_PATH, _INTERFACE, _MEMBER, _DESTINATION, _SENDER, _SIGNATURE)
    )
    reply_to = fields.get(_REPLY, 0)
    return Incoming(
        head.message_type.value,
        int(head.flags),
        head.serial,
        path,
        interface,
        member,
        destination,
        sender,
        signature,
        reply_to if isinstance(reply_to, int) else 0,
        data,
        body,
        head.endianness,
    )


def outgoing(
    type: int, serial: int, fields: dict[int, object], signature: str, body: tuple[Any, ...]
) -> bytes:
    """A message as bytes; ValueError or TypeError when the body does not have its signature."""
    known = {low_level.HeaderFields(number): value for number, value in fields.items()}
    if signature:
        known[low_level.HeaderFields.signature] = signature
    flags = 0 if type == METHOD_CALL else NO_REPLY
    head = low_level.Header(
        low_level.Endianness.little, low_level.MessageType(type), flags, 1, 0, serial, known
    )
    try:
        data: bytes = low_level.Message(head, body).serialise(serial=serial)
    except UnicodeEncodeError:
        data = low_level.Message(head, _clean(body)).serialise(serial=serial)
    except struct.error as error:
        raise ValueError(str(error)) from error
    return data


def _clean(value: Any) -> Any:
    """The same with every text as D-Bus takes it: names of files may be no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(_clean, value))
    return value


def call(
    serial: int, to: str, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]
) -> bytes:
    """A call of a method."""
    fields = {_PATH: path, _INTERFACE: interface, _MEMBER: member, _DESTINATION: to}
    return outgoing(METHOD_CALL, serial, dict(fields), signature, body)


def answer(serial: int, to: int, sender: str, receiver: str, signature: str, body: tuple[Any, ...]) -> bytes:
    """What a method returns."""
    return outgoing(METHOD_RETURN, serial, {_REPLY: to, **_ends(sender, receiver)}, signature, body)


def refusal(serial: int, to: int, sender: str, receiver: str, name: str, text: str) -> bytes:
    """What a method fails with."""
    fields = {_REPLY: to, _ERROR_NAME: name, **_ends(sender, receiver)}
    return outgoing(ERROR, serial, fields, "s", (text,))


def signal(
    serial: int, sender: str, path: str, interface: str, member: str, signature: str, body: tuple[Any, ...]
) -> bytes:
    """What is told to whoever listens."""
    fields = {_PATH: path, _INTERFACE: interface, _MEMBER: member, **_ends(sender, "")}
    return outgoing(SIGNAL, serial, fields, signature, body)


def _ends(sender: str, receiver: str) -> dict[int, object]:
    """The fields that say who speaks to whom; a bus that is a daemon's says by itself who speaks."""
    ends: dict[int, object] = {_SENDER: sender} if sender else {}
    if receiver:
        ends[_DESTINATION] = receiver
    return ends
