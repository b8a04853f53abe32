"""Environment variables between the worlds: all pass, PATH, TEMP and TMP are converted (DECISIONS 32)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from lichen.executive.io.lookup import find
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
        "WINESYSTEMDLLPATH": "C:\\windows\\system32",
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
