"""What others change in a folder of the host is seen at the next use, whether the host tells of it or has to be asked."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.lookup import Walk
from lichen.executive.io.names import make_directory, remove, rename
from lichen.executive.status import Status
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.hostwatch import HostMonitor
from lichen.filesystems.union import UnionFileSystem
from tests.unit.trees import (
    as_user,
    at,
    context_of,
    host_descriptors,
    make_host_tree,
    name,
    names,
    opened,
    read,
    status_of,
    write,
)

CONTENT = {
    "folder/file": "content",
    "folder/Mixed": "mixed",
    "folder/sub/deep": "deep",
    "folder/link": "->file",
    "other/one": "1",
    "top": "top",
}
BLIND = Walk.FOLLOW | Walk.CASE_BLIND


class Tree:
    """A tree of the host, seen as the root of a machine, and what others do to it."""

    def __init__(self, folder: Path, most: int | None) -> None:
        self.folder = make_host_tree(folder / "lower", CONTENT)
        self.devices = Devices()
        self.monitor = HostMonitor(self.devices.outside, most)
        lower = HostFileSystem(self.folder, 1, self.devices, read_only=True, monitor=self.monitor)
        self.system = UnionFileSystem(lower, folder / "layer", 2, self.devices)
        self.context: FileSystemContext = context_of(self.system)

    def close(self) -> None:
        self.system.close()
        self.monitor.close()

    def size(self, path: str) -> int:
        return at(self.context, path).node.attributes().size

    def has(self, path: str, walk: int = Walk.FOLLOW) -> bool:
        return status_of(at, self.context, path, walk) == 0


@pytest.fixture(params=[None, 1, 0], ids=["watched", "one watch", "asked"])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Tree]:
    before = host_descriptors()
    tree = Tree(tmp_path, request.param)
    yield tree
    tree.close()
    assert not tree.devices.outside
    assert host_descriptors() == before


def test_an_edited_file_has_its_new_size_times_and_content(tree: Tree) -> None:
    assert (tree.size("folder/file"), read(tree.context, "folder/file")) == (7, b"content")
    file = opened(tree.context, "folder/file")
    (tree.folder / "folder/file").write_text("edited content")
    os.utime(tree.folder / "folder/file", ns=(5, 7))
    assert (tree.size("folder/file"), read(tree.context, "folder/file")) == (14, b"edited content")
    assert file.attributes().modified == 7
    assert file.attributes().size == 14
    (tree.folder / "folder/file").chmod(0o600)
    assert file.attributes().mode == 0o600
    file.release()


def test_a_file_that_grows_by_another_of_its_names_has_its_new_size(tree: Tree) -> None:
    os.link(tree.folder / "folder/file", tree.folder / "other/two")
    assert tree.size("folder/file") == 7
    (tree.folder / "other/two").write_text("longer than before")
    assert tree.size("folder/file") == 18


def test_a_file_that_was_replaced_is_the_new_one(tree: Tree) -> None:
    before = at(tree.context, "folder/file").node
    old = opened(tree.context, "folder/file")
    assert old.read(4) == b"cont"
    (tree.folder / "new").write_text("replaced")
    (tree.folder / "new").rename(tree.folder / "folder/file")
    assert read(tree.context, "folder/file") == b"replaced"
    assert at(tree.context, "folder/file").node is not before
    assert old.read(4, 3) == b"tent"
    assert old.attributes().links == 0
    old.release()


def test_what_is_made_is_found_and_what_is_removed_is_not(tree: Tree) -> None:
    assert not tree.has("folder/late")
    assert not tree.has("folder/LATE", BLIND)
    assert tree.has("folder/MIXED", BLIND)
    (tree.folder / "folder/late").write_text("late")
    assert tree.has("folder/late")
    assert tree.has("folder/LATE", BLIND)
    assert "late" in names(tree.context, "folder")
    (tree.folder / "folder/late").unlink()
    (tree.folder / "folder/Mixed").rename(tree.folder / "folder/mixture")
    assert not tree.has("folder/late")
    assert not tree.has("folder/MIXED", BLIND)
    assert tree.has("folder/MIXTURE", BLIND)
    assert names(tree.context, "folder") == ["file", "link", "mixture", "sub"]


def test_a_link_leads_where_it_leads_now(tree: Tree) -> None:
    assert read(tree.context, "folder/link") == b"content"
    assert read(tree.context, "folder/link") == b"content"
    (tree.folder / "folder/link").unlink()
    (tree.folder / "folder/link").symlink_to("Mixed")  # with the same number as before, as likely as not
    assert read(tree.context, "folder/link") == b"mixed"


def test_a_folder_that_goes_or_comes_back_takes_all_below_it_along(tree: Tree) -> None:
    assert read(tree.context, "folder/sub/deep") == b"deep"
    (tree.folder / "folder").rename(tree.folder / "moved")
    assert not tree.has("folder/sub/deep")
    assert read(tree.context, "moved/sub/deep") == b"deep"
    (tree.folder / "folder/sub").mkdir(parents=True)
    (tree.folder / "folder/sub/deep").write_text("another")
    assert read(tree.context, "folder/sub/deep") == b"another"
    assert read(tree.context, "moved/sub/deep") == b"deep"


def test_a_name_may_become_another_kind_of_object(tree: Tree) -> None:
    assert at(tree.context, "top").node.kind == Kind.REGULAR
    (tree.folder / "top").unlink()
    (tree.folder / "top").mkdir()
    (tree.folder / "top/in").write_text("in")
    assert read(tree.context, "top/in") == b"in"


def test_a_folder_that_is_closed_lets_nobody_through(tree: Tree) -> None:
    user = as_user(tree.context, 4321, 4321)
    at(user, "folder/file")
    (tree.folder / "folder").chmod(0o700)
    assert status_of(at, user, "folder/file") == Status.ACCESS_DENIED
    (tree.folder / "folder").chmod(0o755)
    at(user, "folder/file")


def test_a_folder_has_the_times_and_links_that_it_has_now(tree: Tree) -> None:
    before = at(tree.context, "folder").node.attributes()
    assert names(tree.context, "folder")
    assert not tree.has("folder/none")
    os.utime(tree.folder / "folder", ns=(1, 1))
    (tree.folder / "folder/more").mkdir()
    after = at(tree.context, "folder").node.attributes()
    assert after.links == before.links + 1
    assert after.modified > 1


def test_the_machine_s_own_hides_what_comes_below_it(tree: Tree) -> None:
    write(tree.context, "folder/own", b"own")
    remove(tree.context, name(tree.context, "folder/Mixed"), directory=False)
    (tree.folder / "folder/own").write_text("the host's")
    (tree.folder / "folder/Mixed").write_text("the host's")
    (tree.folder / "folder/third").write_text("third")
    assert read(tree.context, "folder/own") == b"own"
    assert not tree.has("folder/Mixed")
    assert read(tree.context, "folder/third") == b"third"
    assert names(tree.context, "folder") == ["file", "link", "own", "sub", "third"]


def test_a_folder_in_both_trees_shows_the_one_that_is_below_now(tree: Tree) -> None:
    write(tree.context, "folder/sub/own", b"own")
    assert names(tree.context, "folder/sub") == ["deep", "own"]
    (tree.folder / "folder/sub").rename(tree.folder / "elsewhere")
    assert names(tree.context, "folder/sub") == ["own"]
    assert not tree.has("folder/sub/deep")
    (tree.folder / "folder/sub").mkdir()
    (tree.folder / "folder/sub/fresh").write_text("fresh")
    assert read(tree.context, "folder/sub/fresh") == b"fresh"
    assert names(tree.context, "folder/sub") == ["fresh", "own"]
    assert read(tree.context, "elsewhere/deep") == b"deep"


def test_a_folder_of_the_machine_outlives_the_one_below(tree: Tree) -> None:
    make_directory(tree.context, name(tree.context, "other/made"))
    (tree.folder / "other/one").unlink()
    (tree.folder / "other").rmdir()
    assert names(tree.context, "other") == ["made"]
    rename(tree.context, name(tree.context, "other/made"), name(tree.context, "other/named"))
    assert names(tree.context, "other") == ["named"]


def test_a_change_to_what_was_replaced_does_not_bring_it_back(tree: Tree) -> None:
    old = opened(tree.context, "folder/file")
    (tree.folder / "new").write_text("replaced")
    (tree.folder / "new").rename(tree.folder / "folder/file")
    assert tree.size("folder/file") == 8
    old.node.change(AttributeChange(mode=0o700))
    assert (old.attributes().mode, old.read(9, 0)) == (0o700, b"content")
    assert read(tree.context, "folder/file") == b"replaced"
    old.release()


def test_a_mapping_shows_the_content_that_is_there_now(tree: Tree) -> None:
    os.utime(tree.folder / "top", ns=(1, 1))
    node = at(tree.context, "top").node
    time.sleep(0.11)  # as long as a change may still have the time of the one before
    key = node.mapping().key
    assert key is not None
    assert node.mapping().key == key
    (tree.folder / "top").write_text("new")
    assert node.mapping().key is None
    os.utime(tree.folder / "top", ns=(1, 1))
    time.sleep(0.11)
    assert node.mapping().key not in (None, key)


def test_more_than_the_host_remembers_is_not_believed(tree: Tree) -> None:
    assert not tree.has("folder/late")
    assert tree.size("folder/file") == 7
    for _ in range(9000):  # changes of one file after another are told one by one
        os.utime(tree.folder / "folder/file")
        os.utime(tree.folder / "folder/Mixed")
    (tree.folder / "folder/late").write_text("late")
    (tree.folder / "folder/file").write_text("edited content")
    assert tree.has("folder/late")
    assert tree.size("folder/file") == 14
