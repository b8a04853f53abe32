"""From what a terminal sends to the keys of a Windows keyboard, and from those to input records.

A terminal sends characters and, for keys without one, escape sequences; a Windows program is told which key went down and
up, with its virtual code, its place on a US keyboard and the character that it gives.

Source: INPUT_RECORD and KEY_EVENT_RECORD (wincon.h), virtual-key codes (winuser.h); xterm's "Control Sequences" for the keys.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import Final, NamedTuple

from lichen.abi.layout import layout, layout_of, u16
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.console import KeyRecord, ResizeRecord

ALT, CONTROL, SHIFT, ENHANCED = 0x2, 0x8, 0x10, 0x100
"""Bits of a key's state."""
BACK, TAB, RETURN, ESCAPE, SPACE = 0x08, 0x09, 0x0D, 0x1B, 0x20
PRIOR, NEXT, END, HOME, LEFT, UP, RIGHT, DOWN, INSERT, DELETE = (*range(0x21, 0x29), 0x2D, 0x2E)
F1, F3, F8 = 0x70, 0x72, 0x77

_UNIT: Final = layout_of(u16, MODEL)
KEY_EVENT, RESIZE_EVENT = 1, 4
_KEY_RECORD, _RESIZE_RECORD = layout(KeyRecord, MODEL), layout(ResizeRecord, MODEL)
RECORD_SIZE: Final = _KEY_RECORD.size

_ENDS: Final = {"A": UP, "B": DOWN, "C": RIGHT, "D": LEFT, "H": HOME, "F": END, "Z": TAB} | {
    letter: F1 + number for number, letter in enumerate("PQRS")
}
_NUMBERS: Final = {1: HOME, 2: INSERT, 3: DELETE, 4: END, 5: PRIOR, 6: NEXT, 7: HOME, 8: END} | {
    number: F1 + index for index, number in enumerate((11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24))
}
_ENHANCED_KEYS: Final = frozenset((PRIOR, NEXT, END, HOME, LEFT, UP, RIGHT, DOWN, INSERT, DELETE))

_OEM: Final = {
    ";": 0xBA, "=": 0xBB, ",": 0xBC, "-": 0xBD, ".": 0xBE, "/": 0xBF,
    "`": 0xC0, "[": 0xDB, "\\": 0xDC, "]": 0xDD, "'": 0xDE,
}  # fmt: skip
_SHIFTED: Final = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
_ROWS: Final = (
    (2, "1234567890-="),
    (16, "QWERTYUIOP[]"),
    (30, "ASDFGHJKL;'`"),
    (43, "\\ZXCVBNM,./"),
    (57, " "),
)
_SCAN_CODES: Final = (
    {_OEM.get(key, ord(key)): first + index for first, row in _ROWS for index, key in enumerate(row)}
    | {ESCAPE: 1, BACK: 14, TAB: 15, RETURN: 28, 0x7A: 87, 0x7B: 88}
    | {F1 + index: 59 + index for index in range(10)}
    | {HOME: 71, UP: 72, PRIOR: 73, LEFT: 75, RIGHT: 77, END: 79, DOWN: 80, NEXT: 81, INSERT: 82, DELETE: 83}
)
_SEQUENCE: Final = re.compile(r"\x1b(?:\[([0-9;]{0,16})([A-Za-z~])|O([A-Za-z])|([^\[O]))", re.DOTALL)
_BEGUN: Final = re.compile(r"\x1b(?:\[[0-9;]{0,16}|O)?\Z")


class Key(NamedTuple):
    """A key that was pressed: virtual code (0 when no key gives the character), character or "", bits of state."""

    code: int
    character: str = ""
    state: int = 0


