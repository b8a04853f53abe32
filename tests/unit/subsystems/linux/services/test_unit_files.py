"""Unit files as text: sections, quotes, escapes, variables, lengths of time, names, times of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lichen.subsystems.linux.services import calendar, names, spans, words
from lichen.subsystems.linux.services.unitfile import UnitFile


def parsed(text: str | bytes) -> UnitFile:
    file = UnitFile()
    file.add(text.encode() if isinstance(text, str) else text, "x")
    return file


def test_sections_comments_and_continued_lines() -> None:
    file = parsed("# no\n[A]\nX = 1\n; no\nX=2 \\\n# within\n  3\n[B]\nX=4\n")
    assert file.all("A", "X") == ["1", "2  3"]
    assert file.last("B", "X") == "4"
    assert not file.warnings


def test_an_empty_value_forgets_those_before() -> None:
    file = parsed("[A]\nX=1\nX=\nX=2\nY=1\nY=\n")
    assert (file.all("A", "X"), file.all("A", "Y"), file.last("A", "Y", "z")) == (["2"], [], "z")


def test_what_makes_no_sense_is_told() -> None:
    file = parsed(b"X=1\n[A\n[A]\nnonsense\nY=\xff\nZ=\0\n")
    assert [warning.split(":")[1] for warning in file.warnings] == ["1", "2", "4", "6"]
    assert file.last("A", "Y") == "\ufffd"


def test_a_huge_file_is_cut() -> None:
    file = parsed("[A]\n" + "X=1\n" * 50_000)
    assert len(file.all("A", "X")) == 20_000
    assert len(file.warnings) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b\tc", ["a", "b", "c"]),
        ("'a b' \"c d\" e''f", ["a b", "c d", "ef"]),
        (r'"a\"b" a\x20b \101\u00e9 \s', ['a"b', "a b", "A\u00e9", " "]),
        (r"\q \x2 a\\b", [r"\q", r"\x2", r"a\b"]),
        ('""', [""]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words.split(text) == found


def test_a_quote_that_is_not_closed() -> None:
    with pytest.raises(words.Malformed):
        words.split("a 'b")


def test_variables_of_command_lines() -> None:
    variables = {"ONE": "'two words' three", "EMPTY": ""}
    arguments = ("$ONE", "${ONE}", "x${EMPTY}y", "$EMPTY", "$$ONE", "${NONE}", "a$ONE")
    found = ["two words", "three", "'two words' three", "xy", "$ONE", "", "a$ONE"]
    assert words.expand(arguments, variables) == found


def test_assignments_and_environment_files() -> None:
    assert words.assignments('A=1 "B=two words"') == {"A": "1", "B": "two words"}
    with pytest.raises(words.Malformed):
        words.assignments("1A=2")
    text = '# c\nA=1\nexport B=2\nC=\'x y\' \nD="a\\"b"\nE=one\\\ntwo\n;\nnonsense\n'
    assert words.environment_file(text) == {"A": "1", "C": "x y", "D": 'a"b', "E": "onetwo"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("1min 30s", 90), ("100ms", 0.1), ("2h", 7200), ("1w", 604800), ("infinity", float("inf"))],
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert spans.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "x", "5 parsecs", "-1", "1..2"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="length of time"):
        spans.seconds(text)


def test_sizes() -> None:
    assert (spans.size("4K"), spans.size("1"), spans.size("2G")) == (4096, 1, 2 << 30)
    with pytest.raises(ValueError, match="size"):
        spans.size("-1")


def test_names() -> None:
    assert names.is_valid("a-b_c@d:e.service")
    for text in ("a", ".service", "a/b.service", "@.service", "a.exe", "a" * 260 + ".service", "a b.service"):
        assert not names.is_valid(text)
    assert names.mangle("cron") == "cron.service"
    assert names.template("a@b.service") == "a@.service"
    assert names.instantiate("a@.service", "b") == "a@b.service"
    assert names.unescape("a-b\\x2dc") == "a/b-c"
    assert names.escape("a/b-c") == "a-b\\x2dc"


@pytest.mark.parametrize("name", ["a.service", "1x@y.timer", "\u00e9-_.socket"])
def test_names_as_paths_of_d_bus(name: str) -> None:
    path = names.path_of(name)
    assert path.isascii()
    assert names.of_path(path) == name


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("daily", "2026-11-30 00:00:00"),
        ("*-*-* 6,18:00", "2026-11-29 18:00:00"),
        ("Mon..Fri 09:30", "2026-11-30 09:30:00"),
        ("*:0/15", "2026-11-29 12:45:00"),
        ("*-02-29", "2028-02-29 00:00:00"),
        ("*-*~01", "2026-11-30 00:00:00"),
        ("2025-01-01", None),
        ("Fri *-*-13", "2027-08-13 00:00:00"),
        ("*-1..3-01 00:00:00", "2027-01-01 00:00:00"),
    ],
)
def test_times_of_the_calendar(text: str, after: str | None) -> None:
    now = datetime(2026, 11, 29, 12, 34, 56, tzinfo=UTC)
    found = calendar.parse(text).after(now)
    assert (found.strftime("%Y-%m-%d %H:%M:%S") if found else None) == after


@pytest.mark.parametrize("text", ["", "often", "25:00", "*-13-01", "1-2-3-4", "*:0/0", "a:b"])
def test_what_is_no_time_of_the_calendar(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        calendar.parse(text or "x")
