"""Starting programs: whose loader takes a file, what is kept of a program, and what exec leaves and takes away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lichen.executive import programs
from lichen.executive.address_space import AddressSpace, Region
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.processes import Process, Thread
from lichen.executive.programs import Loaded, Program
from lichen.executive.status import Status
from lichen.subsystems.linux.signals import SIGSTOP
from lichen.subsystems.linux.state import as_linux_process
from tests.unit.subsystems.linux.machine import Guest, Machine
from tests.unit.trees import status_of


def program(name: bytes = b"/bin/program", content: bytes = b"", *arguments: bytes) -> Program:
    node = SimpleNamespace(image_uses=None, read_at=lambda offset, size: content[offset:][:size])
    location = SimpleNamespace(node=node)
    return Program(cast(Any, SimpleNamespace(node=node, location=location)), name, arguments, ())


def test_arguments_are_kept_up_to_a_size() -> None:
    machine = Machine()

    def shown(*arguments: bytes) -> tuple[bytes, ...]:
        execute(machine, program(b"/bin/program", b"", *arguments))
        return machine.thread.process.arguments

    assert shown(b"program", b"", b"argument") == (b"program", b"", b"argument")
    assert machine.thread.process.command_line == "program  argument"
    kept = shown(b"program", *[b"x" * 120_000] * 20)
    assert kept[0] == b"program"
    assert 10_000 < sum(map(len, kept)) < 40_000
    assert len(shown(*[b""] * 1_000_000)) < 40_000


# ---- loaders


class Loader:
    """Takes files that begin with `magic`."""

    def __init__(self, magic: bytes) -> None:
        self.magic = magic
        self.given: list[bytes] = []

    def recognises(self, head: bytes) -> bool:
        return head.startswith(self.magic)

    def load(self, process: Process, program: Program, head: bytes) -> Loaded:
        self.given.append(head)
        return cast(Loaded, self.magic)


def test_the_first_loader_that_knows_the_format_loads() -> None:
    machine = Machine()
    process, loaders = machine.thread.process, [Loader(b"MZ"), Loader(b"M"), Loader(b"#!")]
    machine.state.loaders = cast(Any, loaders)
    assert cast(bytes, programs.load(process, program(content=b"M" * 1000))) == b"M"
    assert cast(bytes, programs.load(process, program(content=b"MZ"))) == b"MZ"
    assert [loader.given for loader in loaders] == [[b"MZ"], [b"M" * programs.HEAD_SIZE], []]
    for content in (b"", b"#"):
        assert status_of(programs.load, process, program(content=content)) == Status.INVALID_IMAGE_FORMAT
        assert not programs.is_program(machine.state, content)
    assert programs.is_program(machine.state, b"#!/bin/sh")


# ---- exec


def execute(machine: Machine, of: Program, thread: Thread | None = None, **how: Any) -> Guest:
    """The thread goes on with another program; its new guest."""
    guest = Guest(running=False)
    loaded = Loaded(
        how.get("subsystem", machine.linux), cast(Any, guest), AddressSpace(), of, lambda process: None
    )
    programs.execute(thread or machine.thread, loaded)
    return guest


def test_the_process_keeps_its_id_and_only_the_caller() -> None:
    machine = Machine()
    process, first = machine.thread.process, machine.thread
    caller, other = machine.another_thread(process), machine.another_thread(process)
    old = cast(Guest, caller.guest)
    new = execute(machine, program(), caller)
    assert (caller.id, process.first_thread, list(process.threads)) == (process.id, caller, [process.id])
    assert list(machine.state.processes.threads) == [process.id]
    assert (first.dead, other.dead, first.ended.is_set, other.ended.is_set) == (True, True, True, True)
    assert (old.killed, new.running, new.owner, process.exit_status) == (True, True, caller, None)
    assert (process.name, caller.name) == ("program", "program")
    assert process.last_guest is caller.guest


def test_nothing_holds_the_new_program_back() -> None:
    machine = Machine()
    machine.thread.suspend()
    new = execute(machine, program())
    assert (machine.thread.suspended, machine.thread.held_back, new.running) == (0, 0, True)


def test_a_stopped_process_stays_stopped() -> None:
    """The call had come before the stop did."""
    machine = Machine()
    process = machine.thread.process
    process.stop(SIGSTOP)
    new = execute(machine, program())
    assert not new.running
    process.resume()
    assert (machine.thread.held_back, new.running) == (0, True)
    process.stop(SIGSTOP)
    assert not new.running
    process.resume()
    assert new.running


def test_names_are_short_and_of_the_file_only() -> None:
    machine = Machine()
    execute(machine, program(b"/a/b/a name of more than that\xff"))
    assert machine.thread.process.name == "a name of more "
    execute(machine, program(b"\xff"))
    assert machine.thread.process.name == "\udcff"


def test_memory_is_forgotten_unless_somebody_shares_it() -> None:
    machine = Machine()
    process, told = machine.thread.process, list[str]()
    own = process.space
    own.insert(Region(0x20000, 0x30000, 3))
    process.when_image_left.append(lambda: told.append("left"))
    execute(machine, program())
    assert (own.users, own.regions, told) == (0, [], ["left"])
    shared = process.space
    shared.insert(Region(0x20000, 0x30000, 3))
    shared.users += 1
    execute(machine, program())
    assert (shared.users, len(shared.regions), process.space is shared) == (1, 1, False)


@pytest.mark.parametrize("shared", [False, True])
def test_descriptors_that_are_to_be_closed_are(shared: bool) -> None:
    """The others who have the table keep them."""
    machine = Machine()
    process, event = machine.thread.process, EventObject(manual=True, is_set=False)
    before = process.handles
    before.place(3, event, 1)
    before.place(4, event.reference(), 1, inherit=False)
    if shared:
        before.reference()
    execute(machine, program())
    assert [index for index, _ in process.handles] == [3]
    assert [index for index, _ in before] == ([3, 4] if shared else [3])
    assert (process.handles is before, before.users) == (not shared, 1)
    assert event.references == (3 if shared else 1)


class OtherWorld:
    """A subsystem as exec asks of it."""

    def __init__(self) -> None:
        self.before: list[object] = []

    def program_replaced(self, thread: Thread, before: object) -> None:
        self.before.append(before)
        thread.process.state = self

    def leave(self, process: Process) -> frozenset[int]:
        return frozenset({2})

    def thread_ended(self, thread: Thread) -> None:
        """It has nothing of its own."""


def test_a_program_of_the_other_world_is_told_what_was_ignored() -> None:
    machine, world = Machine(), OtherWorld()
    process = machine.thread.process
    execute(machine, program(), subsystem=world)
    assert (process.subsystem, world.before, process.ignored) == (
        cast(Any, world),
        [machine.linux],
        frozenset(),
    )
    execute(machine, program(), subsystem=world)
    assert world.before[1] is world
    execute(machine, program())
    assert process.ignored == frozenset({2})
    state = as_linux_process(process)
    assert state is not None
    assert state.dispositions.ignored() == frozenset({2})
