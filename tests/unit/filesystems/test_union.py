"""The private layer: what it remembers, what stays below, and that a killed kernel leaves whole states only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import pytest

from lichen.executive.io.attributes import SET_UID, AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices, device_number
from lichen.executive.io.lookup import Walk
from lichen.executive.io.metadata import change_attributes, get_attribute, set_attribute
from lichen.executive.io.names import link, make_directory, make_node, remove, rename, symlink
from lichen.executive.io.node import RENAME_EXCHANGE
from lichen.executive.io.opening import Disposition, Open, Options
from lichen.executive.status import Status
from lichen.filesystems import hostcalls
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.union import UnionFileSystem
from tests.unit.filesystems.test_union_model import union_tree
from tests.unit.trees import (
    BOTH,
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
    "folder/sub/deep": "deep",
    "folder/link": "->file",
    "other/": "",
    "top": "top",
}


class Machine:
    """A union in a temporary folder that can be closed and opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lower = make_host_tree(folder / "lower", CONTENT)
        self.start()

    def start(self) -> None:
        lower = HostFileSystem(self.lower, 1, Devices(), read_only=True)
        self.system = UnionFileSystem(lower, self.folder / "layer", 2, Devices())
        self.context: FileSystemContext = context_of(self.system)

    def restart(self) -> FileSystemContext:
        self.system.close()
        self.start()
        return self.context


