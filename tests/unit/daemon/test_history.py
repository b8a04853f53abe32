"""What the disk says of a machine's end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lichen.daemon import history, places


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    return places.make_folder("one")


def test_a_machine_that_never_ran_has_not_crashed(folder: str) -> None:
    assert history.crash(folder) is None


def test_a_clean_end(folder: str) -> None:
    history.booted(folder, {"pid": 12})
    history.ended(folder, "powered off")
    assert history.crash(folder) is None
    facts = places.facts(folder)
    assert (facts["pid"], facts["how"]) == ("12", "powered off")
    assert facts["boot"] == history.host_boot_id()


def test_a_kernel_that_was_killed(folder: str) -> None:
    history.booted(folder, {"pid": 12})
    crash = history.crash(folder)
    assert crash is not None
    assert not crash.is_exact
    assert (
        str(crash)
        == f"crashed after {time.strftime('%H:%M', time.localtime(crash.when))} (its kernel was killed)"
    )


def test_the_time_of_a_crash_is_that_of_the_last_sign_of_life(folder: str) -> None:
    history.booted(folder, {"pid": 12})
    Path(places.log_of(folder)).write_text("x")
    os.utime(places.log_of(folder), (4e9, 4e9))
    crash = history.crash(folder)
    assert crash is not None
    assert crash.when == 4e9
    assert "2096-" in str(crash)


def test_a_client_that_saw_it_notes_the_time_once(folder: str) -> None:
    history.booted(folder, {"pid": 12})
    history.seen_dead(folder)
    text = Path(folder, "running").read_text()
    history.seen_dead(folder)
    assert Path(folder, "running").read_text() == text
    crash = history.crash(folder)
    assert crash is not None
    assert crash.is_exact


def test_an_end_that_a_client_saw_was_clean(folder: str) -> None:
    history.booted(folder, {"pid": 12})
    history.ended(folder, "stopped")
    history.seen_dead(folder)
    assert history.crash(folder) is None


def test_a_machine_that_runs_is_not_dead(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PATIENCE", 0.0)
    history.booted(folder, {"pid": 12})
    lock = places.try_lock(folder)
    assert lock is not None
    history.seen_dead(folder)
    os.close(lock)
    assert "died" not in places.facts(folder)


def test_a_host_that_went_down(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    history.booted(folder, {"pid": 12})
    monkeypatch.setattr(history, "host_boot_id", lambda: "another")
    assert "(the host went down)" in str(history.crash(folder))


def test_a_kernel_that_failed(folder: str) -> None:
    history.booted(folder, {"pid": 12})
    history.failed(folder)
    assert "its log tells more" in str(history.crash(folder))


def test_facts_of_an_older_version_say_nothing(folder: str) -> None:
    places.write_facts(folder, {"pid": 12, "version": "0.1"})
    assert history.crash(folder) is None


def test_a_started_machine(folder: str) -> None:
    assert not places.is_started(folder)
    places.set_started(folder, False)
    for _ in range(2):
        places.set_started(folder, True)
        assert places.is_started(folder)
    places.set_started(folder, False)
    assert not places.is_started(folder)
