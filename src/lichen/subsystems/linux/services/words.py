"""How values of unit files are taken apart: quotes, escapes, and variables in command lines.

Source: systemd.syntax(7) "Quoting", systemd.service(5) "Command lines".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SIMPLE: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "s": " ",
}
_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_SPACE: Final = " \t\n\r"
_VARIABLE: Final = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_WHOLE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)\Z")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Malformed(ValueError):
    """A value cannot be taken apart; the text says why."""


def split(text: str) -> list[str]:
    """The words of a value: separated by white space, in quotes or not, with C's escapes. Malformed for an open quote.

    An escape that is not known stays as it is written.
    """
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
            continue
        word, at = _word(text, at)
        words.append(word)
    return words


def _word(text: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    quote = ""
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            part, at = _escape(text, at)
            parts.append(part)
            continue
        if quote:
            if letter == quote:
                quote = ""
            else:
                parts.append(letter)
        elif letter in "\"'":
            quote = letter
        elif letter in _SPACE:
            break
        else:
            parts.append(letter)
        at += 1
    if quote:
        raise Malformed(f"a quote {quote} is not closed")
    return "".join(parts), at


def _escape(text: str, at: int) -> tuple[str, int]:
    """What stands for the escape at a place, and where it goes on."""
    letter = text[at + 1 : at + 2]
    if letter in _SIMPLE and letter:
        return _SIMPLE[letter], at + 2
    if letter in _DIGITS and letter:
        digits = text[at + 2 : at + 2 + _DIGITS[letter]]
        if len(digits) == _DIGITS[letter] and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            found = _character(int(digits, 16))
            if found:
                return found, at + 2 + len(digits)
    digits = text[at + 1 : at + 4]
    if len(digits) == 3 and all(digit in "01234567" for digit in digits):
        found = _character(int(digits, 8))
        if found:
            return found, at + 4
    return "\\", at + 1


def _character(number: int) -> str:
    """A character that a value may have; none for the zero byte and what is no character."""
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def assignments(text: str) -> dict[str, str]:
    """The variables that a value sets: `NAME=value` words; Malformed when one is not."""
    found = {}
    for word in split(text):
        name, equals, value = word.partition("=")
        if not equals or not _NAME.match(name):
            raise Malformed(f"{word!r} sets no variable")
        found[name] = value
    return found


def environment_file(text: str) -> dict[str, str]:
    """The variables of an environment file: lines as a shell has them, without any expansion (EnvironmentFile=)."""
    found: dict[str, str] = {}
    joined = text.replace("\\\n", "")
    for line in map(str.strip, joined.split("\n")):
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        if equals and _NAME.match(name.strip()):
            found[name.strip()] = _shell_value(value.strip())
    return found


def _shell_value(text: str) -> str:
    parts: list[str] = []
    quote, at = "", 0
    while at < len(text):
        letter = text[at]
        if letter == "\\" and quote != "'" and at + 1 < len(text):
            following = text[at + 1]
            parts.append(following if not quote or following in '"\\`$' else letter + following)
            at += 2
            continue
        if quote and letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote = letter
        else:
            parts.append(letter)
        at += 1
    return "".join(parts)


def expand(arguments: tuple[str, ...], variables: Mapping[str, str]) -> list[str]:
    """Replace variables in a command line: `${NAME}` within a word, `$NAME` as a word of its own by its words."""
    found: list[str] = []
    for argument in arguments:
        whole = _WHOLE.match(argument)
        if whole is not None:
            try:
                found += split(variables.get(whole[1], ""))
            except Malformed:
                found += variables[whole[1]].split()
            continue
        found.append(_VARIABLE.sub(lambda match: _value(match, variables), argument))
    return found


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    return "$" if match[1] is None else variables.get(match[1], "")
