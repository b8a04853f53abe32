"""Programs of either world ask for the end of their machine, each in its own way; ordinary users are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from lichen.executive.power import PowerAction
from tests import userlands
from tests.programs.asking import SOMEBODY, Asked, asked
from tests.toolchain import host_program

HALT, POWER_OFF, RESTART = PowerAction.HALT, PowerAction.POWER_OFF, PowerAction.RESTART


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Asked]:
    with asked(tmp_path) as machine:
        yield machine


@pytest.fixture
def windows(own_programs: Path, machine: Asked) -> Asked:
    """A machine on which Windows programs run."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    return machine


def tool(name: str) -> str:
    """A tool of the host's that ends machines, if it is systemd's."""
    path = host_program(name, "systemd-sysv")
    if Path(path).resolve().name != "systemctl":
        pytest.skip(f"needs the package systemd-sysv, whose {name} it is")
    return path


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("shutdown -h now", POWER_OFF),
        ("shutdown -P now", POWER_OFF),
        ("shutdown now", POWER_OFF),
        ("shutdown -r now", RESTART),
        ("poweroff", POWER_OFF),
        ("halt", POWER_OFF),  # systemd's asks sysvinit's init for the same
        ("reboot", RESTART),
    ],
)
def test_systemds_tools(machine: Asked, line: str, action: PowerAction) -> None:
    name, *options = line.split()
    machine.run(tool(name), *options)
    assert (machine.power.requested, machine.power.at_once, machine.status) == (action, False, 0)
    assert "/run/initctl" in machine.power.requested_by


@pytest.mark.parametrize(
    ("line", "action"),
    [("poweroff -f", POWER_OFF), ("halt -f", HALT), ("reboot -f", RESTART), ("reboot -ff", RESTART)],
)
def test_by_force_it_happens_at_once(machine: Asked, line: str, action: PowerAction) -> None:
    name, *options = line.split()
    machine.run(tool(name), *options)
    assert (machine.power.requested, machine.power.at_once, machine.status) == (action, True, None)
    assert machine.power.requested_by == f"process 8 ({name})"


@pytest.mark.parametrize("line", ["shutdown +5", "shutdown -c", "shutdown 23:00"])
def test_what_wants_a_service_manager_says_so(machine: Asked, line: str) -> None:
    name, *options = line.split()
    machine.run(tool(name), *options)
    assert machine.status == 1
    assert "Failed to connect to bus" in machine.output
    assert machine.power.requested is None


@pytest.mark.parametrize(("name", "action"), [("poweroff", POWER_OFF), ("halt", HALT), ("reboot", RESTART)])
@pytest.mark.parametrize("options", [(), ("-f",)])
def test_busybox(machine: Asked, name: str, action: PowerAction, options: tuple[str, ...]) -> None:
    machine.run(host_program("busybox", "busybox-static"), name, *options)
    assert (machine.power.requested, machine.power.at_once) == (action, bool(options))


@pytest.mark.parametrize(
    ("name", "action", "at_once"),
    [
        ("RTMIN+3", HALT, False),
        ("RTMIN+4", POWER_OFF, False),
        ("RTMIN+5", RESTART, False),
        ("INT", RESTART, False),
        ("RTMIN+14", POWER_OFF, True),
        ("RTMIN+15", RESTART, True),
    ],
)
def test_signals_to_process_1(machine: Asked, name: str, action: PowerAction, at_once: bool) -> None:
    machine.run("bash", "-c", f"kill -{name} 1; exit $?")
    assert (machine.power.requested, machine.power.at_once) == (action, at_once)
    assert "process 8 (bash)" in machine.power.requested_by


def test_an_ordinary_user_is_refused(machine: Asked) -> None:
    machine.run("bash", "-c", "kill -RTMIN+4 1 || exit 3", user=SOMEBODY)
    assert machine.status == 3
    machine.run("bash", "-c", "printf 1 >/run/initctl || exit 4", user=SOMEBODY)
    assert machine.status == 4
    machine.run(host_program("busybox", "busybox-static"), "poweroff", "-f", user=SOMEBODY)
    assert (machine.status, machine.output) == (1, "poweroff: (null): Operation not permitted\n")
    assert machine.power.requested is None


