"""The tree of named objects: names, links, and how long a name lasts."""

from __future__ import annotations

import pytest

from lichen.executive.objects.completion import MOST_PACKETS, CompletionPort
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.namespace import Directory, SymbolicLink, find, path_of
from lichen.executive.status import Status
from tests.unit.kernel import Kernel, status_of


@pytest.fixture
def root() -> Directory:
    root = Directory()
    root.make("Device", "Disk")
    root.make("BaseNamedObjects")
    root.insert("Link", SymbolicLink(("Device", "Disk")))
    return root


def event(directory: Directory, name: str) -> EventObject:
    made = EventObject(manual=True, is_set=False)
    directory.insert(name, made)
    return made


def found(root: Directory, *components: str, **how: bool) -> object:
    return find(root, root, components, **how).object


def test_a_name_leads_to_its_object(root: Directory) -> None:
    made = event(root.make("Device"), "Event")
    assert found(root, "Device", "Event") is made
    assert find(root, root, ("Device", "Event", "more", "names")) == (made, ("more", "names"))
    assert find(root, root.make("Device"), ("Event",)).object is made
    assert found(root) is root


def test_case_counts_when_it_is_asked_to(root: Directory) -> None:
    directory = root.make("Device")
    upper, lower = event(directory, "NAME"), event(directory, "name")
    assert found(root, "Device", "NAME") is upper
    assert found(root, "device", "Name") is lower
    assert status_of(lambda: found(root, "device", case_blind=False)) == Status.OBJECT_NAME_NOT_FOUND
    directory.remove(lower)
    assert found(root, "Device", "Name") is upper
    directory.remove(upper)
    assert status_of(lambda: found(root, "Device", "name")) == Status.OBJECT_NAME_NOT_FOUND


def test_what_cannot_be_found_is_told_apart(root: Directory) -> None:
    assert status_of(lambda: found(root, "none")) == Status.OBJECT_NAME_NOT_FOUND
    assert status_of(lambda: found(root, "none", "below")) == Status.OBJECT_PATH_NOT_FOUND
    assert status_of(lambda: found(root, "Device", "")) == Status.OBJECT_NAME_INVALID


def test_links_go_on_from_the_root(root: Directory) -> None:
    disk = found(root, "Device", "Disk")
    assert found(root, "Link") is disk
    assert isinstance(found(root, "Link", follow_last=False), SymbolicLink)
    root.make("Device").insert("Again", SymbolicLink(("Link",)))
    assert found(root, "Device", "Again") is disk
    root.insert("Round", SymbolicLink(("Round",)))
    assert status_of(lambda: found(root, "Round")) == Status.REPARSE_POINT_NOT_RESOLVED
    assert isinstance(found(root, "Round", follow_last=False), SymbolicLink)


def test_a_name_is_given_once(root: Directory) -> None:
    event(root, "Taken")
    assert status_of(root.insert, "Taken", Directory()) == Status.OBJECT_NAME_COLLISION
    assert status_of(root.make, "Taken") == Status.OBJECT_TYPE_MISMATCH
    assert root.make("Device") is root.make("Device")


def test_a_name_goes_with_the_last_reference(root: Directory) -> None:
    directory = root.make("BaseNamedObjects")
    made = event(directory, "Event")
    assert path_of(made) == r"\BaseNamedObjects\Event"
    made.reference()
    made.release()
    assert directory.get("Event") is made
    made.release()
    assert directory.get("Event") is None
    assert made.named is None
    assert path_of(root) == "\\"


def test_packets_are_taken_in_order() -> None:
    kernel, port = Kernel(), CompletionPort()
    port.post(1, 2, 3, 4)
    port.post(5, 6, 7, 8)
    assert port.queue.signalled(kernel)
    assert [port.queue.packets.popleft() for _ in range(2)] == [(1, 2, 3, 4), (5, 6, 7, 8)]
    assert not port.queue.signalled(kernel)


def test_a_port_that_nobody_reads_is_bounded() -> None:
    port = CompletionPort()
    for number in range(MOST_PACKETS + 2):
        port.post(number, 0, 0, 0)
    assert len(port.queue.packets) == MOST_PACKETS
