"""What the machine's files say of its network: names of hosts, of services, and whom to ask for more.

The files are those of the machine, read anew by whoever asks, as programs of Linux do.

Source: hosts(5), services(5), resolv.conf(5).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.lookup import Walk
from lichen.executive.io.manager import create_file
from lichen.executive.io.opening import Access, Open
from lichen.executive.network.sockets import InternetAddress
from lichen.executive.status import Failure

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext

_LARGEST: Final = 1 << 20
_MOST_SERVERS: Final = 3
_MOST_DOTS, _LONGEST_WAIT, _MOST_ATTEMPTS = 15, 30, 5
_LOOPBACK: Final = bytes((127, 0, 0, 1))


class Host(NamedTuple):
    """One line: an address of 4 or 16 bytes, and the names of it, the first of which is its own."""

    address: bytes
    names: tuple[str, ...]


class Settings(NamedTuple):
    """Whom to ask for names, and how: `dots` is how many make a name one that is whole, `timeout` in seconds."""

    servers: tuple[InternetAddress, ...]
    search: tuple[str, ...] = ()
    dots: int = 1
    timeout: int = 5
    attempts: int = 2


def read_text(context: FileSystemContext, *path: str) -> str:
    """A file of the machine as whoever asks sees it; empty when it cannot be read."""
    try:
        file = create_file(context, context.root, path, Open(Access.READ, walk=Walk.FOLLOW))
    except Failure:
        return ""
    if not isinstance(file, File):  # what has to be waited for
        file.close()
        return ""
    try:
        data = file.read(_LARGEST, 0) if file.node.kind == Kind.REGULAR else b""
    except Failure:
        return ""
    finally:
        file.release()
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else ""


def _lines(text: str, marks: str) -> Iterator[list[str]]:
    """The words of each line that has some, without what is behind a mark."""
    for line in text.splitlines():
        end = min((line.find(mark) for mark in marks if mark in line), default=len(line))
        if words := line[:end].split():
            yield words


def lines_with(text: str, word: str) -> str:
    """The lines in which a word is, be it in other letters: files of hosts may be long."""
    if word not in text.lower():
        return ""
    return "\n".join(line for line in text.splitlines() if word in line.lower())


def address_of(text: str, port: int = 0) -> InternetAddress | None:
    """The address that a text is, with a number as its scope; None when it is none."""
    host, _, scope = text.partition("%")
    try:
        if not scope and ":" not in host:
            return InternetAddress(socket.inet_pton(socket.AF_INET, host), port)
        number = int(scope) if scope else 0
        return InternetAddress(socket.inet_pton(socket.AF_INET6, host), port, 0, number & 0xFFFFFFFF)
    except (OSError, ValueError):
        return None


def hosts_of(text: str) -> list[Host]:
    """The hosts of a hosts file."""
    found = []
    for address, *names in _lines(text, "#"):
        known = address_of(address)
        if known is not None and names:
            found.append(Host(known.host, tuple(names)))
    return found


def services_of(text: str) -> list[tuple[tuple[str, ...], int, str]]:
    """The services of a services file: names, port, protocol."""
    found = []
    for name, *rest in _lines(text, "#"):
        number, _, protocol = rest[0].partition("/") if rest else ("", "", "")
        if number.isascii() and number.isdigit() and int(number) <= 0xFFFF:
            found.append(((name, *rest[1:]), int(number), protocol.lower()))
    return found


def settings_of(text: str, port: int) -> Settings:
    """What a resolv.conf says; a machine that names no server asks itself."""
    servers: list[InternetAddress] = []
    search: tuple[str, ...] = ()
    numbers = {"ndots": 1, "timeout": 5, "attempts": 2}
    most = {"ndots": _MOST_DOTS, "timeout": _LONGEST_WAIT, "attempts": _MOST_ATTEMPTS}
    for word, *rest in _lines(text, "#;"):
        if word == "nameserver" and rest:
            known = address_of(rest[0], port)
            servers += [known] if known is not None else []
        elif word in ("search", "domain"):
            search = tuple(each.rstrip(".") for each in rest if each.rstrip("."))
        elif word == "options":
            for option in rest:
                name, _, number = option.partition(":")
                if name in numbers and number.isascii() and number.isdigit():
                    numbers[name] = min(int(number), most[name])
    return Settings(
        tuple(servers[:_MOST_SERVERS]) or (InternetAddress(_LOOPBACK, port),),
        search,
        numbers["ndots"],
        max(numbers["timeout"], 1),
        max(numbers["attempts"], 1),
    )
