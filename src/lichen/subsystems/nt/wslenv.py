"""WSLENV: what a list of variables says about how they pass between the worlds.

An entry is a name and flags, `NAME/flags`, and entries are separated by colons. On Lichen every variable passes, so an entry
says how: `p` and `l` translate a path or a list of paths, `u` and `w` keep a variable from Windows programs or from Linux
programs. As in WSL, an entry with a flag that nobody knows has no effect, a variable without a path that can be translated
stays behind, and one that is listed but not set arrives empty.

Source: Microsoft's documentation of WSLENV; its open-sourced init (util.cpp) for what the documentation leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

NAME: Final = "WSLENV"
TO_LINUX, TO_WINDOWS = "u", "w"
"""Directions, which are also the flags of variables that pass only that way."""
_LIST_SEPARATOR: Final = {TO_LINUX: (";", ":"), TO_WINDOWS: (":", ";")}
_MOST_NAMES: Final = 4096
"""Of how many names all paths that are translated may consist: each is looked up, while everybody else waits."""
_KNOWN: Final = frozenset("pluw")

Translate = Callable[[str], str | None]
"""A path in the other world's terms; None when it has none."""


class SharedVariable(NamedTuple):
    """One entry of the list."""

    name: str
    flags: frozenset[str]


def entries(text: str) -> Iterator[SharedVariable]:
    """The entries that have an effect."""
    for word in text.rstrip().split(":"):
        name, _, flags = word.partition("/")
        if name and "=" not in name and _KNOWN.issuperset(flags):
            yield SharedVariable(name, frozenset(flags))


def apply(environment: Mapping[str, str], direction: str, translate: Translate) -> dict[str, str | None]:
    """What the list in `environment` says of variables that cross in `direction`: their values, None for those that stay."""
    left = _MOST_NAMES

    def bounded(path: str) -> str | None:
        nonlocal left
        left -= 1 + path.count("/") + path.count("\\")
        return translate(path) if left >= 0 else None

    listed = {entry.name: entry for entry in entries(environment.get(NAME, ""))}
    return {
        name: _value(entry, environment.get(name, ""), direction, bounded) for name, entry in listed.items()
    }


def _value(entry: SharedVariable, value: str, direction: str, translate: Translate) -> str | None:
    only = entry.flags & {TO_LINUX, TO_WINDOWS}
    if only - {direction}:
        return None
    if value and "l" in entry.flags:
        separator, joined_by = _LIST_SEPARATOR[direction]
        paths = filter(None, map(translate, filter(None, value.split(separator))))
        return joined_by.join(paths) or None
    if value and "p" in entry.flags:
        return translate(value)
    return value
