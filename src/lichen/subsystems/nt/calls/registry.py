"""The registry.

Source: NtCreateKey, NtQueryValueKey and their family (ntddk.h); classes of KEY_*_INFORMATION in wdm.h.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import ptr, u32
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.rights import DELETE, KEY, KeyAccess, StateAccess
from lichen.executive.registry import Changed, Key, Registry
from lichen.executive.registry_file import Value
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt import names
from lichen.subsystems.nt.objects import new_handle, object_of
from lichen.subsystems.nt.registry_access import require_writable
from lichen.subsystems.nt.registry_keys import KeyObject, RegistryRoot, name_of_key
from lichen.subsystems.nt.subsystem import nt
from lichen.subsystems.nt.types import (
    NOTHING,
    OBJ_OPENLINK,
    Address,
    Boolean,
    Content,
    Flags,
    Handle,
    Named,
    ObjectName,
    Result,
    Text,
    encode,
)

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_VOLATILE, _CREATE_LINK = 1, 2
_CREATED, _OPENED = 1, 2
_KEY_BASIC, _KEY_NODE, _KEY_FULL, _KEY_NAME, _KEY_CACHED = 0, 1, 2, 3, 4
_VALUE_BASIC, _VALUE_FULL, _VALUE_PARTIAL, _VALUE_FULL_ALIGN, _VALUE_PARTIAL_ALIGN = 0, 1, 2, 3, 4
_LARGEST_DATA: Final = 1 << 20
_CHANGES: Final = 0xF
_LICENCES: Final = ("Registry", "Machine", "Software", "Wine", "LicenseInformation")
_MOST_WAITING: Final = 256


def _registry(thread: Thread) -> Registry:
    registry: Registry = thread.process.machine.registry
    return registry


def _key(thread: Thread, handle: int, access: int) -> Key:
    key = object_of(thread, handle, KeyObject, access).key
    key.check()
    return key


def _place(thread: Thread, name: Named) -> tuple[Key, tuple[str, ...]]:
    """Where a key's name starts, and its components; the tree of keys hangs in the object namespace as \\REGISTRY."""
    if name is NOTHING:
        raise Failure(Status.ACCESS_VIOLATION)
    if name.root:
        if name.name.startswith("\\"):
            raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
        return _key(thread, name.root, 0), tuple(filter(None, names.path_of(name.name)))
    if not name.name:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    found = names.reach(thread, name, case_blind=True)
    if not isinstance(found.object, RegistryRoot):
        raise Failure(Status.OBJECT_TYPE_MISMATCH)
    return _registry(thread).root, ("Registry", *filter(None, found.rest))


@nt.call()
def NtCreateKey(
    thread: Thread,
    handle: Out[ptr],
    access: Flags,
    name: ObjectName,
    title: u32,
    class_name: Text,
    options: Flags,
    disposition: OptionalOut[u32],
) -> int:
    """Make or open a key, or make a link to one."""
    is_link = bool(options & _CREATE_LINK)
    try:
        start, components = _place(thread, name)
        key, new = _registry(thread).reach(start, components, is_link or bool(name.attributes & OBJ_OPENLINK))
        if new is not None:
            require_writable(thread, key, new)
            key = _registry(thread).add(key, new, bool(options & _VOLATILE), class_name, is_link)
        elif is_link:
            raise Failure(Status.OBJECT_NAME_COLLISION)
    except Failure:
        handle.write(0)
        raise
    handle.write(new_handle(thread, KeyObject(key), KEY.of_maker(access), name))
    disposition.write(_CREATED if new is not None else _OPENED)
    return Status.SUCCESS


@nt.call()
def NtOpenKey(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName) -> int:
    """Open a key."""
    return _open(thread, handle, access, name)


@nt.call()
def NtOpenKeyEx(thread: Thread, handle: Out[ptr], access: Flags, name: ObjectName, options: Flags) -> int:
    """Open a key."""
    return _open(thread, handle, access, name)


def _open(thread: Thread, handle: Out[int], access: int, name: Named) -> int:
    try:
        start, components = _place(thread, name)
        key = _registry(thread).find(start, components, bool(name.attributes & OBJ_OPENLINK))
    except Failure:
        handle.write(0)
        raise
    handle.write(new_handle(thread, KeyObject(key), KEY.of_maker(access), name))
    return Status.SUCCESS


@nt.call()
def NtDeleteKey(thread: Thread, handle: Handle) -> int:
    """Delete a key without subkeys; what is deleted already stays so."""
    key = object_of(thread, handle, KeyObject, DELETE).key
    if key.deleted:
        return Status.SUCCESS
    require_writable(thread, key)
    _registry(thread).delete(key)
    return Status.SUCCESS


