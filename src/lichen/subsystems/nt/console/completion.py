"""Completion of file names at the prompt of a shell: Tab goes on through what fits, Shift-Tab back.

On Windows cmd.exe does this; Wine's does not, so its console does it for programs that are known as shells.

Source: `cmd /?` on Windows, its last part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.memory import BadAddress
from lichen.executive.io.file import File
from lichen.executive.io.location import fold
from lichen.executive.io.manager import open_location
from lichen.executive.io.opening import Access, Open, Options
from lichen.executive.status import Failure
from lichen.subsystems.nt import environment
from lichen.subsystems.nt.parameters import read_block
from lichen.subsystems.nt.spelling import for_windows
from lichen.subsystems.nt.state import nt_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Process

Matches = Callable[[str], list[str]]
"""What the word that was typed so far may become, in the order in which it is offered."""
_DELIMITERS: Final = " \t,;=<>&|()"
_TO_BE_QUOTED: Final = " &()[]{}^=;!'+,`~"
_MOST: Final = 1000
_LONGEST_PATH: Final = 32767
_PARAMETERS: Final = 0x20
"""Of the process's parameters in the PEB."""
_FOLDER: Final = Open(Access.READ, options=Options.DIRECTORY)


class Completion:
    """Tab after Tab at one word of a line; anything else that is typed ends it."""

    def __init__(self, matches: Matches) -> None:
        self._matches = matches
        self._offered: list[str] = []
        self._index = self._start = 0
        self._result: tuple[str, int] | None = None
        """The line and the cursor as the last Tab left them."""

    def press(self, text: str, cursor: int, back: bool) -> tuple[str, int]:
        """The line and the cursor after one more Tab."""
        if self._result == (text, cursor) and self._offered:
            self._index += -1 if back else 1
        else:
            self._start = _word_start(text, cursor)
            self._offered = self._matches(text[self._start : cursor].replace('"', ""))
            self._index = -1 if back else 0
        if not self._offered:
            return text, cursor
        word = self._offered[self._index % len(self._offered)]
        end = self._start + len(word)
        self._result = text[: self._start] + word + text[cursor:], end
        return self._result


def _word_start(text: str, cursor: int) -> int:
    """Where the word begins that the cursor is at the end of: a quotation is one word."""
    start, quoted = 0, False
    for index, character in enumerate(text[:cursor]):
        if character == '"':
            if not quoted:
                start = index
            quoted = not quoted
        elif not quoted and character in _DELIMITERS:
            start = index + 1
    return start


class _Place(NamedTuple):
    typed: str
    """The folder as it was typed, with its last separator."""
    beginning: str
    """What names are to begin with."""


def _split(word: str) -> _Place:
    cut = max(word.rfind("\\"), word.rfind("/"), word.rfind(":")) + 1
    return _Place(word[:cut], word[cut:])


def matches_of(process: Process) -> Matches:
    """What words may become for a Windows process, from where it stands."""

    def matches(word: str) -> list[str]:
        place = _split(word)
        names = sorted(
            filter(_fits(place.beginning), map(for_windows, _names(process, place.typed))), key=fold
        )
        return [_quoted(place.typed + name) for name in names[:_MOST]]

    return matches


def _fits(beginning: str) -> Callable[[str], bool]:
    folded = fold(beginning)
    return lambda name: name not in (".", "..") and fold(name).startswith(folded)


def _quoted(path: str) -> str:
    return f'"{path}"' if any(character in _TO_BE_QUOTED for character in path) else path


def _names(process: Process, typed: str) -> list[str]:
    """The names in a folder, as Linux has them; none where there is no such folder or it may not be read."""
    location = environment.location_of(process, _absolute(_current_folder(process), typed))
    if location is None:
        return []
    try:
        folder = open_location(process.files, location, _FOLDER)
    except Failure:
        return []
    if not isinstance(folder, File):
        folder.close()
        return []
    try:
        return [entry.name for entry in folder.directory_entries()]
    except Failure:
        return []
    finally:
        folder.release()


def _absolute(current: str, typed: str) -> str:
    typed = typed.replace("/", "\\")
    if typed[1:2] == ":" or typed.startswith("\\\\"):
        return typed
    return current[:2] + typed if typed.startswith("\\") else current.rstrip("\\") + "\\" + typed


def _current_folder(process: Process) -> str:
    """The folder that a process says it stands in; its own memory may say anything."""
    state, memory = nt_of_process(process), process.first_thread.memory
    try:
        folder = read_block(memory, state.peb).current_directory
        data = memory.read(folder.buffer, min(folder.length, 2 * _LONGEST_PATH) & ~1)
    except BadAddress:
        return ""
    return data.decode("utf-16-le", "replace")
