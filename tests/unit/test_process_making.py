"""Making a process is one step: wherever it fails, nothing is left of it, and nobody hears of an end; without guests."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from lichen.executive import programs, scheduling
from lichen.executive.address_space import AddressSpace, Region
from lichen.executive.io.context import FileSystemContext
from lichen.executive.jobs import Job
from lichen.executive.limits import ProcessorLimit
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.handles import HandleTable
from lichen.executive.process_table import ProcessTable
from lichen.executive.processes import ExitStatus, Process, Thread
from lichen.executive.programs import Loaded, Program
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.calls.process import CLONE_FILES, CLONE_FS, CLONE_VM
from lichen.subsystems.linux.state import LinuxProcess, linux_of_process
from lichen.subsystems.linux.subsystem import LinuxSubsystem
from tests.unit.subsystems.linux.machine import Guest, Machine
from tests.unit.trees import status_of

SIGCHLD = 17
SHARING = CLONE_VM | CLONE_FILES | CLONE_FS


class Forking(Guest):
    """A guest that can be cloned; `error` is why it cannot."""

    error: OSError | None = None

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Guest] = []

    def clone_process(self, share_memory: bool) -> Guest:
        if self.error is not None:
            raise self.error
        self.made.append(Guest())
        return self.made[-1]


class World:
    """A parent in a job, with one handle and some memory, and all that a child could leave behind."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.table = self.machine.state.processes
        self.parent = self.machine.thread.process
        self.guest = Forking()
        self.machine.thread.guest = cast(Any, self.guest)
        self.guest.owner = self.machine.thread
        self.event = EventObject(manual=True, is_set=False)
        self.parent.handles.place(3, self.event, 0x1F0003, inherit=True)
        self.parent.space.insert(Region(0x10000, 0x20000, 3))
        self.job = Job(self.machine.state, lambda process, code: process.terminate(ExitStatus(code)))
        self.job.assign(self.parent)

    def state(self) -> object:
        """What there is, and who refers to it."""
        parent = self.parent
        return (
            (
                sorted(self.table),
                sorted(self.table.threads),
                list(self.table.groups),
                list(self.table.sessions),
            ),
            (sorted(parent.children), sorted(parent.group.members)),
            (self.job.members(), self.job.total - self.job.ended),
            (self.event.references, parent.handles.users, parent.space.users),
            (linux_of_process(parent).pending.mask, [str(region) for region in parent.space.regions]),
        )


@pytest.fixture
def world() -> World:
    return World()


def failing(*_: object, **__: object) -> Any:
    raise Failure(Status.NO_MEMORY)


@pytest.mark.parametrize(
    ("owner", "stage", "flags"),
    [
        (HandleTable, "duplicate", 0),
        (HandleTable, "reference", SHARING),
        (FileSystemContext, "copy", 0),
        (FileSystemContext, "copy", CLONE_FILES),
        (LinuxProcess, "forked", 0),
        (LinuxProcess, "forked", SHARING),
        (AddressSpace, "copy", 0),
        (ProcessTable, "new_thread", 0),
        (ProcessTable, "new_thread", SHARING),
        (ProcessorLimit, "changed", SHARING),
        (LinuxSubsystem, "thread_started", 0),
        (LinuxSubsystem, "thread_started", SHARING),
    ],
)
def test_a_fork_that_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, owner: type, stage: str, flags: int
) -> None:
    before = world.state()
    with monkeypatch.context() as patch:
        patch.setattr(owner, stage, failing)
        assert world.machine.call("clone", flags | SIGCHLD, 0, 0, 0, 0) == -errno.ENOMEM
    assert [guest.killed for guest in world.guest.made] == [True]
    assert world.state() == before
    assert world.machine.call("clone", flags | SIGCHLD, 0, 0, 0, 0) in world.parent.children


def test_a_fork_for_which_the_host_has_no_task(world: World) -> None:
    before = world.state()
    world.guest.error = OSError(errno.EAGAIN, "no more")
    assert world.machine.call("fork") == -errno.EAGAIN
    assert world.state() == before


@dataclass
class Content:
    """A program's file, as far as starting one looks into it."""

    image_uses: object = None

    @property
    def node(self) -> Content:
        return self

    location = None


def _loaded(world: World, guest: Guest, enter: Callable[[Process], None]) -> Loaded:
    program = Program(cast(Any, Content()), b"/bin/true", (b"true",), ())
    return Loaded(world.machine.linux, cast(Any, guest), AddressSpace(), program, enter)


