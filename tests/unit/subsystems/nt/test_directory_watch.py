"""What a watched directory tells: names and contents, in a tree, and when it is too much."""

from __future__ import annotations

import struct

import pytest

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.names import make_directory, remove, rename
from lichen.executive.security.tokens import Token
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.subsystems.nt.directory_watch import DIRECTORY_NAME, FILE_NAME, SIZE, DirectoryWatch
from tests.unit.trees import at, context_of, name, write

ADDED, REMOVED, MODIFIED, OLD_NAME, NEW_NAME = range(1, 6)
NAMES = FILE_NAME | DIRECTORY_NAME


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o777))
    for path in ("top", "top/below", "other"):
        make_directory(context, name(context, path), 0o777)
    return context


def told(watching: DirectoryWatch, size: int = 4096) -> list[tuple[int, str]] | None:
    data = watching.take(size)
    if data is None:
        return None
    found, offset = [], 0
    while offset < len(data):
        following, action, length = struct.unpack_from("<3I", data, offset)
        found.append((action, data[offset + 12 : offset + 12 + length].decode("utf-16-le")))
        if not following:
            break
        offset += following
    return found


def test_names(context: FileSystemContext) -> None:
    watching = DirectoryWatch(at(context, "top"), NAMES, subtree=False)
    write(context, "top/file", b"")
    rename(context, name(context, "top/file"), name(context, "top/new"))
    rename(context, name(context, "top/new"), name(context, "other/new"))
    rename(context, name(context, "other/new"), name(context, "top/back"))
    remove(context, name(context, "top/back"), directory=False)
    write(context, "top/below/unseen", b"")
    expected = [
        (ADDED, "file"),
        (OLD_NAME, "file"),
        (NEW_NAME, "new"),
        (REMOVED, "new"),
        (ADDED, "back"),
        (REMOVED, "back"),
    ]
    assert told(watching) == expected
    assert told(watching) == []
    watching.close()
    assert not context.devices.watches


def test_only_what_was_asked_for(context: FileSystemContext) -> None:
    watching = DirectoryWatch(at(context, "top"), DIRECTORY_NAME | SIZE, subtree=False)
    write(context, "top/file", b"some")
    write(context, "top/file", b"more")
    make_directory(context, name(context, "top/folder"), 0o777)
    assert told(watching) == [(MODIFIED, "file"), (ADDED, "folder")]
    watching.close()


def test_a_tree(context: FileSystemContext) -> None:
    """What is made in it is watched too, and moved directories have their new names."""
    watching = DirectoryWatch(at(context, "top"), NAMES, subtree=True)
    make_directory(context, name(context, "top/below/deep"), 0o777)
    write(context, "top/below/deep/file", b"")
    rename(context, name(context, "top/below"), name(context, "top/moved"))
    write(context, "top/moved/deep/other", b"")
    assert told(watching) == [
        (ADDED, "below\\deep"),
        (ADDED, "below\\deep\\file"),
        (OLD_NAME, "below"),
        (NEW_NAME, "moved"),
        (ADDED, "moved\\deep\\other"),
    ]
    watching.close()
    assert not context.devices.watches


def test_what_others_hide_is_not_told(context: FileSystemContext) -> None:
    make_directory(context, name(context, "top/hidden"), 0o700)
    stranger = Token.of_user(4000, 4000)
    watching = DirectoryWatch(at(context, "top"), NAMES, subtree=True, token=stranger)
    write(context, "top/hidden/secret", b"")
    make_directory(context, name(context, "top/later"), 0o700)
    write(context, "top/later/secret", b"")
    assert told(watching) == [(ADDED, "later")]
    watching.close()


def test_a_large_tree_is_taken_in_parts(context: FileSystemContext) -> None:
    for number in range(100):
        make_directory(context, name(context, f"top/{number}"), 0o777)
    watching = DirectoryWatch(at(context, "top"), NAMES, subtree=True)
    assert watching.grow()
    while watching.grow():
        pass
    for number in range(100):
        write(context, f"top/{number}/file", b"")
    assert len(told(watching, 1 << 16) or ()) == 100
    watching.close()


def test_too_much(context: FileSystemContext) -> None:
    watching = DirectoryWatch(at(context, "top"), NAMES, subtree=False)
    write(context, "top/a long name", b"")
    assert told(watching, 16) is None
    for number in range(5000):
        write(context, f"top/{number}", b"")
    assert told(watching, 1 << 20) is None
    write(context, "top/last", b"")
    assert told(watching) == [(ADDED, "last")]
    watching.close()


def test_names_are_those_that_windows_can_write(context: FileSystemContext) -> None:
    watching = DirectoryWatch(at(context, "top"), NAMES, subtree=True)
    make_directory(context, name(context, "top/con"), 0o777)
    write(context, "top/con/a\\b", b"")
    assert told(watching) == [(ADDED, "co\uf06e"), (ADDED, "co\uf06e\\a\uf05cb")]
