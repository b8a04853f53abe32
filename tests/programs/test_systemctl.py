"""Debian's own systemctl manages services of a machine; what it says is compared with what the machine's processes are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.administration import works
from tests.programs.conftest import Lichen, eventually, is_alive
from tests.toolchain import host_program

FILES = Path(__file__).parent / "services"
PLACE = "/services"
UNITS = "/etc/systemd/system"
WEB = f"""[Unit]
Description=A web server
[Service]
ExecStart=/usr/bin/python3 -m http.server --directory {PLACE} --bind 127.0.0.1 0
[Install]
WantedBy=multi-user.target
"""
REPORTING = f"""[Service]
Type=notify
User=nobody
WorkingDirectory=/tmp
RuntimeDirectory=reporting
Environment="GREETING=good day"
LimitNOFILE=77
ExecStart=/usr/bin/python3 {PLACE}/reporting.py
ExecReload=/bin/kill -HUP $MAINPID
"""
FORKING = f"[Service]\nType=forking\nPIDFile=/run/forking.pid\nExecStart=/bin/sh {PLACE}/forking.sh\n"
ONCE = """[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo one >/run/once'
ExecStart=/bin/sh -c 'echo two >>/run/once'
ExecStop=/bin/rm /run/once
"""
FAILING = """[Service]
ExecStart=/bin/sh -c 'echo again >>/run/failing; exit 3'
Restart=on-failure
RestartSec=10ms
"""
SHELL = """[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'systemd-notify --ready --status="by hand"; exec sleep 1000'
"""


class Box:
    """A machine, and systemctl on it."""

    def __init__(self, lichen: Lichen) -> None:
        self.lichen = lichen

    def run(self, line: str, status: int = 0, user: str = "root") -> str:
        """Type a line in a session; its output."""
        done = self.lichen.run(
            "run", "--share", f"{FILES}:{PLACE}:ro", "--user", user, "--", "sh", "-c", f"exec 2>&1; {line}"
        )
        assert (done.returncode, done.stderr) == (status, b""), done.stdout.decode()
        return done.stdout.decode()

    def unit(self, name: str, text: str) -> None:
        """Write a unit file."""
        done = self.lichen.run(
            "run", "--", "sh", "-c", f"mkdir -p {UNITS}; cat >{UNITS}/{name}", input=text.encode()
        )
        assert done.returncode == 0, done.stderr

    def shows(self, unit: str, *properties: str) -> list[str]:
        words = " ".join(f"-P {name}" for name in properties)
        return self.run(f"systemctl show {words} {unit}").splitlines()

    def main(self, unit: str) -> int:
        return int(self.shows(unit, "MainPID")[0])

    def commands(self) -> dict[int, str]:
        """The processes of the machine, as ps has them."""
        lines = self.run("ps -e -o pid= -o args=").splitlines()
        return {int(line.split()[0]): line.split(maxsplit=1)[1] for line in lines}

    def tasks(self) -> dict[int, str]:
        """The processes of the machine, as Windows' tasklist has them."""
        lines = self.run("tasklist.exe").replace("\r", "").splitlines()[3:]
        return {int(line[26:34]): line[:25].strip() for line in lines}

    def serves(self) -> bool:
        """Whether Windows' tasklist shows a Python, which the web server is."""
        return any(name.startswith("python3") for name in self.tasks().values())

    def typed(self, path: str) -> str:
        """A file, as a Windows program types it; nothing when it is not there."""
        path = path.replace("/", "\\")
        return self.run(f"cmd.exe /c 'type Z:{path} 2>nul' || true").replace("\r", "")


@pytest.fixture
def systemctl() -> str:
    return host_program("systemctl", "systemd")


@pytest.fixture
def box(lichen: Lichen, systemctl: str) -> Box:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    userlands.begin_as_the_users(lichen.home)
    return Box(lichen)


@works("Services", "start a service", "linux", "systemctl start web")
@works("Services", "see how a service is", "linux", "systemctl status web")
@works("Services", "list the services that run", "linux", "systemctl list-units")
@works("Services", "restart a service", "linux", "systemctl restart web")
@works("Services", "stop a service", "linux", "systemctl stop web")
def test_the_life_of_a_service(box: Box) -> None:
    box.unit("web.service", WEB)
    assert box.run("systemctl is-active web", 3) == "inactive\n"
    assert box.run("systemctl start web") == ""
    first = box.main("web")
    assert "http.server" in box.commands()[first]
    assert box.tasks()[first].startswith("python3")
    shown = box.run("systemctl status web")
    assert "Active: active (running)" in shown
    assert f"Main PID: {first} (python3)" in shown
    assert re.search(r"web\.service +loaded active running A web server", box.run("systemctl list-units"))
    assert box.run("systemctl restart web") == ""
    second = box.main("web")
    tasks = box.tasks()
    assert first not in tasks
    assert tasks[second].startswith("python3")
    assert box.run("systemctl stop web") == ""
    assert not box.serves()
    shown = box.run("systemctl status web", 3)
    assert "Active: inactive (dead)" in shown
    assert "signal=TERM" in shown


@works("Services", "have a service reload its configuration", "linux", "systemctl reload reporting")
def test_a_service_that_reports(box: Box) -> None:
    box.unit("reporting.service", REPORTING)
    assert box.run("systemctl start reporting") == ""
    main = box.main("reporting")
    assert box.shows("reporting", "StatusText") == ["at your service"]
    assert box.run(f"grep files /proc/{main}/limits; stat -c %U /run/reporting").split()[3::3] == [
        "77",
        "nobody",
    ]
    assert box.run("systemctl reload reporting") == ""
    eventually(lambda: box.shows("reporting", "StatusText") == ["reloaded"])
    assert box.typed("/tmp/reloaded") == "by a signal\n"
    assert box.main("reporting") == main
    box.run("systemctl stop reporting")
    assert "not active, cannot reload" in box.run("systemctl reload reporting", 1)
    assert box.run("ls /run/reporting", 2)
    log = box.lichen.run("log", "--unit", "reporting").stdout.decode()
    assert "65534 /tmp good day /run/reporting\n" in log
    assert "something is wrong\n" in log
    assert "reloaded\n" in log


def test_a_shell_script_that_reports(box: Box) -> None:
    host_program("systemd-notify", "systemd")
    box.unit("script.service", SHELL)
    assert box.run("systemctl start script") == ""
    assert box.shows("script", "StatusText") == ["by hand"]
    assert box.commands()[box.main("script")] == "sleep 1000"


def test_a_daemon_that_forks_keeps_its_processes(box: Box) -> None:
    box.unit("forking.service", FORKING)
    assert box.run("systemctl start forking") == ""
    main = box.main("forking")
    commands = box.commands()
    assert commands[main] == "sleep 1000"
    (helper,) = [id for id, command in commands.items() if command == "sleep 1001"]
    assert f"{helper} sleep 1001" in box.run("systemctl status forking")
    assert box.run(f"systemctl status {helper} | head -n 1").endswith("forking.service\n")
    box.run("systemctl stop forking")
    assert not {main, helper} & set(box.commands())


def test_a_oneshot(box: Box) -> None:
    box.unit("once.service", ONCE)
    box.unit(
        "after.service",
        "[Unit]\nRequires=once.service\nAfter=once.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    )
    assert box.run("systemctl start after; cat /run/once") == "one\ntwo\n"
    assert box.run("systemctl is-active once after") == "active\nactive\n"
    assert "once.service" in box.run("systemctl list-dependencies after")
    assert box.run("systemctl stop once") == ""
    assert box.run("systemctl is-active once after; test -e /run/once", 1) == "inactive\ninactive\n"


@works("Services", "list the services that have failed", "linux", "systemctl --failed")
@works("Services", "forget that services have failed", "linux", "systemctl reset-failed")
def test_a_service_that_fails_comes_back_and_is_left_at_last(box: Box) -> None:
    box.unit("failing.service", FAILING)
    box.run("systemctl start failing")
    eventually(lambda: box.shows("failing", "ActiveState") == ["failed"])
    assert box.typed("/run/failing") == "again\n" * 5
    assert box.shows("failing", "Result", "NRestarts") == ["exit-code", "5"]
    assert "status=3" in box.run("systemctl status failing", 3)
    assert "failing.service" in box.run("systemctl --failed")
    assert box.run("systemctl is-failed failing") == "failed\n"
    assert box.run("systemctl is-system-running", 1) == "degraded\n"
    assert box.run("systemctl reset-failed; systemctl is-failed failing", 1) == "inactive\n"
    assert "Start request repeated too quickly." in box.lichen.run("log", "--unit", "failing").stdout.decode()


def test_a_program_that_is_missing(box: Box) -> None:
    box.unit("missing.service", "[Service]\nExecStart=/nowhere/at/all\n")
    assert "failed" in box.run("systemctl start missing", 1)
    assert "status=203/EXEC" in box.run("systemctl status missing", 3)
    assert "/nowhere/at/all: no such program" in box.lichen.run("log", "--unit", "missing").stdout.decode()


@works("Services", "have a service start with the machine", "linux", "systemctl enable web")
@works("Services", "have it start no more with the machine", "linux", "systemctl disable web")
def test_enabled_services_start_with_a_machine_that_is_started(box: Box) -> None:
    box.unit("web.service", WEB)
    told = box.run("systemctl enable web")
    assert told.startswith("Created symlink /etc/systemd/system/multi-user.target.wants/web.service")
    assert box.run("systemctl is-enabled web; systemctl is-active web", 3) == "enabled\ninactive\n"
    assert box.lichen.run("stop").returncode == 0
    assert box.run("systemctl is-active web", 3) == "inactive\n"  # the machine runs, but was not started
    assert box.lichen.run("start").returncode == 0
    eventually(lambda: "active" in box.shows("web", "ActiveState"))
    kernel = int(box.lichen.facts()["pid"])
    assert box.lichen.run("restart").returncode == 0
    eventually(box.serves)
    assert box.run("systemctl disable web").startswith("Removed ")
    assert box.lichen.run("stop").returncode == 0
    eventually(lambda: not is_alive(kernel))
    assert box.lichen.run("start").returncode == 0
    assert box.shows("web", "ActiveState") == ["inactive"]
    assert not box.serves()


@works("Services", "keep a service from being started", "linux", "systemctl mask cron")
@works("Services", "let it be started again", "linux", "systemctl unmask cron")
def test_masks(box: Box) -> None:
    host_program("/usr/sbin/cron", "cron")
    assert "→ /dev/null" in box.run("systemctl mask cron")
    assert box.run("systemctl is-enabled cron", 1) == "masked\n"
    assert "masked" in box.run("systemctl start cron", 1)
    assert "cron" not in box.tasks().values()
    assert box.run("systemctl unmask cron").startswith("Removed ")
    assert box.run("systemctl start cron; systemctl is-active cron") == "active\n"
    assert "cron" in box.tasks().values()


def test_cron_runs_and_what_the_host_has_enabled_is_not(box: Box) -> None:
    host_program("/usr/sbin/cron", "cron")
    assert box.run("systemctl is-enabled cron", 1) == "disabled\n"
    assert box.run("systemctl start cron") == ""
    assert box.commands()[box.main("cron")] == "/usr/sbin/cron -f"
    eventually(lambda: "(CRON) INFO" in box.lichen.run("log", "--unit", "cron").stdout.decode())
    assert box.run("service cron status | grep -c running") == "1\n"
    assert box.run("service cron restart; service cron stop; systemctl is-active cron", 3) == "inactive\n"


def test_templates_kill_and_the_files(box: Box) -> None:
    box.unit("at@.service", "[Service]\nExecStart=/bin/sh -c 'echo %%i=%i >/run/at-%i; exec sleep 1000'\n")
    box.run("systemctl start at@one at@two")
    eventually(lambda: box.run("cat /run/at-* 2>&1").splitlines() == ["%i=one", "%i=two"])
    assert box.run("systemctl kill --signal=KILL at@one") == ""
    eventually(lambda: box.shows("at@one", "Result") == ["signal"])
    assert box.run("systemctl try-restart at@one; systemctl is-active at@one", 3) == "failed\n"
    assert box.run("systemctl cat at@two").startswith(f"# {UNITS}/at@.service\n[Service]\n")
    box.unit("at@.service", "[Service]\nExecStart=/bin/sleep 2000\n")
    assert "daemon-reload" in box.run("systemctl restart at@two")
    assert box.run("systemctl daemon-reload; systemctl restart at@two") == ""
    assert box.commands()[box.main("at@two")] == "/bin/sleep 2000"
    assert re.search(r"at@\.service +static", box.run("systemctl list-unit-files 'at@*'"))


def test_who_may_do_what(box: Box) -> None:
    box.unit("web.service", WEB)
    box.run("systemctl start web")
    assert box.run("systemctl is-active web", user="nobody") == "active\n"
    assert "Access denied" in box.run("systemctl stop web", 4, user="nobody")
    assert "Access denied" in box.run("systemctl enable web", 1, user="nobody")
    assert box.run("systemctl is-active web") == "active\n"


def test_units_that_are_not_there(box: Box) -> None:
    assert "not found" in box.run("systemctl start nonesuch", 5)
    assert "could not be found" in box.run("systemctl status nonesuch", 4)
    assert box.run("systemctl is-enabled nonesuch", 1)
    assert "does not exist" in box.run("systemctl enable nonesuch", 1)
    box.unit("bad.service", "[Service]\nExecStart=./relative\n")
    assert "bad unit file setting" in box.run("systemctl start bad", 1)


@works("Services", "start something at a time", "linux", "systemctl start soon.timer")
def test_a_timer(box: Box) -> None:
    box.unit("soon.timer", "[Timer]\nOnActiveSec=50ms\n")
    box.unit("soon.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo now >/run/soon'\n")
    assert box.run("systemctl start soon.timer") == ""
    eventually(lambda: box.typed("/run/soon") == "now\n")
    assert "soon.service" in box.run("systemctl list-timers --all")


def test_services_stop_before_the_machine(box: Box) -> None:
    box.unit(
        "last.service",
        "[Service]\nExecStart=/bin/sleep 1000\nExecStop=/bin/sh -c 'echo stopped >/root/last'\n",
    )
    box.run("systemctl start last")
    kernel = int(box.lichen.facts()["pid"])
    assert box.lichen.run("stop").returncode == 0
    eventually(lambda: not is_alive(kernel))
    assert box.run("cat /root/last") == "stopped\n"


@works("Power", "turn the machine off by its service manager", "linux", "systemctl poweroff")
@works("Power", "restart the machine by its service manager", "linux", "systemctl reboot")
@pytest.mark.parametrize(("verb", "mark"), [("poweroff", "powered off"), ("reboot", "rebooted")])
def test_ends_of_the_machine(box: Box, verb: str, mark: str) -> None:
    assert box.lichen.run("start").returncode == 0
    kernel = int(box.lichen.facts()["pid"])
    box.lichen.run("run", "--", "systemctl", verb)
    eventually(lambda: f"going down: {mark}\n" in box.lichen.log())
    eventually(lambda: verb == "reboot" or not is_alive(kernel))


@works("Power", "end the machine later, and think better of it", "linux", "shutdown +5")
def test_a_shutdown_that_is_taken_back(box: Box) -> None:
    host_program("shutdown", "systemd-sysv")
    assert "Shutdown scheduled for" in box.run("shutdown +5")
    assert box.run("shutdown -c") == ""
    assert "Reboot scheduled for" in box.run("shutdown -r +5")
    assert box.run("shutdown -c") == ""
    kernel = int(box.lichen.facts()["pid"])
    assert is_alive(kernel)


def test_a_plain_run_asks_for_no_service(lichen: Lichen) -> None:
    assert lichen.run("run", "--", "test", "-d", "/run/systemd/system").returncode == 0
    assert not (lichen.home / "machines" / "default" / "services.log").exists()


def test_who_speaks_nonsense_is_let_go_and_harms_nobody(box: Box) -> None:
    box.run("systemctl is-system-running")
    answered = box.run(f"python3 {PLACE}/hostile.py 500 20000", user="nobody")
    assert answered.splitlines() == ["True"] * 4 + ["True 65534"]
    assert box.run("systemctl is-system-running") == "running\n"


@works("Services", "have a service started by who comes to it", "linux", "systemctl start answering.socket")
def test_a_socket_starts_its_service(box: Box) -> None:
    listens = "ListenStream=/run/answering/socket\nListenStream=127.0.0.1:7654\nSocketMode=0600\n"
    box.unit("answering.socket", f"[Socket]\n{listens}FileDescriptorName=door\n")
    box.unit("answering.service", f"[Service]\nExecStart=/usr/bin/python3 {PLACE}/answering.py\n")
    assert box.run("systemctl start answering.socket; stat -c %a /run/answering/socket") == "600\n"
    assert re.search(
        r"/run/answering/socket +answering\.socket +answering\.service", box.run("systemctl list-sockets")
    )
    assert box.run("systemctl is-active answering.socket answering.service") == "active\ninactive\n"
    assert box.run(f"python3 {PLACE}/asking.py") == "door:door hello\n" * 3
    assert box.typed("/run/answering.starts").startswith("once\n")
    assert "TriggeredBy: ● answering.socket" in box.run("systemctl status answering.service; true")
    assert box.run("systemctl stop answering.socket answering.service; true") == ""
    assert "Connection refused" in box.run(f"python3 {PLACE}/asking.py", 1)


def test_a_bus_of_the_machine_s_own(box: Box) -> None:
    host_program("dbus-daemon", "dbus")
    box.unit("web.service", WEB)
    assert box.run("systemctl start dbus web") == ""
    assert "dbus-daemon" in box.commands()[box.main("dbus")]
    for _ in range(2):
        eventually(lambda: "org.freedesktop.systemd1" in box.run("busctl list --acquired --no-legend"))
        assert box.run("systemctl is-active web", user="nobody") == "active\n"
        assert "Access denied" in box.run("systemctl stop web", 4, user="nobody")
        assert box.run("systemctl restart dbus") == ""
    told = box.run("hostnamectl hostname")
    assert told == box.run("hostname")
    assert box.run("systemctl is-active systemd-hostnamed") == "active\n"