@nt.call()
def NtRenameKey(thread: Thread, handle: Handle, name: Text) -> int:
    """Rename a key."""
    if not name or "\\" in name:
        raise Failure(Status.INVALID_PARAMETER)
    key = _key(thread, handle, KeyAccess.CREATE_SUB_KEY)
    require_writable(thread, key)
    _registry(thread).rename(key, name)
    return Status.SUCCESS


@nt.call()
def NtFlushKey(thread: Thread, handle: Handle) -> Blocks[int]:
    """Bring the registry to the disk."""
    _key(thread, handle, 0)
    yield from _registry(thread).flush()
    return Status.SUCCESS


def _answer(thread: Thread, fixed: int, data: bytes, buffer: int, size: int, needed: Out[int]) -> int:
    """Give as much of an answer as fits: the fixed part must."""
    needed.write(len(data))
    if size < fixed:
        return Status.BUFFER_TOO_SMALL
    thread.memory.write(buffer, data[:size])
    return Status.SUCCESS if size >= len(data) else Status.BUFFER_OVERFLOW


def _describe_key(key: Key, information_class: int) -> tuple[int, bytes]:
    """(size of the fixed part, KEY_*_INFORMATION)."""
    name, class_name = encode(key.name), encode(key.class_name)
    if information_class == _KEY_BASIC:
        return 16, struct.pack("<qII", key.modified, 0, len(name)) + name
    if information_class == _KEY_NODE:
        offset = 24 + len(name) if class_name else 0xFFFFFFFF
        head = struct.pack("<q4I", key.modified, 0, offset, len(class_name), len(name))
        return 24, head + name + class_name
    if information_class == _KEY_NAME:
        path = encode(name_of_key(key))
        return 4, struct.pack("<I", len(path)) + path
    names = [len(encode(below.name)) for below in key.subkeys.values()]
    classes = [len(encode(below.class_name)) for below in key.subkeys.values()]
    value_names = [len(encode(value.name)) for value in key.values.values()]
    sizes = [len(value.data) for value in key.values.values()]
    counts = len(names), max(names, default=0), max(classes, default=0)
    value_counts = len(sizes), max(value_names, default=0), max(sizes, default=0)
    if information_class == _KEY_FULL:
        offset = 44 if class_name else 0xFFFFFFFF
        head = struct.pack("<q3I6I", key.modified, 0, offset, len(class_name), *counts, *value_counts)
        return 44, head + class_name
    if information_class == _KEY_CACHED:
        return 36, struct.pack("<qI2I3I2I", key.modified, 0, *counts[:2], *value_counts, len(name), 0)[:40]
    raise Failure(Status.INVALID_PARAMETER)


@nt.call()
def NtQueryKey(
    thread: Thread, handle: Handle, information_class: u32, buffer: Address, size: u32, needed: Out[u32]
) -> int:
    """What is known of a key."""
    right = 0 if information_class == _KEY_NAME else KeyAccess.QUERY_VALUE
    fixed, data = _describe_key(_key(thread, handle, right), information_class)
    return _answer(thread, fixed, data, buffer, size, needed)


@nt.call()
def NtEnumerateKey(
    thread: Thread,
    handle: Handle,
    index: u32,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: Out[u32],
) -> int:
    """One subkey by its place in the sorted list."""
    key = _key(thread, handle, KeyAccess.ENUMERATE_SUB_KEYS)
    if index >= len(key.order):
        return Status.NO_MORE_ENTRIES
    fixed, data = _describe_key(key.subkeys[key.order[index]], information_class)
    return _answer(thread, fixed, data, buffer, size, needed)


def _describe_value(value: Value, information_class: int) -> tuple[int, bytes]:
    """(size of the fixed part, KEY_VALUE_*_INFORMATION)."""
    name = encode(value.name)
    if information_class == _VALUE_BASIC:
        return 12, struct.pack("<3I", 0, value.type, len(name)) + name
    if information_class in (_VALUE_FULL, _VALUE_FULL_ALIGN):
        offset = (20 + len(name) + 7) & -8 if information_class == _VALUE_FULL_ALIGN else 20 + len(name)
        head = struct.pack("<5I", 0, value.type, offset, len(value.data), len(name)) + name
        return 20, head.ljust(offset, b"\0") + value.data
    if information_class == _VALUE_PARTIAL:
        return 12, struct.pack("<3I", 0, value.type, len(value.data)) + value.data
    if information_class == _VALUE_PARTIAL_ALIGN:
        return 8, struct.pack("<2I", value.type, len(value.data)) + value.data
    raise Failure(Status.INVALID_PARAMETER)


@nt.call()
def NtQueryValueKey(
    thread: Thread,
    handle: Handle,
    name: Text,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: Out[u32],
) -> int:
    """A value by name."""
    value = _registry(thread).value(_key(thread, handle, KeyAccess.QUERY_VALUE), name)
    fixed, data = _describe_value(value, information_class)
    return _answer(thread, fixed, data, buffer, size, needed)


