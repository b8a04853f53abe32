"""The union against the host's own file system: the same random operations on both, then the same tree in both.

The host runs them on a copy of the tree below. From time to time the union is closed and opened again, with fresh caches,
so that what it shows is what it has stored.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import link, make_directory, remove, rename, symlink
from lichen.executive.io.node import RENAME_EXCHANGE, Node
from lichen.executive.status import Failure, Status
from lichen.filesystems import hostcalls
from lichen.filesystems.descriptors import Descriptors
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.union import UnionFileSystem
from tests.unit.trees import at, context_of, host_descriptors, make_host_tree, name, read, write

STEPS = 250
CONTENT = {
    "a/x": "one",
    "a/y": "two",
    "a/deep/z": "three",
    "a/deep/er/w": "four",
    "b/": "",
    "b/link": "->a/x",
    "c/only": "five",
    "top": "six",
    "d/e/f/g": "seven",
}
NAMES = ["a", "b", "c", "d", "x", "y", "deep", "er", "top", "new", "link", "e", "f"]


class Pair:
    """A union over `lower` and a folder of the host that began as a copy of it."""

    def __init__(self, folder: Path) -> None:
        self.lower, self.layer, self.copy = folder / "lower", folder / "layer", folder / "copy"
        make_host_tree(self.lower, CONTENT)
        shutil.copytree(self.lower, self.copy, symlinks=True)
        self.mount()

    def mount(self) -> None:
        lower = HostFileSystem(self.lower, 1, Devices(), read_only=True)
        self.system = UnionFileSystem(lower, self.layer, 2, Devices())
        for host in (lower, self.system.layer.host):
            host.descriptors.close()
            host.descriptors = Descriptors(kept=0)
        self.context: FileSystemContext = context_of(self.system, os.geteuid(), os.getegid())

    def remount(self) -> None:
        self.system.close()
        self.mount()


def host_tree(folder: Path) -> dict[str, tuple[object, ...]]:
    tree: dict[str, tuple[object, ...]] = {}
    for parent, folders, files in os.walk(folder):
        for entry in folders + files:
            path = Path(parent, entry)
            state = path.lstat()
            key = str(path.relative_to(folder))
            if path.is_symlink():
                tree[key] = (Kind.SYMLINK, os.readlink(path))
            elif path.is_dir():
                tree[key] = (Kind.DIRECTORY, state.st_mode & 0o7777)
            else:
                tree[key] = (Kind.REGULAR, state.st_mode & 0o7777, state.st_nlink, path.read_bytes())
    return tree


def union_tree(context: FileSystemContext) -> dict[str, tuple[object, ...]]:
    tree: dict[str, tuple[object, ...]] = {}

    def visit(node: Node, above: str) -> None:
        for entry in node.entries():
            key = f"{above}{entry.name}"
            child = at(context, key, 0).node
            attributes = child.attributes()
            assert (entry.file_id, entry.kind) == (attributes.file_id, attributes.kind), key
            if entry.kind == Kind.SYMLINK:
                tree[key] = (entry.kind, child.readlink())
            elif entry.kind == Kind.DIRECTORY:
                tree[key] = (entry.kind, attributes.mode)
                visit(child, key + "/")
            else:
                content = read(context, key) if entry.kind == Kind.REGULAR else b""
                tree[key] = (entry.kind, attributes.mode, attributes.links, content)

    visit(context.root.node, "")
    return tree


def attempt(operation: Callable[[], object]) -> int:
    """The status that an operation of either side fails with, 0 when it does not."""
    try:
        operation()
    except OSError as error:
        return Failure.from_host(error).status
    except Failure as failure:
        missing = failure.status == Status.OBJECT_PATH_NOT_FOUND
        return Status.OBJECT_NAME_NOT_FOUND if missing else failure.status
    return 0


def some_path(random: random.Random, folder: Path) -> str:
    """Mostly the path of something that exists, or of something new beside it."""
    known = ["", *sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))]
    path = random.choice(known)
    if random.random() < 0.5 and path:
        return path
    return os.path.join(path, random.choice(NAMES))


def operation(random: random.Random, pair: Pair) -> tuple[Callable[[], object], Callable[[], object]]:
    """One random operation: on the host's copy and on the union."""
    context, copy = pair.context, pair.copy
    one, two = some_path(random, copy), some_path(random, copy)
    host, other = copy / one, copy / two
    text = str(random.random()).encode()
    choice = random.randrange(9)
    if choice == 0:
        return lambda: host.mkdir(0o755), lambda: make_directory(context, name(context, one))
    if choice == 1:
        return lambda: write_host(host, text), lambda: write(context, one, text)
    if choice == 2:
        return host.unlink, lambda: remove(context, name(context, one), directory=False)
    if choice == 3:
        return host.rmdir, lambda: remove(context, name(context, one), directory=True)
    if choice == 4:
        return (
            lambda: os.link(host, other, follow_symlinks=False),
            lambda: link(context, at(context, one, 0), name(context, two)),
        )
    if choice == 5:
        return lambda: other.symlink_to("a/x"), lambda: symlink(context, "a/x", name(context, two))
    if choice == 6:
        mode = random.choice([0o755, 0o700, 0o740, 0o777])
        return (
            lambda: host.chmod(mode),
            lambda: change_attributes(context, at(context, one), AttributeChange(mode=mode)),
        )
    if choice == 7:
        return (
            lambda: exchange_host(host, other),
            lambda: rename(context, name(context, one), name(context, two), RENAME_EXCHANGE),
        )
    return lambda: os.rename(host, other), lambda: rename(context, name(context, one), name(context, two))


def write_host(path: Path, text: bytes) -> None:
    path.write_bytes(text)


def exchange_host(one: Path, two: Path) -> None:
    hostcalls.rename(str(one), -100, str(two), -100, RENAME_EXCHANGE)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("table", [False, True])
def test_union_is_like_a_folder_of_the_host(tmp_path: Path, seed: int, table: bool) -> None:
    before = host_descriptors()
    if table:
        (tmp_path / "layer").mkdir()
        (tmp_path / "layer" / "metadata.sqlite").touch()
    umask = os.umask(0o022)
    try:
        pair = Pair(tmp_path)
        chance = random.Random(seed)
        successes = 0
        for step in range(STEPS):
            on_host, on_union = operation(chance, pair)
            status = attempt(on_host)
            assert attempt(on_union) == status, step
            successes += not status
            if step % 50 == 49:
                assert union_tree(pair.context) == host_tree(pair.copy), step
                pair.remount()
                assert union_tree(pair.context) == host_tree(pair.copy), step
    finally:
        os.umask(umask)
    assert successes > STEPS // 8
    assert not os.listdir(tmp_path / "layer" / "work") or os.listdir(tmp_path / "layer" / "work") == [
        "whiteout"
    ]
    assert {str(p.relative_to(pair.lower)) for p in pair.lower.rglob("*")} >= {"a/x", "d/e/f/g"}
    pair.system.close()
    del pair.context
    assert host_descriptors() == before
