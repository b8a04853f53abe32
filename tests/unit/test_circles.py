"""Modules do not import each other in a circle: that would be one thing in several files, read all at once or not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.test_architecture import PACKAGE, SOURCE, imported_modules, module_name, room_of, write

Graph = dict[str, set[str]]
MOST_IN_CIRCLES_BY_TYPES = 59
"""Modules that lead to each other by imports for type checkers, within a room. Whoever makes them fewer lowers this."""


@cache
def graphs(source: Path) -> tuple[Graph, Graph]:
    """Who imports whom in the tree: as programs run, inside functions too, and for type checkers as well."""
    modules = {module_name(path, source): path for path in source.rglob("*.py")}
    running: Graph = {}
    all_of_them: Graph = {}
    for name, path in modules.items():
        for_types = lines_for_types(ast.parse(path.read_text(), path))
        all_of_them[name], running[name] = set(), set()
        for line, target in imported_modules(path, source):
            if target in modules:
                all_of_them[name].add(target)
                if line not in for_types:
                    running[name].add(target)
    return running, all_of_them


def lines_for_types(tree: ast.Module) -> set[int]:
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }


def circles(graph: Graph) -> Iterator[list[str]]:
    """Each set of names that lead to each other."""
    reached = {name: reachable(graph, name) for name in graph}
    left = set(graph)
    while left:
        name = min(left)
        circle = {other for other in reached[name] if name in reached.get(other, ())} | {name}
        left -= circle
        if len(circle) > 1:
            yield sorted(circle)


def reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    left = [start]
    while left:
        for name in graph.get(left.pop(), ()):
            if name not in found:
                found.add(name)
                left.append(name)
    return found


def of_rooms(graph: Graph) -> Graph:
    """The same by rooms: which of them needs which."""
    found: Graph = {}
    for name, targets in graph.items():
        room = room_of(name.removeprefix(f"{PACKAGE}."))
        found.setdefault(room, set()).update(room_of(each.removeprefix(f"{PACKAGE}.")) for each in targets)
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    running, _ = graphs(SOURCE)
    assert not list(circles(running))


def test_no_room_needs_itself_by_way_of_others_even_for_types() -> None:
    _, all_of_them = graphs(SOURCE)
    assert not list(circles(of_rooms(all_of_them)))


def test_circles_by_types_within_rooms_become_fewer() -> None:
    _, all_of_them = graphs(SOURCE)
    found = sorted(circles(all_of_them), key=len, reverse=True)
    assert sum(map(len, found)) <= MOST_IN_CIRCLES_BY_TYPES, found


@pytest.mark.parametrize(
    ("statement", "circle", "circle_of_rooms"),
    [
        ("from lichen.abi import layout", True, True),
        ("def late():\n    from lichen.abi.layout import size", True, True),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lichen.abi import layout",
            False,
            True,
        ),
        ("import struct", False, False),
    ],
)
def test_rule_on_samples(tmp_path: Path, statement: str, circle: bool, circle_of_rooms: bool) -> None:
    write(tmp_path / PACKAGE / "abi/layout.py", "from lichen.executive.status import Failure")
    write(tmp_path / PACKAGE / "executive/status.py", statement)
    running, all_of_them = graphs(tmp_path)
    assert bool(list(circles(running))) is circle
    assert bool(list(circles(of_rooms(all_of_them)))) is circle_of_rooms
