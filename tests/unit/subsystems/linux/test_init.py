"""Process 1 is told to end the machine by signals and on its FIFO, and the kernel by reboot(2)."""

from __future__ import annotations

import errno
import struct
from dataclasses import replace

import pytest

from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.manager import open_location
from lichen.executive.io.opening import Access, Open
from lichen.executive.power import PowerAction
from lichen.executive.security.tokens import ALL_CAPABILITIES, Capability
from lichen.filesystems.pipe import Pipes
from lichen.subsystems.linux import init, sending
from tests.unit.kernel import Kernel
from tests.unit.subsystems.linux.machine import ADDRESS, BAD, ROOT, USER, Machine

MAGIC, SECOND = 0xFEE1DEAD, 672274793
HALT, POWER_OFF, RESTART = PowerAction.HALT, PowerAction.POWER_OFF, PowerAction.RESTART


@pytest.fixture
def machine() -> Machine:
    return Machine(ROOT)


class TestReboot:
    @pytest.mark.parametrize(
        ("command", "action"), [(0x01234567, RESTART), (0xCDEF0123, HALT), (0x4321FEDC, POWER_OFF)]
    )
    @pytest.mark.parametrize("second", [672274793, 85072278, 369367448, 537993216])
    def test_it_happens_at_once_and_nobody_returns(
        self, machine: Machine, command: int, action: PowerAction, second: int
    ) -> None:
        assert machine.call("reboot", MAGIC, second, command) is None
        power = machine.state.power
        assert (power.requested, power.at_once) == (action, True)
        assert power.requested_by == str(machine.thread.process)
        machine.thread.process.signal(15)
        assert machine.answer() is None

    def test_numbers(self, machine: Machine) -> None:
        assert machine.call("reboot", 0, SECOND, 0x4321FEDC) == -errno.EINVAL
        assert machine.call("reboot", MAGIC, 1, 0x4321FEDC) == -errno.EINVAL
        assert machine.call("reboot", MAGIC, SECOND, 7) == -errno.EINVAL
        assert machine.call("reboot", MAGIC, SECOND, 0x45584543) == -errno.EINVAL
        assert machine.call("reboot", MAGIC, SECOND, 0xA1B2C3D4, BAD) == -errno.EFAULT
        assert machine.call("reboot", MAGIC, SECOND, 0) == 0
        assert machine.call("reboot", MAGIC, SECOND, 0x89ABCDEF) == 0
        assert machine.state.power.requested is None
        assert machine.call("reboot", MAGIC, SECOND, 0xA1B2C3D4, machine.put(b"firmware\0")) is None
        assert machine.state.power.requested is RESTART

    def test_the_capability_comes_first(self) -> None:
        for token in (USER, replace(ROOT, effective=ALL_CAPABILITIES & ~(1 << Capability.SYS_BOOT))):
            machine = Machine(token)
            assert machine.call("reboot", MAGIC, SECOND, 0x4321FEDC) == -errno.EPERM
            assert machine.call("reboot", 1, 2, 3) == -errno.EPERM
            assert machine.state.power.requested is None


class TestSignals:
    @pytest.mark.parametrize(
        ("number", "action", "at_once"),
        [
            (2, RESTART, False),
            (10, HALT, False),
            (12, POWER_OFF, False),
            (15, RESTART, False),
            (37, HALT, False),
            (38, POWER_OFF, False),
            (39, RESTART, False),
            (47, HALT, True),
            (48, POWER_OFF, True),
            (49, RESTART, True),
        ],
    )
    def test_what_they_mean(self, machine: Machine, number: int, action: PowerAction, at_once: bool) -> None:
        assert machine.call("kill", 1, number) == 0
        power = machine.state.power
        assert (power.requested, power.at_once) == (action, at_once)
        assert power.requested_by == f"signal {number} from {machine.thread.process}"

    @pytest.mark.parametrize("number", [0, 1, 9, 17, 18, 19, 34, 40, 64])
    def test_others_mean_nothing(self, machine: Machine, number: int) -> None:
        assert machine.call("kill", 1, number) == 0
        assert machine.state.power.requested is None

    def test_with_data(self, machine: Machine) -> None:
        machine.put(struct.pack("<iiiiii", 0, 0, -1, machine.thread.id, 0, 0).ljust(128, b"\0"))
        assert machine.call("rt_sigqueueinfo", 1, 38, ADDRESS) == 0
        assert machine.state.power.requested is POWER_OFF

    def test_only_processes_send_them(self, machine: Machine) -> None:
        machine.state.processes.init.signal(38)
        for code in (-5, 1, 0x80):
            information = struct.pack("<iiiii", 38, 0, code, 8, 0).ljust(128, b"\0")
            assert sending.send(machine.state.processes.init, 38, information)
        assert machine.state.power.requested is None

    def test_an_ordinary_user_may_not(self) -> None:
        machine = Machine(USER)
        assert machine.call("kill", 1, 38) == -errno.EPERM
        assert machine.state.power.requested is None

    def test_nor_by_way_of_everybody(self, machine: Machine) -> None:
        machine.process()
        assert machine.call("kill", -1, 38) == 0
        assert machine.state.power.requested is None


def request(command: int, level: int = 0, data: bytes = b"", magic: int = 0x03091969) -> bytes:
    """A record as sysvinit's tools write it."""
    return struct.pack("<4i368s", magic, command, level, 0, data)


class Control:
    """The FIFO with whoever reads it, and somebody who writes."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.power = Machine(ROOT).state.power
        Pipes().register(self.kernel.devices)
        place = self.kernel.place(Kind.FIFO)
        self.kernel.scheduler.spawn(init.serve(self.power, self.end(place, Access.READ | Access.WRITE)))
        self.writer = self.end(place, Access.WRITE)

    def end(self, place: object, access: int) -> File:
        found = open_location(self.kernel.context, place, Open(access))  # type: ignore[arg-type]
        assert isinstance(found, File)
        return found

    def write(self, data: bytes) -> None:
        self.writer.write(data)
        self.kernel.settle()


class TestControl:
    def test_run_levels(self) -> None:
        for level, action in ((ord("0"), POWER_OFF), (ord("6"), RESTART)):
            control = Control()
            control.write(request(1, level))
            assert (control.power.requested, control.power.at_once) == (action, False)
            assert "run level" in control.power.requested_by

    def test_how_to_halt(self) -> None:
        for settings, action in (
            ([(6, b"INIT_HALT=HALT")], HALT),
            ([(6, b"INIT_HALT=POWEROFF")], POWER_OFF),
            ([(6, b"INIT_HALT=HALT"), (7, b"INIT_HALT=")], POWER_OFF),
            ([(6, b"OTHER=HALT")], POWER_OFF),
        ):
            control = Control()
            for command, data in settings:
                control.write(request(command, data=data))
            assert control.power.requested is None
            control.write(request(1, ord("0")))
            assert control.power.requested is action

    @pytest.mark.parametrize(
        "junk",
        [b"0", b"\0" * 384, request(1, ord("0"), magic=1), request(1, ord("3")), request(2), request(-1, -1)],
    )
    def test_what_is_no_request_is_dropped(self, junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
        control = Control()
        control.write(junk)
        assert control.power.requested is None
        assert "/run/initctl" in caplog.text
        control.write(request(1, ord("6")))
        assert control.power.requested is RESTART

    def test_several_at_once(self) -> None:
        control = Control()
        control.write(request(6, data=b"INIT_HALT=HALT") + request(1, ord("0")) + b"rest")
        assert control.power.requested is HALT
