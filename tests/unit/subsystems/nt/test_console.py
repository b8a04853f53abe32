"""The parts of the console that know no terminal: screen, keys, line editor."""

from __future__ import annotations

import random
import re
import time

import pytest

from lichen.subsystems.nt.console import keys
from lichen.subsystems.nt.console.editor import History, LineEditor
from lichen.subsystems.nt.console.keys import Decoder, Key, key_of, key_of_record, key_records
from lichen.subsystems.nt.console.screen import (
    PROCESSED_OUTPUT,
    TERMINAL_SEQUENCES,
    Screen,
    rendition,
    width_of,
)

MODE = PROCESSED_OUTPUT | TERMINAL_SEQUENCES
_TOKEN = re.compile(r"\x1b\[(\d*)([ABGJ])|(.)", re.DOTALL)


class Paper:
    """What a terminal shows of text and the sequences that the console uses, each character one column wide."""

    def __init__(self, columns: int, rows: int, row: int) -> None:
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.x, self.y = 0, row

    def show(self, text: str) -> None:
        for number, final, character in _TOKEN.findall(text):
            count = int(number or 1)
            if final == "A":
                self.y = max(0, self.y - count)
            elif final == "B":
                self.y = min(self.rows - 1, self.y + count)
            elif final == "G":
                self.x = count - 1
            elif final == "J":
                self.x = min(self.x, self.columns - 1)
                self.cells[self.y][self.x :] = [" "] * (self.columns - self.x)
                self.cells[self.y + 1 :] = [[" "] * self.columns for _ in self.cells[self.y + 1 :]]
            else:
                self._put(character)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.x = 0
        elif character == "\n":
            self.x = 0
            self._down()
        elif character == "\b":
            self.x = max(0, min(self.x, self.columns - 1) - 1)
        else:
            if self.x == self.columns:
                self.x = 0
                self._down()
            self.cells[self.y][self.x] = character
            self.x += 1

    def _down(self) -> None:
        if self.y == self.rows - 1:
            self.cells = [*self.cells[1:], [" "] * self.columns]
        else:
            self.y += 1

    def text(self) -> str:
        return "".join("".join(row) for row in self.cells)


# ---- editing


_KEYS = (
    *(key_of(character) for character in "ab c"),
    *(
        Key(code)
        for code in (keys.LEFT, keys.RIGHT, keys.HOME, keys.END, keys.BACK, keys.DELETE, keys.UP, keys.DOWN)
    ),
    *(Key(code, "", keys.CONTROL) for code in (keys.LEFT, keys.RIGHT, keys.HOME, keys.END)),
    *(Key(code) for code in (keys.INSERT, keys.F1, keys.F3, keys.F8)),
    key_of("\x01"),
)


@pytest.mark.parametrize("row", [0, 5, 9])
@pytest.mark.parametrize("seed", range(8))
def test_the_terminal_shows_the_line_that_is_edited(seed: int, row: int) -> None:
    chance = random.Random(seed)
    screen, paper, history = Screen(), Paper(12, 10, row), History()
    screen.resize(12, 10)
    history.lines += ["echo", "a line that is longer than a row", "ab"]
    paper.show(screen.write("C:\\>", MODE))
    editor = LineEditor(screen, history, echo=True)
    for _ in range(400):
        key = chance.choice(_KEYS if len(editor.text) < 70 else (Key(keys.ESCAPE),))
        paper.show(editor.press(key))
        shown = "C:\\>" + "".join(editor._pictures(editor.text, 4))
        assert paper.text().rstrip().endswith(shown.rstrip()), key
        before = paper.text().rfind("C:\\>") + 4 + editor._width(editor.text[: editor.cursor], 0)
        assert paper.y * paper.columns + paper.x == before, key


def test_a_line_is_finished_and_remembered() -> None:
    screen, history = Screen(), History()
    for line in ("one", "two", "two", ""):
        editor = LineEditor(screen, history, echo=True)
        for character in line + "\r":
            editor.press(key_of(character))
        assert editor.finished == line + "\r\n"
    assert history.lines == ["one", "two"]


def test_without_echo_nothing_shows_and_nothing_is_remembered() -> None:
    history = History()
    editor = LineEditor(Screen(), history, echo=False)
    assert "".join(editor.press(key_of(character)) for character in "pass\r") == ""
    assert (editor.finished, history.lines) == ("pass\r\n", [])


def test_a_control_character_may_end_the_reading() -> None:
    editor = LineEditor(Screen(), History(), echo=True, initial="di", wakes=1 << 9)
    editor.press(key_of("\t"))
    assert editor.finished == "di\t"


