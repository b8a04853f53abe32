"""An NT create is one operation of the executive: no room that it went through is entered a second time.

`python -m tests.unit.test_walks` prints the way of each call here, room by room.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.file import File
from lichen.executive.io.location import Mount
from lichen.executive.io.lookup import Written, stored
from lichen.executive.io.opening import Disposition
from lichen.executive.io.volume import Volume
from lichen.executive.objects.handles import handle_of
from lichen.executive.objects.namespace import SymbolicLink
from lichen.executive.objects.rights import GENERIC_READ, GENERIC_WRITE
from lichen.executive.status import Status
from lichen.filesystems.memory_files import MemoryFileSystem
from lichen.subsystems.nt.named_pipes import NamedPipes
from lichen.subsystems.nt.registry_keys import RegistryRoot
from tests.unit import trees
from tests.unit.abi.guest import BASE
from tests.unit.kernel import status_of
from tests.unit.subsystems.linux.machine import Machine as LinuxMachine
from tests.unit.subsystems.nt.machine import Machine
from tests.unit.walks import Entry, room_of, walk

HANDLE, STATUS, ATTRIBUTES, NAME, TEXT, DATA = (BASE + 0x100 * number for number in range(1, 7))
SIGSTOP = 19
ONCE = {"subsystems/nt", "executive/objects", "executive/io"}
AGAIN = {
    ("executive/io", "executive/objects", "Object.__init__"): "what is opened is an object",
    ("filesystems", "executive/io", "Node.__init__"): "a driver's objects are nodes",
    ("executive", "subsystems/nt", "NtSubsystem.failed"): "a failure is the front-end's to tell",
    ("executive/objects", "executive/io", "fold"): "case is the same to names of objects and of files",
    ("executive/objects", "executive/io", "File.open_relative"): "it is asked whether its names are files'",
    ("executive/objects", "executive/io", "stored"): "and if so, how those are spelled",
}
"""From where to where a walk may lead once more, by which function, and why."""


class WithDrive(Machine):
    """A machine with C: in memory, named pipes and a registry, whose calls take names."""

    def __init__(self) -> None:
        super().__init__()
        root = Mount(MemoryFileSystem(7, self.devices), "test").root
        self.files = FileSystemContext(root, root, self.context.token)
        self.thread.process.files = self.files
        trees.write(self.files, "a.exe", b"MZ")
        namespace = self.state.namespace
        namespace.make("Device").insert("HarddiskVolume1", Volume(root))
        namespace.make("Device").insert("NamedPipe", NamedPipes())
        namespace.make("??").insert("C:", SymbolicLink(("Device", "HarddiskVolume1")))
        namespace.insert("REGISTRY", RegistryRoot())
        self.state.registry.make("Registry")
        for call in ("NtCreateFile", "NtSetValueKey"):
            self.call(call)  # which compiles its entry

    def string(self, text: str) -> int:
        """A UNICODE_STRING at NAME."""
        data = text.encode("utf-16-le")
        self.guest.memory.write(TEXT, data)
        self.guest.memory.write(NAME, struct.pack("<2H4xQ", len(data), len(data), TEXT))
        return NAME

    def named(self, name: str, root: int = 0) -> None:
        """An OBJECT_ATTRIBUTES at ATTRIBUTES."""
        attributes = struct.pack("<I4x2QI4x2Q", 48, root, self.string(name), 0x40, 0, 0)
        self.guest.memory.write(ATTRIBUTES, attributes)

    def create(self, disposition: int = Disposition.OPEN) -> int | None:
        access = GENERIC_READ | (GENERIC_WRITE if disposition != Disposition.OPEN else 0)
        return self.call("NtCreateFile", HANDLE, access, ATTRIBUTES, STATUS, 0, 0, 7, disposition, 0x20)

    def handle(self) -> int:
        return int(struct.unpack("<Q", self.guest.memory.read(HANDLE, 8))[0])


@pytest.fixture
def machine() -> WithDrive:
    return WithDrive()


def entered_again(entries: list[Entry]) -> list[str]:
    """The entries of a walk into rooms that it had been in, and that have no reason."""
    seen: set[str] = set()
    again = []
    for entry in entries:
        if entry.room not in ONCE or (entry.caller, entry.room, entry.function) in AGAIN:
            continue
        if entry.room in seen:
            again.append(str(entry))
        seen.add(entry.room)
    return again


# ---- the walks


def opening() -> Callable[[], object]:
    machine = WithDrive()
    machine.named(r"\??\C:\a.exe")
    return machine.create


def creating() -> Callable[[], object]:
    machine = WithDrive()
    machine.named(r"\??\c:\new.exe")
    return lambda: machine.create(Disposition.CREATE)


def opening_below() -> Callable[[], object]:
    machine = WithDrive()
    directory = trees.opened(machine.files, "")
    machine.named("A.EXE", handle_of(machine.thread.process.handles.insert(directory)))
    return machine.create


def opening_what_is_missing() -> Callable[[], object]:
    machine = WithDrive()
    machine.named(r"\??\C:\missing")
    return machine.create


def setting_a_value() -> Callable[[], object]:
    machine = WithDrive()
    machine.named(r"\Registry\Machine")
    machine.call("NtCreateKey", HANDLE, 0xF003F, ATTRIBUTES)
    key, name = machine.handle(), machine.string("name")
    return lambda: machine.call("NtSetValueKey", key, name, 0, 3, DATA, 4)


def stopping() -> Callable[[], object]:
    machine = LinuxMachine()
    other = machine.process(parent=machine.thread.process)
    machine.call("kill", other.id, 0)
    return lambda: machine.call("kill", other.id, SIGSTOP)


def openat() -> Callable[[], object]:
    machine = LinuxMachine()
    root = Mount(MemoryFileSystem(7, machine.devices), "test").root
    machine.thread.process.files = FileSystemContext(root, root, machine.thread.process.files.token)
    trees.write(machine.thread.process.files, "a", b"text")
    machine.thread.memory.write(BASE, b"/a\0")
    machine.call("openat", -100, BASE)
    return lambda: machine.call("openat", -100, BASE)


CREATES = (opening, creating, opening_below, opening_what_is_missing)
OTHERS = (setting_a_value, openat, stopping)


@pytest.mark.parametrize("prepare", CREATES, ids=lambda each: each.__name__)
def test_an_nt_create_enters_each_room_once(prepare: Callable[[], Callable[[], object]]) -> None:
    entries = walk(prepare())
    assert not entered_again(entries)
    assert {entry.room for entry in entries} >= ONCE


def test_setting_a_value_enters_each_room_once() -> None:
    entries = walk(setting_a_value())
    assert not entered_again(entries)
    assert "Registry.set_value" in {entry.function for entry in entries}


def test_the_front_end_asks_the_executive_one_thing() -> None:
    asked = [entry for entry in walk(opening()) if entry.caller == "subsystems/nt" and entry.room != "abi"]
    assert [str(entry) for entry in asked] == ["executive/objects (open_handle) from subsystems/nt"]


# ---- the recorder


def test_a_walk_is_told_by_who_called_whom() -> None:
    namespace = WithDrive().state.namespace
    (inner,) = walk(lambda: namespace.get("device"))[1:]
    assert str(inner) == "executive/io (fold) from executive/objects"
    assert room_of("/usr/lib/python3/struct.py") is None
    again = Entry("executive/io", "subsystems/nt", "create_file")
    assert entered_again([again, Entry("abi", "executive/io", "read"), again]) == [str(again)]


# ---- what the one operation does


def test_a_handle_comes_with_what_the_open_did(machine: WithDrive) -> None:
    machine.named(r"\??\C:\new")
    assert machine.create(Disposition.OPEN_IF) == Status.SUCCESS
    assert struct.unpack("<2Q", machine.guest.memory.read(STATUS, 16)) == (Status.SUCCESS, 2)
    assert isinstance(machine.thread.process.handles.get(machine.handle() // 4 - 1), File)
    assert machine.create(Disposition.OPEN_IF) == Status.SUCCESS
    assert struct.unpack("<2Q", machine.guest.memory.read(STATUS, 16)) == (Status.SUCCESS, 1)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("a", Status.OBJECT_PATH_SYNTAX_BAD),
        ("\\", Status.OBJECT_TYPE_MISMATCH),
        ("\\\\", Status.OBJECT_NAME_INVALID),
        (r"\??", Status.OBJECT_TYPE_MISMATCH),
        (r"\??\\C:", Status.OBJECT_NAME_INVALID),
        (r"\??\D:\a", Status.OBJECT_PATH_NOT_FOUND),
        (r"\??\C:\\a.exe", Status.SUCCESS),
        (r"\??\C:\A.exe\\", Status.NOT_A_DIRECTORY),
        (r"\??\C:\a*", Status.OBJECT_NAME_INVALID),
        ("\\??\\C:\\a\0", Status.OBJECT_NAME_INVALID),
        (r"\Device\NamedPipe\a*", Status.OBJECT_NAME_NOT_FOUND),
        (r"\Device\NamedPipe", Status.SUCCESS),
    ],
)
def test_names_are_read_by_what_they_lead_to(machine: WithDrive, name: str, status: int) -> None:
    machine.named(name)
    assert machine.create() == status


def test_a_root_is_what_a_name_is_read_by(machine: WithDrive) -> None:
    handles = machine.thread.process.handles
    file = handle_of(handles.insert(trees.opened(machine.files, "")))
    drives = handle_of(handles.insert(machine.state.namespace.make("??").reference()))
    _, event = machine.event()
    for root, name, status in (
        (file, r"\a.exe", Status.OBJECT_PATH_SYNTAX_BAD),
        (file, "a*", Status.OBJECT_NAME_INVALID),
        (file, r"\\a*", Status.OBJECT_PATH_SYNTAX_BAD),
        (file, "", Status.SUCCESS),
        (drives, r"\C:\a.exe", Status.OBJECT_PATH_SYNTAX_BAD),
        (drives, r"C:\a.exe", Status.SUCCESS),
        (drives, "", Status.OBJECT_TYPE_MISMATCH),
        (event, "a", Status.OBJECT_TYPE_MISMATCH),
        (0xFFFFFFFF, "a", Status.INVALID_HANDLE),
    ):
        machine.named(name, root)
        assert machine.create() == status, (root, name)


def test_a_link_of_the_namespace_is_spelled_too(machine: WithDrive) -> None:
    trees.write(machine.files, "a:b", b"MZ")
    machine.named("\\??\\C:\\a\uf03ab")
    assert machine.create() == Status.SUCCESS
    target = machine.string("\\??\\C:\\a\uf03ab")
    link = BASE + 0x900
    machine.guest.memory.write(link, machine.guest.memory.read(target, 16)[:8] + struct.pack("<Q", link + 16))
    machine.guest.memory.write(link + 16, "\\??\\C:\\a\uf03ab".encode("utf-16-le"))
    machine.named(r"\??\Q:")
    assert machine.call("NtCreateSymbolicLinkObject", HANDLE, 0xF0001, ATTRIBUTES, link) == Status.SUCCESS
    assert machine.create() == Status.SUCCESS


def test_what_no_file_can_have_is_no_name() -> None:
    assert stored(("a", Written("b", "c"), "")) == ("a", "c", "")
    for names in (("a", Written("b", None)), ("a\0", Written("b", None)), ("a",) * 20000):
        assert status_of(stored, names) == Status.OBJECT_NAME_INVALID


if __name__ == "__main__":
    for prepare in (*CREATES, *OTHERS):
        entries = walk(prepare())
        print(f"\n{prepare.__name__}: {len(entries)} rooms entered")
        print(*(f"    {entry}" for entry in entries), sep="\n")
