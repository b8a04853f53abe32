"""WSLENV: what its entries say of variables that cross."""

from __future__ import annotations

import pytest

from lichen.subsystems.nt import wslenv
from lichen.subsystems.nt.wslenv import TO_LINUX, TO_WINDOWS


def to_windows(path: str) -> str | None:
    return None if "lost" in path else "C:" + path.replace("/", "\\")


def to_linux(path: str) -> str | None:
    return path[2:].replace("\\", "/") if path[1:2] == ":" else None


@pytest.mark.parametrize(
    ("entries", "value", "windows"),
    [
        ("X", "/a:/b", "/a:/b"),
        ("X/p", "/a", "C:\\a"),
        ("X/l", "/a:/b", "C:\\a;C:\\b"),
        ("X/l", ":/a::/lost:", "C:\\a"),
        ("X/w", "as it is", "as it is"),
        ("X/wp", "/a", "C:\\a"),
        ("X/u", "not this way", None),
        ("X/uw", "neither way", None),
        ("X/p", "/lost", None),
        ("X/l", "/lost:/lost/too", None),
        ("X/p", "", ""),
        ("X/p \n", "/a", "C:\\a"),
    ],
)
def test_to_windows(entries: str, value: str, windows: str | None) -> None:
    found = wslenv.apply({"WSLENV": f"::A/p:{entries}", "X": value}, TO_WINDOWS, to_windows)
    assert found == {"A": "", "X": windows}


@pytest.mark.parametrize(
    ("entries", "value", "linux"),
    [
        ("X/p", "C:\\a;b", "/a;b"),
        ("X/l", "C:\\a;D:\\b;;relative", "/a:/b"),
        ("X/u", "C:\\a", "C:\\a"),
        ("X/up", "C:\\a", "/a"),
        ("X/w", "not this way", None),
        ("X/p", "relative", None),
    ],
)
def test_to_linux(entries: str, value: str, linux: str | None) -> None:
    assert wslenv.apply({"WSLENV": entries, "X": value}, TO_LINUX, to_linux) == {"X": linux}


@pytest.mark.parametrize("entries", ["", ":", "/p", "X/z", "X/pz", "X=1/p"])
def test_entries_without_effect(entries: str) -> None:
    assert wslenv.apply({"WSLENV": entries, "X": "/a"}, TO_WINDOWS, to_windows) == {}


def test_what_is_listed_and_not_set_arrives_empty() -> None:
    assert wslenv.apply({"WSLENV": "X/p:Y"}, TO_WINDOWS, to_windows) == {"X": "", "Y": ""}


def test_no_list() -> None:
    assert wslenv.apply({"X": "/a"}, TO_WINDOWS, to_windows) == {}


def test_no_list_makes_anybody_wait_long() -> None:
    asked: list[str] = []

    def translate(path: str) -> str:
        asked.append(path)
        return path

    environment = {"WSLENV": ":".join(["X/l", "Y/p"] * 5000), "X": ":".join(["/a"] * 9000), "Y": "/a" * 9000}
    found = wslenv.apply(environment, TO_WINDOWS, translate)
    assert len(asked) < 5000
    assert found["X"]
    assert found["Y"] is None
