"""Making, linking, removing and renaming names: every rule of POSIX that has an error of its own."""

from __future__ import annotations

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.lookup import Walk
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import link, make_directory, make_node, remove, rename, symlink
from lichen.executive.io.node import RENAME_EXCHANGE, RENAME_NO_REPLACE
from lichen.executive.status import Status
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import as_user, at, context_of, name, names, read, status_of, write

SLASH = Walk.DIRECTORY


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o755))
    for folder in ("full", "empty", "full/inner"):
        make_directory(context, name(context, folder), 0o755)
    write(context, "file", b"content")
    write(context, "other", b"other")
    symlink(context, "empty", name(context, "tolink"))
    return context


@pytest.mark.parametrize(
    ("path", "walk", "status"),
    [
        ("new", 0, 0),
        ("new", SLASH, 0),
        ("full", 0, Status.OBJECT_NAME_COLLISION),
        ("file", SLASH, Status.OBJECT_NAME_COLLISION),
        ("tolink", 0, Status.OBJECT_NAME_COLLISION),
        ("", 0, Status.OBJECT_NAME_COLLISION),
        (".", 0, Status.OBJECT_NAME_COLLISION),
        ("none/x", 0, Status.OBJECT_PATH_NOT_FOUND),
        ("file/x", 0, Status.NOT_A_DIRECTORY),
    ],
)
def test_make_directory(context: FileSystemContext, path: str, walk: int, status: int) -> None:
    assert status_of(make_directory, context, name(context, path, walk)) == status


def test_make_node(context: FileSystemContext) -> None:
    for kind in (Kind.REGULAR, Kind.FIFO, Kind.SOCKET, Kind.CHARACTER):
        make_node(context, name(context, f"n{kind}"), kind, 0o644, 0x103)
        attributes = at(context, f"n{kind}").node.attributes()
        assert (attributes.kind, attributes.mode) == (kind, 0o644)
    user = as_user(context, 5, 5)
    change_attributes(context, context.root, AttributeChange(mode=0o777))
    assert status_of(make_node, user, name(user, "x"), Kind.CHARACTER, 0) == Status.PRIVILEGE_NOT_HELD
    assert status_of(make_node, user, name(user, "x"), Kind.FIFO, 0) == 0
    assert status_of(make_node, user, name(user, "y", SLASH), Kind.FIFO, 0) == Status.OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize(
    ("path", "walk", "directory", "status"),
    [
        ("file", 0, False, 0),
        ("empty", 0, True, 0),
        ("empty", SLASH, True, 0),
        ("tolink", 0, False, 0),
        ("file", SLASH, False, Status.NOT_A_DIRECTORY),
        ("file", 0, True, Status.NOT_A_DIRECTORY),
        ("tolink", 0, True, Status.NOT_A_DIRECTORY),
        ("tolink", SLASH, True, Status.NOT_A_DIRECTORY),
        ("empty", 0, False, Status.FILE_IS_A_DIRECTORY),
        ("full", 0, True, Status.DIRECTORY_NOT_EMPTY),
        ("none", 0, True, Status.OBJECT_NAME_NOT_FOUND),
        ("empty/.", 0, True, Status.INVALID_PARAMETER),
        ("full/inner/..", 0, True, Status.DIRECTORY_NOT_EMPTY),
        ("", 0, True, Status.SHARING_VIOLATION),
        ("empty/.", 0, False, Status.FILE_IS_A_DIRECTORY),
    ],
)
def test_remove(context: FileSystemContext, path: str, walk: int, directory: bool, status: int) -> None:
    assert status_of(remove, context, name(context, path, walk), directory) == status
    assert (status == 0) == (path.partition("/")[0] not in names(context) and bool(path) and path != "none")


@pytest.mark.parametrize(
    ("old", "new", "flags", "status"),
    [
        ("file", "new", 0, 0),
        ("file", "other", 0, 0),
        ("file", "full/inner/new", 0, 0),
        ("full", "empty", 0, 0),
        ("file", "file", 0, 0),
        ("file", "other", RENAME_NO_REPLACE, Status.OBJECT_NAME_COLLISION),
        ("file", "new", RENAME_EXCHANGE, Status.OBJECT_NAME_NOT_FOUND),
        ("none", "new", 0, Status.OBJECT_NAME_NOT_FOUND),
        ("file", "empty", 0, Status.FILE_IS_A_DIRECTORY),
        ("empty", "file", 0, Status.NOT_A_DIRECTORY),
        ("empty", "full", 0, Status.DIRECTORY_NOT_EMPTY),
        ("full", "full/inner/x", 0, Status.INVALID_PARAMETER),
        ("full/inner", "full", 0, Status.DIRECTORY_NOT_EMPTY),
        ("full/inner", "full", RENAME_EXCHANGE, Status.INVALID_PARAMETER),
        ("full/.", "new", 0, Status.SHARING_VIOLATION),
        ("", "new", 0, Status.SHARING_VIOLATION),
        ("file", "none/x", 0, Status.OBJECT_PATH_NOT_FOUND),
    ],
)
def test_rename(context: FileSystemContext, old: str, new: str, flags: int, status: int) -> None:
    assert status_of(rename, context, name(context, old), name(context, new), flags) == status


