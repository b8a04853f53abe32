"""Windows paths as NT names where no DLL has made them such: a name in a record that goes to the kernel as it is.

Source: what RtlDosPathNameToNtPathName_U does with the kinds of paths; naming a file (docs of Windows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.subsystems.nt.parameters import read_block
from lichen.subsystems.nt.state import nt_of_process
from lichen.subsystems.nt.types import text_of

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_NATIVE: Final = "\\??\\"
_LITERAL: Final = ("\\\\?\\", "\\??\\")


def native_path(thread: Thread, path: str) -> str:
    """The NT name of a path, which may be relative to the folder that its program is in."""
    if path.startswith(_LITERAL):
        return _NATIVE + path[4:]
    path = path.replace("/", "\\")
    if path.startswith("\\\\.\\"):
        return _NATIVE + path[4:]
    if path.startswith("\\\\"):
        server, _, rest = path[2:].partition("\\")
        share, _, rest = rest.partition("\\")
        return _joined(f"UNC\\{server}\\{share}", rest)
    if path[1:3] == ":\\":
        return _joined(path[:2], path[2:])
    folder = _current_folder(thread)
    if path[1:2] == ":":
        start = folder[2:] if folder[:2].lower() == path[:2].lower() else ""
        return _joined(path[:2], f"{start}\\{path[2:]}")
    drive = folder[:2] if folder[1:2] == ":" else "C:"
    return _joined(drive, path if path.startswith("\\") else f"{folder[2:]}\\{path}")


def _joined(start: str, rest: str) -> str:
    """A name of which no component is empty, `.` or `..`, as these mean something to Win32 alone."""
    found: list[str] = []
    for part in rest.split("\\"):
        if part == "..":
            del found[-1:]
        elif part not in ("", "."):
            found.append(part)
    return _NATIVE + "\\".join((start, *found))


def _current_folder(thread: Thread) -> str:
    memory = thread.memory
    return text_of(memory, read_block(memory, nt_of_process(thread.process).peb).current_directory)
