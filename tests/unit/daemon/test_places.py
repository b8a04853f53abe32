"""The folders of machines."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
from pathlib import Path

import pytest

from lichen.daemon import places, starting


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path / "home"


def test_home(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert places.home() == str(home)
    monkeypatch.delenv("LICHEN_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert places.home() == "/data/lichen"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert places.home() == "/home/me/.local/share/lichen"


@pytest.mark.parametrize("name", ["default", "a", "A-b_3", places.new_fresh_name()])
def test_names(name: str) -> None:
    places.check_name(name)


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "a b", "x.y", "fresh.", "n" * 65, "\N{SNOWMAN}"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(places.PlaceError):
        places.check_name(name)


def test_what_else_lies_there_is_no_machine() -> None:
    """Nor does it keep machines from being listed, booted and shut down."""
    places.make_folder("one")
    Path(places.machines(), "two").touch()
    Path(places.machines(), "three and four").mkdir()
    assert list(places.names()) == ["one"]


def test_folders_are_private() -> None:
    folder = places.make_folder("one")
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    os.chmod(folder, 0o755)
    with pytest.raises(places.PlaceError):
        places.make_folder("one")


def test_a_lock_says_that_a_machine_runs() -> None:
    folder = places.make_folder("one")
    assert not places.is_running(folder)
    lock = places.try_lock(folder)
    assert lock is not None
    assert places.is_running(folder)
    assert places.try_lock(folder) is None
    assert not places.remove_if_dead(folder)
    os.close(lock)
    assert not places.is_running(folder)
    assert places.remove_if_dead(folder)
    assert not os.path.exists(folder)


def test_a_lock_of_a_removed_folder_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = places.make_folder("one")
    monkeypatch.setattr(fcntl, "flock", lambda *_: os.unlink(os.path.join(folder, "lock")))
    assert places.try_lock(folder) is None


def test_dead_fresh_machines_are_removed() -> None:
    starting = places.make_folder(places.new_fresh_name())
    alive, dead = (places.make_folder(f"fresh.{_nobody()}-{number}") for number in range(2))
    places.make_folder("kept")
    lock = places.try_lock(alive)
    assert lock is not None
    places.remove_dead_fresh_machines()
    assert not os.path.exists(dead)
    assert sorted(places.names()) == sorted([*map(os.path.basename, (alive, starting)), "kept"])
    os.close(lock)


def _nobody() -> int:
    """The id of a process that has ended."""
    child = subprocess.Popen(["true"])
    child.wait(timeout=20)
    return child.pid


@pytest.mark.parametrize("with_runtime", [False, True])
def test_clients_find_the_socket(with_runtime: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "n" * 64
    if with_runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    else:
        monkeypatch.setenv("LICHEN_HOME", str(tmp_path / ("long" * 20)))
    folder = places.make_folder(name)
    assert starting.join(folder) is None
    with places.listen(folder) as listener:
        client = starting.join(folder)
        assert client is not None
        with client:
            connection, _ = listener.accept()
            connection.close()
    assert starting.join(folder) is None, "a socket that nobody listens on"
    places.listen(folder).close()
    places.stop_listening(folder)
    assert not os.path.lexists(os.path.join(folder, "socket"))


def test_facts() -> None:
    folder = places.make_folder("one")
    assert places.facts(folder) == {}
    places.write_facts(folder, {"pid": 12, "version": "0.1"})
    assert places.facts(folder) == {"pid": "12", "version": "0.1"}
    Path(folder, "running").write_text("nonsense\n")
    assert places.facts(folder) == {}
