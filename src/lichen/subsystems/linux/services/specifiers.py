"""What `%n`, `%i` and the like stand for in unit files.

Source: systemd.unit(5) "Specifiers".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from lichen.subsystems.linux.services import names

_SPECIFIER: Final = re.compile(r"%(.)", re.DOTALL)


class User(NamedTuple):
    """Somebody whom a service runs as."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Facts(NamedTuple):
    """What unit files may ask for about the machine."""

    host_name: str
    machine_id: str
    boot_id: str
    release: str
    system: dict[str, str]
    """The values of /etc/os-release."""


class Specifiers:
    """Replaces specifiers in the values of one unit."""

    def __init__(self, name: str, path: str, user: User, group: str, facts: Facts) -> None:
        self._name, self._path, self._user, self._group, self._facts = name, path, user, group, facts

    def replace(self, text: str) -> str:
        """A value with specifiers replaced; ValueError for one that is not known."""
        return _SPECIFIER.sub(self._one, text) if "%" in text else text

    def _one(self, match: re.Match[str]) -> str:
        known = _KNOWN.get(match[1])
        if known is None:
            raise ValueError(f"the specifier {match[0]} is not known")
        return known(self)

    @property
    def _last(self) -> str:
        return names.prefix(self._name).rpartition("-")[2]


_KNOWN: Final[dict[str, Callable[[Specifiers], str]]] = {
    "%": lambda unit: "%",
    "n": lambda unit: unit._name,
    "N": lambda unit: names.stem(unit._name),
    "p": lambda unit: names.prefix(unit._name),
    "P": lambda unit: names.unescape(names.prefix(unit._name)),
    "i": lambda unit: names.instance(unit._name),
    "I": lambda unit: names.unescape(names.instance(unit._name)),
    "j": lambda unit: unit._last,
    "J": lambda unit: names.unescape(unit._last),
    "f": lambda unit: (
        "/" + names.unescape(names.instance(unit._name) or names.prefix(unit._name)).lstrip("/")
    ),
    "y": lambda unit: unit._path,
    "Y": lambda unit: unit._path.rpartition("/")[0],
    "t": lambda unit: "/run",
    "S": lambda unit: "/var/lib",
    "C": lambda unit: "/var/cache",
    "L": lambda unit: "/var/log",
    "E": lambda unit: "/etc",
    "T": lambda unit: "/tmp",
    "V": lambda unit: "/var/tmp",
    "u": lambda unit: unit._user.name,
    "U": lambda unit: str(unit._user.uid),
    "g": lambda unit: unit._group or str(unit._user.gid),
    "G": lambda unit: str(unit._user.gid),
    "h": lambda unit: unit._user.home,
    "s": lambda unit: unit._user.shell,
    "H": lambda unit: unit._facts.host_name,
    "l": lambda unit: unit._facts.host_name.partition(".")[0],
    "q": lambda unit: unit._facts.host_name,
    "m": lambda unit: unit._facts.machine_id,
    "b": lambda unit: unit._facts.boot_id,
    "v": lambda unit: unit._facts.release,
    "a": lambda unit: "x86-64",
    "o": lambda unit: unit._facts.system.get("ID", "linux"),
    "w": lambda unit: unit._facts.system.get("VERSION_ID", ""),
    "B": lambda unit: unit._facts.system.get("BUILD_ID", ""),
    "W": lambda unit: unit._facts.system.get("VARIANT_ID", ""),
    "A": lambda unit: unit._facts.system.get("IMAGE_VERSION", ""),
    "M": lambda unit: unit._facts.system.get("IMAGE_ID", ""),
}