class TestPrograms:
    """A child that starts a program: both worlds make theirs so."""

    def make(
        self,
        world: World,
        guest: Guest,
        enter: Callable[[Process], None] = lambda process: None,
        room: int = 8,
    ) -> Thread:
        with world.table.making(world.parent, world.machine.linux) as child:
            child.handles.limit = room
            child.handles.place(0, world.event.reference(), 0x1F0003, inherit=True)
            loaded = _loaded(world, guest, enter)
            loaded.space.insert(Region(0x10000, 0x20000, 3))
            self.space = loaded.space
            return programs.start(child, loaded)

    @pytest.mark.parametrize(
        ("owner", "stage"),
        [
            (ProcessTable, "new_thread"),
            (scheduling, "apply"),
            (ProcessorLimit, "changed"),
            (LinuxSubsystem, "thread_started"),
            (Thread, "begin"),
        ],
    )
    def test_that_cannot_be_started(
        self, world: World, monkeypatch: pytest.MonkeyPatch, owner: Any, stage: str
    ) -> None:
        before, guest = world.state(), Guest()
        with monkeypatch.context() as patch:
            patch.setattr(owner, stage, failing)
            with pytest.raises(Failure):
                self.make(world, guest)
        assert world.state() == before
        assert guest.killed
        assert not self.space.regions

    def test_that_has_no_room_for_its_handles(self, world: World) -> None:
        before = world.state()
        assert status_of(self.make, world, Guest(), room=0) == Status.INVALID_HANDLE
        assert world.state() == before

    def test_that_is_loaded_but_not_entered(self, world: World) -> None:
        before, guest = world.state(), Guest()
        with pytest.raises(Failure):
            self.make(world, guest, failing)
        assert world.state() == before
        assert guest.killed
        assert not self.space.regions

    def test_that_is_started(self, world: World) -> None:
        first = self.make(world, guest := Guest())
        assert first.process.id in world.parent.children
        assert world.job.members() == [world.parent, first.process]
        assert not guest.killed

    def test_that_is_taken_back(self, world: World) -> None:
        """Also when it has run meanwhile, has children, and has ended by itself."""
        before = world.state()
        child = self.make(world, Guest()).process
        grandchild = world.machine.process(parent=child)
        child.unmake()
        assert grandchild.parent is world.table.init
        grandchild.terminate(ExitStatus(0))
        grandchild.reap()
        assert world.state() == before
        child = self.make(world, Guest()).process
        child.terminate(ExitStatus(3))
        assert child.id in world.parent.children
        child.unmake()
        assert child.id not in world.table
        assert child.exit_status == ExitStatus(3)


class TestStopping:
    """Job control holds all threads back, and finds out that some are gone."""

    def test_and_going_on(self, world: World) -> None:
        process = world.parent
        threads = [world.machine.thread, world.machine.another_thread(process)]
        process.stop(19)
        process.stop(20)
        assert (process.stopped, process.job_state) == (True, ExitStatus(0, 19))
        assert [thread.held_back for thread in threads] == [1, 1]
        process.resume()
        process.resume()
        assert (process.stopped, process.job_state) == (False, ExitStatus(0, 0))
        assert [thread.held_back for thread in threads] == [0, 0]

    def test_threads_that_are_found_to_be_gone(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        process = world.parent
        gone, left = world.machine.another_thread(process), world.machine.another_thread(process)

        def stop() -> bool:
            gone.host_ended()
            return False

        monkeypatch.setattr(gone.guest, "stop", stop)
        process.stop(19)
        assert gone.dead
        assert left.held_back == 1
        assert process.stopped

    def test_the_last_one_is_gone(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        process, told = world.machine.process(parent=world.parent), world.parent.children_changed

        def stop() -> bool:
            process.first_thread.host_ended()
            return False

        monkeypatch.setattr(process.first_thread.guest, "stop", stop)
        before = told.generation
        process.stop(19)
        assert process.exit_status == ExitStatus(137, 9)
        assert process.job_state is None
        assert told.generation == before + 1


@pytest.mark.parametrize(
    ("status", "byte", "shown"),
    [
        (ExitStatus(0), 0, 0),
        (ExitStatus(3), 3, 3),
        (ExitStatus(0x100), 0xFF, 0xFF),
        (ExitStatus(0xC0000005), 5, 5),
        (ExitStatus.of_signal(9), 137, 137),
        (ExitStatus(0xC000013A, 2), 0x3A, 130),
    ],
)
def test_codes_as_shells_show_them(status: ExitStatus, byte: int, shown: int) -> None:
    assert (status.byte, status.shown) == (byte, shown)
