"""What methods on D-Bus are to the face: a declared signature, and a function that is given a call and returns a body."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from lichen.executive.wait import Blocks
from lichen.subsystems.linux.services.dbus.vocabulary import DBUS, Body

if TYPE_CHECKING:
    from lichen.subsystems.linux.services.dbus.face import Face


class Refusal(Exception):
    """A method fails: the name of the error on D-Bus, and what is told to the user."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def unknown_method(text: str) -> Refusal:
    return Refusal(f"{DBUS}.Error.UnknownMethod", text)


def denied(text: str = "Access denied") -> Refusal:
    return Refusal(f"{DBUS}.Error.AccessDenied", text)


def invalid(text: str) -> Refusal:
    return Refusal(f"{DBUS}.Error.InvalidArgs", text)


class Call(NamedTuple):
    """One call of a method. `process` and `uid` are who made it."""

    face: Face
    path: str
    arguments: Body
    uid: int
    process: int
    client: object


class Method(NamedTuple):
    """A method: what it takes, what it returns, what it does, and whether only the administrator may."""

    takes: str
    returns: str
    body: Callable[[Call], Body | Blocks[Body]]
    changes: bool = False


Methods = dict[tuple[str, str], Method]
"""By interface and name."""
