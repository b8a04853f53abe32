r"""Directories and symbolic links of the object namespace: `\BaseNamedObjects`, `\??\C:`.

Source: NtOpenDirectoryObject, NtQueryDirectoryObject, NtOpenSymbolicLinkObject (ntifs.h, phnt).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import InOut, OptionalOut, Out
from lichen.abi.layout import layout, ptr, u32
from lichen.executive.objects.namespace import Directory, SymbolicLink
from lichen.executive.objects.rights import DirectoryAccess, LinkAccess
from lichen.executive.status import Failure, Status
from lichen.subsystems.nt import names
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.common import UnicodeString
from lichen.subsystems.nt.records.objects import ObjectDirectoryInformation
from lichen.subsystems.nt.spelling import components_of
from lichen.subsystems.nt.status import NtStatus
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import (
    NOTHING,
    Address,
    Boolean,
    Flags,
    Handle,
    ObjectName,
    encode,
    read_string,
    wrapped,
)

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_ENTRY: Final = layout(ObjectDirectoryInformation, MODEL)


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
    index = 0 if restart else ULONG.read(memory, context)
    entries = [(encode(name), encode(found.type_name)) for name, found in directory.entries.items()]
    chosen: list[tuple[bytes, bytes]] = []
    total, more = _ENTRY.size, 0
    for name, kind in entries[index:]:
        more = _ENTRY.size + len(name) + len(kind) + 4
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
    memory.write(context, ULONG.pack(index + len(chosen)))
    needed.write(total)
    return Status.SUCCESS if single or index + len(chosen) == len(entries) else NtStatus.MORE_ENTRIES


def _packed(entries: list[tuple[bytes, bytes]], buffer: int) -> bytes:
    """OBJECT_DIRECTORY_INFORMATION records, an empty one, and then the texts."""
    head, texts = b"", b""
    start = buffer + _ENTRY.size * (len(entries) + 1)
    for entry in entries:
        places = []
        for text in entry:
            places.append(UnicodeString(len(text), len(text) + 2, wrapped(start + len(texts))))
            texts += text + b"\0\0"
        head += _ENTRY.pack(ObjectDirectoryInformation(*places))
    return head + bytes(_ENTRY.size) + texts


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
        thread, handle, access, name, SymbolicLink, lambda: SymbolicLink(components_of(text))
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
