"""Folders of the host: what shows, what cannot be reached, and how few descriptors that takes."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.lookup import Walk
from lichen.executive.io.metadata import change_attributes, get_attribute, set_attribute
from lichen.executive.io.names import link, make_directory, make_node, remove, rename, symlink
from lichen.executive.io.opening import Disposition, Open, Options
from lichen.executive.status import Status
from lichen.filesystems.descriptors import Descriptors
from lichen.filesystems.host import HostFileSystem, Owners
from tests.unit.trees import (
    BOTH,
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

Make = Callable[..., FileSystemContext]
KERNEL = os.geteuid(), os.getegid()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a context over `tmp_path`/tree, with the given options of the driver."""
    content = {"folder/file": "content", "folder/link": "->file", "secret": "secret", "empty/": ""}
    make_host_tree(tmp_path / "tree", content)
    systems: list[HostFileSystem] = []
    before = host_descriptors()

    def make(**options: object) -> FileSystemContext:
        systems.append(HostFileSystem(tmp_path / "tree", 1, Devices(), **options))  # type: ignore[arg-type]  # checked by the class
        return context_of(systems[-1], *KERNEL)

    yield make
    for system in systems:
        system.close()
        assert not system.descriptors
    assert host_descriptors() == before


def test_files_folders_and_links_show(make: Make) -> None:
    context = make(read_only=True)
    assert names(context) == ["empty", "folder", "secret"]
    assert read(context, "folder/link") == b"content"
    assert at(context, "folder/link", 0).node.readlink() == "file"
    attributes = at(context, "folder/file").node.attributes()
    assert (attributes.kind, attributes.size, attributes.device) == (Kind.REGULAR, 7, 1)


