"""Environment variables and paths between the worlds: all variables pass, PATH, TEMP and TMP are converted (G32).

What WSLENV lists passes as it says there.
"""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, find
from lichen.executive.registry import Key
from lichen.executive.status import Failure
from lichen.subsystems.nt import linux_programs, wslenv
from lichen.subsystems.nt.devices import DISTRIBUTION, SERVERS
from lichen.subsystems.nt.names import computer_name, dos_path
from lichen.subsystems.nt.spelling import for_linux, for_windows
from lichen.subsystems.nt.types import to_bytes

if TYPE_CHECKING:
    from lichen.executive.processes import Process

_ENVIRONMENT_KEY: Final = (
    "Registry",
    "Machine",
    "System",
    "CurrentControlSet",
    "Control",
    "Session Manager",
    "Environment",
)
_SYSTEM_PATH: Final = ("C:\\windows\\system32", "C:\\windows")
_ALWAYS_CONVERTED: Final = frozenset(("PATH", "TEMP", "TMP"))
_MOST_FOLDERS: Final = 512
_LONGEST: Final = 4096
_LONG_PATH: Final = "\\\\?\\"
_SHARE: Final = re.compile(
    rf"(?:\\\\|\\\\\?\\UNC\\)(?:{'|'.join(map(re.escape, SERVERS))})\\{DISTRIBUTION}(?=\\|$)", re.IGNORECASE
)


def to_windows(process: Process, environment: tuple[bytes, ...]) -> dict[str, str]:
    """The environment of a Windows program that a Linux program starts."""
    given = dict(line.partition("=")[::2] for line in map(os.fsdecode, environment) if "=" in line)
    folders = [
        *_SYSTEM_PATH,
        *filter(None, (_search_folder(process, p) for p in _folders(given.pop("PATH", ""), ":"))),
    ]
    user = given.get("USER", "root")
    profile = f"C:\\users\\{user}"
    computer = computer_name(process.machine.system.host_name)
    defaults = {
        "SystemDrive": "C:",
        "SystemRoot": "C:\\windows",
        "windir": "C:\\windows",
        "ComSpec": "C:\\windows\\system32\\cmd.exe",
        "ALLUSERSPROFILE": "C:\\ProgramData",
        "ProgramData": "C:\\ProgramData",
        "ProgramFiles": "C:\\Program Files",
        "ProgramW6432": "C:\\Program Files",
        "CommonProgramFiles": "C:\\Program Files\\Common Files",
        "CommonProgramW6432": "C:\\Program Files\\Common Files",
        "PUBLIC": "C:\\users\\Public",
        "USERDOMAIN": computer,
        "USERNAME": user,
        "WINEUSERNAME": user,  # where GetUserName looks
        "USERPROFILE": profile,
        "APPDATA": f"{profile}\\AppData\\Roaming",
        "LOCALAPPDATA": f"{profile}\\AppData\\Local",
        "HOMEDRIVE": "C:",
        "HOMEPATH": profile[2:],
        "COMPUTERNAME": computer,
        "NUMBER_OF_PROCESSORS": str(len(process.machine.system.processors)),
        "TEMP": "C:\\windows\\temp",
        "TMP": "C:\\windows\\temp",
    }
    found = defaults | _from_registry(process) | {k: v for k, v in given.items() if k not in ("TEMP", "TMP")}
    for name in ("TEMP", "TMP"):
        if name in given and (converted := windows_path(process, given[name])):
            found[name] = converted
    _apply_list(found, wslenv.apply(given, wslenv.TO_WINDOWS, lambda path: windows_name(process, path)))
    found["PATH"] = ";".join(dict.fromkeys(folders))
    return found


def _folders(path: str, separator: str) -> list[str]:
    """The folders of a PATH, which are all looked up: no more of them than anybody means to have there."""
    return list(dict.fromkeys(path.split(separator)))[:_MOST_FOLDERS]


def _apply_list(found: dict[str, str], listed: Mapping[str, str | None]) -> None:
    """Let variables pass as WSLENV says."""
    for name, value in listed.items():
        if name.upper() in _ALWAYS_CONVERTED:
            continue
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value


def _from_registry(process: Process) -> dict[str, str]:
    """What the registry sets for every process."""
    registry = process.machine.registry
    try:
        key: Key = registry.find(registry.root, _ENVIRONMENT_KEY)
    except Failure:
        return {}
    return {
        value.name: value.data.decode("utf-16-le", "replace").rstrip("\0")
        for value in key.values.values()
        if value.type in (1, 2)
    }


