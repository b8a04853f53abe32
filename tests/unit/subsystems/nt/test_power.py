"""The calls that end the machine, and what Wine's DLLs ask where they are mended."""

from __future__ import annotations

import struct

import pytest

from lichen.executive.io.context import FileSystemContext
from lichen.executive.power import PowerAction
from lichen.executive.security.tokens import Token
from lichen.executive.status import Status
from lichen.subsystems.nt import power
from tests.unit.abi.guest import BASE
from tests.unit.subsystems.nt.machine import Machine

HALT, POWER_OFF, RESTART = PowerAction.HALT, PowerAction.POWER_OFF, PowerAction.RESTART
ARGUMENTS, COMPUTER, MESSAGE, BAD = BASE + 0x100, BASE + 0x200, BASE + 0x400, 0x10
LONGEST = 10 * 365 * 24 * 60 * 60


@pytest.fixture
def machine() -> Machine:
    return Machine()


def become_ordinary(machine: Machine) -> None:
    context = machine.context
    machine.thread.process.files = FileSystemContext(context.root, context.root, Token.of_user(1000, 1000))


def ask(machine: Machine, code: int, *arguments: int) -> int | None:
    machine.guest.memory.write(ARGUMENTS, struct.pack("<5Q", *(*arguments, *[0] * 5)[:5]))
    return power.answer(machine.thread, code, ARGUMENTS)


def wide(machine: Machine, text: str, at: int = COMPUTER) -> int:
    machine.guest.memory.write(at, text.encode("utf-16-le") + b"\0\0")
    return at


class TestCalls:
    @pytest.mark.parametrize(("number", "action"), [(0, HALT), (1, RESTART), (2, POWER_OFF)])
    def test_nobody_returns(self, machine: Machine, number: int, action: PowerAction) -> None:
        assert machine.call("NtShutdownSystem", number) is None
        assert (machine.state.power.requested, machine.state.power.at_once) == (action, True)
        assert machine.state.power.requested_by == str(machine.thread.process)

    def test_numbers_come_before_privileges(self, machine: Machine) -> None:
        become_ordinary(machine)
        assert machine.call("NtShutdownSystem", 3) == Status.INVALID_PARAMETER
        assert machine.call("NtShutdownSystem", 0xFFFFFFFF) == Status.INVALID_PARAMETER
        assert machine.call("NtShutdownSystem", 1) == Status.PRIVILEGE_NOT_HELD
        assert machine.call("NtInitiatePowerAction", 9, 0, 0, 0) == Status.INVALID_PARAMETER
        assert machine.call("NtInitiatePowerAction", 2, 0, 0, 0) == Status.NOT_SUPPORTED
        assert machine.call("NtInitiatePowerAction", 5, 0, 0, 0) == Status.PRIVILEGE_NOT_HELD
        assert machine.state.power.requested is None

    @pytest.mark.parametrize(("number", "action"), [(4, POWER_OFF), (5, RESTART), (6, POWER_OFF)])
    @pytest.mark.parametrize("flags", [0, 0x80000000])
    def test_power_actions(self, machine: Machine, number: int, action: PowerAction, flags: int) -> None:
        assert machine.call("NtInitiatePowerAction", number, 4, flags, 0) == Status.SUCCESS
        assert (machine.state.power.requested, machine.state.power.at_once) == (action, bool(flags))


