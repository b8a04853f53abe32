"""Conditions of unit files: whether a unit is meant to be started as things are on the machine.

To them a machine is a container: it has no hardware of its own, and systemd's daemons for that do not run.

Source: systemd.unit(5) "Conditions and Asserts".
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.executive.io.attributes import Kind
from lichen.executive.services.values import Result, Unmet
from lichen.subsystems.linux.services.unitfile import boolean

if TYPE_CHECKING:
    from lichen.executive.services.values import Definition
    from lichen.subsystems.linux.services.tree import Tree

_CONTAINERS: Final = ("container", "lichen", "other")


def check(tree: Tree, definition: Definition, origin_file: dict[tuple[str, str], list[str]]) -> None:
    """Unmet when a condition or an assertion does not hold."""
    for prefix, result in (("Assert", Result.ASSERTION), ("Condition", Result.CONDITION)):
        alternatives: list[bool] = []
        for (section, name), values in origin_file.items():
            if section != "Unit" or not name.startswith(prefix):
                continue
            kind = name.removeprefix(prefix)
            for value in values:
                text = value.lstrip("|").strip()
                negated, text = text.startswith("!"), text.lstrip("!").strip()
                if not text:
                    continue
                holds = _holds(tree, kind, text)
                met = holds is not None and holds is not negated
                if value.startswith("|"):
                    alternatives.append(met)
                elif not met:
                    raise Unmet(f"{definition.name}: {name}={value} does not hold", result)
        if alternatives and not any(alternatives):
            raise Unmet(f"{definition.name}: none of its alternatives for {prefix}... holds", result)


def _holds(tree: Tree, kind: str, text: str) -> bool | None:
    """Whether a condition holds; None when nobody knows, which counts as not."""
    test = _TESTS.get(kind)
    return None if test is None else test(tree, text)


def _matches(tree: Tree, pattern: str) -> bool:
    """Whether any file has a name of a pattern."""
    found = ["/"]
    for part in (part for part in pattern.split("/") if part):
        deeper: list[str] = []
        for folder in found[:1000]:
            base = folder.rstrip("/")
            if any(letter in part for letter in "*?["):
                deeper += (
                    f"{base}/{name}" for name, _ in tree.names(folder) if fnmatch.fnmatchcase(name, part)
                )
            elif tree.kind(f"{base}/{part}") is not None:
                deeper.append(f"{base}/{part}")
        found = deeper
    return bool(found)


def _is_virtual(tree: Tree, text: str) -> bool:
    value = boolean(text)
    return value if value is not None else text in _CONTAINERS


def _mode(tree: Tree, path: str) -> int:
    location = tree.find(path)
    return 0 if location is None else location.node.attributes().mode


def _has_content(tree: Tree, path: str) -> bool:
    location = tree.find(path)
    return location is not None and location.node.kind == Kind.REGULAR and location.node.size() > 0


def _is_writable(tree: Tree, path: str) -> bool:
    location = tree.find(path)
    return location is not None and (location.mount is None or not location.mount.read_only)


_TESTS: Final[dict[str, Callable[[Tree, str], bool]]] = {
    "PathExists": lambda tree, text: tree.kind(text) is not None,
    "PathExistsGlob": _matches,
    "PathIsDirectory": lambda tree, text: tree.kind(text) == Kind.DIRECTORY,
    "PathIsSymbolicLink": lambda tree, text: tree.kind(text, follow=False) == Kind.SYMLINK,
    "PathIsMountPoint": lambda tree, text: (place := tree.find(text)) is not None and place.parent is None,
    "PathIsReadWrite": _is_writable,
    "DirectoryNotEmpty": lambda tree, text: bool(tree.names(text)),
    "FileNotEmpty": _has_content,
    "FileIsExecutable": lambda tree, text: (
        tree.kind(text) == Kind.REGULAR and bool(_mode(tree, text) & 0o111)
    ),
    "Virtualization": _is_virtual,
    "ACPower": lambda tree, text: bool(boolean(text)),
    "Architecture": lambda tree, text: text in ("x86-64", "native"),
    "FirstBoot": lambda tree, text: boolean(text) is False,
    "NeedsUpdate": lambda tree, text: False,
    "KernelCommandLine": lambda tree, text: False,
    "Security": lambda tree, text: False,
    "Capability": lambda tree, text: False,
    "User": lambda tree, text: text in ("root", "0", "@system"),
    "Group": lambda tree, text: text in ("root", "0", "@system"),
}
