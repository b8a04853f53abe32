"""Opening and creating: dispositions, kinds, permission, share modes, deletion at close."""

from __future__ import annotations

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Mount
from lichen.executive.io.lookup import Walk
from lichen.executive.io.manager import set_disposition
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import link, make_directory, make_node, remove, rename, symlink
from lichen.executive.io.opening import Access, Disposition, Open, Options, Outcome, Share
from lichen.executive.status import Status
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.trees import BOTH, as_user, at, context_of, name, names, opened, read, status_of, write

POSIX = Options.POSIX


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o777))
    make_directory(context, name(context, "folder"), 0o755)
    write(context, "file", b"old content")
    symlink(context, "file", name(context, "link"))
    symlink(context, "new", name(context, "dangling"))
    return context


@pytest.mark.parametrize(
    ("disposition", "existing", "absent"),
    [
        (Disposition.SUPERSEDE, Outcome.SUPERSEDED, Outcome.CREATED),
        (Disposition.OPEN, Outcome.OPENED, Status.OBJECT_NAME_NOT_FOUND),
        (Disposition.CREATE, Status.OBJECT_NAME_COLLISION, Outcome.CREATED),
        (Disposition.OPEN_IF, Outcome.OPENED, Outcome.CREATED),
        (Disposition.OVERWRITE, Outcome.OVERWRITTEN, Status.OBJECT_NAME_NOT_FOUND),
        (Disposition.OVERWRITE_IF, Outcome.OVERWRITTEN, Outcome.CREATED),
    ],
)
def test_dispositions(context: FileSystemContext, disposition: int, existing: int, absent: int) -> None:
    for path, expected in (("file", existing), ("absent", absent)):
        request = Open(BOTH, disposition)
        if expected > 0xFF:
            assert status_of(opened, context, path, request) == expected
            continue
        file = opened(context, path, request)
        assert file.outcome == expected
        kept = b"old content" if expected == Outcome.OPENED else b""
        assert file.read(100, 0) == kept
        file.release()


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        ("folder", Open(Access.WRITE, options=POSIX), Status.FILE_IS_A_DIRECTORY),
        ("folder", Open(Access.READ, Disposition.OPEN_IF, options=POSIX), Status.FILE_IS_A_DIRECTORY),
        ("folder", Open(Access.READ, options=POSIX), 0),
        ("folder", Open(Access.WRITE), 0),
        ("folder", Open(Access.READ, options=Options.NON_DIRECTORY), Status.FILE_IS_A_DIRECTORY),
        ("folder", Open(Access.READ, Disposition.OVERWRITE_IF), Status.OBJECT_NAME_COLLISION),
        ("file", Open(options=Options.DIRECTORY), Status.NOT_A_DIRECTORY),
        ("link", Open(options=POSIX | Options.NO_FOLLOW), Status.REPARSE_POINT_NOT_RESOLVED),
        ("link", Open(options=POSIX | Options.NO_FOLLOW | Options.DIRECTORY), Status.NOT_A_DIRECTORY),
        ("link", Open(disposition=Disposition.CREATE, options=POSIX), Status.OBJECT_NAME_COLLISION),
        ("dangling", Open(disposition=Disposition.CREATE, options=POSIX), Status.OBJECT_NAME_COLLISION),
        ("dangling", Open(options=POSIX), Status.OBJECT_NAME_NOT_FOUND),
        (
            "new",
            Open(disposition=Disposition.OPEN_IF, options=POSIX, walk=Walk.DIRECTORY),
            Status.FILE_IS_A_DIRECTORY,
        ),
        ("none/x", Open(disposition=Disposition.OPEN_IF, options=POSIX), Status.OBJECT_PATH_NOT_FOUND),
    ],
)
def test_kinds(context: FileSystemContext, path: str, request_: Open, status: int) -> None:
    assert status_of(opened, context, path, request_) == status


def test_creation_goes_through_a_dangling_link(context: FileSystemContext) -> None:
    write(context, "dangling", b"made")
    assert read(context, "new") == b"made"


def test_nt_makes_a_directory_by_opening(context: FileSystemContext) -> None:
    file = opened(context, "made", Open(Access.READ, Disposition.CREATE, options=Options.DIRECTORY))
    assert file.node.kind == Kind.DIRECTORY
    file.release()
    assert names(context, "made") == []


def test_a_path_only_file_does_nothing(context: FileSystemContext) -> None:
    file = opened(context, "link", Open(options=POSIX | Options.PATH_ONLY | Options.OPEN_LINK))
    assert file.attributes().kind == Kind.SYMLINK
    assert status_of(file.read, 1) == Status.INVALID_HANDLE
    assert status_of(file.write, b"x") == Status.INVALID_HANDLE
    file.release()


def test_rights_of_an_open_bind_it(context: FileSystemContext) -> None:
    reader, writer = opened(context, "file"), opened(context, "file", Open(Access.WRITE))
    assert status_of(reader.write, b"x") == Status.INVALID_HANDLE
    assert status_of(writer.read, 1) == Status.INVALID_HANDLE
    assert status_of(reader.truncate, 0) == Status.INVALID_PARAMETER
    reader.release()
    writer.release()


