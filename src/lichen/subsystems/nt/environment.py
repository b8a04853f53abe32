"""Environment variables between the worlds: all pass, PATH, TEMP and TMP are converted (DECISIONS 32)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk, find
from lichen.executive.registry import Key
from lichen.executive.status import Failure
from lichen.subsystems.nt.names import dos_path

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


def to_windows(process: Process, environment: tuple[bytes, ...]) -> dict[str, str]:
    """The environment of a Windows program that a Linux program starts."""
    given = dict(line.partition("=")[::2] for line in map(os.fsdecode, environment) if "=" in line)
    folders = [
        *_SYSTEM_PATH,
        *filter(None, (windows_path(process, p) for p in given.pop("PATH", "").split(":"))),
    ]
    user = given.get("USER", "root")
    profile = f"C:\\users\\{user}"
    defaults = {
        "SystemDrive": "C:",
        "SystemRoot": "C:\\windows",
        "windir": "C:\\windows",
        "ComSpec": "C:\\windows\\system32\\cmd.exe",
        "ProgramData": "C:\\ProgramData",
        "ProgramFiles": "C:\\Program Files",
        "PUBLIC": "C:\\users\\Public",
        "USERNAME": user,
        "USERPROFILE": profile,
        "HOMEDRIVE": "C:",
        "HOMEPATH": profile[2:],
        "COMPUTERNAME": process.machine.system.host_name.upper()[:15],
        "NUMBER_OF_PROCESSORS": str(os.cpu_count() or 1),
        "TEMP": "C:\\windows\\temp",
        "TMP": "C:\\windows\\temp",
    }
    found = defaults | _from_registry(process) | {k: v for k, v in given.items() if k not in ("TEMP", "TMP")}
    for name in ("TEMP", "TMP"):
        if name in given and (converted := windows_path(process, given[name])):
            found[name] = converted
    found["PATH"] = ";".join(dict.fromkeys(folders))
    return found


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
    if not path.startswith("/"):
        return None
    context = process.files
    try:
        location = find(context, context.root, tuple(part for part in path.split("/") if part))
    except Failure:
        return None
    return dos_path(process, location)


def location_of(process: Process, path: str) -> Location | None:
    """What a Windows path leads to; None when it does not exist or is on no drive."""
    if len(path) < 2 or path[1] != ":":
        return None
    drive = process.machine.drives.get(path[0].upper())
    if drive is None:
        return None
    components = tuple(part for part in path[2:].replace("/", "\\").split("\\") if part)
    try:
        return find(process.files, drive, components, Walk.FOLLOW | Walk.CASE_BLIND)
    except Failure:
        return None


def linux_path(process: Process, location: Location) -> bytes:
    """The absolute path of a location as Linux programs see it."""
    return os.fsencode("/" + "/".join(location.place(process.files.root).components))


def to_linux(process: Process, environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """The environment of a Linux program that a Windows program starts."""
    found = {}
    for name, value in environment.items():
        if name.startswith("="):
            continue
        if name.upper() == "PATH":
            folders = (location_of(process, folder) for folder in value.split(";"))
            paths = dict.fromkeys(linux_path(process, folder) for folder in folders if folder is not None)
            found["PATH"] = os.fsdecode(b":".join(paths))
        elif name.upper() in ("TEMP", "TMP") and (folder := location_of(process, value)) is not None:
            found[name] = os.fsdecode(linux_path(process, folder))
        else:
            found[name] = value
    return tuple(os.fsencode(f"{name}={value}") for name, value in found.items())
