"""Folders of links: what they show of other folders, what they hide, and that they are always up to date."""

from __future__ import annotations

import pytest

from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location, Mount, fold
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.names import make_directory, remove, rename
from lichen.executive.status import Failure, Status
from lichen.filesystems.links import LinksFileSystem, Path
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import at, context_of, name, read, split, status_of, write

FOLDERS = frozenset(split(path) for path in ("usr/bin", "usr/local/bin", "usr/missing"))


@pytest.fixture
def context() -> FileSystemContext:
    """A machine with programs in /usr/bin and /usr/local/bin, and links to all but `sort` below /view."""
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o755))
    for folder in ("view", "usr", "usr/bin", "usr/bin/sub", "usr/local", "usr/local/bin"):
        make_directory(context, name(context, folder), 0o755)
    for path in ("usr/bin/ls", "usr/bin/sort", "usr/bin/Mixed", "usr/local/bin/own"):
        write(context, path, path.encode(), mode=0o755)

    def place(path: Path) -> Location | None:
        try:
            return find(context, context.root, path)
        except Failure:
            return None

    links = LinksFileSystem(FOLDERS, place, lambda name: fold(name) == "SORT", 2, Devices())
    Mount(links, "links", "ro").attach(at(context, "view"))
    return context


def names(context: FileSystemContext, path: str) -> list[str]:
    return sorted(entry.name for entry in at(context, path).node.entries())


def test_it_lists_what_is_shown(context: FileSystemContext) -> None:
    assert names(context, "view") == ["usr"]
    assert names(context, "view/usr") == ["bin", "local", "missing"]
    assert names(context, "view/usr/bin") == ["Mixed", "ls", "sub"]
    assert names(context, "view/usr/local") == ["bin"]
    assert names(context, "view/usr/missing") == []


def test_its_links_lead_to_the_things_themselves(context: FileSystemContext) -> None:
    assert at(context, "view/usr/bin/ls") is at(context, "usr/bin/ls")
    assert at(context, "view/usr/bin/ls", 0).node.readlink() == "/usr/bin/ls"
    assert at(context, "view/usr/bin/ls", 0).node.attributes().kind == Kind.SYMLINK
    assert read(context, "view/usr/local/bin/own") == b"usr/local/bin/own"
    assert at(context, "view/usr/bin/sub") is at(context, "usr/bin/sub")


def test_the_case_blind_find_names_as_they_are_spelled(context: FileSystemContext) -> None:
    blind = Walk.FOLLOW | Walk.CASE_BLIND
    assert at(context, "VIEW/usr/BIN/mixed", blind) is at(context, "usr/bin/Mixed")
    assert status_of(at, context, "view/usr/bin/mixed") == Status.OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize("walk", [Walk.FOLLOW, Walk.FOLLOW | Walk.CASE_BLIND])
@pytest.mark.parametrize("hidden", ["view/usr/bin/sort", "view/usr/bin/SORT", "view/usr/missing/ls"])
def test_what_is_hidden_is_not_there(context: FileSystemContext, hidden: str, walk: int) -> None:
    assert status_of(at, context, hidden, walk) == Status.OBJECT_NAME_NOT_FOUND


def test_it_follows_what_it_shows(context: FileSystemContext) -> None:
    assert status_of(at, context, "view/usr/bin/new") == Status.OBJECT_NAME_NOT_FOUND
    rename(context, name(context, "usr/bin/ls"), name(context, "usr/bin/new"))
    assert read(context, "view/usr/bin/new") == b"usr/bin/ls"
    assert status_of(at, context, "view/usr/bin/ls") == Status.OBJECT_NAME_NOT_FOUND
    remove(context, name(context, "usr/bin/new"), directory=False)
    assert names(context, "view/usr/bin") == ["Mixed", "sub"]


def test_nothing_can_be_put_there(context: FileSystemContext) -> None:
    made = status_of(make_directory, context, name(context, "view/usr/bin/folder"), 0o755)
    assert made == Status.MEDIA_WRITE_PROTECTED
    removed = status_of(remove, context, name(context, "view/usr/bin/ls"), False)
    assert removed == Status.MEDIA_WRITE_PROTECTED