@pytest.mark.parametrize(
    ("mode", "uid", "access", "status"),
    [
        (0o600, 5, Access.READ, 0),
        (0o600, 6, Access.READ, Status.ACCESS_DENIED),
        (0o606, 6, BOTH, 0),
        (0o060, 6, BOTH, 0),
        (0o606, 5, BOTH, 0),
        (0o066, 5, Access.READ, Status.ACCESS_DENIED),
        (0o000, 0, BOTH, 0),
        (0o000, 0, Access.EXECUTE, Status.ACCESS_DENIED),
        (0o001, 0, Access.EXECUTE, 0),
        (0o604, 6, Access.WRITE, Status.ACCESS_DENIED),
    ],
)
def test_permission(context: FileSystemContext, mode: int, uid: int, access: int, status: int) -> None:
    change_attributes(context, at(context, "file"), AttributeChange(mode=mode, uid=5, gid=60))
    user = as_user(context, uid, 60 if mode == 0o060 else uid)
    assert status_of(opened, user, "file", Open(access, options=POSIX)) == status


def test_creation_needs_a_writable_directory(context: FileSystemContext) -> None:
    user = as_user(context, 5, 5)
    assert status_of(write, user, "folder/x", b"") == Status.ACCESS_DENIED
    write(user, "x", b"", mode=0o4666)
    attributes = at(context, "x").node.attributes()
    assert (attributes.mode, attributes.uid, attributes.gid) == (0o4644, 5, 5)


def test_a_new_file_may_be_written_whatever_its_mode(context: FileSystemContext) -> None:
    user = as_user(context, 5, 5)
    file = opened(user, "x", Open(BOTH, Disposition.CREATE, options=POSIX, mode=0))
    assert file.write(b"abc") == 3
    file.release()
    assert status_of(opened, user, "x") == Status.ACCESS_DENIED


def test_groups_are_inherited_from_set_group_id_directories(context: FileSystemContext) -> None:
    change_attributes(context, at(context, "folder"), AttributeChange(mode=0o2777, gid=77))
    change_attributes(context, at(context, "folder"), AttributeChange(mode=0o2777))
    user = as_user(context, 5, 5)
    write(user, "folder/x", b"")
    make_directory(user, name(user, "folder/d"))
    assert at(context, "folder/x").node.attributes().gid == 77
    attributes = at(context, "folder/d").node.attributes()
    assert (attributes.gid, attributes.mode) == (77, 0o2755)


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ((Access.READ, Share.ALL), (Access.WRITE, Share.ALL), 0),
        ((Access.READ, Share.READ), (Access.READ, Share.READ), 0),
        ((Access.READ, Share.READ), (Access.WRITE, Share.ALL), Status.SHARING_VIOLATION),
        ((Access.WRITE, Share.ALL), (Access.READ, Share.READ), Status.SHARING_VIOLATION),
        ((Access.READ, 0), (Access.READ, Share.ALL), Status.SHARING_VIOLATION),
        ((Access.READ, 0), (Access.READ_ATTRIBUTES, 0), 0),
        ((Access.READ_ATTRIBUTES, 0), (Access.READ, 0), 0),
        ((Access.READ, Share.READ | Share.WRITE), (Access.DELETE, Share.ALL), Status.SHARING_VIOLATION),
        ((Access.READ, Share.ALL), (Access.DELETE, Share.READ), 0),
    ],
)
def test_share_modes(
    context: FileSystemContext, first: tuple[int, int], second: tuple[int, int], status: int
) -> None:
    held = opened(context, "file", Open(first[0], share=first[1]))
    assert status_of(opened, context, "file", Open(second[0], share=second[1])) == status
    held.release()
    assert status_of(opened, context, "file", Open(second[0], share=second[1])) == 0
    assert at(context, "file").node.denials == 0


def test_linux_meets_denials_only_where_the_mount_enforces_them(context: FileSystemContext) -> None:
    held = opened(context, "file", Open(Access.READ, share=Share.READ))
    linux = Open(Access.WRITE, options=POSIX)
    assert status_of(opened, context, "file", linux) == 0
    remove_status = status_of(rename, context, name(context, "file"), name(context, "moved"))
    assert remove_status == 0
    assert context.root.mount is not None
    context.root.mount.enforces_sharing = True
    assert status_of(opened, context, "moved", linux) == Status.ACCESS_DENIED
    assert status_of(opened, context, "moved") == 0
    assert status_of(remove, context, name(context, "moved"), directory=False) == Status.ACCESS_DENIED
    held.release()
    assert status_of(opened, context, "moved", linux) == 0


def test_a_linux_open_counts_against_a_windows_denial(context: FileSystemContext) -> None:
    held = opened(context, "file", Open(Access.WRITE, options=POSIX))
    assert status_of(opened, context, "file", Open(Access.READ, share=Share.READ)) == Status.SHARING_VIOLATION
    held.release()


