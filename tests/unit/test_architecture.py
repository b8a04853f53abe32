"""The house plan, kept by the build: who may import whom, and how long a file or a function may grow."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = "lichen"
LONGEST_FILE = 500
LONGEST_FUNCTION = 60

# What a room may import besides itself. The rooms of FREE may import anything; nothing else may import them.
ALLOWED = {
    "abi": (),
    "executive": (),
    "filesystems": ("executive", "abi"),
    # A stopped thread's registers and the fault of a bad guest address are part of the interface.
    "platforms": ("executive.interfaces", "executive.registers", "executive.status", "abi.memory"),
    "subsystems": ("executive", "abi"),
}
FREE = {"__main__", "boot", "cli", "daemon"}
ONLY_STANDARD_LIBRARY = {"abi", "executive"}


def room_of(module: str) -> str:
    """Return the room of a module named without the package; each subsystem is a room of its own."""
    top, *below = module.split(".")
    return ".".join([top, *(below or ["__init__"])][:2]) if top == "subsystems" else top


def is_within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def module_name(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path, source: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of each module that a file imports, those for type checkers only included."""
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute_base(node, path, source)
            for alias in node.names:
                member = source.joinpath(*base.split("."), alias.name)
                is_module = member.is_dir() or member.with_suffix(".py").exists()
                yield node.lineno, f"{base}.{alias.name}" if is_module else base


def absolute_base(node: ast.ImportFrom, path: Path, source: Path) -> str:
    """Return the package or module that `from ... import` names, with the dots of a relative one resolved."""
    if node.level == 0:
        return node.module or ""
    package = path.relative_to(source).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def broken_imports(source: Path) -> Iterator[str]:
    """Yield a line for each import in the tree that the plan forbids."""
    for path in sorted(source.rglob("*.py")):
        importer = module_name(path, source).removeprefix(PACKAGE).removeprefix(".")
        for line, target in imported_modules(path, source):
            if not may_import(importer, target):
                yield f"{path.relative_to(source)}:{line}: {importer or PACKAGE} may not import {target}"


def may_import(importer: str, target: str) -> bool:
    """Tell whether the plan lets `importer` (named without the package) import `target` (named in full)."""
    top = importer.partition(".")[0]
    if top in FREE:
        return True
    if not is_within(target, PACKAGE):
        return top not in ONLY_STANDARD_LIBRARY or target.partition(".")[0] in sys.stdlib_module_names
    inner = target.removeprefix(PACKAGE).removeprefix(".")
    rooms = (room_of(importer), *ALLOWED[top]) if top in ALLOWED else ()
    return any(is_within(inner, room) for room in rooms)


def overlong(source: Path) -> Iterator[str]:
    """Yield a line for each file and function of the tree that outgrew its limit."""
    for path in sorted(source.rglob("*.py")):
        text = path.read_text()
        length = len(text.splitlines())
        if length > LONGEST_FILE:
            yield f"{path.relative_to(source)}: {length} lines, the limit is {LONGEST_FILE}"
        for node in ast.walk(ast.parse(text, path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    where = f"{path.relative_to(source)}:{node.lineno}"
                    yield f"{where}: {node.name} has {length} lines, the limit is {LONGEST_FUNCTION}"


def test_every_import_follows_the_plan() -> None:
    assert not list(broken_imports(SOURCE))


def test_files_and_functions_stay_short() -> None:
    assert not list(overlong(SOURCE))


def types_of_objects(folder: Path) -> Iterator[str]:
    """Yield a line for each class of a folder that is a kind of object, or of what objects are waited for by."""
    kinds = {"Dispatcher", "File", "Object", "Waitable"}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(), path)):
            if isinstance(node, ast.ClassDef) and kinds & {ast.unparse(base) for base in node.bases}:
                yield f"{path.name}:{node.lineno}: {node.name}"


@pytest.mark.parametrize("subsystem", ["linux", "nt"])
def test_calls_hold_no_types_of_objects(subsystem: str) -> None:
    assert not list(types_of_objects(SOURCE / PACKAGE / "subsystems" / subsystem / "calls"))


@pytest.mark.parametrize(
    ("file", "statement", "allowed"),
    [
        ("executive/io/manager.py", "from lichen.executive.status import Failure", True),
        ("executive/io/manager.py", "from ..status import Failure", True),
        ("executive/io/manager.py", "from ...abi import layout", False),
        ("executive/io/manager.py", "import rich", False),
        ("executive/registry.py", "import sqlite3", True),
        ("abi/layout.py", "import lichen.executive.status", False),
        ("filesystems/pipe.py", "from lichen.abi import layout", True),
        ("filesystems/pipe.py", "from lichen.subsystems.linux import types", False),
        ("subsystems/linux/elf.py", "from lichen.subsystems.linux.types import Stat", True),
        ("subsystems/linux/elf.py", "from lichen.subsystems.nt.types import Handle", False),
        ("subsystems/linux/elf.py", "from lichen.subsystems import nt", False),
        ("subsystems/linux/elf.py", "from lichen.boot import machine", False),
        ("subsystems/__init__.py", "from lichen.subsystems import nt", False),
        ("platforms/native.py", "from lichen.executive import status", True),
        ("platforms/native.py", "from lichen.executive import interfaces", True),
        ("platforms/native.py", "from lichen.executive.io import manager", False),
        ("platforms/native.py", "def late():\n    from lichen import cli", False),
        ("platforms/native.py", "import ctypes", True),
        ("lean_to.py", "from lichen.executive import status", False),
        ("__init__.py", "from lichen.boot import machine", False),
        ("boot/machine.py", "from lichen.platforms import native", True),
        ("cli/list.py", "import click", True),
        ("__main__.py", "from lichen.cli import list", True),
    ],
)
def test_rule_on_samples(tmp_path: Path, file: str, statement: str, allowed: bool) -> None:
    for module in ("boot/machine", "cli/__init__", "abi/layout", "executive/status", "executive/interfaces"):
        write(tmp_path / PACKAGE / f"{module}.py", "")
    write(tmp_path / PACKAGE / "subsystems/nt/types.py", "")
    write(tmp_path / PACKAGE / file, statement)
    assert (not list(broken_imports(tmp_path))) is allowed


@pytest.mark.parametrize(
    ("function_lines", "file_lines", "complaints"),
    [(LONGEST_FUNCTION, LONGEST_FILE, 0), (LONGEST_FUNCTION + 1, LONGEST_FILE, 1), (2, LONGEST_FILE + 1, 1)],
)
def test_length_rule_on_samples(
    tmp_path: Path, function_lines: int, file_lines: int, complaints: int
) -> None:
    function = "async def sample() -> None:\n" + "    pass\n" * (function_lines - 1)
    write(tmp_path / "sample.py", function + "\n" * (file_lines - function_lines))
    assert len(list(overlong(tmp_path))) == complaints


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
