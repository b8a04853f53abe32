"""Names of units: what they consist of, and how D-Bus has them as paths.

Source: systemd.unit(5), systemd-escape(1).
"""

from __future__ import annotations

import re
from typing import Final

KINDS: Final = (
    "service",
    "target",
    "timer",
    "socket",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
)
_VALID: Final = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(?:" + "|".join(KINDS) + r")\Z")
_LONGEST: Final = 255
PATH: Final = "/org/freedesktop/systemd1"
UNITS: Final = f"{PATH}/unit/"


def is_valid(name: str) -> bool:
    """Whether a unit may have a name."""
    return len(name) <= _LONGEST and _VALID.match(name) is not None and not name.startswith("@")


def mangle(text: str) -> str:
    """The unit that somebody means by a name, which need not say its kind."""
    return text if text.rpartition(".")[2] in KINDS and "." in text else f"{text}.service"


def kind(name: str) -> str:
    return name.rpartition(".")[2]


def stem(name: str) -> str:
    """The name without its kind."""
    return name.rpartition(".")[0]


def prefix(name: str) -> str:
    """What stands before the `@`, or all of the stem."""
    return stem(name).partition("@")[0]


def instance(name: str) -> str:
    """What stands behind the `@`."""
    return stem(name).partition("@")[2]


def template(name: str) -> str:
    """The template of an instance: `x@.service` of `x@y.service`; empty for what is none."""
    return f"{prefix(name)}@.{kind(name)}" if "@" in name and instance(name) else ""


def is_template(name: str) -> bool:
    return "@" in name and not instance(name)


def instantiate(name: str, with_instance: str) -> str:
    """The instance of a template."""
    return f"{prefix(name)}@{with_instance}.{kind(name)}"


def unescape(text: str) -> str:
    """The text that an escaped part of a name stands for: `-` is a slash, `\\xNN` a byte."""
    data = bytearray()
    at = 0
    while at < len(text):
        if text[at] == "-":
            data += b"/"
        elif re.match(r"\\x[0-9a-fA-F]{2}", text[at:]):
            data.append(int(text[at + 2 : at + 4], 16))
            at += 3
        else:
            data += text[at].encode("utf-8", "surrogateescape")
        at += 1
    return data.decode("utf-8", "surrogateescape")


def escape(text: str) -> str:
    """A text as part of a unit's name."""
    found = []
    for index, byte in enumerate(text.encode("utf-8", "surrogateescape")):
        letter = chr(byte)
        if letter == "/":
            found.append("-")
        elif letter.isascii() and (letter.isalnum() or letter in ":_" or (letter == "." and index)):
            found.append(letter)
        else:
            found.append(f"\\x{byte:02x}")
    return "".join(found)


def path_of(name: str) -> str:
    """The path of a unit's object on D-Bus."""
    return UNITS + label(name)


def label(text: str) -> str:
    """A text as one part of a path on D-Bus."""
    found = [
        chr(byte)
        if chr(byte).isascii() and chr(byte).isalnum() and (index or not chr(byte).isdigit())
        else f"_{byte:02x}"
        for index, byte in enumerate(text.encode("utf-8", "surrogateescape"))
    ]
    return "".join(found) or "_"


def of_path(path: str) -> str:
    """The unit that a path of D-Bus stands for; empty for none."""
    if not path.startswith(UNITS):
        return ""
    text = path.removeprefix(UNITS)
    data = re.sub(rb"_([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), text.encode())
    return data.decode("utf-8", "surrogateescape")
