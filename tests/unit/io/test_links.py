"""Symlinks as NT asks of them: whether they are directories, and what becomes one of them or ceases to be one."""

from __future__ import annotations

import pytest

from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.links import behind, leads_to_directory
from lichen.executive.io.lookup import Walk
from lichen.executive.io.names import (
    become_link,
    become_plain,
    make_directory,
    new_place,
    remove,
    rename,
    symlink,
)
from lichen.executive.io.opening import Access, Disposition, Open, Options, Share
from lichen.executive.status import Status
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import as_user, at, context_of, name, names, opened, read, status_of, write

ITSELF = Open(Access.WRITE_ATTRIBUTES | Access.DELETE, share=Share.READ, options=Options.OPEN_LINK)


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o755))
    make_directory(context, name(context, "folder"), 0o755)
    write(context, "file", b"content")
    write(context, "empty", b"")
    for link, target in (
        ("to-file", "file"),
        ("to-folder", "FOLDER"),
        ("dead", "none"),
        ("slash", "none/"),
        ("loop", "loop"),
    ):
        symlink(context, target, name(context, link))
    return context


def test_what_is_behind_tells_or_else_the_text(context: FileSystemContext) -> None:
    links = {link: at(context, link, 0) for link in ("to-file", "to-folder", "dead", "slash", "loop")}
    assert {link for link, place in links.items() if leads_to_directory(context, place)} == {
        "to-folder",
        "slash",
    }
    assert {link for link, place in links.items() if behind(context, place) is None} == {
        "dead",
        "slash",
        "loop",
    }
    assert leads_to_directory(context, context.root) is False


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("to-folder", Options.DIRECTORY, 0),
        ("to-folder", Options.NON_DIRECTORY, Status.FILE_IS_A_DIRECTORY),
        ("to-file", Options.NON_DIRECTORY, 0),
        ("to-file", Options.DIRECTORY, Status.NOT_A_DIRECTORY),
        ("dead", 0, 0),
        ("to-folder", Options.DIRECTORY | Options.POSIX, Status.NOT_A_DIRECTORY),
    ],
)
def test_opened_itself(context: FileSystemContext, path: str, options: int, status: int) -> None:
    open = Open(Access.READ_ATTRIBUTES, options=Options.OPEN_LINK | options)
    assert status_of(opened, context, path, open) == status
    overwrite = open._replace(disposition=Disposition.OVERWRITE_IF, options=Options.OPEN_LINK)
    assert status_of(opened, context, path, overwrite) == Status.OBJECT_NAME_COLLISION


def test_becoming_a_link(context: FileSystemContext) -> None:
    for path in ("folder", "empty"):
        file = opened(context, path, ITSELF)
        become_link(context, file, "file")
        assert (file.node.kind, at(context, path, 0).node.readlink()) == (Kind.SYMLINK, "file")
        assert list(file.node.files) == [file]
        assert file.node.denials == 1
        become_link(context, file, "other")
        assert file.location.node.readlink() == "other"
        become_plain(context, file)
        assert file.node.kind == Kind.REGULAR
        file.release()
    file = opened(context, "slash", ITSELF)
    become_plain(context, file)
    assert at(context, "slash").node.kind == Kind.DIRECTORY
    file.release()


def test_what_does_not_become_a_link_stays(context: FileSystemContext) -> None:
    make_directory(context, name(context, "folder/in"), 0o755)
    for path, text, status in (
        ("file", "x", Status.NOT_SUPPORTED),
        ("folder", "x", Status.DIRECTORY_NOT_EMPTY),
        ("empty", "", Status.OBJECT_NAME_NOT_FOUND),
        ("empty", "x" * 4096, Status.NAME_TOO_LONG),
        ("empty", "\ud800", Status.OBJECT_NAME_INVALID),
        ("", "x", Status.ACCESS_DENIED),
    ):
        file = opened(context, path, Open(Access.WRITE_ATTRIBUTES))
        assert status_of(become_link, context, file, text) == status
        file.release()
    assert read(context, "file") == b"content"
    assert names(context) == ["dead", "empty", "file", "folder", "loop", "slash", "to-file", "to-folder"]
    user = as_user(context, 5, 5)
    file = opened(context, "empty", Open(Access.READ_ATTRIBUTES))
    assert status_of(become_link, user, file, "x") == Status.ACCESS_DENIED
    remove(context, name(context, "empty"), directory=False)
    assert status_of(become_link, context, file, "x") == Status.DELETE_PENDING
    file.release()


def test_a_name_in_other_letters_is_the_files_own(context: FileSystemContext) -> None:
    write(context, "FILE", b"twin")
    blind = Walk.CASE_BLIND
    for wanted, meant in (("FIle", "file"), ("FILE", "FILE"), ("file", "file"), ("EMPTY", "empty")):
        place = new_place(context, at(context, "file"), name(context, wanted, blind)).location
        assert place is not None
        assert place.name == meant
    assert new_place(context, at(context, "file"), name(context, "new", blind)).location is None
    rename(context, name(context, "file"), name(context, "fiLE"))
    assert read(context, "FILE") == b"twin"
