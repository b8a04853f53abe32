r"""Directories and symbolic links of the object namespace: `\BaseNamedObjects`, `\??\C:`.

Source: NtOpenDirectoryObject, NtQueryDirectoryObject, NtOpenSymbolicLinkObject (ntifs.h, phnt).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut, OptionalOut, Out
from lichen.abi.layout import ptr, u32
from lichen.executive.objects.namespace import Directory, SymbolicLink
from lichen.executive.objects.rights import DirectoryAccess, LinkAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records.common import UnicodeString
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import (
    NOTHING,
    Address,
    Boolean,
    Flags,
    Handle,
    ObjectName,
    encode,
    pointer,
    read_string,
)

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_MORE_ENTRIES: Final = 0x00000105
_ENTRY_SIZE: Final = 32


@nt.call()
def NtOpenDirectoryObject(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a directory of the namespace."""
    return names.open_named(thread, handle, access, name, Directory)


@nt.call()
def NtCreateDirectoryObject(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Make a directory of the namespace, or open it."""
    return names.make_or_open(thread, handle, access, name, Directory, Directory)


@nt.call()
def NtQueryDirectoryObject(
    thread: Thread,
    handle: Handle,
    buffer: Address,
    size: u32,
    single: Boolean,
    restart: Boolean,
    context: Address,
    needed: OptionalOut[u32],
) -> int:
    """The names and types of a directory's entries, from the `context`th on."""
    directory = object_of(thread, handle, Directory, DirectoryAccess.QUERY)
    memory = thread.memory
    index = 0 if restart else int.from_bytes(memory.read(context, 4), "little")
    entries = [(encode(name), encode(found.type_name)) for name, found in directory.entries.items()]
    chosen: list[tuple[bytes, bytes]] = []
    total, more = _ENTRY_SIZE, 0
    for name, kind in entries[index:]:
        more = _ENTRY_SIZE + len(name) + len(kind) + 4
        if total + more > size or (single and chosen):
            break
        chosen.append((name, kind))
        total += more
    if not chosen:
        if index >= len(entries):
            return Status.NO_MORE_ENTRIES
        needed.write(total + more)
        raise Failure(Status.BUFFER_TOO_SMALL)
    memory.write(buffer, _packed(chosen, buffer))
    memory.write(context, struct.pack("<I", index + len(chosen)))
    needed.write(total)
    return Status.SUCCESS if single or index + len(chosen) == len(entries) else _MORE_ENTRIES


def _packed(entries: list[tuple[bytes, bytes]], buffer: int) -> bytes:
    """OBJECT_DIRECTORY_INFORMATION records, an empty one, and then the texts."""
    head, texts = b"", b""
    start = buffer + _ENTRY_SIZE * (len(entries) + 1)
    for entry in entries:
        for text in entry:
            head += struct.pack("<HHI", len(text), len(text) + 2, 0) + pointer(start + len(texts))
            texts += text + b"\0\0"
    return head + bytes(_ENTRY_SIZE) + texts


# ---- symbolic links


@nt.call()
def NtOpenSymbolicLinkObject(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a link itself."""
    return names.open_named(thread, handle, access, name, SymbolicLink)


@nt.call()
def NtCreateSymbolicLinkObject(
    thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, target: Address
) -> int:
    """Make a link to an absolute name; it is there as long as a handle is."""
    if name is NOTHING:
        raise Failure(Status.ACCESS_VIOLATION)
    text = read_string(thread.memory, target)
    if not text.startswith("\\"):
        raise Failure(Status.INVALID_PARAMETER)
    return names.make_or_open(
        thread, handle, access, name, SymbolicLink, lambda: SymbolicLink(names.components_of(text))
    )


@nt.call()
def NtQuerySymbolicLinkObject(
    thread: Thread, handle: Handle, target: InOut[UnicodeString], needed: OptionalOut[u32]
) -> int:
    """Where a link leads."""
    text = encode(
        "".join("\\" + name for name in object_of(thread, handle, SymbolicLink, LinkAccess.QUERY).target)
    )
    given = target.read()
    needed.write(len(text) + 2)
    if given.maximum_length < len(text) + 2:
        raise Failure(Status.BUFFER_TOO_SMALL)
    thread.memory.write(given.buffer, text + b"\0\0")
    target.write(given._replace(length=len(text)))
    return Status.SUCCESS
