"""Whoever reads a name in the documents finds it in the house: files by their paths, code by module or class and name.

A path is looked for from the root, from `src/lichen` and from the document's own folder; `module.name`, `Class.name` and
`Class` in `src` and `tests`. What machines and the build make, and programs of guests, are no part of the house.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "src" / "lichen"
ROOMS = sorted(HOUSE.rglob("README.md"))
DOCUMENTS = [
    *(ROOT / "docs" / name for name in ("ARCHITECTURE.md", "READING.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "userland" / "windows" / "README.md",
    *ROOMS,
]
MAP_ROW = re.compile(r"^\| `([\w/]+)` \|", re.MULTILINE)
WITHOUT_README = {"guest", "userland"}
"""What lies in there is put into machines; what is in the second is built (userland/windows)."""
QUOTED = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"[\w.+-]*(?:/[\w.+-]+)+/?|[\w.+-]+/|[\w-]+\.(?:py|md|c|h|S|toml)")
NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[A-Z][a-z]\w*)(?:\([^()]*\))?")
ELSEWHERE = re.compile(r"/|src/lichen/userland|\.venv/|.*\.(?:exe|dll|sqlite)$")
LONGEST_README, SHORTEST_README = 30, 10


def quoted(document: Path) -> set[str]:
    """What a document has in backticks, without blocks of code."""
    return set(QUOTED.findall(FENCED.sub("", document.read_text())))


def is_there(path: str, document: Path) -> bool:
    folders = (ROOT, HOUSE, document.parent)
    return any((folder / path).exists() for folder in folders) or ("/" not in path and path in file_names())


@cache
def file_names() -> frozenset[str]:
    return frozenset(
        path.name
        for top in ("src", "tests", "userland")
        for path in (ROOT / top).rglob("*")
        if path.is_file()
    )


@cache
def known_names() -> frozenset[str]:
    """Each module, function, class and attribute of one, by every end of its dotted name."""
    return frozenset(end for top in ("src", "tests") for name in names_of(ROOT / top) for end in ends(name))


def ends(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[start:]) for start in range(len(parts)))


def names_of(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        module = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        yield module
        for node in ast.parse(path.read_text()).body:
            for name in bound_by(node):
                yield f"{module}.{name}"
            if isinstance(node, ast.ClassDef):
                yield from (f"{module}.{node.name}.{name}" for name in members(node))


def bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    targets = (
        node.targets
        if isinstance(node, ast.Assign)
        else [node.target]
        if isinstance(node, ast.AnnAssign)
        else []
    )
    yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))


def members(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        yield from bound_by(statement)
    for each in ast.walk(node):
        if (
            isinstance(each, ast.Attribute)
            and isinstance(each.ctx, ast.Store)
            and isinstance(each.value, ast.Name)
            and each.value.id == "self"
        ):
            yield each.attr


def strange(document: Path) -> Iterator[str]:
    """The names in a document that lead nowhere."""
    for text in sorted(quoted(document)):
        if ELSEWHERE.match(text):
            continue
        if PATH.fullmatch(text):
            if not is_there(text, document):
                yield text
        elif (name := NAME.fullmatch(text)) and name.group(1) not in known_names():
            yield text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_leads_somewhere(document: Path) -> None:
    assert not list(strange(document))


def test_every_room_of_the_map_has_a_readme() -> None:
    rooms = set(MAP_ROW.findall((ROOT / "docs" / "ARCHITECTURE.md").read_text()))
    assert len(rooms) > 10
    assert {HOUSE / room / "README.md" for room in rooms - WITHOUT_README} == set(ROOMS)


@pytest.mark.parametrize("readme", ROOMS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_room_is_told_of_in_a_few_lines(readme: Path) -> None:
    assert SHORTEST_README <= len(readme.read_text().splitlines()) <= LONGEST_README


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("`executive/wait.py`, `src/lichen`, `abi/`, `test_documents.py`, `tests/unit/`", []),
        ("`wait.Wait`, `Thread.finish`, `executive.wait.then()`, `Process.stopped`", []),
        ("`executive/io/nowhere.py`", ["executive/io/nowhere.py"]),
        (
            "`Thread.fly`, `wait.weight`, `Wait.less(1, 2)`, `Wight`",
            ["Thread.fly", "Wait.less(1, 2)", "Wight", "wait.weight"],
        ),
        ("`cmd.exe`, `/proc/self`, `.venv/bin/lichen`, `yield Wait(...)`, `partial=`", []),
        ("```\nmachines/NAME/root `no.name`\n```\n", []),
    ],
)
def test_rule_on_samples(tmp_path: Path, text: str, complaints: list[str]) -> None:
    document = tmp_path / "sample.md"
    document.write_text(text)
    assert list(strange(document)) == complaints
