"""What every machine shows of Windows before any Windows program runs: the userland's files, and drives as Linux folders.

C: is a folder of the machine, seen by Linux at /mnt/c; C:\\windows\\system32 shows the userland's PE files under a private
layer. Z: is the machine's root. Apart from `windows`, which is much to import, so that machines boot fast.
"""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from lichen.executive.io.attributes import Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, find
from lichen.executive.io.manager import create_file
from lichen.executive.io.names import Name, make_directory, remove, symlink
from lichen.executive.io.opening import Access, Disposition, Open
from lichen.executive.status import Failure, Status
from lichen.filesystems.host import HostFileSystem
from lichen.filesystems.links import LinksFileSystem
from lichen.filesystems.union import UnionFileSystem
from lichen.subsystems.nt import forwarder, linux_programs, spelling, userland

if TYPE_CHECKING:
    from lichen.boot.tree import Tree

MOUNT_POINT: Final = "/mnt/c"
_GUEST: Final = Path(__file__).parents[1] / "guest"
"""What machines have of Lichen's own, at the same places: scripts, so that they run on every machine."""
_SYSTEM_PROGRAMS: Final = _GUEST / "mnt/c/windows/system32"
"""Windows' programs that userlands lack: scripts too, which are found and started like all programs there."""
OWN_PROGRAMS: Final = Path(__file__).parents[1] / "userland"
"""Windows programs of Lichen's own, which stand before the userland's of the same names; built where there is a compiler."""
_OURS: Final = b"#!/bin/sh\n# Lichen: "
_BETTER: Final = ("sort.exe",)
"""Programs of ours that do more than those that the userland may have: Wine 10's sort knows no /O."""
_PROGRAM_FOLDERS: Final = ("bin", "system32")
_FOLDERS: Final = ("windows", "windows/system32", "Program Files")
_DATABASES: Final = {
    "hosts": "hosts",
    "networks": "networks",
    "protocol": "protocols",
    "services": "services",
}
"""Files that Windows has in drivers\\etc, and what they are in /etc: their lines are the same."""
_PROFILE: Final = ("", "/AppData", "/AppData/Local", "/AppData/Roaming")
_OPEN_FOLDERS: Final = ("windows/temp", "ProgramData", "users", "users/Public")
"""Where everybody may make something, and nobody may touch what others made."""


def find_userland(data_folder: Path | None = None) -> userland.Userland | None:
    """The Windows userland: what the user's setting names, or what was fetched into Lichen's data folder, or the host's own.

    An old one of the host is taken only when the setting names it.
    """
    if chosen := os.environ.get(userland.SETTING):
        return userland.find([chosen])
    if data_folder is not None and (fetched := userland.find([data_folder / "windows"])) is not None:
        return fetched
    found = userland.find(["/"])
    return found if found is not None and found.is_current else None


def paths_of(name: bytes) -> tuple[bytes, ...]:
    """The Linux paths that a Windows program's name may mean: a path on C: or Z:, or a name without one."""
    text = name.decode("utf-8", "surrogateescape")
    if text[1:3] in (":\\", ":/") and text[0] in "cCzZ":
        rest = "/".join(map(spelling.for_linux, text[3:].replace("\\", "/").split("/")))
        return (os.fsencode(f"{MOUNT_POINT}/{rest}" if text[0] in "cC" else f"/{rest}"),)
    if "/" not in text and text.lower().endswith(".exe"):
        return (os.fsencode(f"{MOUNT_POINT}/windows/system32/{text.lower()}"),)
    return ()


def stopping_numbers(found: userland.Userland, cache: Path | None) -> tuple[int, ...]:
    """What the platform's filter has to know of the userland's ntdll.

    Reading that file takes a tenth of a boot: the numbers are kept in `cache`, for the file as it is.
    """
    state = found.ntdll.stat()
    known_as = f"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns}\n"
    if cache is not None and cache.is_file() and (text := cache.read_text()).startswith(known_as):
        return tuple(map(int, text.removeprefix(known_as).split()))
    from lichen.boot.windows import numbers_that_stop

    numbers = numbers_that_stop(found)
    if cache is not None:
        unfinished = cache.with_name(f"{cache.name}.{os.getpid()}")
        unfinished.write_text(known_as + " ".join(map(str, numbers)))
        unfinished.replace(cache)
    return numbers


def mount_drives(tree: Tree, found: userland.Userland) -> dict[str, Location]:
    """Mount C: with the usual folders and the system files; where each drive letter leads."""
    context = tree.administrator
    drive = _layered(tree, None, "drive_c")
    tree.mount(MOUNT_POINT, drive, "C:", "rw,relatime").enforces_sharing = True
    everything = FileSystemContext(context.root, context.current, context.token, umask=0)
    for path in _FOLDERS + _OPEN_FOLDERS:
        _make_folder(everything, path, 0o1777 if path in _OPEN_FOLDERS else 0o755)
    files = HostFileSystem(
        found.system, tree.next_device(), tree.devices, True, executable=True, monitor=tree.monitor
    )
    layer = _made(tree.folder, "system32") / "files"
    _give_way(found, layer)
    system = tree.mount(
        MOUNT_POINT + "/windows/system32", _layered(tree, files, "system32"), "system32", "rw,relatime"
    )
    system.enforces_sharing = True
    links = LinksFileSystem(
        linux_programs.FOLDERS,
        functools.partial(_folder, context),
        linux_programs.hides,
        tree.next_device(),
        tree.devices,
    )
    tree.mount(f"{MOUNT_POINT}/{linux_programs.PLACE}", links, "links", "ro,relatime")
    _copy_extra_libraries(found, context)
    _provide(context, found)
    _provide_programs(context, layer)
    _link_databases(context)
    return {"C": find(context, context.root, ("mnt", "c")), "Z": context.root}


