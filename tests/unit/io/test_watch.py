"""What watchers of a file and of its directory are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lichen.executive.io import watch
from lichen.executive.io.attributes import AttributeChange
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import link, make_directory, remove, rename
from lichen.executive.io.node import Node
from lichen.executive.io.opening import Open
from lichen.executive.io.watch import Change
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import BOTH, at, context_of, name, opened, write

Event = tuple[int, str | None]


class Recorder:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.cookies: list[int] = []

    def changed(self, node: Node, change: int, name: str | None, cookie: int) -> None:
        self.events.append((change, name))
        if cookie:
            self.cookies.append(cookie)

    def told(self) -> list[Event]:
        events, self.events = self.events, []
        return events


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices()))
    make_directory(context, name(context, "folder"))
    write(context, "folder/file", b"content")
    return context


@pytest.fixture
def folder(context: FileSystemContext) -> Iterator[Recorder]:
    recorder, node = Recorder(), at(context, "folder").node
    watch.add(node, recorder)
    yield recorder
    watch.remove(node, recorder)
    assert not node.file_system.devices.watches


@pytest.fixture
def file(context: FileSystemContext) -> Iterator[Recorder]:
    recorder, node = Recorder(), at(context, "folder/file").node
    watch.add(node, recorder)
    watch.add(node, recorder)
    yield recorder
    watch.remove(node, recorder)
    watch.remove(node, recorder)
    assert node.watchers is None


def test_the_life_of_an_open_file(context: FileSystemContext, folder: Recorder, file: Recorder) -> None:
    handle = opened(context, "folder/file", Open(BOTH))
    handle.read(1)
    handle.write(b"x")
    handle.truncate(3)
    handle.release()
    opened(context, "folder/file").release()
    expected = [
        Change.OPEN,
        Change.ACCESS,
        Change.MODIFY,
        Change.MODIFY,
        Change.CLOSE_WRITE,
        Change.OPEN,
        Change.CLOSE_NO_WRITE,
    ]
    assert file.told() == [(change, None) for change in expected]
    assert folder.told() == [(change, "file") for change in expected]


def test_names(context: FileSystemContext, folder: Recorder, file: Recorder) -> None:
    make_directory(context, name(context, "folder/sub"))
    link(context, at(context, "folder/file"), name(context, "folder/more"))
    change_attributes(context, at(context, "folder/file"), AttributeChange(mode=0o600))
    remove(context, name(context, "folder/sub"), directory=True)
    remove(context, name(context, "folder/more"), directory=False)
    remove(context, name(context, "folder/file"), directory=False)
    assert folder.told() == [
        (Change.CREATE | Change.IS_DIRECTORY, "sub"),
        (Change.CREATE, "more"),
        (Change.ATTRIBUTES, "file"),
        (Change.DELETE | Change.IS_DIRECTORY, "sub"),
        (Change.DELETE, "more"),
        (Change.DELETE, "file"),
    ]
    assert file.told() == [
        (Change.ATTRIBUTES, None),
        (Change.ATTRIBUTES, None),
        (Change.ATTRIBUTES, None),
        (Change.ATTRIBUTES, None),
        (Change.UNLINKED, None),
        (Change.DELETE_SELF, None),
    ]


def test_moves_are_paired(context: FileSystemContext, folder: Recorder, file: Recorder) -> None:
    rename(context, name(context, "folder/file"), name(context, "folder/moved"))
    assert folder.told() == [(Change.MOVED_FROM, "file"), (Change.MOVED_TO, "moved")]
    assert folder.cookies[0] == folder.cookies[1]
    assert file.told() == [(Change.MOVE_SELF, None)]
    rename(context, name(context, "folder/moved"), name(context, "away"))
    assert folder.told() == [(Change.MOVED_FROM, "moved")]


def test_a_file_dies_with_its_last_close(context: FileSystemContext, file: Recorder) -> None:
    handle = opened(context, "folder/file")
    remove(context, name(context, "folder/file"), directory=False)
    assert Change.DELETE_SELF not in [change for change, _ in file.told()]
    handle.release()
    assert file.told()[-1] == (Change.DELETE_SELF, None)
