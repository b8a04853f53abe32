"""Calls that only Wine's ntdll has.

Source: the names and what Wine's DLLs do with the answers.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut
from lichen.abi.layout import u32
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import crash, environment
from lichen.subsystems.nt.names import drive_above, joined
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import Address, ObjectName, Result, encode, to_bytes

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_LONGEST_NAME: Final = 4096
_NT_PREFIX: Final = "\\??\\"


@nt.call()
def __wine_dbg_write(thread: Thread, text: Address, size: u32) -> Result:
    """What a DLL of Wine has to say."""
    return crash.say(thread, text, size)


@nt.call()
def wine_nt_to_unix_file_name(
    thread: Thread, name: ObjectName, buffer: Address, size: InOut[u32], disposition: u32
) -> int:
    """The name that Linux programs know a file by, which need not be there."""
    found = environment.linux_name(thread.process, name.name.removeprefix(_NT_PREFIX))
    if found is None:
        raise Failure(Status.OBJECT_PATH_NOT_FOUND)
    return _give(thread, buffer, size, to_bytes(found) + b"\0", 1)


@nt.call()
def wine_unix_to_nt_file_name(thread: Thread, name: Address, buffer: Address, size: InOut[u32]) -> int:
    """The NT name of what Linux programs know by another; a relative one begins at the current folder."""
    process = thread.process
    path = thread.memory.cstring(name, _LONGEST_NAME)
    current = environment.linux_path(process, process.files.current)
    whole = os.fsdecode(posixpath.normpath(posixpath.join(current, path)))
    found = _NT_PREFIX + joined(*drive_above(process, tuple(part for part in whole.split("/") if part)))
    return _give(thread, buffer, size, encode(found) + bytes(2), 2)


def _give(thread: Thread, buffer: int, size: InOut[u32], data: bytes, unit: int) -> int:
    """Write a name if there is room; the size tells in any case how much it takes."""
    room = size.read()
    size.write(len(data) // unit)
    if room * unit < len(data):
        raise Failure(Status.BUFFER_TOO_SMALL)
    thread.memory.write(buffer, data)
    return Status.SUCCESS