def test_nothing_special_of_the_host_shows(make: Make, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    os.mkfifo(tree / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.relpath(tree / "socket"))
    (tree / "device").symlink_to("/dev/null")
    context = make()
    assert names(context) == ["device", "empty", "folder", "secret"]
    for path in ("fifo", "socket"):
        assert status_of(opened, context, path) == Status.OBJECT_NAME_NOT_FOUND
    assert status_of(opened, context, "device") == Status.OBJECT_PATH_NOT_FOUND
    listener.close()


def test_links_resolve_in_the_guests_tree(make: Make, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("outside")
    (tmp_path / "tree" / "up").symlink_to("../outside")
    (tmp_path / "tree" / "absolute").symlink_to(tmp_path / "outside")
    (tmp_path / "tree" / "inside").symlink_to("/secret")
    context = make()
    for path in ("up", "absolute", "../outside"):
        assert status_of(read, context, path) in (
            Status.OBJECT_NAME_NOT_FOUND,
            Status.OBJECT_PATH_NOT_FOUND,
        )
    assert read(context, "inside") == b"secret"


def test_a_folder_that_becomes_a_link_is_not_followed(make: Make, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("outside")
    context = make(stable=True)
    folder = at(context, "folder")
    (tmp_path / "tree" / "folder").rename(tmp_path / "tree" / "was")
    (tmp_path / "tree" / "folder").symlink_to(tmp_path / "outside")
    assert status_of(folder.node.lookup, "file") != 0


def test_a_file_that_becomes_a_fifo_does_not_open(make: Make, tmp_path: Path) -> None:
    context = make(stable=True)
    at(context, "secret")
    (tmp_path / "tree" / "secret").unlink()
    os.mkfifo(tmp_path / "tree" / "secret")
    assert status_of(read, context, "secret") == Status.OBJECT_NAME_NOT_FOUND


def test_a_share_shows_what_the_host_does_meanwhile(make: Make, tmp_path: Path) -> None:
    tree, context = tmp_path / "tree", make(stable=False)
    assert status_of(read, context, "new") == Status.OBJECT_NAME_NOT_FOUND
    (tree / "new").write_text("new")
    assert read(context, "new") == b"new"
    held = opened(context, "new")
    os.replace(tree / "secret", tree / "new")
    assert read(context, "new") == b"secret"
    assert held.read(10) == b"new"
    held.release()
    (tree / "new").unlink()
    assert status_of(read, context, "new") == Status.OBJECT_NAME_NOT_FOUND
    (tree / "folder").rename(tree / "moved")
    assert read(context, "moved/file") == b"content"


def test_what_others_may_not_read_is_hidden_from_a_kernel_of_root(make: Make, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "secret").chmod(0o640)
    (tree / "folder").chmod(0o700)
    (tree / "empty").chmod(0o711)
    context = make(public_only=True)
    assert names(context) == ["empty"]
    assert status_of(read, context, "secret") == Status.OBJECT_NAME_NOT_FOUND
    assert status_of(read, context, "folder/file") == Status.OBJECT_PATH_NOT_FOUND


def test_owners_show_as_the_guests(make: Make) -> None:
    context = make(owners=Owners({KERNEL[0]: 1234}, {KERNEL[1]: 77}))
    attributes = at(context, "secret").node.attributes()
    assert (attributes.uid, attributes.gid) == (1234, 77)


def test_writing_to_a_share(make: Make, tmp_path: Path) -> None:
    tree, context = tmp_path / "tree", make(stable=False)
    make_directory(context, name(context, "new"), 0o777)
    write(context, "new/file", b"text", mode=0o6755)
    assert (tree / "new/file").stat().st_mode & 0o7777 == 0o755
    link(context, at(context, "new/file"), name(context, "new/more"))
    rename(context, name(context, "new/more"), name(context, "empty/moved"))
    symlink(context, "file", name(context, "new/link"))
    assert (tree / "empty/moved").read_text() == os.readlink(tree / "new/link").replace("file", "text")
    change_attributes(context, at(context, "new/file"), AttributeChange(mode=0o4700, modified=5_000_000_000))
    state = (tree / "new/file").stat()
    assert (state.st_mode & 0o7777, state.st_mtime_ns) == (0o700, 5_000_000_000)
    remove(context, name(context, "new/file"), directory=False)
    remove(context, name(context, "new/link"), directory=False)
    remove(context, name(context, "new"), directory=True)
    assert names(context) == ["empty", "folder", "secret"]


def test_what_a_share_refuses(make: Make) -> None:
    context = make(stable=False)
    user = context.copy()
    for kind in (Kind.FIFO, Kind.SOCKET):
        assert status_of(make_node, user, name(user, "x"), kind, 0o666) == Status.PRIVILEGE_NOT_HELD
    root = as_user(context, 0, 0)
    change = AttributeChange(uid=4242)
    assert status_of(change_attributes, root, at(root, "secret"), change) == Status.PRIVILEGE_NOT_HELD
    same = AttributeChange(uid=KERNEL[0], gid=KERNEL[1])
    assert status_of(change_attributes, root, at(root, "secret"), same) == 0
    assert status_of(remove, root, name(root, "folder"), directory=True) == Status.DIRECTORY_NOT_EMPTY


def test_an_open_file_outlives_its_name(make: Make) -> None:
    context = make()
    file = opened(context, "secret", Open(BOTH))
    remove(context, name(context, "secret"), directory=False)
    file.write(b"S")
    assert (file.read(6, 0), file.attributes().links) == (b"Secret", 0)
    file.release()
    write(context, "secret", b"new")
    assert read(context, "secret") == b"new"


def test_descriptors_are_few_whatever_is_open_or_seen(make: Make, tmp_path: Path) -> None:
    for number in range(300):
        make_host_tree(tmp_path / "tree", {f"d{number}/file": str(number)})
    context = make()
    system = context.root.node.file_system
    assert isinstance(system, HostFileSystem)
    system.descriptors = Descriptors(kept=16)
    before = host_descriptors()
    held = opened(context, "d0/file")
    for number in range(300):
        assert read(context, f"d{number}/file") == str(number).encode()
    assert host_descriptors() - before < 100
    assert held.read(1) == b"0"
    for number in range(300):
        assert read(context, f"d{number}/file") == str(number).encode()
    held.release()


def test_a_deep_tree(make: Make, tmp_path: Path) -> None:
    context = make()
    system = context.root.node.file_system
    assert isinstance(system, HostFileSystem)
    system.descriptors = Descriptors(kept=16)
    start = context.root
    for _ in range(1500):
        context.root = make_directory(context, name(context, "d"))
    write(context, "file", b"deep")
    context.root = start
    system.descriptors.close()
    assert read(context, "d/" * 1500 + "file") == b"deep"
    subprocess.run(
        ["rm", "-r", tmp_path / "tree/d"], check=True
    )  # what pytest clears with ends at 1000 levels


def test_case_blind_lookup(make: Make) -> None:
    context = make()
    assert at(context, "FOLDER/File", Walk.CASE_BLIND).name == "file"
    assert at(context, "folder/FILE", Walk.CASE_BLIND).name == "file"
    write(context, "folder/FILE", b"upper")
    assert context.root.mount is not None
    for _ in range(2):
        assert at(context, "folder/FILE", Walk.CASE_BLIND).name == "FILE"
        assert at(context, "folder/file", Walk.CASE_BLIND).name == "file"
        assert at(context, "folder/filE", Walk.CASE_BLIND).name == "FILE"
        context.root.mount.recent.clear()
        gc.collect()


def test_large_and_sparse_reads(make: Make) -> None:
    context = make()
    file = opened(context, "big", Open(BOTH, Disposition.CREATE))
    file.truncate(1 << 40)
    file.write(b"end", (1 << 40) - 3)
    assert file.read(1 << 62, (1 << 40) - 5) == b"\0\0end"
    assert file.seek(0, 3) == (1 << 40) - 4096
    assert file.seek(0, 4) == 0
    file.allocate(3, 0, 1 << 20)
    file.allocate(0, 0, 4096)
    assert status_of(file.allocate, 0, -1, 5) == Status.INVALID_PARAMETER
    file.release()


def test_more_than_there_is_room_for_takes_none_of_it(make: Make, tmp_path: Path) -> None:
    file = opened(make(), "big", Open(BOTH, Disposition.CREATE))
    room = os.statvfs(tmp_path)
    size = (room.f_bavail + 1000) * room.f_frsize
    assert status_of(file.allocate, 0, 0, size) == Status.DISK_FULL
    assert (tmp_path / "tree" / "big").stat().st_blocks == 0
    file.release()


def test_mapping_keys_name_content_that_cannot_change(make: Make) -> None:
    context = make(read_only=True)
    node = at(context, "secret").node
    mapping = node.mapping()
    assert mapping.key is not None
    assert mapping == node.mapping()
    descriptor = node.open_host(writable=False)
    assert os.pread(descriptor, 10, 0) == b"secret"
    os.close(descriptor)
    share = make(stable=False)
    assert at(share, "secret").node.mapping().key is None
    assert status_of(at(share, "folder").node.mapping) == Status.NO_DEVICE
    descriptor = at(share, "secret").node.open_host(writable=True)
    os.pwrite(descriptor, b"S", 0)
    os.close(descriptor)
    assert read(share, "secret") == b"Secret"


def test_extended_attributes(make: Make, tmp_path: Path) -> None:
    context = make()
    location = at(context, "secret")
    status = status_of(set_attribute, context, location, "user.x", b"v", create=False, replace=False)
    if status == Status.NOT_SUPPORTED:
        pytest.skip("the host's file system has no user attributes")
    assert os.getxattr(tmp_path / "tree/secret", "user.x") == b"v"
    os.setxattr(tmp_path / "tree/secret", "user.lichen.node", b"ours")
    assert location.node.list_attributes() == ["user.x"]
    assert status_of(get_attribute, context, location, "user.lichen.node") == Status.NOT_SUPPORTED
    assert status_of(get_attribute, context, location, "user.none") == Status.NO_ATTRIBUTE


def test_unnamed_files_can_be_linked(make: Make) -> None:
    context = make()
    request = Open(BOTH, Disposition.OPEN_IF, options=Options.UNNAMED | Options.POSIX)
    file = opened(context, "empty", request)
    file.write(b"hidden")
    assert names(context, "empty") == []
    link(context, file.location, name(context, "empty/shown"))
    file.release()
    assert read(context, "empty/shown") == b"hidden"
    opened(context, "empty", request).release()


def test_names_that_are_not_text(make: Make, tmp_path: Path) -> None:
    raw = os.fsdecode(b"\xff\xfe name")
    (tmp_path / "tree" / raw).write_text("odd")
    context = make()
    assert raw in names(context)
    assert read(context, raw) == b"odd"
    write(context, raw + "2", b"x")
    assert os.fsencode(raw + "2") in os.listdir(os.fsencode(tmp_path / "tree"))
