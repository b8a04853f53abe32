"""Who may change what of an object, and what a change does besides."""

from __future__ import annotations

import pytest

from lichen.executive.io.attributes import AttributeChange
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.metadata import change_attributes, get_attribute, remove_attribute, set_attribute
from lichen.executive.io.names import make_directory, symlink
from lichen.executive.status import Status
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import as_user, at, context_of, name, read, status_of, write

OWNER, GROUP = 5, 50


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o755))
    write(context, "file", b"content")
    make_directory(context, name(context, "folder"))
    symlink(context, "file", name(context, "link"))
    for path in ("file", "folder"):
        change_attributes(context, at(context, path), AttributeChange(uid=OWNER, gid=GROUP, mode=0o664))
    return context


@pytest.mark.parametrize(
    ("uid", "groups", "change", "status"),
    [
        (OWNER, (), AttributeChange(mode=0o600), 0),
        (6, (GROUP,), AttributeChange(mode=0o600), Status.PRIVILEGE_NOT_HELD),
        (OWNER, (), AttributeChange(uid=OWNER), 0),
        (OWNER, (), AttributeChange(uid=6), Status.PRIVILEGE_NOT_HELD),
        (OWNER, (), AttributeChange(gid=51), Status.PRIVILEGE_NOT_HELD),
        (OWNER, (51,), AttributeChange(gid=51), 0),
        (6, (51,), AttributeChange(gid=51), Status.PRIVILEGE_NOT_HELD),
        (0, (), AttributeChange(uid=7, gid=7), 0),
        (6, (), AttributeChange(size=3), Status.ACCESS_DENIED),
        (6, (GROUP,), AttributeChange(size=3), 0),
        (6, (GROUP,), AttributeChange(size=-1), Status.INVALID_PARAMETER),
        (0, (), AttributeChange(size=1 << 63), Status.FILE_TOO_LARGE),
        (OWNER, (), AttributeChange(modified=5), 0),
        (6, (GROUP,), AttributeChange(modified=5), Status.PRIVILEGE_NOT_HELD),
    ],
)
def test_who_may_change(
    context: FileSystemContext, uid: int, groups: tuple[int, ...], change: AttributeChange, status: int
) -> None:
    user = as_user(context, uid, uid, groups)
    assert status_of(change_attributes, user, at(context, "file"), change) == status


def test_times_may_be_set_to_now_by_writers(context: FileSystemContext) -> None:
    change = AttributeChange(accessed=9, modified=9)
    writer, reader = as_user(context, 6, 6, (GROUP,)), as_user(context, 6, 6)
    assert status_of(change_attributes, writer, at(context, "file"), change, to_now=True) == 0
    assert (
        status_of(change_attributes, reader, at(context, "file"), change, to_now=True) == Status.ACCESS_DENIED
    )
    assert at(context, "file").node.attributes().modified == 9


@pytest.mark.parametrize(("before", "after"), [(0o6755, 0o755), (0o2644, 0o2644), (0o4644, 0o644)])
def test_a_new_owner_loses_set_id_bits(context: FileSystemContext, before: int, after: int) -> None:
    change_attributes(context, at(context, "file"), AttributeChange(mode=before))
    change_attributes(context, at(context, "file"), AttributeChange(uid=9))
    assert at(context, "file").node.attributes().mode == after


def test_set_group_id_is_for_members(context: FileSystemContext) -> None:
    change_attributes(as_user(context, OWNER, OWNER), at(context, "file"), AttributeChange(mode=0o2755))
    assert at(context, "file").node.attributes().mode == 0o755
    change_attributes(as_user(context, OWNER, GROUP), at(context, "file"), AttributeChange(mode=0o2755))
    assert at(context, "file").node.attributes().mode == 0o2755


def test_size_is_a_files(context: FileSystemContext) -> None:
    change = AttributeChange(size=3)
    assert status_of(change_attributes, context, at(context, "folder"), change) == Status.FILE_IS_A_DIRECTORY
    change_attributes(context, at(context, "file"), change)
    assert read(context, "file") == b"con"
    change_attributes(context, at(context, "file"), AttributeChange(size=5))
    assert read(context, "file") == b"con\0\0"


@pytest.mark.parametrize(
    ("path", "uid", "attribute", "status"),
    [
        ("file", 0, "user.x", 0),
        ("file", 6, "user.x", Status.ACCESS_DENIED),
        ("folder", OWNER, "user.x", 0),
        ("link", 0, "user.x", Status.PRIVILEGE_NOT_HELD),
        ("link", 0, "trusted.x", 0),
        ("file", OWNER, "trusted.x", Status.PRIVILEGE_NOT_HELD),
        ("file", OWNER, "security.x", Status.PRIVILEGE_NOT_HELD),
        ("file", 0, "strange.x", Status.NOT_SUPPORTED),
        ("file", 0, "user.", Status.NOT_SUPPORTED),
        ("file", 0, "user." + "x" * 256, Status.OUT_OF_RANGE),
    ],
)
def test_extended_attributes(
    context: FileSystemContext, path: str, uid: int, attribute: str, status: int
) -> None:
    user, location = as_user(context, uid, uid), at(context, path, 0)
    assert status_of(set_attribute, user, location, attribute, b"v", False, False) == status
    if status == 0:
        assert get_attribute(user, location, attribute) == b"v"
        create = status_of(set_attribute, user, location, attribute, b"", True, False)
        assert create == Status.OBJECT_NAME_COLLISION
        assert location.node.list_attributes() == [attribute]
        remove_attribute(user, location, attribute)
        assert status_of(get_attribute, user, location, attribute) == Status.NO_ATTRIBUTE
        assert status_of(remove_attribute, user, location, attribute) == Status.NO_ATTRIBUTE
        replace = status_of(set_attribute, user, location, attribute, b"", False, True)
        assert replace == Status.NO_ATTRIBUTE
    long = b"x" * 70000
    if status == 0:
        assert (
            status_of(set_attribute, user, location, attribute, long, False, False)
            == Status.INVALID_BUFFER_SIZE
        )