class TestShutdown:
    def test_now(self, machine: Machine) -> None:
        message = wide(machine, "why\n", MESSAGE)
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, message, 0, 1, 0x7700) == power.SUCCESS
        assert machine.state.power.requested is POWER_OFF
        assert machine.state.power.requested_by == f"{machine.thread.process}: 'why\\n'"

    def test_later(self, machine: Machine) -> None:
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, 0, 5 | 7 << 32, 0, 1) == power.SUCCESS
        assert machine.state.power.is_scheduled
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, 0, 0, 0, 0) == power.SHUTDOWN_IS_SCHEDULED
        machine.now += 5
        machine.scheduler.step()
        assert machine.state.power.requested is RESTART
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, 0, 0, 0, 0) == power.SHUTDOWN_IN_PROGRESS
        assert ask(machine, power.EXIT_WINDOWS, 1) == power.SHUTDOWN_IN_PROGRESS

    def test_abort(self, machine: Machine) -> None:
        assert ask(machine, power.ABORT_SYSTEM_SHUTDOWN, 0) == power.NO_SHUTDOWN_IN_PROGRESS
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, 0, LONGEST, 0, 1) == power.SUCCESS
        assert ask(machine, power.ABORT_SYSTEM_SHUTDOWN_ANSI, 0) == power.SUCCESS
        assert not machine.state.power.is_scheduled

    @pytest.mark.parametrize(
        ("flags", "action"), [(0x4, RESTART), (0x8, POWER_OFF), (0x10, HALT), (0x247, RESTART)]
    )
    def test_by_flags(self, machine: Machine, flags: int, action: PowerAction) -> None:
        assert ask(machine, power.INITIATE_SHUTDOWN, 0, 0, 0, flags) == power.SUCCESS
        assert machine.state.power.requested is action

    @pytest.mark.parametrize("flags", [0, 0xC, 0x14, 0x4004, 0x80000008])
    def test_flags_that_say_nothing(self, machine: Machine, flags: int) -> None:
        assert ask(machine, power.INITIATE_SHUTDOWN, 0, 0, 0, flags) == power.INVALID_PARAMETER
        assert machine.state.power.requested is None

    def test_a_grace_that_is_overridden(self, machine: Machine) -> None:
        assert ask(machine, power.INITIATE_SHUTDOWN, 0, 0, 50, 0x8) == power.SUCCESS
        assert ask(machine, power.INITIATE_SHUTDOWN_ANSI, 0, 0, 0, 0x24) == power.SUCCESS
        assert machine.state.power.requested is RESTART

    def test_other_computers(self, machine: Machine) -> None:
        name = machine.state.system.host_name
        for computer in (name, f"\\\\{name}", f"\\\\{name.upper()}", "\\\\localhost"):
            address = wide(machine, computer)
            assert ask(machine, power.ABORT_SYSTEM_SHUTDOWN, address) == power.NO_SHUTDOWN_IN_PROGRESS
        machine.guest.memory.write(COMPUTER, b"\\\\elsewhere\0")
        assert ask(machine, power.ABORT_SYSTEM_SHUTDOWN_ANSI, COMPUTER) == power.BAD_NETPATH
        code = power.INITIATE_SYSTEM_SHUTDOWN_ANSI
        assert ask(machine, code, COMPUTER, 0, 0, 0, 0) == power.BAD_NETPATH
        assert machine.state.power.requested is None

    def test_lies(self, machine: Machine) -> None:
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, BAD) == power.NOACCESS
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN_ANSI, 0, BAD) == power.NOACCESS
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, 0, LONGEST + 1) == power.INVALID_PARAMETER
        for code in range(1, 8):
            assert power.answer(machine.thread, code, BAD) == power.NOACCESS
        assert power.answer(machine.thread, 8, BAD) is None
        assert machine.state.power.requested is None
        assert not machine.state.power.is_scheduled

    def test_an_ordinary_user(self, machine: Machine) -> None:
        become_ordinary(machine)
        assert ask(machine, power.INITIATE_SYSTEM_SHUTDOWN, 0, 0, 0, 0, 0) == power.ACCESS_DENIED
        assert ask(machine, power.INITIATE_SHUTDOWN, 0, 0, 0, 8) == power.ACCESS_DENIED
        assert ask(machine, power.ABORT_SYSTEM_SHUTDOWN, 0) == power.ACCESS_DENIED
        assert ask(machine, power.EXIT_WINDOWS, 8) == power.PRIVILEGE_NOT_HELD
        assert machine.state.power.requested is None


class TestExitWindows:
    @pytest.mark.parametrize(
        ("flags", "action"),
        [(0x1, POWER_OFF), (0x8, POWER_OFF), (0x2, RESTART), (0x6, RESTART), (0x40, RESTART)],
    )
    def test_flags(self, machine: Machine, flags: int, action: PowerAction) -> None:
        assert ask(machine, power.EXIT_WINDOWS, flags | 0xFF << 32) == power.SUCCESS
        assert machine.state.power.requested is action

    def test_a_log_off_hangs_up_the_session(self, machine: Machine) -> None:
        asking, other, stranger = machine.thread.process, machine.process(), machine.process()
        stranger.new_session()
        asking.new_session()
        other.join(asking.group)
        assert ask(machine, power.EXIT_WINDOWS, 0) == power.SUCCESS
        assert [each.exit_status is not None for each in (asking, other, stranger)] == [True, True, False]
        assert machine.state.power.requested is None