def _layered(tree: Tree, lower: HostFileSystem | None, name: str) -> UnionFileSystem:
    """A file system that keeps what is written to it in a folder of the machine's."""
    return UnionFileSystem(lower, _made(tree.folder, name), tree.next_device(), tree.devices, disk=tree.disk)


def _made(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def _make_folder(context: FileSystemContext, path: str, mode: int) -> None:
    """Make a folder of C: unless it is there."""
    try:
        make_directory(context, Name(context.root, ("mnt", "c", *path.split("/"))), mode)
    except Failure as failure:
        if failure.status != Status.OBJECT_NAME_COLLISION:
            raise


def make_profile(context: FileSystemContext, user: str) -> None:
    """Make the folders that USERPROFILE, APPDATA and LOCALAPPDATA name, for the user whose context it is."""
    with suppress(Failure):
        for path in _PROFILE:
            _make_folder(context, f"users/{user}{path}", 0o755)


def _copy_extra_libraries(found: userland.Userland, context: FileSystemContext) -> None:
    """DLLs that Wine's programs import and other packages bring, and those that only pass on to others."""
    libraries = {
        name: path.read_bytes
        for folder in found.extra
        for name in userland.EXTRA_LIBRARIES
        if (path := folder / name).is_file()
    }
    libraries |= {
        name: functools.partial(forwarder.build, name, exports)
        for name, exports in forwarder.LIBRARIES.items()
    }
    create = Open(Access.WRITE, Disposition.CREATE, mode=0o755)
    for name, content in libraries.items():
        target = ("mnt", "c", "windows", "system32", name)
        try:
            find(context, context.root, target)
        except Failure:
            file = cast(File, create_file(context, context.root, target, create))
            file.write(content())
            file.release()


def _link_databases(context: FileSystemContext) -> None:
    """Have Windows' files about the network be those of Linux, once: both worlds know the same names (027)."""
    folder = ("mnt", "c", "windows", "system32", "drivers")
    with suppress(Failure):
        make_directory(context, Name(context.root, folder), 0o755)
        make_directory(context, Name(context.root, (*folder, "etc")), 0o755)
        for name, target in _DATABASES.items():
            symlink(context, f"/etc/{target}", Name(context.root, (*folder, "etc", name)))


def _folder(context: FileSystemContext, path: tuple[str, ...]) -> Location | None:
    """A folder of the machine; None when it is not there, or has another path and so is shown elsewhere."""
    try:
        location = find(context, context.root, path, Walk.FOLLOW | Walk.DIRECTORY)
    except Failure:
        return None
    return location if location.place(None).components == path else None


def _has_better(found: userland.Userland, name: str) -> bool:
    """Whether the userland's own program of a name is to be had rather than ours."""
    return name not in _BETTER and (found.system / name).is_file()


def _give_way(found: userland.Userland, layer: Path) -> None:
    """Remove programs of ours that an older userland lacked: the present one's are Windows' own."""
    for source in _SYSTEM_PROGRAMS.iterdir():
        ours = layer / source.name
        if _has_better(found, source.name) and ours.is_file():
            with open(ours, "rb") as file:
                if file.read(len(_OURS)) == _OURS:
                    ours.unlink()


def _provide(context: FileSystemContext, found: userland.Userland) -> None:
    """Put what is below `guest` into the machine's private layer, where an older Lichen's may be."""
    for source in sorted(path for path in _GUEST.rglob("*") if path.is_file()):
        if source.parent == _SYSTEM_PROGRAMS and _has_better(found, source.name):
            continue
        target = source.relative_to(_GUEST).parts
        with suppress(Failure):  # a machine without such a folder does without the file
            _put(context, target, source.read_bytes(), 0o755 if target[-2] in _PROGRAM_FOLDERS else 0o644)


def _provide_programs(context: FileSystemContext, layer: Path) -> None:
    """Put Lichen's own Windows programs into system32; what the machine's layer has of them already is told by its time."""
    for source in OWN_PROGRAMS.glob("*.exe"):
        state, ours = source.stat(), layer / source.name
        with suppress(OSError):
            there = ours.lstat()
            if (there.st_size, there.st_mtime_ns) == (state.st_size, state.st_mtime_ns):
                continue
        with suppress(Failure, OSError):  # a disk that is full
            _put(context, ("mnt", "c", "windows", "system32", source.name), source.read_bytes(), 0o755)
            os.utime(ours, ns=(state.st_mtime_ns, state.st_mtime_ns), follow_symlinks=False)


def _put(context: FileSystemContext, target: tuple[str, ...], content: bytes, mode: int) -> None:
    try:
        node = find(context, context.root, target, 0).node  # a link itself, as on a host that is WSL
        if node.kind == Kind.REGULAR and node.read_at(0, len(content) + 1) == content:
            return
        remove(context, Name(context.root, target), directory=False)
    except Failure as failure:
        if failure.status != Status.OBJECT_NAME_NOT_FOUND:
            raise
    make = Open(Access.WRITE, Disposition.OVERWRITE_IF, mode=mode)
    file = cast(File, create_file(context, context.root, target, make))
    file.write(content)
    file.release()