# ---- keys


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (b"a", [Key(0x41, "a")]),
        (b"\x1b[A\x1b[B", [Key(keys.UP), Key(keys.DOWN)]),
        (b"\x1bOP\x1b[24~", [Key(keys.F1), Key(0x7B)]),
        (b"\x1b[1;6C", [Key(keys.RIGHT, "", keys.SHIFT | keys.CONTROL)]),
        (b"\x1b[Z", [Key(keys.TAB, "\t", keys.SHIFT)]),
        (b"\x1b\x1b[A", [Key(keys.ESCAPE, "\x1b", keys.ALT), Key(0xDB, "["), Key(0x41, "A", keys.SHIFT)]),
        (b"\n\x7f", [Key(keys.RETURN, "\r"), Key(keys.BACK, "\b")]),
        ("é😀".encode(), [Key(0, "é"), Key(0, "😀")]),
        (b"\xff", [Key(0, "\ufffd")]),
        (b"\x1b[" + b"1" * 40, [Key(keys.ESCAPE, "\x1b"), Key(0xDB, "["), *[Key(0x31, "1")] * 40]),
    ],
)
def test_decoding(typed: bytes, found: list[Key]) -> None:
    whole, by_byte = Decoder(), Decoder()
    assert whole.feed(typed) == found
    assert [key for byte in typed for key in by_byte.feed(bytes((byte,)))] == found


def test_an_escape_alone() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.unfinished
    assert decoder.finish() == [Key(keys.ESCAPE, "\x1b")]
    assert not decoder.unfinished


def test_keys_as_the_terminal_sends_them() -> None:
    decoder = Decoder()
    decoder.as_sent = True
    assert decoder.feed(b"\x1b[A\n") == [Key(0, character) for character in "\x1b[A\r"]


def test_records() -> None:
    down, up = key_records(Key(0x41, "a"))
    assert (key_of_record(down), key_of_record(up)) == (Key(0x41, "a"), None)
    assert [key_of_record(record) for record in key_records(Key(0, "😀"))] == [
        Key(0, "\ud83d"),
        None,
        Key(0, "\ude00"),
        None,
    ]


# ---- the screen


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("abc", (3, 0)),
        ("abc\r\nd", (1, 1)),
        ("0123456789", (9, 0)),
        ("0123456789a", (1, 1)),
        ("\n" * 8 + "x", (1, 4)),
        ("世界", (4, 0)),
        ("\x1b[31mred\x1b[m", (3, 0)),
        ("\x1b]0;title\x07ab", (2, 0)),
        ("\x1b[2;4Hx\x1b[A", (4, 0)),
        ("ab\x1b7\n\ncd\x1b8e", (3, 0)),
        ("a\tb\b\b", (7, 0)),
        ("ab\x1b[99999999999999999999C", (9, 0)),
    ],
)
def test_following(text: str, place: tuple[int, int]) -> None:
    whole, by_character = Screen(), Screen()
    for screen, parts in ((whole, [text]), (by_character, list(text))):
        screen.resize(10, 5)
        for part in parts:
            screen.write(part, MODE)
        assert screen.position == place


def test_control_characters_are_glyphs_where_they_are_not_obeyed() -> None:
    assert Screen().write("\x1b[m\x01\x9b\x7f\r\n", PROCESSED_OUTPUT) == "←[m☺?⌂\n"


def test_moves_are_relative() -> None:
    screen = Screen()
    screen.resize(10, 5)
    screen.write("ab\ncd\n", MODE)
    assert screen.move(3, 0) == "\x1b[2A\x1b[4G"
    assert screen.move(3, 0) == ""


def test_long_nonsense_takes_no_time_and_no_memory() -> None:
    screen = Screen()
    began = time.process_time()
    for text in ("\x1b[" + "!" * 60000, "\x1b[" + "1;" * 30000 + "\x01", "\t" * 60000, "\x1b]" * 30000):
        screen.write(text, MODE)
    assert time.process_time() - began < 1
    assert len(screen.line) <= screen.columns


def test_filling() -> None:
    screen = Screen()
    screen.resize(10, 5)
    screen.write("ab\ncd", MODE)
    assert screen.fill(8, 0, "x", 3) == ("\x1b7\x1b[1A\x1b[9Gxx\x1b[1B\x1b[1Gx\x1b8", 3)
    assert screen.fill(0, 0, " ", 99) == ("\x1b[2J\x1b[2;3H", 50)
    assert screen.fill(10, 0, "x", 1) == ("", 0)
    assert screen.position == (2, 1)


def test_colours() -> None:
    assert [rendition(attribute) for attribute in (7, 0xC, 0x1F, 0x4007)] == [
        "\x1b[m",
        "\x1b[0;91m",
        "\x1b[0;97;44m",
        "\x1b[0;7m",
    ]


def test_widths() -> None:
    assert [width_of(text) for text in ("abc", "世", "e\u0301")] == [3, 2, 1]
