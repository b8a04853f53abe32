"""What wine.inf would enter into the registry on Wine's first start: the AddReg sections that it installs, and services.

Left out are links between keys and what only 32-bit programs see, drivers, and the environment, which Lichen makes itself.

Source: INF files (learn.microsoft.com, "INF AddReg Directive", "INF AddService Directive").
"""

from __future__ import annotations

import csv
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from lichen.cli.registration import RegistryEntry, ScriptError, root_of, text_data
from lichen.subsystems.nt.registry_seeds import REG_BINARY, REG_DWORD, REG_EXPAND_SZ, REG_MULTI_SZ, REG_SZ

_INSTALL: Final = "defaultinstall.ntamd64"
_SYSTEM: Final = "C:\\windows\\system32"
_FOLDERS: Final[Mapping[str, str]] = {
    "10": "C:\\windows",
    "11": _SYSTEM,
    "12": _SYSTEM + "\\drivers",
    "17": "C:\\windows\\inf",
    "18": "C:\\windows\\help",
    "20": "C:\\windows\\fonts",
    "24": "C:",
    "25": "C:\\windows",
    "30": "C:\\",
    "16422": "C:\\Program Files",
    "16426": "C:\\Program Files (x86)",
    "16427": "C:\\Program Files\\Common Files",
    "16428": "C:\\Program Files (x86)\\Common Files",
}
_BINARY_KIND, _DELETE, _APPEND, _KEY_ONLY = 0x1, 0x4, 0x8, 0x10
_KINDS: Final[Mapping[int, int]] = {
    0: REG_SZ,
    0x10000: REG_MULTI_SZ,
    0x20000: REG_EXPAND_SZ,
    0x1: REG_BINARY,
    0x10001: REG_DWORD,
    0x40000: REG_DWORD,
}
_KIND_MASK: Final = 0xFFFF0001
_DRIVERS: Final = 0x3
"""The bits of a service's type that make it a driver."""
_NOT_TAKEN: Final = ("session manager", "environment")
_SERVICES: Final = ("Registry", "Machine", "System", "CurrentControlSet", "Services")

Sections = Mapping[str, list[str]]


def sections_of(text: str) -> Sections:
    """The lines of each section by its name in lower case, without comments; lines that go on are joined."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in map(str.strip, re.sub(r"\\[ \t]*\r?\n", "", text).splitlines()):
        if line.startswith("[") and "]" in line:
            current = found.setdefault(line[1 : line.index("]")].lower(), [])
        elif line and not line.startswith(";"):
            current.append(line)
    return found


def entries(text: str) -> Iterator[RegistryEntry]:
    """What the file installs on 64-bit Windows."""
    sections = sections_of(text)
    variables = {**_FOLDERS, **_strings(sections)}
    for name in _directive(sections, _INSTALL, "addreg"):
        yield from _added(sections.get(name.lower(), []), variables, None)
    for line in sections.get(_INSTALL + ".services", []):
        key, _, value = line.partition("=")
        if key.strip().lower() == "addservice":
            service, _, install = (part.strip() for part in value.split(",")[:3])
            yield from _service(sections, variables, service, install.lower())


def _strings(sections: Sections) -> dict[str, str]:
    lines = (line.partition("=") for line in sections.get("strings", []))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in lines}


def _directive(sections: Sections, section: str, name: str) -> Iterator[str]:
    """The sections that a directive of a section names."""
    for line in sections.get(section, []):
        key, _, value = line.partition("=")
        if key.strip().lower() == name:
            yield from filter(None, (part.strip() for part in value.split(",")))


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """A text with its variables; what is no variable of the file stays, for programs to expand."""

    def value(found: re.Match[str]) -> str:
        return variables.get(found[1].lower(), found[0]) if found[1] else "%"

    return re.sub(r"%([^%\\,;\s]*)%", value, text)


def _added(
    lines: list[str], variables: Mapping[str, str], relative: tuple[str, ...] | None
) -> Iterator[RegistryEntry]:
    """The lines of an AddReg section; `relative` is what HKR means."""
    for fields in csv.reader(lines, skipinitialspace=True):
        root, key, name, kind, *values = (*(_expanded(field, variables) for field in fields), "", "", "", "")
        values = values[: max(len(fields) - 4, 0)]
        start = relative if root.upper() == "HKR" and relative is not None else root_of(root)
        path = (*start, *filter(None, key.split("\\")))
        entry = _entry(path, name, int(kind or "0", 0), values)
        if entry is not None and not all(part in {p.lower() for p in path} for part in _NOT_TAKEN):
            yield entry


def _entry(path: tuple[str, ...], name: str, flags: int, values: list[str]) -> RegistryEntry | None:
    """One line; None for what is not taken."""
    if flags & _KEY_ONLY:
        return RegistryEntry(path)
    kind = _KINDS.get(flags & _KIND_MASK)
    if kind is None or flags & _DELETE:
        return None
    if kind == REG_DWORD:
        data = struct.pack("<I", int(values[0] if values else "0", 0) & 0xFFFFFFFF)
    elif kind == REG_BINARY:
        data = bytes(int(value, 16) for value in values if value)
    elif kind == REG_MULTI_SZ:
        data = text_data("".join(f"{value}\0" for value in values if value))
    else:
        data = text_data(values[0] if values else "")
    return RegistryEntry(path, name, kind, data)


def _service(
    sections: Sections, variables: Mapping[str, str], name: str, install: str
) -> Iterator[RegistryEntry]:
    """A service that is no driver."""
    lines = (line.partition("=") for line in sections.get(install, []))
    given = {key.strip().lower(): _expanded(value.strip().strip('"'), variables) for key, _, value in lines}
    kind = int(given.get("servicetype", "0"), 0)
    if not kind or kind & _DRIVERS:
        return
    path = (*_SERVICES, name)
    for value, setting in (("Type", "servicetype"), ("Start", "starttype"), ("ErrorControl", "errorcontrol")):
        yield RegistryEntry(path, value, REG_DWORD, struct.pack("<I", int(given.get(setting, "0"), 0)))
    yield RegistryEntry(path, "ImagePath", REG_EXPAND_SZ, text_data(given.get("servicebinary", "")))
    yield RegistryEntry(path, "ObjectName", REG_SZ, text_data("LocalSystem"))
    for value in ("DisplayName", "Description"):
        if text := given.get(value.lower()):
            yield RegistryEntry(path, value, REG_SZ, text_data(text))
    for section in _directive(sections, install, "addreg"):
        yield from _added(sections.get(section.lower(), []), variables, path)


def try_entries(text: str) -> list[RegistryEntry]:
    """As `entries`; of a file that cannot be understood nothing."""
    try:
        return list(entries(text))
    except (ScriptError, ValueError, csv.Error):
        return []