def test_rename_moves_content_and_identity(context: FileSystemContext) -> None:
    moved = at(context, "file")
    replaced = at(context, "other")
    rename(context, name(context, "file"), name(context, "other"))
    assert at(context, "other") is moved
    assert replaced.deleted
    assert "file" not in names(context)
    assert read(context, "other") == b"content"


def test_exchange(context: FileSystemContext) -> None:
    file, full = at(context, "file"), at(context, "full")
    rename(context, name(context, "file"), name(context, "full"), RENAME_EXCHANGE)
    assert at(context, "file") is full
    assert at(context, "full") is file
    assert names(context, "file") == ["inner"]


def test_rename_of_slashed_names(context: FileSystemContext) -> None:
    assert (
        status_of(rename, context, name(context, "file", SLASH), name(context, "new"))
        == Status.NOT_A_DIRECTORY
    )
    assert (
        status_of(rename, context, name(context, "file"), name(context, "new", SLASH))
        == Status.NOT_A_DIRECTORY
    )
    assert status_of(rename, context, name(context, "empty", SLASH), name(context, "new", SLASH)) == 0


def test_rename_that_changes_only_the_case(context: FileSystemContext) -> None:
    blind = Walk.CASE_BLIND
    rename(context, name(context, "FILE", blind), name(context, "File", blind))
    assert "File" in names(context)
    assert at(context, "file", blind).name == "File"


def test_hard_links(context: FileSystemContext) -> None:
    link(context, at(context, "file"), name(context, "full/again"))
    assert at(context, "full/again").node is at(context, "file").node
    assert at(context, "file").node.attributes().links == 2
    rename(context, name(context, "file"), name(context, "full/again"))
    assert "file" in names(context)
    remove(context, name(context, "file"), directory=False)
    assert read(context, "full/again") == b"content"
    assert status_of(link, context, at(context, "empty"), name(context, "x")) == Status.PRIVILEGE_NOT_HELD
    assert (
        status_of(link, context, at(context, "other"), name(context, "empty")) == Status.OBJECT_NAME_COLLISION
    )


def test_symlinks(context: FileSystemContext) -> None:
    assert status_of(symlink, context, "", name(context, "x")) == Status.OBJECT_NAME_NOT_FOUND
    assert status_of(symlink, context, "x" * 4096, name(context, "x")) == Status.NAME_TOO_LONG
    assert status_of(symlink, context, "x", name(context, "file")) == Status.OBJECT_NAME_COLLISION
    assert at(context, "tolink", 0).node.readlink() == "empty"
    assert status_of(at(context, "file").node.readlink) == Status.INVALID_PARAMETER


def test_the_sticky_bit_protects_names(context: FileSystemContext) -> None:
    make_directory(context, name(context, "tmp"))
    change_attributes(context, at(context, "tmp"), AttributeChange(mode=0o1777))
    one, two = as_user(context, 1, 1), as_user(context, 2, 2)
    write(one, "tmp/x", b"")
    write(two, "tmp/y", b"")
    assert status_of(remove, two, name(two, "tmp/x"), False) == Status.PRIVILEGE_NOT_HELD
    assert status_of(rename, two, name(two, "tmp/y"), name(two, "tmp/x")) == Status.PRIVILEGE_NOT_HELD
    assert status_of(remove, one, name(one, "tmp/x"), False) == 0


def test_names_in_directories_of_others(context: FileSystemContext) -> None:
    user = as_user(context, 5, 5)
    assert status_of(remove, user, name(user, "file"), False) == Status.ACCESS_DENIED
    assert status_of(rename, user, name(user, "file"), name(user, "new")) == Status.ACCESS_DENIED
    assert status_of(make_directory, user, name(user, "new")) == Status.ACCESS_DENIED
    assert status_of(symlink, user, "x", name(user, "new")) == Status.ACCESS_DENIED


def test_a_removed_directory_takes_no_names(context: FileSystemContext) -> None:
    gone = at(context, "empty")
    remove(context, name(context, "empty"), directory=True)
    context.root = context.current = gone
    assert status_of(make_directory, context, name(context, "x")) == Status.OBJECT_NAME_NOT_FOUND