def key_of(character: str) -> Key:
    """The key on a US keyboard that gives a character."""
    if character in "\r\n":
        return Key(RETURN, "\r")
    if character in "\x7f\b":
        return Key(BACK, "\b")
    if character == "\t" or character == "\x1b":
        return Key(ord(character), character)
    if character < " ":
        base = chr(ord(character) + 64)
        return Key(_OEM.get(base, ord(base)), character, CONTROL)
    if character.isascii():
        base = _SHIFTED.get(character, character.upper())
        shifted = character in _SHIFTED or character != character.lower()
        return Key(_OEM.get(base, ord(base)), character, SHIFT if shifted else 0)
    return Key(0, character)


def key_records(key: Key) -> list[bytes]:
    """The records of a key that goes down and up again."""
    state = key.state | (ENHANCED if key.code in _ENHANCED_KEYS else 0)
    units = _UNIT.unpack_array(key.character.encode("utf-16-le", "replace").ljust(4, b"\0")[:4])
    scan = _SCAN_CODES.get(key.code, 0)
    return [
        _KEY_RECORD.pack(KeyRecord(KEY_EVENT, down, 1, key.code, scan, unit, state))
        for unit in (units if units[1] else units[:1])
        for down in (1, 0)
    ]


def resize_record(columns: int, rows: int) -> bytes:
    """The record of a window that has another size."""
    return _RESIZE_RECORD.pack(ResizeRecord(RESIZE_EVENT, columns, rows))


def key_of_record(record: bytes) -> Key | None:
    """The key that a record says went down; None for any other record. Half a surrogate pair comes as it is."""
    if record[0] != KEY_EVENT:
        return None
    _, down, _, code, _, unit, state = _KEY_RECORD.unpack(record)
    return Key(code, chr(unit) if unit else "", state) if down else None


def is_release_of(key: Key, record: bytes) -> bool:
    """Whether a record says that the key went up which had just gone down."""
    if record[0] != KEY_EVENT:
        return False
    _, down, _, code, _, unit, _ = _KEY_RECORD.unpack(record)
    return not down and code == key.code and unit == (ord(key.character) if key.character else 0)


class Decoder:
    """Takes a terminal's bytes apart into keys."""

    def __init__(self) -> None:
        self._utf8 = getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self.as_sent = False
        """Whether programs want sequences as the terminal sends them (ENABLE_VIRTUAL_TERMINAL_INPUT)."""

    @property
    def unfinished(self) -> bool:
        """Whether what came last may be the beginning of a key's sequence, or the Escape key."""
        return bool(self._text)

    def feed(self, data: bytes) -> list[Key]:
        """The keys that are complete now."""
        self._text += self._utf8.decode(data)
        keys = []
        while self._text:
            if self._text[0] != "\x1b" or self.as_sent:
                typed = "\r" if self._text[0] == "\n" else self._text[0]
                keys.append(Key(0, typed) if self.as_sent else key_of(typed))
                self._text = self._text[1:]
            elif _BEGUN.match(self._text):
                break
            else:
                keys.append(self._sequence())
        return keys

    def finish(self) -> list[Key]:
        """Nothing more comes: what looked like a beginning was the Escape key."""
        text, self._text = self._text, ""
        return [key_of(character) for character in text]

    def _sequence(self) -> Key:
        found = _SEQUENCE.match(self._text)
        if found is None:
            self._text = self._text[1:]
            return Key(ESCAPE, "\x1b")
        self._text = self._text[found.end() :]
        parameters, end, short, character = found.groups()
        if character:
            key = key_of(character)
            return key._replace(state=key.state | ALT)
        numbers = [int(part or 0) for part in (parameters or "").split(";")]
        code = _NUMBERS.get(numbers[0], 0) if end == "~" else _ENDS.get(end or short, 0)
        modifiers = max(numbers[1] - 1, 0) if len(numbers) > 1 else 0
        state = (SHIFT if modifiers & 1 or end == "Z" else 0) | (ALT if modifiers & 2 else 0)
        return Key(code, "\t" if code == TAB else "", state | (CONTROL if modifiers & 4 else 0))
