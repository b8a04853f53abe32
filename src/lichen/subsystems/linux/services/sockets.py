"""Sockets of unit files: where they listen, and opening them.

Source: systemd.socket(5), sd_listen_fds(3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.network.sockets import (
    Address,
    AddressFamily,
    Caller,
    InternetAddress,
    Level,
    LocalAddress,
    SocketOption,
    SocketType,
)
from lichen.executive.processes import INIT
from lichen.executive.services.values import ListenerSettings
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.services import names
from lichen.subsystems.linux.services.tree import components

if TYPE_CHECKING:
    from lichen.executive.network.sockets import Socket
    from lichen.subsystems.linux.services.specifiers import Specifiers
    from lichen.subsystems.linux.services.tree import Tree
    from lichen.subsystems.linux.services.unitfile import UnitFile

_SECTION: Final = "Socket"
_TYPES: Final = {
    "ListenStream": SocketType.STREAM,
    "ListenDatagram": SocketType.DATAGRAM,
    "ListenSequentialPacket": SocketType.SEQUENCED,
}
_DONE: Final = frozenset(
    {
        *_TYPES,
        *(
            "Accept",
            "Service",
            "SocketMode",
            "SocketUser",
            "SocketGroup",
            "DirectoryMode",
            "Backlog",
            "RemoveOnStop",
        ),
        *("FileDescriptorName", "PassCredentials", "ReusePort"),
    }
)
_NOT_DONE: Final = ("ListenFIFO", "ListenSpecial", "ListenNetlink", "ListenMessageQueue", "ListenUSBFunction")
_ON: Final = b"\1\0\0\0"


@dataclass(frozen=True)
class Place:
    """One place to listen: the directive that said so, the type of socket, and a path, `@name` or port as it was written."""

    directive: str
    type: int
    text: str


@dataclass(frozen=True)
class Places:
    """Where a listener listens, and as whose its names are made."""

    places: tuple[Place, ...]
    mode: int = 0o666
    user: str = ""
    group: str = ""
    folder_mode: int = 0o755
    backlog: int = 128
    is_removed: bool = False
    passes_credentials: bool = False


def read(name: str, file: UnitFile, specifiers: Specifiers, warn: Callable[[str], None]) -> ListenerSettings:
    """The settings of a socket unit; ValueError when it cannot be carried out."""
    if file.flag(_SECTION, "Accept"):
        raise ValueError("Accept=yes is not carried out")
    for directive in _NOT_DONE:
        if file.all(_SECTION, directive):
            raise ValueError(f"{directive}= is not carried out")
    for section, directive in list(file.assignments):
        if section == _SECTION and directive not in _DONE and file.last(section, directive):
            warn(f"{directive}= in [{_SECTION}] is not carried out")
    places = tuple(
        Place(directive, type, specifiers.replace(text))
        for directive, type in _TYPES.items()
        for text in file.all(_SECTION, directive)
    )
    if not places:
        raise ValueError("it listens nowhere")
    for place in places:
        if place.text[:1] not in ("/", "@"):
            _internet(place.text)
    unit = file.last(_SECTION, "Service") or f"{names.stem(name)}.service"
    if not names.is_valid(unit):
        raise ValueError(f"Service={unit}: no name of a unit")
    opened = Places(
        places,
        int(file.last(_SECTION, "SocketMode", "0666"), 8) & 0o777,
        file.last(_SECTION, "SocketUser"),
        file.last(_SECTION, "SocketGroup"),
        int(file.last(_SECTION, "DirectoryMode", "0755"), 8) & 0o777,
        min(4096, int(file.last(_SECTION, "Backlog", "128"))),
        file.flag(_SECTION, "RemoveOnStop"),
        file.flag(_SECTION, "PassCredentials"),
    )
    return ListenerSettings(unit, opened, file.last(_SECTION, "FileDescriptorName"))


def _internet(text: str) -> InternetAddress:
    """An address with a port, or a port of all addresses; ValueError."""
    host, colon, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{text}: no port")
    address = ipaddress.ip_address(host.strip("[]")) if colon else ipaddress.IPv6Address("::")
    return InternetAddress(address.packed, int(port))


def open_all(files: Tree, places: Places, owner: tuple[int, int]) -> list[Socket]:
    """Open the sockets; Failure, and none is left open."""
    found: list[Socket] = []
    try:
        found.extend(_open(files, place, places, owner) for place in places.places)
    except (Failure, OSError):
        for socket in found:
            socket.release()
        raise
    return found


def _open(files: Tree, place: Place, places: Places, owner: tuple[int, int]) -> Socket:
    context = files.context.copy()
    context.umask = 0o777 & ~places.mode
    caller = Caller(context, INIT)
    address: Address
    family = AddressFamily.LOCAL
    if place.text[:1] == "@":
        address = LocalAddress(b"\0" + place.text[1:].encode("utf-8", "surrogateescape"))
    elif place.text[:1] == "/":
        files.make_folder(place.text.rpartition("/")[0] or "/", places.folder_mode)
        if files.kind(place.text, follow=False) == Kind.SOCKET:
            files.remove(place.text)
        text = place.text.encode("utf-8", "surrogateescape")
        address = LocalAddress(text, (context.root, components(place.text), 0))
    else:
        address = _internet(place.text)
        family = AddressFamily.INTERNET if len(address.host) == 4 else AddressFamily.INTERNET_6
    socket = context.devices.families.get(family).create(caller, place.type, 0, 0)
    try:
        if family != AddressFamily.LOCAL:
            socket.set_option(caller, Level.SOCKET, SocketOption.REUSE_ADDRESS, _ON)
        elif places.passes_credentials:
            socket.set_option(caller, Level.SOCKET, SocketOption.PASS_CREDENTIALS, _ON)
        socket.bind(caller, address)
        if place.type != SocketType.DATAGRAM:
            socket.listen(caller, places.backlog)
    except BaseException:
        socket.release()
        raise
    location = files.find(place.text) if place.text[:1] == "/" else None
    if location is not None and owner != (0, 0):
        location.node.change(AttributeChange(uid=owner[0], gid=owner[1]))
    return socket


def remove_names(files: Tree, places: Places) -> None:
    """Remove the names of sockets, when the unit says so."""
    for place in places.places if places.is_removed else ():
        if place.text[:1] == "/" and files.kind(place.text, follow=False) == Kind.SOCKET:
            try:
                files.remove(place.text)
            except Failure as failure:
                if failure.status != Status.OBJECT_NAME_NOT_FOUND:
                    raise
