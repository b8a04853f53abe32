"""The driver of /proc and /sys, showing a tree about subjects that come, go and have secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from types import GeneratorType

import pytest

from lichen.executive.io.attributes import AttributeChange, Kind
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.file import SEEK_END, File
from lichen.executive.io.generated import Folder, Link, Members, Subject, Text
from lichen.executive.io.location import Location
from lichen.executive.io.lookup import Walk
from lichen.executive.io.metadata import change_attributes
from lichen.executive.io.names import make_directory, remove
from lichen.executive.io.opening import Access, Disposition, Open, Options
from lichen.executive.status import Failure, Status
from lichen.filesystems.generated import ProcFileSystem
from tests.unit.trees import as_user, at, context_of, name, names, opened, read, status_of

WRITE = Open(Access.WRITE, Disposition.OVERWRITE, options=Options.POSIX)


@dataclass
class Town(Subject):
    """The subject of the root: the people who live there, by name."""

    people: dict[str, Person] = field(default_factory=dict)
    secrets_open: bool = True


@dataclass
class Person(Subject):
    """A member with an owner, who may leave."""

    town: Town
    name: str
    age: int = 30
    asked: int = 0

    def exists(self) -> bool:
        return self.town.people.get(self.name) is self

    def owner(self, private: bool) -> tuple[int, int]:
        return (0, 0) if private else (1000, 1000)

    def admit(self) -> None:
        if not self.town.secrets_open:
            raise Failure(Status.ACCESS_DENIED)

    def tell_age(self) -> bytes:
        self.asked += 1
        return b"%d years, asked %d times\n" % (self.age, self.asked)

    def set_age(self, text: bytes) -> None:
        if not text.strip().isdigit():
            raise Failure(Status.INVALID_PARAMETER)
        self.age = int(text)


def home(person: Person) -> Location:
    raise Failure(Status.NO_SUCH_DEVICE)


PERSON = Folder[Person](
    {
        "age": Text(Person.tell_age, Person.set_age, mode=0o644),
        "home": Link(lambda person: f"house of {person.name}", home, mode_of=lambda person: 0o500),
        "diary": Text(lambda person: b"dear diary\n", mode=0o400, private=True),
        "letters": Folder({}, mode=0o500, private=True),
    }
)
TREE = Folder[Town](
    {
        "first": Link(lambda town: next(iter(town.people))),
        "motto": Text(lambda town: b"onward\n"),
        "streets": Text(lambda town: iter((b"High Street\n",))),
        "chronicle": Text(lambda town: (b"year %d\n" % year for year in range(1000))),
        "hall": Folder({"deep": Folder({})}),
    },
    Members(lambda town: list(town.people), lambda town, name: town.people.get(name), PERSON),
)


@pytest.fixture
def town() -> Town:
    town = Town()
    town.people = {who: Person(town, who) for who in ("ann", "bob")}
    return town


@pytest.fixture
def context(town: Town) -> FileSystemContext:
    return context_of(ProcFileSystem(TREE, town, 77, Devices()))


class TestNames:
    """Looking for entries and members."""

    def test_a_folder_lists_entries_and_members(self, context: FileSystemContext) -> None:
        assert names(context) == ["ann", "bob", "chronicle", "first", "hall", "motto", "streets"]
        assert names(context, "ann") == ["age", "diary", "home", "letters"]

    def test_members_come_and_go(self, context: FileSystemContext, town: Town) -> None:
        town.people["cid"] = Person(town, "cid")
        assert read(context, "cid/age").startswith(b"30 years")
        del town.people["cid"]
        assert status_of(at, context, "cid") == Status.OBJECT_NAME_NOT_FOUND

    def test_the_same_thing_is_the_same_place(self, context: FileSystemContext) -> None:
        assert at(context, "ann/age") is at(context, "ann/age")

    def test_somebody_new_of_the_same_name_is_somewhere_else(
        self, context: FileSystemContext, town: Town
    ) -> None:
        before = at(context, "ann")
        town.people["ann"] = Person(town, "ann", age=5)
        assert at(context, "ann") is not before
        assert before.deleted
        assert read(context, "ann/age").startswith(b"5 years")

    def test_a_name_has_the_same_number_wherever_it_is_told(self, context: FileSystemContext) -> None:
        listed = {entry.name: entry for entry in opened(context, "ann").directory_entries()}
        assert listed["age"].file_id == at(context, "ann/age").node.attributes().file_id
        assert listed["age"].kind == Kind.REGULAR
        assert listed["letters"].file_id != at(context, "bob/letters").node.attributes().file_id

    def test_nobody_makes_or_removes_names(self, context: FileSystemContext) -> None:
        create = Open(Access.WRITE, Disposition.OPEN_IF, options=Options.POSIX)
        assert status_of(opened, context, "ann/new", create) == Status.OBJECT_NAME_NOT_FOUND
        assert status_of(make_directory, context, name(context, "new"), 0o700) == Status.OBJECT_NAME_NOT_FOUND
        assert status_of(remove, context, name(context, "motto"), False) == Status.PRIVILEGE_NOT_HELD
        assert status_of(at, context, "motto/below") == Status.NOT_A_DIRECTORY

    def test_those_who_are_blind_to_case_find_entries(self, context: FileSystemContext) -> None:
        assert status_of(at, context, "Motto", Walk.FOLLOW) == Status.OBJECT_NAME_NOT_FOUND
        assert at(context, "Motto", Walk.CASE_BLIND) is at(context, "motto")

    def test_a_symlink_is_followed_to_what_it_tells_now(self, context: FileSystemContext, town: Town) -> None:
        assert at(context, "first") is at(context, "ann")
        del town.people["ann"]
        assert at(context, "first") is at(context, "bob")


class TestAttributes:
    """What stat tells."""

    def test_owner_and_mode_are_the_subjects(self, context: FileSystemContext) -> None:
        attributes = at(context, "ann/age").node.attributes()
        assert (attributes.uid, attributes.mode, attributes.size, attributes.links) == (1000, 0o644, 0, 1)
        assert at(context, "ann/diary").node.attributes().uid == 0
        assert at(context, "ann/home", 0).node.attributes().mode == 0o500
        assert at(context, "motto").node.attributes().device == 77

    def test_links_count_folders(self, context: FileSystemContext) -> None:
        assert at(context, "hall").node.attributes().links == 3
        assert at(context, "ann").node.attributes().links == 3

    def test_nothing_about_a_file_is_changed(self, context: FileSystemContext) -> None:
        place = at(context, "motto")
        assert (
            status_of(change_attributes, context, place, AttributeChange(mode=0)) == Status.PRIVILEGE_NOT_HELD
        )

    def test_the_file_system_has_no_space(self, context: FileSystemContext) -> None:
        statistics = context.root.node.file_system.statistics()
        assert (statistics.type, statistics.blocks) == (0x9FA0, 0)


class TestContent:
    """Reading and writing."""

    def test_pieces_are_of_one_snapshot_and_the_start_is_of_a_new_one(
        self, context: FileSystemContext, town: Town
    ) -> None:
        file = opened(context, "ann/age")
        assert file.read(9) == b"30 years,"
        town.people["ann"].age = 31
        assert file.read(100) == b" asked 1 times\n"
        assert file.read(100) == b""
        file.seek(0)
        assert file.read(100) == b"31 years, asked 2 times\n"
        assert file.read(5, 3) == b"years"
        file.release()

    def test_an_open_file_ends_with_its_subject(self, context: FileSystemContext, town: Town) -> None:
        file, folder = opened(context, "ann/age"), opened(context, "ann")
        del town.people["ann"]
        assert status_of(file.read, 10) == Status.INVALID_CID
        assert status_of(folder.directory_entries) == Status.OBJECT_NAME_NOT_FOUND
        assert status_of(folder.location.child, "age") == Status.OBJECT_NAME_NOT_FOUND

    def test_writing_hands_the_text_over(self, context: FileSystemContext, town: Town) -> None:
        file = opened(context, "ann/age", WRITE)
        assert file.write(b"44\n") == 3
        assert town.people["ann"].age == 44
        assert status_of(file.write, b"old") == Status.INVALID_PARAMETER
        assert status_of(file.write, bytes(5000)) == Status.INVALID_PARAMETER
        assert status_of(file.read, 1) == Status.INVALID_HANDLE
        del town.people["ann"]
        assert status_of(file.write, b"5") == Status.INVALID_CID

    def test_what_has_no_writer_is_not_written(self, context: FileSystemContext) -> None:
        assert status_of(opened(context, "motto", WRITE).write, b"x") == Status.INVALID_PARAMETER
        ordinary = as_user(context, 1000, 1000)
        assert status_of(opened, ordinary, "motto", WRITE) == Status.ACCESS_DENIED

    def test_positions(self, context: FileSystemContext) -> None:
        file: File = opened(context, "motto")
        assert file.seek(3) == 3
        assert file.read(100) == b"ard\n"
        assert status_of(file.seek, 0, SEEK_END) == Status.INVALID_PARAMETER
        assert status_of(file.seek, -1) == Status.INVALID_PARAMETER
        assert status_of(file.read, 1, -1) == Status.INVALID_PARAMETER


class TestSecrets:
    """What is private asks the subject."""

    def test_private_files_ask_who_opens_them(self, context: FileSystemContext, town: Town) -> None:
        assert read(context, "ann/diary") == b"dear diary\n"
        town.secrets_open = False
        assert status_of(opened, context, "ann/diary") == Status.ACCESS_DENIED
        assert status_of(opened, context, "ann/letters") == Status.ACCESS_DENIED
        assert read(context, "ann/age") != b""

    def test_a_magic_link_leads_where_its_function_says(self, context: FileSystemContext) -> None:
        assert at(context, "ann/home", 0).node.readlink() == "house of ann"
        assert status_of(at, context, "ann/home") == Status.NO_SUCH_DEVICE


def test_long_content_lets_others_run(context: FileSystemContext) -> None:
    file = opened(context, "chronicle")
    reading = file.read(100)
    assert isinstance(reading, GeneratorType)
    assert sum(1 for _ in iter(partial(next, reading, None), None)) > 900
    assert file.position == 100
    assert file.read(8) == b"".join(b"year %d\n" % year for year in range(1000))[100:108]
    assert opened(context, "streets").read(100) == b"High Street\n"
