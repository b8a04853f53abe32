"""Sessions, groups and their terminal: who acquires it, who may use it, and who hears of its end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

import pytest

from lichen.executive.io.opening import Access, Options
from lichen.executive.io.terminal import (
    AcquireTerminal,
    FlushQueue,
    GetForeground,
    GetSession,
    LeaveTerminal,
    Local,
    Queue,
    SetForeground,
    SetSettings,
    Settings,
)
from lichen.executive.processes import Process
from lichen.executive.status import Interrupted, Status
from lichen.filesystems.terminal.discipline import SIGINT, SIGTSTP
from lichen.filesystems.terminal.files import TerminalFile
from lichen.filesystems.terminal.pty import MasterFile
from lichen.filesystems.terminal.terminal import SIGCONT, SIGHUP, SIGTTIN, SIGTTOU
from tests.unit.filesystems.terminal.world import World
from tests.unit.kernel import status_of

TOSTOP = Settings()._replace(local=Settings().local | Local.TOSTOP)


class Shell:
    """A session with a terminal: its leader, a job in front and one behind."""

    def __init__(self) -> None:
        self.world = World()
        self.master: MasterFile
        self.terminal: TerminalFile
        self.master, self.terminal = self.world.pair()
        self.leader = self.world.process(leads="session")
        self.terminal.terminal.control(self.leader)
        self.front = self.world.process(self.leader, "group")
        self.behind = self.world.process(self.leader, "group")
        self.world.by(self.leader)
        self.world.signals.ignored = {SIGTTOU}
        self.terminal.control(SetForeground(self.front.id))
        self.world.signals.ignored = set()

    def sent(self) -> list[tuple[int, int]]:
        return self.world.signals.take()


@pytest.fixture
def shell() -> Shell:
    return Shell()


def stops(operation: object) -> bool:
    """Whether an operation did nothing but stop its caller."""
    try:
        next(cast(Generator[Any, Any, Any], operation))
    except Interrupted:
        return True
    return False


# ---- keys


def test_keys_reach_the_group_in_front(shell: Shell) -> None:
    partner = shell.world.process(shell.front)
    shell.master.write(b"\x03")
    assert shell.sent() == [(shell.front.id, SIGINT), (partner.id, SIGINT)]
    shell.master.write(b"\x1a")
    assert shell.sent() == [(shell.front.id, SIGTSTP), (partner.id, SIGTSTP)]


def test_a_group_that_is_gone_hears_nothing(shell: Shell) -> None:
    shell.front.leave_group()
    shell.master.write(b"\x03")
    assert shell.sent() == []


# ---- the background


def test_a_background_read_stops(shell: Shell) -> None:
    shell.world.by(shell.behind)
    assert stops(shell.terminal.read(10))
    assert shell.sent() == [(shell.behind.id, SIGTTIN)]


def test_a_read_in_front_goes_on(shell: Shell) -> None:
    shell.world.by(shell.front)
    shell.master.write(b"x\n")
    assert shell.terminal.read(10) == b"x\n"


def test_a_background_read_that_cannot_stop_fails(shell: Shell) -> None:
    shell.world.by(shell.behind)
    shell.world.signals.ignored = {SIGTTIN}
    assert status_of(shell.terminal.read, 10) == Status.IO_DEVICE_ERROR
    assert shell.sent() == []


def test_an_orphaned_group_is_not_stopped(shell: Shell) -> None:
    orphan = shell.world.process(shell.leader, "group")
    orphan.parent = shell.world.state.processes.init
    shell.world.by(orphan)
    assert status_of(shell.terminal.read, 10) == Status.IO_DEVICE_ERROR
    assert status_of(shell.terminal.control, FlushQueue(Queue.INPUT)) == Status.IO_DEVICE_ERROR
    assert status_of(shell.terminal.control, SetForeground(orphan.id)) == Status.NOT_A_TERMINAL


def test_background_writes_stop_with_tostop_only(shell: Shell) -> None:
    shell.world.by(shell.behind)
    assert shell.terminal.write(b"x") == 1
    shell.world.by(shell.front)
    shell.terminal.control(SetSettings(TOSTOP))
    assert shell.terminal.write(b"x") == 1
    shell.world.by(shell.behind)
    assert stops(shell.terminal.write(b"x"))
    assert shell.sent() == [(shell.behind.id, SIGTTOU)]
    shell.world.signals.ignored = {SIGTTOU}
    assert shell.terminal.write(b"x") == 1


@pytest.mark.parametrize("request_", [SetSettings(Settings()), FlushQueue(Queue.INPUT), SetForeground(8)])
def test_background_changes_stop(shell: Shell, request_: object) -> None:
    shell.world.by(shell.behind)
    assert stops(shell.terminal.control(request_))
    assert shell.sent() == [(shell.behind.id, SIGTTOU)]


def test_those_of_other_sessions_are_not_in_the_background(shell: Shell) -> None:
    stranger = shell.world.process(leads="session")
    shell.world.by(stranger)
    shell.master.write(b"x\n")
    assert shell.terminal.read(10) == b"x\n"
    assert shell.terminal.control(SetSettings(Settings())) is None


# ---- the foreground


def test_the_foreground_is_set_by_the_session_only(shell: Shell) -> None:
    shell.world.by(shell.leader).signals.ignored = {SIGTTOU}
    stranger = shell.world.process(leads="session")
    assert shell.terminal.control(GetForeground()) == shell.front.id
    assert shell.terminal.control(GetSession()) == shell.leader.id
    assert status_of(shell.terminal.control, SetForeground(stranger.id)) == Status.PRIVILEGE_NOT_HELD
    assert status_of(shell.terminal.control, SetForeground(-1)) == Status.INVALID_PARAMETER
    assert status_of(shell.terminal.control, SetForeground(99999)) == Status.INVALID_CID
    shell.world.by(stranger)
    for request in (GetForeground(), GetSession(), SetForeground(stranger.id), LeaveTerminal()):
        assert status_of(shell.terminal.control, request) == Status.NOT_A_TERMINAL


def test_the_master_sees_the_foreground_too(shell: Shell) -> None:
    shell.world.by(shell.world.process())
    assert shell.master.control(GetForeground()) == shell.front.id
    assert status_of(shell.master.control, SetForeground(shell.leader.id)) == Status.NOT_A_TERMINAL


# ---- acquiring and leaving


def test_a_leader_acquires_by_opening(shell: Shell) -> None:
    world = shell.world
    world.pair()
    leader = world.process(leads="session")
    world.by(leader).open("1", Options.NO_TERMINAL)
    assert leader.session.terminal is None
    world.open("1", access=Access.WRITE)
    assert leader.session.terminal is None
    world.open("0")
    assert leader.session.terminal is None
    opened = cast(TerminalFile, world.open("1")).terminal
    assert opened.controls(leader)
    assert opened.foreground == leader.group.id


def test_acquiring_by_request(shell: Shell) -> None:
    world = shell.world
    _, other = world.pair()
    leader = world.process(leads="session")
    member = world.process(leader)
    world.by(member)
    assert status_of(other.control, AcquireTerminal()) == Status.PRIVILEGE_NOT_HELD
    world.by(leader)
    assert status_of(shell.terminal.control, AcquireTerminal()) == Status.PRIVILEGE_NOT_HELD
    assert status_of(shell.terminal.control, AcquireTerminal(steal=True)) == Status.PRIVILEGE_NOT_HELD
    other.control(AcquireTerminal())
    other.control(AcquireTerminal())
    assert leader.session.terminal is other.terminal


def test_dev_tty_is_the_callers_terminal(shell: Shell) -> None:
    shell.world.by(shell.front)
    shell.world.open("tty").write(b"x")
    assert shell.master.read(10) == b"x"
    shell.world.by(shell.world.process(leads="session"))
    assert status_of(shell.world.open, "tty") == Status.NO_SUCH_DEVICE
    shell.world.by(None)
    assert status_of(shell.world.open, "tty") == Status.NO_SUCH_DEVICE


def test_without_a_console_there_is_none(shell: Shell) -> None:
    assert status_of(shell.world.open, "console") == Status.NO_DEVICE
    shell.world.terminals.consoles.append(shell.terminal.terminal)
    shell.world.open("console").write(b"x")
    assert shell.master.read(10) == b"x"


def test_one_process_leaves_alone(shell: Shell) -> None:
    shell.world.by(shell.front)
    shell.terminal.control(LeaveTerminal())
    assert status_of(shell.world.open, "tty") == Status.NO_SUCH_DEVICE
    shell.world.by(shell.leader).open("tty")
    assert shell.sent() == []


def test_the_leader_leaves_for_all(shell: Shell) -> None:
    shell.world.by(shell.leader)
    shell.terminal.control(LeaveTerminal())
    assert shell.sent() == [(shell.front.id, SIGHUP), (shell.front.id, SIGCONT)]
    assert shell.leader.session.terminal is None
    assert status_of(shell.world.by(shell.front).open, "tty") == Status.NO_SUCH_DEVICE


# ---- ends


def end_session(leader: Process) -> None:
    """What the subsystem of a session's leader does when that ends."""
    session = leader.session
    session.leader = None
    terminal, session.terminal = session.terminal, None
    assert terminal is not None
    terminal.session_ended(session)


def test_the_end_of_the_leader_is_told_to_the_front(shell: Shell) -> None:
    end_session(shell.leader)
    assert shell.sent() == [(shell.front.id, SIGHUP)]
    assert shell.terminal.write(b"x") == 1
    assert status_of(shell.master.control, GetSession()) == Status.NOT_A_TERMINAL


def test_a_hang_up_is_told_to_the_leader_and_by_its_end_to_the_front(shell: Shell) -> None:
    shell.master.release()
    assert shell.sent() == [(shell.leader.id, SIGHUP), (shell.leader.id, SIGCONT)]
    assert status_of(shell.world.by(shell.front).open, "tty") == Status.NO_SUCH_DEVICE
    end_session(shell.leader)
    assert shell.sent() == [(shell.front.id, SIGHUP), (shell.front.id, SIGCONT)]


def test_after_a_hang_up_a_leader_may_have_another_terminal(shell: Shell) -> None:
    shell.master.release()
    shell.world.by(shell.leader)
    shell.world.pair(options=0)
    assert shell.world.open("tty").write(b"x") == 1
