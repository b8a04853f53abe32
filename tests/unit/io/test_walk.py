"""The walk along names: dots, symlinks, mounts, restrictions, permission, and the name cache staying true."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable

import pytest

from lichen.executive.io.attributes import AttributeChange, DirectoryEntry
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Mount, fold
from lichen.executive.io.lookup import Walk, find, find_entry
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import make_directory, remove, rename, symlink
from lichen.executive.status import Status
from lichen.filesystems.memory_files import MemoryFileSystem, MemoryNode
from tests.unit.trees import as_user, at, context_of, name, read, split, status_of, write


@pytest.fixture
def context() -> FileSystemContext:
    context = context_of(MemoryFileSystem(1, Devices(), mode=0o755))
    for folder in ("a", "a/b", "a/b/c", "other"):
        make_directory(context, name(context, folder), 0o755)
    write(context, "a/b/c/file", b"content")
    for link, target in {
        "rel": "a/b",
        "abs": "/a/b/c",
        "up": "a/b/../b/c/file",
        "loop": "loop",
        "slash": "a/b/",
        "fileslash": "a/b/c/file/",
        "dangling": "a/new",
        "top": "/",
        "dot": ".",
        "a/b/climb": "../../other",
    }.items():
        symlink(context, target, name(context, link))
    return context


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", ""),
        (".", ""),
        ("..", ""),
        ("../../a", "a"),
        ("a/./b/../b", "a/b"),
        ("rel/c/file", "a/b/c/file"),
        ("abs/file", "a/b/c/file"),
        ("abs/..", "a/b"),
        ("up", "a/b/c/file"),
        ("slash/c", "a/b/c"),
        ("slash", "a/b"),
        ("top/a", "a"),
        ("top", ""),
        ("dot/dot/dot/a", "a"),
        ("rel/climb", "other"),
    ],
)
def test_paths_lead_to_places(context: FileSystemContext, path: str, place: str, twice: bool) -> None:
    if twice:
        at(context, path)
    location = at(context, path)
    assert location.place(context.root).components == split(place)
    assert location is at(context, place)


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("missing", Status.OBJECT_NAME_NOT_FOUND),
        ("missing/x", Status.OBJECT_PATH_NOT_FOUND),
        ("a/b/c/file/x", Status.NOT_A_DIRECTORY),
        ("a/b/c/file/.", Status.NOT_A_DIRECTORY),
        ("a/b/c/file/..", Status.NOT_A_DIRECTORY),
        ("loop", Status.REPARSE_POINT_NOT_RESOLVED),
        ("loop/x", Status.REPARSE_POINT_NOT_RESOLVED),
        ("fileslash", Status.NOT_A_DIRECTORY),
        ("dangling", Status.OBJECT_NAME_NOT_FOUND),
        ("x" * 256, Status.NAME_TOO_LONG),
        ("é" * 128, Status.NAME_TOO_LONG),
        ("a\0b", Status.OBJECT_NAME_INVALID),
        ("a\ud800b", Status.OBJECT_NAME_INVALID),
    ],
)
def test_paths_that_lead_nowhere(context: FileSystemContext, path: str, status: int, twice: bool) -> None:
    if twice:
        status_of(at, context, path)
    assert status_of(at, context, path) == status


def test_the_last_link_is_followed_only_on_demand(context: FileSystemContext) -> None:
    for _ in range(2):
        assert at(context, "rel", 0).name == "rel"
        assert at(context, "rel", Walk.DIRECTORY).name == "b"
        assert at(context, "rel", Walk.NAME | Walk.DIRECTORY).name == "rel"
        assert at(context, "dangling", 0).name == "dangling"
        assert status_of(at, context, "up", Walk.DIRECTORY) == Status.NOT_A_DIRECTORY


def test_a_name_to_be_made_comes_with_its_directory(context: FileSystemContext) -> None:
    entry = find_entry(context, context.root, ("dangling",), Walk.FOLLOW)
    assert (entry.parent, entry.name, entry.location) == (at(context, "a"), "new", None)
    assert find_entry(context, context.root, ("a", "..")).name == "."


def test_a_chain_of_links_ends(context: FileSystemContext) -> None:
    symlink(context, "a", name(context, "l0"))
    for number in range(1, 42):
        symlink(context, f"l{number - 1}", name(context, f"l{number}"))
    for _ in range(2):
        assert at(context, "l39").name == "a"
        assert status_of(at, context, "l40") == Status.REPARSE_POINT_NOT_RESOLVED


@pytest.mark.parametrize("twice", [False, True])
def test_links_add_only_so_many_names(context: FileSystemContext, twice: bool) -> None:
    """Forty links that each lead a long way round would be a walk of most of a second."""
    for number in range(40):
        symlink(context, "a/../" * 400 + f"long{number + 1}", name(context, f"long{number}"))
    write(context, "long40", b"")
    if twice:
        for number in range(40):
            assert status_of(find, context, context.root, (f"long{number}",), 0) == Status.SUCCESS
            status_of(find, context, context.root, (f"long{number}",))
    assert status_of(find, context, context.root, ("long39",)) == Status.SUCCESS
    assert status_of(find, context, context.root, ("long37",)) == Status.REPARSE_POINT_NOT_RESOLVED


def test_root_of_a_process_is_its_top(context: FileSystemContext) -> None:
    jailed = context.copy()
    jailed.root = jailed.current = at(context, "a")
    assert find(jailed, jailed.root, ("..", "..", "b")) is at(context, "a/b")
    assert status_of(find, jailed, jailed.root, ("b", "climb")) == Status.OBJECT_NAME_NOT_FOUND
    assert at(context, "a/b").place(jailed.root).components == ("b",)
    assert not at(context, "other").place(jailed.root).reachable


@pytest.mark.parametrize(
    ("path", "flags", "status"),
    [
        ("b/../..", Walk.BENEATH, Status.NOT_SAME_DEVICE),
        ("b/climb", Walk.BENEATH, Status.NOT_SAME_DEVICE),
        ("b/../b/c", Walk.BENEATH, 0),
        ("../../a/b", Walk.IN_ROOT, Status.OBJECT_PATH_NOT_FOUND),
        ("../b", Walk.IN_ROOT, 0),
        ("b/climb", Walk.NO_SYMLINKS, Status.REPARSE_POINT_NOT_RESOLVED),
        ("b/c", Walk.NO_SYMLINKS, 0),
        ("..", Walk.BENEATH, Status.NOT_SAME_DEVICE),
    ],
)
def test_restricted_walks(context: FileSystemContext, path: str, flags: int, status: int) -> None:
    start = at(context, "a")
    assert status_of(find, context, start, split(path), flags | Walk.FOLLOW) == status


def test_mounts_are_entered_and_left(context: FileSystemContext) -> None:
    inner = MemoryFileSystem(2, Devices(), mode=0o755)
    mount = Mount(inner, "inner")
    mount.attach(at(context, "other"))
    write(context, "other/x", b"inner")
    assert at(context, "other/x").place(context.root).components == ("other", "x")
    assert at(context, "other/..") is context.root
    assert at(context, "other/../a") is at(context, "a")
    assert read(context, "a/b/climb/x") == b"inner"
    assert status_of(at, context, "other/x", Walk.NO_CROSSING) == Status.NOT_SAME_DEVICE
    start = at(context, "other")
    assert status_of(find, context, start, ("..", "a"), Walk.NO_CROSSING) == Status.NOT_SAME_DEVICE
    assert at(context, "other/x").is_below(context.root)
    mount.detach()
    assert status_of(at, context, "other/x") == Status.OBJECT_NAME_NOT_FOUND


def test_search_permission_is_asked_of_every_directory(context: FileSystemContext) -> None:
    user = as_user(context, 1000, 1000)
    assert at(user, "a/b/c/file").name == "file"
    change_attributes(context, at(context, "a/b"), AttributeChange(mode=0o700))
    assert status_of(at, user, "a/b/c") == Status.ACCESS_DENIED
    assert status_of(at, user, "rel/c") == Status.ACCESS_DENIED
    assert at(context, "a/b/c").name == "c"
    change_attributes(context, at(context, "a/b"), AttributeChange(mode=0o710, gid=7))
    assert at(as_user(context, 1000, 1000, (7,)), "a/b/c").name == "c"
    assert status_of(at, user, "a/b/..") == Status.ACCESS_DENIED


def test_case_blind_names_keep_their_spelling(context: FileSystemContext) -> None:
    for _ in range(2):
        location = at(context, "A/B/C/FILE", Walk.CASE_BLIND)
        assert location is at(context, "a/b/c/file")
        assert status_of(at, context, "A/missing", Walk.CASE_BLIND) == Status.OBJECT_NAME_NOT_FOUND
    write(context, "a/Missing", b"")
    assert at(context, "A/mISSING", Walk.CASE_BLIND).name == "Missing"
    remove(context, name(context, "a/Missing"), directory=False)
    assert status_of(at, context, "A/mISSING", Walk.CASE_BLIND) == Status.OBJECT_NAME_NOT_FOUND
    write(context, "a/MISSING", b"")
    assert at(context, "A/mISSING", Walk.CASE_BLIND).name == "MISSING"
    assert fold("Straße-éΣ") == "STRAßE-ÉΣ"


def test_a_directory_is_not_read_for_each_missing_name(
    context: FileSystemContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = type(at(context, "a").node)
    entries, reads = directory.entries, []

    def counted(node: MemoryNode) -> Iterable[DirectoryEntry]:
        reads.append(node)
        return entries(node)

    monkeypatch.setattr(directory, "entries", counted)
    for number in range(100):
        assert status_of(at, context, f"a/NEW{number}", Walk.CASE_BLIND) == Status.OBJECT_NAME_NOT_FOUND
        write(context, f"a/New{number}", b"")
        assert at(context, f"A/nEW{number}", Walk.CASE_BLIND).name == f"New{number}"
    assert len(reads) <= 2
    rename(context, name(context, "a/New1"), name(context, "a/other"))
    assert status_of(at, context, "a/new1", Walk.CASE_BLIND) == Status.OBJECT_NAME_NOT_FOUND
    assert at(context, "a/OTHER", Walk.CASE_BLIND).name == "other"
    write(context, "a/OTHER", b"")
    assert [at(context, f"a/{each}", Walk.CASE_BLIND).name for each in ("other", "OTHER", "Other")] == [
        "other",
        "OTHER",
        "OTHER",
    ]
    remove(context, name(context, "a/OTHER"), directory=False)
    assert at(context, "a/Other", Walk.CASE_BLIND).name == "other"


def test_absent_names_are_remembered_and_forgotten(context: FileSystemContext) -> None:
    for number in range(3000):
        assert status_of(at, context, f"a/none{number}") == Status.OBJECT_NAME_NOT_FOUND
    absent = at(context, "a")._absent
    assert absent is not None
    assert len(absent) <= 1024
    write(context, "a/none2999", b"x")
    assert read(context, "a/none2999") == b"x"
    rename(context, name(context, "a/none2999"), name(context, "a/none2998"))
    assert read(context, "a/none2998") == b"x"
    assert status_of(at, context, "a/none2999") == Status.OBJECT_NAME_NOT_FOUND


def test_places_follow_their_objects(context: FileSystemContext) -> None:
    inner = at(context, "a/b/c")
    rename(context, name(context, "a/b"), name(context, "other/moved"))
    assert inner.place(context.root).components == ("other", "moved", "c")
    assert at(context, "other/moved/c") is inner
    remove(context, name(context, "other/moved/c/file"), directory=False)
    remove(context, name(context, "other/moved/c"), directory=True)
    place = inner.place(context.root)
    assert (place.components, place.deleted) == (("other", "moved", "c"), True)
    assert status_of(find, context, inner, ("x",)) == Status.OBJECT_NAME_NOT_FOUND
    assert find(context, inner, ("..",)) is at(context, "other/moved")
    make_directory(context, name(context, "other/moved/c"))
    assert at(context, "other/moved/c") is not inner


def test_the_cache_forgets_what_nobody_holds(context: FileSystemContext) -> None:
    mount = context.root.mount
    assert mount is not None
    mount.recent = deque(maxlen=4)
    held = at(context, "a/b/c/file")
    for number in range(50):
        write(context, f"other/f{number}", b"")
        at(context, f"other/f{number}")
    gc.collect()
    assert len(at(context, "other").children) < 10
    assert at(context, "a/b/c/file") is held