def windows_path(process: Process, path: str) -> str | None:
    """An absolute Linux path in Windows' terms; None for one that does not exist."""
    location = _existing(process, path)
    return None if location is None else dos_path(process, location)


def _search_folder(process: Process, path: str) -> str | None:
    """As `windows_path`, for a folder in which programs are looked for."""
    location = _existing(process, path)
    return None if location is None else linux_programs.shown_as(location) or dos_path(process, location)


def _existing(process: Process, path: str) -> Location | None:
    """What an absolute Linux path leads to; None when that is nothing."""
    if not path.startswith("/") or len(path) > _LONGEST:
        return None
    context = process.files
    try:
        return find(context, context.root, _parts(path, "/"))
    except Failure:
        return None


def windows_name(process: Process, path: str) -> str:
    """As `windows_path`, but for paths that do not exist too; a relative one stays relative."""
    if not path.startswith("/"):
        return "\\".join(map(for_windows, path.split("/")))
    components = _parts(posixpath.normpath(path), "/")
    location, rest = _as_far_as_there(process, process.files.root, components, Walk.FOLLOW)
    name = "\\".join((dos_path(process, location).rstrip("\\"), *map(for_windows, rest)))
    return name + "\\" if len(name) == 2 or path.endswith("/") else name


def _parts(path: str, separator: str) -> tuple[str, ...]:
    return tuple(part for part in path.split(separator) if part)


def _linux_parts(path: str) -> tuple[str, ...]:
    """The components of a Windows path as Linux names them."""
    return tuple(map(for_linux, _parts(path, "\\")))


def _as_far_as_there(
    process: Process, start: Location, components: tuple[str, ...], walk: int
) -> tuple[Location, tuple[str, ...]]:
    """The last place on a way that exists, and the names that are left."""
    for index, name in enumerate(components):
        try:
            start = find(process.files, start, (name,), walk)
        except Failure:
            return start, components[index:]
    return start, ()


def _on_drive(process: Process, path: str) -> tuple[Location, str] | None:
    """The drive that an absolute Windows path is on, and the rest of the path; None when it is on no drive.

    `\\\\wsl.localhost\\Lichen` is the drive of Linux' tree by another name.
    """
    path = path.replace("/", "\\")
    if (share := _SHARE.match(path)) is not None:
        return process.machine.drives["Z"], path[share.end() :] or "\\"
    path = path.removeprefix(_LONG_PATH)
    drive = process.machine.drives.get(path[:1].upper()) if path[1:2] == ":" else None
    return None if drive is None else (drive, path[2:])


def location_of(process: Process, path: str) -> Location | None:
    """What a Windows path leads to; None when it does not exist or is on no drive."""
    if (found := _on_drive(process, path)) is None:
        return None
    drive, rest = found
    try:
        return find(process.files, drive, _linux_parts(rest), Walk.FOLLOW | Walk.CASE_BLIND)
    except Failure:
        return None


def linux_name(process: Process, path: str) -> str | None:
    """An absolute Windows path in Linux' terms, whether or not it exists; None for one that is on no drive."""
    found = _on_drive(process, path)
    if found is None or found[1][:1] != "\\":
        return None
    drive, rest = found
    components = _linux_parts(ntpath.normpath(rest))
    location, left = _as_far_as_there(process, drive, components, Walk.FOLLOW | Walk.CASE_BLIND)
    name = posixpath.join(os.fsdecode(linux_path(process, location)), *left)
    return name + "/" if rest.endswith("\\") and not name.endswith("/") else name


def linux_path(process: Process, location: Location) -> bytes:
    """The absolute path of a location as Linux programs see it."""
    shown = linux_programs.stands_for(location, process.machine.drives["C"])
    return os.fsencode("/" + "/".join(shown or location.place(process.files.root).components))


def to_linux(process: Process, environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """The environment of a Linux program that a Windows program starts."""
    found = {}
    for name, value in environment.items():
        if name.startswith("="):
            continue
        if name.upper() == "PATH":
            folders = (location_of(process, folder) for folder in _folders(value, ";"))
            paths = dict.fromkeys(linux_path(process, folder) for folder in folders if folder is not None)
            found["PATH"] = os.fsdecode(b":".join(paths))
        elif name.upper() in ("TEMP", "TMP") and (folder := location_of(process, value)) is not None:
            found[name] = os.fsdecode(linux_path(process, folder))
        else:
            found[name] = value
    _apply_list(found, wslenv.apply(environment, wslenv.TO_LINUX, lambda path: linux_name(process, path)))
    return tuple(to_bytes(f"{name}={value}") for name, value in found.items())