@pytest.fixture(params=["attributes", "table"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    if request.param == "table":
        (tmp_path / "layer").mkdir()
        (tmp_path / "layer" / "metadata.sqlite").touch()
    machine = Machine(tmp_path)
    yield machine
    machine.system.close()


def test_the_layer_remembers_everything(machine: Machine) -> None:
    context = machine.context
    make_node(context, name(context, "fifo"), Kind.FIFO, 0o640)
    make_node(context, name(context, "device"), Kind.CHARACTER, 0o600, device_number(4, 300))
    make_node(context, name(context, "socket"), Kind.SOCKET, 0o777)
    symlink(context, "folder/sub", name(context, "link"))
    write(context, "file", b"new")
    change = AttributeChange(mode=0o4511, uid=1000, gid=2000, flags=3, created=77, modified=88)
    change_attributes(context, at(context, "file"), change)
    change_attributes(context, at(context, "folder"), AttributeChange(mode=0o1777, uid=5))
    change_attributes(context, at(context, "link", 0), AttributeChange(uid=9))
    before = {path: at(context, path, 0).node.attributes() for path in names(context)}
    context = machine.restart()
    after = {path: at(context, path, 0).node.attributes() for path in names(context)}
    assert after == before
    assert after["file"][3:7] == (0o4511, 1, 1000, 2000)
    assert (after["file"].flags, after["file"].created, after["file"].modified) == (3, 77, 88)
    assert (after["fifo"].kind, after["socket"].kind) == (Kind.FIFO, Kind.SOCKET)
    assert (after["device"].kind, after["device"].rdev) == (Kind.CHARACTER, device_number(4, 300))
    assert (after["link"].uid, after["link"].size) == (9, len("folder/sub"))
    assert read(context, "link/deep") == b"deep"


def test_nothing_in_the_layer_can_lead_the_host_astray(machine: Machine) -> None:
    context = machine.context
    make_node(context, name(context, "fifo"), Kind.FIFO, 0o666)
    make_node(context, name(context, "device"), Kind.BLOCK, 0o666, device_number(8, 0))
    symlink(context, "/etc/passwd", name(context, "link"))
    write(context, "suid", b"", mode=0o777)
    change_attributes(context, at(context, "suid"), AttributeChange(mode=0o6777))
    assert at(context, "suid").node.attributes().mode & SET_UID
    for path in (machine.folder / "layer").rglob("*"):
        state = path.lstat()
        assert state.st_mode >> 12 in (Kind.REGULAR, Kind.DIRECTORY)
        assert not state.st_mode & 0o6000


def test_what_is_below_never_changes(machine: Machine) -> None:
    context, lower = machine.context, machine.lower
    before = {p: (p.lstat().st_mode, p.lstat().st_mtime_ns) for p in [lower, *lower.rglob("*")]}
    write(context, "folder/file", b"changed")
    change_attributes(context, at(context, "folder/sub/deep"), AttributeChange(mode=0, modified=1))
    remove(context, name(context, "top"), directory=False)
    rename(context, name(context, "folder"), name(context, "other"))
    set_attribute(context, at(context, "other/sub"), "user.x", b"v", create=False, replace=False)
    assert {p: (p.lstat().st_mode, p.lstat().st_mtime_ns) for p in [lower, *lower.rglob("*")]} == before
    assert (lower / "folder/file").read_text() == "content"


def test_an_open_file_sees_its_copy(machine: Machine) -> None:
    context = machine.context
    reader = opened(context, "folder/file")
    file_id = reader.attributes().file_id
    assert reader.read(3) == b"con"
    writer = opened(context, "folder/file", Open(BOTH))
    writer.write(b"CON")
    assert reader.read(7, 0) == b"CONtent"
    assert reader.attributes().file_id == writer.attributes().file_id == file_id
    remove(context, name(context, "folder/file"), directory=False)
    assert reader.read(7, 0) == b"CONtent"
    assert reader.attributes().links == 0
    reader.release()
    writer.release()
    assert "file" not in names(machine.restart(), "folder")


def test_an_open_file_below_that_loses_its_name(machine: Machine) -> None:
    context = machine.context
    file = opened(context, "folder/file")
    remove(context, name(context, "folder/file"), directory=False)
    assert (file.read(10, 0), file.attributes().links) == (b"content", 0)
    change_attributes(context, file.location, AttributeChange(mode=0o600))
    assert (file.read(10, 0), file.attributes().mode) == (b"content", 0o600)
    file.release()
    write(context, "folder/file", b"another")
    assert read(machine.restart(), "folder/file") == b"another"


def test_ids_are_the_same_after_a_restart_and_after_a_copy(machine: Machine) -> None:
    context = machine.context
    write(context, "new", b"x")
    paths = ["top", "folder", "folder/sub", "folder/sub/deep", "new", ""]
    before = [at(context, path).node.attributes().file_id for path in paths]
    change_attributes(context, at(context, "folder/sub/deep"), AttributeChange(mode=0o600))
    write(context, "top", b"other")
    context = machine.restart()
    assert [at(context, path).node.attributes().file_id for path in paths] == before
    assert len(set(before)) == len(before)


def test_a_moved_directory_keeps_what_is_below_it(machine: Machine) -> None:
    context = machine.context
    rename(context, name(context, "folder"), name(context, "other/moved"))
    make_directory(context, name(context, "folder"))
    write(context, "other/moved/sub/new", b"new")
    rename(context, name(context, "other/moved/sub"), name(context, "folder/sub"))
    for _ in range(2):
        assert names(context) == ["folder", "other", "top"]
        assert names(context, "other/moved") == ["file", "link"]
        assert names(context, "folder") == ["sub"]
        assert (read(context, "folder/sub/deep"), read(context, "folder/sub/new")) == (b"deep", b"new")
        assert read(context, "other/moved/link") == b"content"
        context = machine.restart()


def test_a_directory_made_anew_is_empty(machine: Machine) -> None:
    context = machine.context
    for path in ("folder/file", "folder/link", "folder/sub/deep"):
        remove(context, name(context, path), directory=False)
    for path in ("folder/sub", "folder"):
        remove(context, name(context, path), directory=True)
    make_directory(context, name(context, "folder"), 0o750)
    assert names(context, "folder") == []
    assert names(machine.restart(), "folder") == []
    assert at(machine.context, "folder").node.attributes().mode == 0o750 & ~0o022


def test_hard_links_share_everything(machine: Machine) -> None:
    context = machine.context
    link(context, at(context, "folder/file"), name(context, "more"))
    link(context, at(context, "folder/link", 0), name(context, "morelink"))
    write(context, "more", b"both")
    for _ in range(2):
        assert read(context, "folder/file") == b"both"
        one, two = (at(context, path).node for path in ("more", "folder/file"))
        assert one is two
        assert one.attributes().links == 2
        assert at(context, "morelink", 0).node.readlink() == "file"
        context = machine.restart()
    remove(context, name(context, "more"), directory=False)
    link(context, at(context, "folder/file"), name(context, "more"))
    assert read(context, "more") == b"both"


def test_names_of_one_file_below_part_when_it_is_written(machine: Machine) -> None:
    os.link(machine.lower / "top", machine.lower / "top2")
    context = machine.restart()
    held = opened(context, "top")
    at(context, "top2").node.attributes()
    change_attributes(context, held.location, AttributeChange(mode=0o600))
    write(context, "top2", b"two")
    for _ in range(2):
        assert (read(context, "top"), read(context, "top2")) == (b"top", b"two")
        modes = [at(context, path).node.attributes().mode & 0o77 for path in ("top", "top2")]
        assert modes == [0, 0o44]
        held.release()
        context = machine.restart()
        held = opened(context, "top")
    held.release()


def test_extended_attributes(machine: Machine) -> None:
    context, location = machine.context, at(machine.context, "folder/file")
    supported = status_of(set_attribute, context, location, "user.x", b"v", create=False, replace=False)
    if supported:
        pytest.skip("the host's file system has no user attributes")
    set_attribute(context, location, "trusted.y", b"w", create=False, replace=False)
    context = machine.restart()
    location = at(context, "folder/file")
    assert sorted(location.node.list_attributes()) == ["trusted.y", "user.x"]
    assert get_attribute(context, location, "trusted.y") == b"w"
    secret = "user.lichen.node"
    assert status_of(get_attribute, context, location, secret) == Status.NOT_SUPPORTED
    status = status_of(set_attribute, context, location, secret, b"", create=False, replace=False)
    assert status == Status.NOT_SUPPORTED
    assert status_of(get_attribute, context, at(context, "top"), "trusted.y") == Status.NO_ATTRIBUTE


def test_mapping(machine: Machine) -> None:
    context = machine.context
    node = at(context, "top").node
    assert node.mapping().key is not None
    descriptor = node.open_host(writable=True)
    os.pwrite(descriptor, b"T", 0)
    os.close(descriptor)
    assert node.mapping().key is None
    assert read(context, "top") == b"Top"
    assert (machine.lower / "top").read_text() == "top"


def test_case_blind_names(machine: Machine) -> None:
    context = machine.context
    write(context, "folder/New", b"")
    for path, expected in (("FOLDER/FILE", "file"), ("folder/NEW", "New")):
        assert at(context, path, Walk.CASE_BLIND).name == expected
    remove(context, name(context, "folder/file"), directory=False)
    missing = status_of(at, context, "folder/FILE", Walk.CASE_BLIND)
    assert missing == Status.OBJECT_NAME_NOT_FOUND


def test_without_a_tree_below(tmp_path: Path) -> None:
    for start in range(2):
        system = UnionFileSystem(None, tmp_path / "layer", 2, Devices(), root_mode=0o777)
        context = context_of(system)
        assert context.root.node.attributes().mode == 0o777
        write(context, "file", b"x", mode=0)
        if start == 0:
            make_directory(context, name(context, "d"), 0)
        assert at(context, "d").node.attributes().mode == 0
        write(context, "d/x", b"x")
        assert read(context, "d/x") == b"x"
        system.close()


def test_closing_gives_every_descriptor_back(tmp_path: Path) -> None:
    before = host_descriptors()
    machine = Machine(tmp_path)
    write(machine.context, "folder/file", b"x")
    machine.system.close()
    assert host_descriptors() == before


def test_unnamed_files(machine: Machine) -> None:
    context = machine.context
    request = Open(BOTH, Disposition.OPEN_IF, options=Options.UNNAMED | Options.POSIX, mode=0o444)
    file = opened(context, "folder", request)
    file.write(b"hidden")
    link(context, file.location, name(context, "folder/shown"))
    file.release()
    context = machine.restart()
    assert read(context, "folder/shown") == b"hidden"
    assert at(context, "folder/shown").node.attributes().mode == 0o444


def test_a_damaged_record_is_an_error_of_that_file_only(machine: Machine) -> None:
    context = machine.context
    make_node(context, name(context, "fifo"), Kind.FIFO, 0o666)
    path = machine.folder / "layer/files/fifo"
    if "user.lichen.node" not in os.listxattr(path):
        pytest.skip("records are in the table")
    os.setxattr(path, "user.lichen.node", b"\xff")
    context = machine.restart()
    assert status_of(at, context, "fifo") == Status.IO_DEVICE_ERROR
    assert read(context, "top") == b"top"


# ---- a kernel that is killed

MUTATING = {
    "mkdir",
    "open",
    "link",
    "unlink",
    "rmdir",
    "setxattr",
    "removexattr",
    "pwrite",
    "write",
    "ftruncate",
    "copy_file_range",
    "utime",
    "chmod",
    "fchmod",
    "execute",
}

OPERATIONS: dict[str, Callable[[FileSystemContext], object]] = {
    "write below": lambda c: change_attributes(c, at(c, "folder/file"), AttributeChange(mode=0o600)),
    "fifo": lambda c: make_node(c, name(c, "folder/sub/fifo"), Kind.FIFO, 0o640),
    "symlink": lambda c: symlink(c, "target", name(c, "folder/new")),
    "replace": lambda c: rename(c, name(c, "other/mine"), name(c, "folder/file")),
    "move away": lambda c: rename(c, name(c, "folder"), name(c, "moved")),
    "move over": lambda c: rename(c, name(c, "folder"), name(c, "other/empty")),
    "move file": lambda c: rename(c, name(c, "folder/file"), name(c, "other/file")),
    "exchange": lambda c: rename(c, name(c, "folder"), name(c, "other"), RENAME_EXCHANGE),
    "remove below": lambda c: remove(c, name(c, "folder/file"), directory=False),
    "remove copy": lambda c: remove(c, name(c, "top"), directory=False),
    "remove folder": lambda c: remove(c, name(c, "other/hollow"), directory=True),
    "make again": lambda c: make_directory(c, name(c, "gone"), 0o755),
    "link again": lambda c: link(c, at(c, "other/mine"), name(c, "gone")),
}


def die_at(step: int) -> None:
    """Kill this process in place of its change number `step` of the host's files."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and argument.__name__ in MUTATING:
            count()

    rename = hostcalls.rename

    def counted(*arguments: Any) -> None:
        count()
        rename(*arguments)

    mock.patch.object(hostcalls, "rename", counted).start()
    sys.setprofile(profile)


def prepare(machine: Machine) -> None:
    context = machine.context
    write(context, "other/mine", b"mine")
    write(context, "top", b"copied")
    make_directory(context, name(context, "other/empty"))
    rename(context, name(context, "folder/sub"), name(context, "other/hollow"))
    remove(context, name(context, "other/hollow/deep"), directory=False)
    write(context, "gone", b"")
    make_directory(context, name(context, "folder/sub"))


@pytest.mark.parametrize("table", [False, True], ids=["attributes", "table"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_kill_leaves_the_state_before_or_after(tmp_path: Path, operation: str, table: bool) -> None:
    step, killed = 0, True
    while killed:
        if table:
            (tmp_path / str(step) / "layer").mkdir(parents=True)
            (tmp_path / str(step) / "layer" / "metadata.sqlite").touch()
        machine = Machine(tmp_path / str(step))
        (machine.lower / "gone").write_text("gone")
        prepare(machine)
        if operation in ("make again", "link again"):
            remove(machine.context, name(machine.context, "gone"), directory=False)
        before = union_tree(machine.restart())
        child = os.fork()
        if child == 0:
            die_at(step)
            OPERATIONS[operation](machine.context)
            os._exit(0)
        killed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        after_kill = union_tree(machine.restart())
        OPERATIONS[operation](machine.context) if after_kill == before else None
        after = union_tree(machine.context)
        assert after_kill in (before, after), step
        assert after == union_tree(machine.restart())
        machine.system.close()
        step += 1
    assert step > 1