@pytest.mark.parametrize("line", ["poweroff", "reboot", "shutdown -h now"])
def test_systemds_tools_refuse_an_ordinary_user(machine: Asked, line: str) -> None:
    name, *options = line.split()
    machine.run(tool(name), *options, user=SOMEBODY)
    assert machine.status == 1
    assert "Permission denied" in machine.output
    assert machine.power.requested is None


# ---- Windows


@pytest.mark.parametrize(
    ("options", "action"),
    [
        ("/s /t 0", POWER_OFF),
        ("-r -t 0 /f", RESTART),
        ("/g /t 00 /d p:4:1", RESTART),
        ("/p", POWER_OFF),
        ("/P /F", POWER_OFF),
    ],
)
def test_shutdown(windows: Asked, options: str, action: PowerAction) -> None:
    windows.run("shutdown.exe", *options.split())
    assert (windows.output, windows.status) == ("", 0)
    assert (windows.power.requested, windows.power.at_once) == (action, False)
    assert windows.power.requested_by == "process 8 (shutdown.exe)"


def test_shutdown_later_and_not_at_all(windows: Asked) -> None:
    windows.run("shutdown.exe", "/a")
    assert windows.status == 1116
    assert windows.output == (
        "Unable to abort the system shutdown because no shutdown was in progress.(1116)\r\n"
    )
    windows.run("shutdown.exe", "/s", "/t", "3600", "/c", "for tonight")
    assert (windows.output, windows.status) == ("", 0)
    assert windows.power.is_scheduled
    windows.run("shutdown.exe", "/r")
    assert (windows.output, windows.status) == (
        "A system shutdown has already been scheduled.(1190)\r\n",
        1190,
    )
    windows.run("cmd.exe", "/c", "shutdown /a")
    assert (windows.output, windows.status) == ("", 0)
    windows.run("shutdown.exe", "/a")
    assert windows.status == 1116


def test_shutdown_says_why(windows: Asked) -> None:
    windows.run("shutdown.exe", "/r", "/t", "0", "/c", "new disk")
    assert windows.power.requested_by == "process 8 (shutdown.exe): 'new disk'"


def test_shutdown_refuses_an_ordinary_user(windows: Asked) -> None:
    for options, error, text in (
        ("/s", 5, "Access is denied."),
        ("/a", 5, "Access is denied."),
        ("/p", 1314, "A required privilege is not held by the client."),
    ):
        windows.run("shutdown.exe", options, user=SOMEBODY)
        assert (windows.status, windows.output) == (error, f"{text}({error})\r\n")
    assert not windows.power.is_scheduled
    assert windows.power.requested is None


@pytest.mark.parametrize(
    "options",
    ["/x", "/t 5", "/s /r", "/s /t", "/s /t -1", "/s /t 315360001", "/l /t 5", "/p /c x", "/s /d 1"],
)
def test_shutdown_is_used_wrongly(windows: Asked, options: str) -> None:
    windows.run("shutdown.exe", *options.split())
    assert windows.status == 1
    assert windows.output.startswith("Usage: shutdown ")
    assert windows.power.requested is None


def test_shutdown_does_not_do_everything(windows: Asked) -> None:
    for options, error, text in (
        ("/h", 50, "The request is not supported."),
        ("/r /o", 50, "The request is not supported."),
        (r"/s /m \\elsewhere", 53, r"\\elsewhere: The network path was not found."),
    ):
        windows.run("shutdown.exe", *options.split())
        assert (windows.status, windows.output) == (error, f"{text}({error})\r\n")
    assert not windows.power.is_scheduled


def test_logging_off_ends_the_session(windows: Asked) -> None:
    windows.run("bash", "-c", "trap 'echo hung up; exit 7' HUP; shutdown.exe /l & wait; sleep 1000 & wait")
    assert (windows.status, windows.output) == (7, "hung up\n")
    assert windows.power.requested is None
