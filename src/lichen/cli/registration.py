"""What Wine's DLLs and programs would enter into the registry when they are registered: scripts in their resources.

A script is a tree: roots, keys with a default value and others in braces, named values behind `val`. It names its own file as
%MODULE%. Keys that it says to delete first are of no interest, for a new registry has none.

Source: the registrar scripts of ATL (learn.microsoft.com, "Registry Scripting"), as Wine's resources have them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from lichen.subsystems.nt.pe import PeFile
from lichen.subsystems.nt.registry_seeds import (
    ANY_USER,
    REG_BINARY,
    REG_DWORD,
    REG_EXPAND_SZ,
    REG_MULTI_SZ,
    REG_SZ,
)

_RESOURCES: Final = 2
"""The data directory of resources."""
_KIND: Final = "WINE_REGISTRY"
_MOST: Final = 4096
_TOKEN: Final = re.compile(r"\s*('(?:[^']|'')*'|\{[0-9a-fA-F-]{36}\}|[{}=]|[^\s{}=']+)")
_MODIFIERS: Final = frozenset(("NOREMOVE", "FORCEREMOVE", "DELETE"))
_ROOTS: Final[Mapping[str, tuple[str, ...]]] = {
    "HKCR": ("Registry", "Machine", "Software", "Classes"),
    "HKLM": ("Registry", "Machine"),
    "HKU": ("Registry", "User"),
    "HKCU": ("Registry", "User", ANY_USER),
}
"""Where the roots of scripts are; HKCU is moved to its user's when a machine is made."""


class RegistryEntry(NamedTuple):
    """A key, with a value unless it has none to be set."""

    path: tuple[str, ...]
    name: str = ""
    type: int = 0
    data: bytes | None = None


class ScriptError(ValueError):
    """A script that cannot be understood."""


def root_of(name: str) -> tuple[str, ...]:
    """The path of a root key by its short name; ScriptError."""
    try:
        return _ROOTS[name.upper()]
    except KeyError:
        raise ScriptError(f"no root is called {name}") from None


def text_data(text: str) -> bytes:
    """A string as values have it."""
    return (text + "\0").encode("utf-16-le", "surrogatepass")


# ---- scripts


def entries(script: str, variables: Mapping[str, str]) -> Iterator[RegistryEntry]:
    """What a script enters; ScriptError when it is none."""
    tokens = _Tokens(script, variables)
    while not tokens.at_end:
        root = root_of(tokens.take())
        tokens.expect("{")
        yield from _below(tokens, root, 0)


class _Tokens:
    """The words of a script, variables replaced in those that are quoted."""

    def __init__(self, script: str, variables: Mapping[str, str]) -> None:
        self._words = _TOKEN.findall(script)
        self._at = 0
        self._variables = variables

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._words)

    @property
    def next(self) -> str:
        """The next word as it is written; nothing at the end."""
        return "" if self.at_end else self._words[self._at]

    def take(self) -> str:
        if self.at_end:
            raise ScriptError("the script ends too early")
        word: str = self._words[self._at]
        self._at += 1
        if word[:1] == "'":
            word = word[1:-1].replace("''", "'")
        return re.sub(r"%(\w*)%", self._variable, word)

    def _variable(self, found: re.Match[str]) -> str:
        return self._variables.get(found[1].upper(), found[0]) if found[1] else "%"

    def expect(self, word: str) -> None:
        if self.next != word:
            raise ScriptError(f"{word} is expected, not {self.next}")
        self._at += 1


def _below(tokens: _Tokens, path: tuple[str, ...], depth: int) -> Iterator[RegistryEntry]:
    """What is between the braces of a key."""
    if depth > 64:
        raise ScriptError("keys are too deep")
    while tokens.next != "}":
        if tokens.next.upper() == "VAL":
            tokens.take()
            name = tokens.take()
            yield _value(tokens, path, name)
            continue
        while tokens.next.upper() in _MODIFIERS:
            tokens.take()
        key = (*path, *tokens.take().split("\\"))
        yield _value(tokens, key, "") if tokens.next == "=" else RegistryEntry(key)
        if tokens.next == "{":
            tokens.expect("{")
            yield from _below(tokens, key, depth + 1)
    tokens.expect("}")


def _value(tokens: _Tokens, path: tuple[str, ...], name: str) -> RegistryEntry:
    tokens.expect("=")
    kind, text = tokens.take().lower(), tokens.take()
    if kind in ("s", "e"):
        return RegistryEntry(path, name, REG_SZ if kind == "s" else REG_EXPAND_SZ, text_data(text))
    if kind == "d":
        return RegistryEntry(path, name, REG_DWORD, struct.pack("<I", int(text, 0) & 0xFFFFFFFF))
    if kind == "m":
        return RegistryEntry(path, name, REG_MULTI_SZ, text_data(text.replace("\\0", "\0")) + bytes(2))
    if kind == "b":
        return RegistryEntry(path, name, REG_BINARY, bytes.fromhex(text))
    raise ScriptError(f"no kind of value is called {kind}")


# ---- resources


def scripts_of(file: PeFile) -> Iterator[str]:
    """The scripts in the resources of a file."""
    base, _ = file.directory(_RESOURCES)
    if not base:
        return
    try:
        for kind, of_kind in _branch(file, base, 0):
            if kind == _KIND:
                for _, of_name in _branch(file, base, of_kind):
                    for _, leaf in _branch(file, base, of_name):
                        address, size = struct.unpack_from("<II", file.image, base + leaf)
                        yield file.image[address : address + size].decode("utf-8", "replace").rstrip("\0")
    except struct.error as error:
        raise ScriptError("the resources are damaged") from error


def _branch(file: PeFile, base: int, at: int) -> Iterator[tuple[str | int, int]]:
    """(name or number, place) of what is in a directory of resources."""
    named, numbered = struct.unpack_from("<HH", file.image, base + at + 12)
    for index in range(min(named + numbered, _MOST)):
        label, place = struct.unpack_from("<II", file.image, base + at + 16 + 8 * index)
        yield _label(file, base, label), place & 0x7FFFFFFF


def _label(file: PeFile, base: int, label: int) -> str | int:
    if not label >> 31:
        return int(label)
    start = base + (label & 0x7FFFFFFF)
    (length,) = struct.unpack_from("<H", file.image, start)
    return file.image[start + 2 : start + 2 + 2 * length].decode("utf-16-le", "replace")
