"""The registry.

Source: NtCreateKey, NtQueryValueKey and their family (ntddk.h); classes of KEY_*_INFORMATION in wdm.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import OptionalOut, Out
from lichen.abi.layout import layout, ptr, u32
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.opening import find
from lichen.executive.objects.rights import DELETE, KEY, KeyAccess, StateAccess
from lichen.executive.registry import Changed, Key, Registry
from lichen.executive.registry_file import Value
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.information import Information
from lichen.subsystems.nt.objects import new_handle, object_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.registry import (
    KeyBasicInformation,
    KeyCachedInformation,
    KeyFullInformation,
    KeyNameInformation,
    KeyNodeInformation,
    KeyValueBasicInformation,
    KeyValueFullInformation,
    KeyValuePartialInformation,
    KeyValuePartialInformationAlign64,
)
from lichen.subsystems.nt.registry_access import require_writable
from lichen.subsystems.nt.registry_keys import KeyObject, name_of_key
from lichen.subsystems.nt.spelling import parts_of
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
_NODE_SIZE, _FULL_SIZE = layout(KeyNodeInformation, MODEL).size, layout(KeyFullInformation, MODEL).size
_VALUE_SIZE: Final = layout(KeyValueFullInformation, MODEL).size
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
        return _key(thread, name.root, 0), tuple(filter(None, parts_of(name.name)))
    if not name.name:
        raise Failure(Status.OBJECT_PATH_SYNTAX_BAD)
    found, rest = find(thread.process, 0, parts_of(name.name))
    return found.key_below(thread.process, rest)


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


# ---- what is known of keys


keys: Final = Information[Key](
    Status.INVALID_PARAMETER, access=KeyAccess.QUERY_VALUE, too_small=Status.BUFFER_TOO_SMALL, partial=True
)
_NOTHING: Final = 0xFFFFFFFF
"""The offset of what is not there."""


@keys.tailed(0, KeyBasicInformation)
def _basic(at: int, key: Key) -> tuple[KeyBasicInformation, bytes]:
    name = encode(key.name)
    return KeyBasicInformation(key.modified, 0, len(name)), name


@keys.tailed(1, KeyNodeInformation)
def _node(at: int, key: Key) -> tuple[KeyNodeInformation, bytes]:
    name, class_name = encode(key.name), encode(key.class_name)
    offset = _NODE_SIZE + len(name) if class_name else _NOTHING
    return KeyNodeInformation(key.modified, 0, offset, len(class_name), len(name)), name + class_name


class _Counts(NamedTuple):
    """How many subkeys and values a key has, and how long their names and data are at most."""

    sub_keys: int
    longest_name: int
    longest_class: int
    values: int
    longest_value_name: int
    longest_data: int

    @classmethod
    def of(cls, key: Key) -> _Counts:
        below, values = key.subkeys.values(), key.values.values()
        return cls(
            len(below),
            max((len(encode(each.name)) for each in below), default=0),
            max((len(encode(each.class_name)) for each in below), default=0),
            len(values),
            max((len(encode(value.name)) for value in values), default=0),
            max((len(value.data) for value in values), default=0),
        )


@keys.tailed(2, KeyFullInformation)
def _full(at: int, key: Key) -> tuple[KeyFullInformation, bytes]:
    class_name = encode(key.class_name)
    offset = _FULL_SIZE if class_name else _NOTHING
    return KeyFullInformation(key.modified, 0, offset, len(class_name), *_Counts.of(key)), class_name


@keys.tailed(3, KeyNameInformation, access=0)
def _name(at: int, key: Key) -> tuple[KeyNameInformation, bytes]:
    path = encode(name_of_key(key))
    return KeyNameInformation(len(path)), path


@keys.tailed(4, KeyCachedInformation)
def _cached(at: int, key: Key) -> tuple[KeyCachedInformation, bytes]:
    """The record, and the padding behind it, which a caller need not have room for."""
    counts, length = _Counts.of(key), len(encode(key.name))
    of_keys, of_values = (counts.sub_keys, counts.longest_name), counts[3:]
    return KeyCachedInformation(key.modified, 0, *of_keys, *of_values, length), bytes(4)


@nt.call()
def NtQueryKey(
    thread: Thread, handle: Handle, information_class: u32, buffer: Address, size: u32, needed: Out[u32]
) -> int:
    """What is known of a key."""
    known = keys.find(information_class)
    return known.answer(thread.memory, buffer, size, needed, _key(thread, handle, known.access))[0]


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
    known = keys.find(information_class)
    return known.answer(thread.memory, buffer, size, needed, key.subkeys[key.order[index]])[0]


# ---- what is known of values


values: Final = Information[Value](Status.INVALID_PARAMETER, too_small=Status.BUFFER_TOO_SMALL, partial=True)


@values.tailed(0, KeyValueBasicInformation)
def _value_basic(at: int, value: Value) -> tuple[KeyValueBasicInformation, bytes]:
    name = encode(value.name)
    return KeyValueBasicInformation(0, value.type, len(name)), name


def _full_value(value: Value, align: int) -> tuple[KeyValueFullInformation, bytes]:
    name, size = encode(value.name), _VALUE_SIZE
    offset = (size + len(name) + align - 1) & -align
    known = KeyValueFullInformation(0, value.type, offset, len(value.data), len(name))
    return known, name.ljust(offset - size, b"\0") + value.data


@values.tailed(1, KeyValueFullInformation)
def _value_full(at: int, value: Value) -> tuple[KeyValueFullInformation, bytes]:
    return _full_value(value, 1)


@values.tailed(2, KeyValuePartialInformation)
def _value_partial(at: int, value: Value) -> tuple[KeyValuePartialInformation, bytes]:
    return KeyValuePartialInformation(0, value.type, len(value.data)), value.data


@values.tailed(3, KeyValueFullInformation)
def _value_full_aligned(at: int, value: Value) -> tuple[KeyValueFullInformation, bytes]:
    return _full_value(value, 8)


@values.tailed(4, KeyValuePartialInformationAlign64)
def _value_partial_aligned(at: int, value: Value) -> tuple[KeyValuePartialInformationAlign64, bytes]:
    return KeyValuePartialInformationAlign64(value.type, len(value.data)), value.data


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
    return values.find(information_class).answer(thread.memory, buffer, size, needed, value)[0]


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
    found = list(_key(thread, handle, KeyAccess.QUERY_VALUE).values.values())
    if index >= len(found):
        return Status.NO_MORE_ENTRIES
    return values.find(information_class).answer(thread.memory, buffer, size, needed, found[index])[0]


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