@nt.call()
def NtQueryLicenseValue(
    thread: Thread, name: Text, type: OptionalOut[u32], buffer: Address, size: u32, needed: OptionalOut[u32]
) -> int:
    """What a licence permits, which is a value of the registry."""
    if not name or not needed:
        raise Failure(Status.INVALID_PARAMETER)
    registry = _registry(thread)
    value = registry.value(registry.find(registry.root, _LICENCES), name)
    type.write(value.type)
    needed.write(len(value.data))
    if size < len(value.data):
        raise Failure(Status.BUFFER_TOO_SMALL)
    thread.memory.write(buffer, value.data)
    return Status.SUCCESS


@nt.call()
def NtEnumerateValueKey(
    thread: Thread,
    handle: Handle,
    index: u32,
    information_class: u32,
    buffer: Address,
    size: u32,
    needed: Out[u32],
) -> int:
    """One value by its place, in the order they were made."""
    values = list(_key(thread, handle, KeyAccess.QUERY_VALUE).values.values())
    if index >= len(values):
        return Status.NO_MORE_ENTRIES
    fixed, data = _describe_value(values[index], information_class)
    return _answer(thread, fixed, data, buffer, size, needed)


@nt.call()
def NtQueryMultipleValueKey(
    thread: Thread,
    handle: Handle,
    entries: Address,
    count: u32,
    buffer: Address,
    size: Out[u32],
    needed: Address,
) -> int:
    """Several values at once: programs fall back on asking for one at a time."""
    _key(thread, handle, KeyAccess.QUERY_VALUE)
    raise Failure(Status.NOT_IMPLEMENTED)


@nt.call()
def NtSetValueKey(
    thread: Thread, handle: Handle, name: Text, title: u32, type: u32, data: Content, size: u32
) -> int:
    """Set a value."""
    if size > _LARGEST_DATA:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    content = thread.memory.read(data, size) if size else b""
    key = _key(thread, handle, KeyAccess.SET_VALUE)
    require_writable(thread, key)
    _registry(thread).set_value(key, name, type, content)
    return Status.SUCCESS


@nt.call()
def NtDeleteValueKey(thread: Thread, handle: Handle, name: Text) -> int:
    """Delete a value."""
    key = _key(thread, handle, KeyAccess.SET_VALUE)
    require_writable(thread, key)
    _registry(thread).delete_value(key, name)
    return Status.SUCCESS


def _wait(opened: KeyObject, changed: Changed) -> Blocks[int]:
    yield from opened.wait(changed)
    return Status.SUCCESS  # NOTIFY_ENUM_DIR, which Windows says, is an error to Wine's advapi32


@nt.call(partial="one change is told once; APC routines are not called")
def NtNotifyChangeKey(
    thread: Thread,
    handle: Handle,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    filter: u32,
    subtree: Boolean,
    buffer: Address,
    size: u32,
    asynchronous: Boolean,
) -> Result:
    """Tell when a key changes."""
    return _notify_change(thread, handle, event, filter, subtree, asynchronous)


@nt.call(partial="of one key alone; one change is told once; APC routines are not called")
def NtNotifyChangeMultipleKeys(
    thread: Thread,
    handle: Handle,
    count: u32,
    others: Address,
    event: Handle,
    routine: Address,
    context: Address,
    status: Address,
    filter: u32,
    subtree: Boolean,
    buffer: Address,
    size: u32,
    asynchronous: Boolean,
) -> Result:
    """Tell when a key or one of some others changes."""
    if count:
        raise Failure(Status.NOT_IMPLEMENTED)
    return _notify_change(thread, handle, event, filter, subtree, asynchronous)


def _notify_change(
    thread: Thread, handle: int, event: int, filter: int, subtree: bool, asynchronous: bool
) -> int | Blocks[int]:
    opened = object_of(thread, handle, KeyObject, KeyAccess.NOTIFY)
    if filter & ~_CHANGES:
        raise Failure(Status.INVALID_PARAMETER)
    target = object_of(thread, event, EventObject, StateAccess.MODIFY_STATE).event if event else None
    if len(opened.waiting) >= _MOST_WAITING:
        raise Failure(Status.INSUFFICIENT_RESOURCES)
    opened.watched = opened.watched or (filter, subtree)
    changed = _registry(thread).watch(opened.key, *opened.watched)
    if not asynchronous:
        return _wait(opened, changed)
    if target is not None:
        target.reset()

    def tell() -> Blocks[None]:
        yield from opened.wait(changed)
        if target is not None:
            target.set()

    thread.process.machine.scheduler.spawn(tell())
    return Status.PENDING
