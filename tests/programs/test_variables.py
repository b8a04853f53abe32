"""The caller's variables: Python's are the guest's, those of the host's session stay there, folders may be relative."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs.conftest import SECONDS, Lichen

TOP = Path(__file__).parents[2]
ENTRY = """\
import sys
from lichen.__main__ import main
sys.exit(main())
"""
OF_HOST = {
    "TMUX": "/tmp/tmux-1000/default,1,0",
    "SSH_TTY": "/dev/pts/7",
    "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22",
    "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1",
    "DISPLAY": ":0",
    "XAUTHORITY": "/run/user/1000/xauthority",
    "WAYLAND_DISPLAY": "wayland-0",
    "XDG_RUNTIME_DIR": "/nowhere",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
    "STY": "1.tty",
    "NOTIFY_SOCKET": "/run/systemd/notify",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    command = Lichen(tmp_path_factory.mktemp("home"))
    yield command
    assert command.run("shutdown").returncode == 0


def variables_of(done: subprocess.CompletedProcess[bytes]) -> dict[str, str]:
    assert (done.returncode, done.stderr) == (0, b"")
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines())


# ---- Python's


@pytest.fixture(scope="module")
def disturbing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with which no program in Python does what it should."""
    folder = tmp_path_factory.mktemp("modules")
    for name in ("signal", "socket", "struct", "click"):
        (folder / f"{name}.py").write_text("raise SystemExit('a module of the user')\n")
    return {"PYTHONPATH": str(folder), "PYTHONWARNINGS": "error", "PYTHONINSPECT": "1", "PYTHONOPTIMIZE": "2"}


def test_variables_of_python_are_the_guests(machine: Lichen, disturbing: dict[str, str]) -> None:
    found = variables_of(machine.run("run", "env", variables=disturbing))
    assert {name: found.get(name) for name in disturbing} == disturbing
    machine.run("terminate", "default")
    assert variables_of(machine.run("run", "env", variables=disturbing)).keys() >= disturbing.keys()
    done = machine.run("list", variables=disturbing)  # by way of the library for command lines
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "interpreter", ["{}", "'''exec' {} \"$0\" \"$@\"\n' '''", "'''exec' \"{}\" \"$0\" \"$@\"\n' '''"]
)
def test_the_command_starts_python_in_isolation(
    machine: Lichen, tmp_path: Path, disturbing: dict[str, str], interpreter: str
) -> None:
    """As pip installs it, and as it does where the interpreter's path is too long for a first line."""
    command = tmp_path / "lichen"
    first = "#!" if interpreter == "{}" else "#!/bin/sh\n"
    command.write_text(f"{first}{interpreter.format(sys.executable)}\n{ENTRY}")
    command.chmod(0o755)
    subprocess.run([TOP / "tools" / "isolate", command], check=True)
    home = {"PYTHONHOME": str(tmp_path)}
    done = subprocess.run(
        [command, "run", "--cwd", "/", "env"],
        env={**machine.environment, **disturbing, **home},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    assert variables_of(done).items() >= {**disturbing, **home}.items()


def test_a_locale_that_python_gives_itself_is_not_the_callers(machine: Lichen) -> None:
    environment = {name: value for name, value in os.environ.items() if name[:3] not in ("LC_", "LAN")}
    words = machine.command("run", "--cwd", "/", "env")
    done = subprocess.run(
        words,
        env={**environment, "LICHEN_HOME": str(machine.home), "LC_ALL": "", "PYTHONOPTIMIZE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    assert "LC_CTYPE" not in variables_of(done)


# ---- the host's


def test_variables_that_name_things_of_the_host_stay_there(machine: Lichen) -> None:
    found = variables_of(machine.run("run", "env", variables={**OF_HOST, "EDITOR": "vi"}))
    assert found.keys() & OF_HOST.keys() == set()
    assert found["EDITOR"] == "vi"


def test_they_can_be_given_all_the_same(machine: Lichen) -> None:
    words = [word for name, value in OF_HOST.items() for word in ("--env", f"{name}={value}")]
    found = variables_of(machine.run("run", *words, "env", variables=OF_HOST))
    assert {name: found.get(name) for name in OF_HOST} == OF_HOST


def test_a_display_that_can_be_reached_is_named(machine: Lichen) -> None:
    display = {"DISPLAY": "localhost:10.0", "XAUTHORITY": "/home/somebody/.Xauthority"}
    assert variables_of(machine.run("run", "env", variables=display)).items() >= display.items()


# ---- Lichen's own


@pytest.mark.parametrize("name", ["LICHEN_HOME", "XDG_DATA_HOME"])
def test_a_relative_state_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "deep").mkdir()
    lichen = Lichen(tmp_path / "state" / ("" if name == "LICHEN_HOME" else "lichen"))
    del lichen.environment["LICHEN_HOME"]
    lichen.environment[name] = "../state"
    try:
        assert lichen.run("run", "--cwd", "/", "echo", "hi", cwd=tmp_path / "deep").stdout == b"hi\n"
        lichen.environment[name] = "state"
        done = lichen.run("run", "--cwd", "/", "echo", "again", cwd=tmp_path)
        assert (done.stdout, done.stderr) == (b"again\n", b"")
        assert lichen.facts()["version"]
    finally:
        assert lichen.run("shutdown", cwd=tmp_path).returncode == 0
