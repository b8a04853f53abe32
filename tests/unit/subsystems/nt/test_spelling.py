"""Names that Windows forbids: each has one for Windows, which leads back and is nothing special to Win32."""

from __future__ import annotations

import itertools
import random

import pytest

from lichen.executive.status import Status
from lichen.subsystems.nt.spelling import file_components_of, for_linux, for_windows
from tests.unit.trees import status_of

ALPHABET = [
    "a",
    "n",
    ".",
    " ",
    ":",
    "\\",
    "*",
    "\n",
    "\uf000",
    "\uf03a",
    "\uf02e",
    "\uf020",
    "\uf06e",
    "\uf05c",
    "é",
]
DEVICES = ["con", "prn", "aux", "nul", "com1", "com9", "lpt1", "conin$", "conout$", "NUL", "Con"]


@pytest.mark.parametrize(
    ("linux", "windows"),
    [
        ("plain.txt", "plain.txt"),
        ("a:b", "a\uf03ab"),
        ("back\\slash", "back\uf05cslash"),
        ("line\nbreak\x01", "line\uf00abreak\uf001"),
        ('"*<>?|', "\uf022\uf02a\uf03c\uf03e\uf03f\uf07c"),
        ("trail.", "trail\uf02e"),
        ("trail. ", "trail\uf02e\uf020"),
        ("...", "\uf02e\uf02e\uf02e"),
        (".", "."),
        ("..", ".."),
        (" lead", " lead"),
        ("con", "co\uf06e"),
        ("aux.txt", "au\uf078.txt"),
        ("NUL.tar.gz", "NU\uf04c.tar.gz"),
        ("com1 .x", "com\uf031 .x"),
        ("con.", "con\uf02e"),
        ("con:", "con\uf03a"),
        ("conin$", "conin\uf024"),
        ("console", "console"),
        ("com0", "com0"),
        ("xcon", "xcon"),
        ("a\uf03ab", "a\uf000\uf03ab"),
        ("a\uf041b", "a\uf041b"),
        ("co\uf06e", "co\uf000\uf06e"),
        ("\uf000", "\uf000\uf000"),
        ("x\uf02e", "x\uf000\uf02e"),
        ("x.\uf020 ", "x\uf02e\uf000\uf020\uf020"),
        ("x.\uf02ey", "x.\uf02ey"),
        ("\udcff:", "\udcff\uf03a"),
    ],
)
def test_each_has_one_name(linux: str, windows: str) -> None:
    assert for_windows(linux) == windows
    assert for_linux(windows) == linux


def is_windows(name: str) -> bool:
    """Whether Win32 and NT leave a name as it is."""
    base = name.partition(".")[0].rstrip(" ").lower()
    return base not in DEVICES and name[-1] not in " ." and not set(name) & set('"*:<>?|\\\n')


def test_every_name_leads_back_and_no_two_are_the_same() -> None:
    names = {"".join(each) for size in (1, 2, 3) for each in itertools.product(ALPHABET, repeat=size)}
    chosen = random.Random(13)
    for _ in range(5000):
        middle = "".join(chosen.choices(ALPHABET, k=chosen.randrange(4)))
        names.add(chosen.choice(DEVICES) + middle)
        names.add("co\uf06e" + middle)
    names -= {".", ".."}
    seen = {name: for_windows(name) for name in names}
    assert all(for_linux(windows) == linux for linux, windows in seen.items())
    assert len(set(seen.values())) == len(names)
    assert all(map(is_windows, seen.values()))


def test_what_windows_made_is_never_a_step_of_a_path() -> None:
    for size in (1, 2, 3):
        for each in itertools.product(["\uf000", "\uf02e", "\uf02f", ".", "\uf020"], repeat=size):
            name = "".join(each)
            found = for_linux(name)
            assert "/" not in found
            assert found not in (".", "..") or found == name


@pytest.mark.parametrize("name", ["a*", "?", "<", "a>b", "|", 'a"', "a:b", "a::$DATA", "\x1f", "line\n"])
def test_windows_may_not_make_it(name: str) -> None:
    assert status_of(file_components_of, f"fine\\{name}") == Status.OBJECT_NAME_INVALID