def test_a_running_image_is_not_written(context: FileSystemContext) -> None:
    change_attributes(context, at(context, "file"), AttributeChange(mode=0o755))
    run = Open(Access.EXECUTE, share=Share.READ | Share.DELETE, options=POSIX | Options.IMAGE)
    image = opened(context, "file", run)
    assert status_of(opened, context, "file", Open(Access.WRITE, options=POSIX)) == Status.IMAGE_BUSY
    assert status_of(opened, context, "file", Open(Access.WRITE)) == Status.SHARING_VIOLATION
    assert status_of(opened, context, "file", run) == 0
    image.release()
    writer = opened(context, "file", Open(Access.WRITE, options=POSIX))
    assert status_of(opened, context, "file", run) == Status.IMAGE_BUSY
    writer.release()


def test_deletion_waits_for_the_last_close(context: FileSystemContext) -> None:
    first = opened(context, "file", Open(Access.READ | Access.DELETE))
    second = opened(context, "file", Open(Access.READ))
    set_disposition(first, delete=True)
    assert status_of(opened, context, "file") == Status.DELETE_PENDING
    assert status_of(link, context, at(context, "file"), name(context, "more")) == Status.DELETE_PENDING
    first.release()
    assert "file" in names(context)
    assert second.read(3) == b"old"
    second.release()
    assert "file" not in names(context)


def test_deletion_can_be_called_off(context: FileSystemContext) -> None:
    file = opened(context, "file", Open(Access.READ, options=Options.DELETE_ON_CLOSE))
    set_disposition(file, delete=False)
    file.release()
    assert "file" in names(context)


def test_delete_on_close(context: FileSystemContext) -> None:
    opened(context, "file", Open(Access.READ, options=Options.DELETE_ON_CLOSE)).release()
    assert "file" not in names(context)


def test_what_cannot_be_deleted(context: FileSystemContext) -> None:
    write(context, "folder/x", b"")
    folder = opened(context, "folder", Open(Access.READ))
    assert status_of(set_disposition, folder, delete=True) == Status.DIRECTORY_NOT_EMPTY
    folder.release()
    change_attributes(context, at(context, "file"), AttributeChange(mode=0o444))
    file = opened(context, "file", Open(Access.READ))
    assert status_of(set_disposition, file, delete=True) == Status.CANNOT_DELETE
    file.release()
    user = as_user(context, 5, 5)
    change_attributes(context, context.root, AttributeChange(mode=0o755))
    request = Open(Access.DELETE)
    assert status_of(opened, user, "file", request) == Status.ACCESS_DENIED


def test_maximum_allowed(context: FileSystemContext) -> None:
    change_attributes(context, at(context, "file"), AttributeChange(mode=0o644))
    file = opened(as_user(context, 5, 5), "file", Open(Access.MAXIMUM_ALLOWED))
    assert file.access & (Access.READ | Access.WRITE | Access.DELETE) == Access.READ | Access.DELETE
    file.release()


def test_an_unnamed_file(context: FileSystemContext) -> None:
    request = Open(BOTH, Disposition.OPEN_IF, options=POSIX | Options.UNNAMED | Options.DIRECTORY)
    file = opened(context, "folder", request)
    file.write(b"hidden")
    assert file.attributes().links == 0
    assert names(context, "folder") == []
    link(context, file.location, name(context, "shown"))
    file.release()
    assert read(context, "shown") == b"hidden"
    status = status_of(opened, context, "file", request)
    assert status == Status.NOT_A_DIRECTORY


def test_a_read_only_file_system(context: FileSystemContext) -> None:
    make_node(context, name(context, "fifo"), Kind.FIFO, 0o666)
    context.root.node.file_system.read_only = True
    assert status_of(opened, context, "file") == 0
    for request in (Open(Access.WRITE), Open(disposition=Disposition.OVERWRITE)):
        assert status_of(opened, context, "file", request) == Status.MEDIA_WRITE_PROTECTED
    assert status_of(write, context, "new", b"") == Status.MEDIA_WRITE_PROTECTED
    assert status_of(opened, context, "fifo", Open(Access.WRITE)) == Status.NO_SUCH_DEVICE
    change = AttributeChange(mode=0)
    assert status_of(change_attributes, context, at(context, "file"), change) == Status.MEDIA_WRITE_PROTECTED


def test_nothing_opens_what_has_no_driver(context: FileSystemContext) -> None:
    make_node(context, name(context, "socket"), Kind.SOCKET, 0o666)
    make_node(context, name(context, "device"), Kind.CHARACTER, 0o666, 0x7777)
    for path in ("socket", "device"):
        assert status_of(opened, context, path) == Status.NO_SUCH_DEVICE
        assert status_of(opened, context, path, Open(options=POSIX | Options.PATH_ONLY)) == 0


def test_files_of_another_mount_do_not_share_names(context: FileSystemContext) -> None:
    mount = Mount(MemoryFileSystem(2, Devices()), "second")
    mount.attach(at(context, "folder"))
    status = status_of(rename, context, name(context, "file"), name(context, "folder/file"))
    assert status == Status.NOT_SAME_DEVICE
    assert status_of(link, context, at(context, "file"), name(context, "folder/x")) == Status.NOT_SAME_DEVICE
    assert status_of(remove, context, name(context, "folder"), directory=True) == Status.SHARING_VIOLATION
