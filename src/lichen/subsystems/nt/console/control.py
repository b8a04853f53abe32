"""What consoles are asked by NtDeviceIoControlFile.

The requests are those of Wine's kernelbase, where Windows has others that nobody documents: what programs see is alike.

Source: facts of Wine's condrv protocol (8 and 10); the console functions (learn.microsoft.com) for what each does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from lichen.abi.layout import layout
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, then
from lichen.subsystems.nt.console import events
from lichen.subsystems.nt.console.keys import RECORD_SIZE
from lichen.subsystems.nt.console.screen import Cell
from lichen.subsystems.nt.records import MODEL, ULONG
from lichen.subsystems.nt.records.console import (
    CharInfo,
    ControlEvent,
    FillRequest,
    InputInformation,
    InputSettings,
    OutputInformation,
    OutputRequest,
    OutputSettings,
    SmallRect,
)
from lichen.subsystems.nt.types import decode, encode

if TYPE_CHECKING:
    from lichen.executive.processes import Process
    from lichen.subsystems.nt.console.console import Console

Answer = bytes | Blocks[bytes]
_Handler = Callable[["Process", "Handle", bytes, int], Answer]

INPUT, OUTPUT = 1, 2
"""Roles: bits of what a handle is for; 0 is the Reference."""
_ANY: Final = 0
_MOST: Final = 1 << 20
"""The most that a console gives at once."""
_INPUT_INFORMATION, _INPUT_SETTINGS = layout(InputInformation, MODEL), layout(InputSettings, MODEL)
_OUTPUT_INFORMATION, _OUTPUT_SETTINGS = layout(OutputInformation, MODEL), layout(OutputSettings, MODEL)
_FILL, _OUTPUT = layout(FillRequest, MODEL), layout(OutputRequest, MODEL)
_CELL, _RECTANGLE = layout(CharInfo, MODEL), layout(SmallRect, MODEL)
_CONTROL_EVENT: Final = layout(ControlEvent, MODEL)
_COLOURS: Final = (
    0x000000, 0x800000, 0x008000, 0x808000, 0x000080, 0x800080, 0x008080, 0xC0C0C0,
    0x808080, 0xFF0000, 0x00FF00, 0xFFFF00, 0x0000FF, 0xFF00FF, 0x00FFFF, 0xFFFFFF,
)  # fmt: skip
_FONT: Final = (8, 16, 400, 54)
"""Width, height, weight, family of the font that nobody can know."""
_CURSOR, _POSITION, _ATTRIBUTE = 0x1, 0x2, 0x8
_INPUT_CODE_PAGE, _OUTPUT_CODE_PAGE = 0x1, 0x2
_TEXT, _ATTRIBUTES, _TEXT_AND_ATTRIBUTES = 0, 1, 2
_HIGHEST_CONTROL: Final = 1
_TITLE_PADDING: Final = 4
"""The length of a title is counted with all of the structure, which is larger than what lies before the text."""


class Handle(Protocol):
    """What a request comes by: an open console, and what for."""

    console: Console
    role: int


class TooSmall(Exception):
    """The buffer is too small, and `answer` says how large it should be."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer


def console_control(
    process: Process, file: Handle, code: int, data: bytes, room: int
) -> tuple[int, bytes] | Blocks[tuple[int, bytes]]:
    """Carry out a request; its status and what goes into the output buffer, of which there is `room`."""
    room = min(room, _MOST)
    role, handler = _HANDLERS.get(code, (_ANY, None))
    if handler is None:
        raise Failure(Status.INVALID_DEVICE_REQUEST)
    if role and not file.role & role:
        raise Failure(Status.INVALID_HANDLE)
    try:
        answer = handler(process, file, data, room)
    except struct.error:
        raise Failure(Status.INVALID_PARAMETER) from None
    except TooSmall as small:
        return Status.BUFFER_TOO_SMALL, small.answer[:room]
    return then(answer, lambda found: (Status.SUCCESS, found[:room]))


def _nothing(waiting: Blocks[None] | None) -> Answer:
    return then(waiting, lambda _: b"")


# ---- modes, code pages, title


def _get_mode(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    console = file.console
    if not file.role:
        raise Failure(Status.INVALID_HANDLE)
    return ULONG.pack(console.keyboard.mode if file.role & INPUT else console.output_mode)


def _set_mode(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    mode = ULONG.unpack(data)
    if not file.role:
        raise Failure(Status.INVALID_HANDLE)
    if file.role & INPUT:
        return _nothing(file.console.set_input_mode(process, mode))
    file.console.output_mode = mode
    return b""


def _get_input_info(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """Code pages and the number of records. Only who asks an input handle wants the number, and looks at keys."""
    console = file.console

    def answer(_: None) -> bytes:
        keyboard = console.keyboard
        pages = console.code_pages
        return _INPUT_INFORMATION.pack(InputInformation(pages.input, pages.output, len(keyboard.records)))

    return then(console.look_at_keys(process) if file.role == INPUT else None, answer)


def _get_input_count(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """The number of records, since Wine 9 by itself."""

    def answer(_: None) -> bytes:
        return ULONG.pack(len(file.console.keyboard.records))

    return then(file.console.look_at_keys(process), answer)


def _set_input_info(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    mask, input, output = _INPUT_SETTINGS.unpack(data)
    if mask & _INPUT_CODE_PAGE:
        file.console.code_pages.input = input
    if mask & _OUTPUT_CODE_PAGE:
        file.console.code_pages.output = output
    return b""


def _get_title(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    title = encode(file.console.title)
    return ULONG.pack(len(title) // 2) + title + bytes(_TITLE_PADDING)


def _set_title(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    return _nothing(file.console.set_title(process, data.decode("utf-16-le", "replace")))


# ---- input


def _read_console(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    return then(file.console.read(process, room // 2), encode)


def _read_file(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    return file.console.read_bytes(process, room)


def _read_with_control(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """ReadConsole with a CONSOLE_READCONSOLE_CONTROL: some control characters end the reading."""
    wakes = ULONG.unpack(data)
    initial = decode(data[ULONG.size :])

    def answer(line: tuple[str, int]) -> bytes:
        text, state = line
        return ULONG.pack(state) + encode(text)

    return then(file.console.read_line(process, initial, wakes), answer)


def _read_input(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    if room < RECORD_SIZE:
        raise Failure(Status.INVALID_PARAMETER)
    return file.console.read_records(process, room)


def _peek(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    records = file.console.keyboard.records

    def answer(_: None) -> bytes:
        return b"".join(list(records)[: room // RECORD_SIZE])

    return then(file.console.look_at_keys(process), answer)


def _write_input(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    for start in range(0, len(data) - RECORD_SIZE + 1, RECORD_SIZE):
        file.console.keyboard.add(data[start : start + RECORD_SIZE])
    return b""


def _flush(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    file.console.keyboard.flush()
    return b""


# ---- output


def _write_console(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    return _nothing(file.console.write_text(process, data))


def _write_file(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    return _nothing(file.console.write_bytes(process, data))


def _get_output_info(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    file.console.measure()
    screen = file.console.screen
    columns, rows = screen.columns, screen.rows
    return _OUTPUT_INFORMATION.pack(
        OutputInformation(
            *(screen.cursor_size, screen.cursor_visible, *screen.position, columns, rows),
            *(screen.attribute, 0xF5, SmallRect(0, 0, columns - 1, rows - 1), columns, rows),
            *(*_FONT, _COLOURS),
        )
    )


def _set_output_info(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """Cursor, position and colours; a terminal has its size and its font from its user."""
    mask, size, visible, x, y, _, _, attribute = _OUTPUT_SETTINGS.unpack(data)
    file.console.measure()
    screen, sent = file.console.screen, ""
    if mask & _CURSOR:
        if not 1 <= size <= 100:
            raise Failure(Status.INVALID_PARAMETER)
        screen.cursor_size = size
        sent += screen.show_cursor(bool(visible)) if bool(visible) != screen.cursor_visible else ""
    if mask & _POSITION:
        if not (0 <= x < screen.columns and 0 <= y < screen.rows):
            raise Failure(Status.INVALID_PARAMETER)
        sent += screen.move(x, y)
    if mask & _ATTRIBUTE:
        sent += screen.colour(attribute)
    return _nothing(file.console.send(process, sent))


def _fill(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """FillConsoleOutputCharacter; colours of text that is there already stay as they are, for nobody knows the text."""
    x, y, mode, count, _, unit, attribute = _FILL.unpack(data)
    file.console.measure()
    screen = file.console.screen
    if mode == _ATTRIBUTES:
        fits = max(0, min(count, screen.columns * screen.rows - x - y * screen.columns))
        return ULONG.pack(fits)
    before = screen.attribute
    if mode == _TEXT_AND_ATTRIBUTES:
        screen.attribute = attribute
    sent, count = screen.fill(x, y, chr(unit), count)
    screen.attribute = before
    return then(file.console.send(process, sent), lambda _: ULONG.pack(count))


def _write_output(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """WriteConsoleOutput (a rectangle of characters and attributes) and WriteConsoleOutputCharacter (text)."""
    x, y, mode, width = _OUTPUT.unpack(data)
    file.console.measure()
    screen, content = file.console.screen, data[_OUTPUT.size :]
    if x >= screen.columns or y >= screen.rows:
        raise Failure(Status.INVALID_PARAMETER)
    if mode == _TEXT_AND_ATTRIBUTES and width:
        height = -(-len(content) // (4 * width))
        right, bottom = min(x + width, screen.columns) - 1, min(y + height, screen.rows) - 1
        rows = [_cells(content[4 * width * row :][: 4 * (right - x + 1)]) for row in range(bottom - y + 1)]
        answer = _RECTANGLE.pack(SmallRect(x, y, right, bottom))
    elif mode == _TEXT:
        text = content[: 2 * (screen.columns - x) & ~1].decode("utf-16-le", "replace")
        rows = [[(character, screen.attribute) for character in text]]
        answer = ULONG.pack(len(text))
    else:
        raise Failure(Status.NOT_IMPLEMENTED)
    return then(file.console.send(process, screen.write_cells(x, y, rows)), lambda _: answer)


def _cells(data: bytes) -> list[Cell]:
    """The characters and attributes of an array of CHAR_INFO."""
    return [(chr(unit), attribute) for unit, attribute in _CELL.unpack_array(data[: len(data) & ~3])]


# ---- processes


def _control_event(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    """GenerateConsoleCtrlEvent: to all who share the console, or to those of one group."""
    event, group = _CONTROL_EVENT.unpack(data)
    if not 0 <= event <= _HIGHEST_CONTROL:
        raise Failure(Status.INVALID_PARAMETER)
    for member in list(file.console.attached):
        if not group or events.group_of(member) == group:
            file.console.raise_event(member, event)
    return b""


def _process_list(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    ids = [member.id for member in reversed(file.console.attached)]
    if room < ULONG.size * len(ids):
        raise TooSmall(ULONG.pack(len(ids)))
    return b"".join(map(ULONG.pack, ids))


def _beep(process: Process, file: Handle, data: bytes, room: int) -> Answer:
    return _nothing(file.console.send(process, "\a"))


_HANDLERS: Final[dict[int, tuple[int, _Handler]]] = {
    0x504000: (_ANY, _get_mode),
    0x508004: (_ANY, _set_mode),
    0x500008: (_ANY, lambda process, file, data, room: b""),  # whether the console is a terminal of Unix
    0x504028: (INPUT, _read_console),
    0x50402C: (INPUT, _read_file),
    0x504030: (INPUT, _read_input),
    0x508034: (INPUT, _write_input),
    0x504038: (INPUT, _peek),
    0x50403C: (_ANY, _get_input_info),
    0x508040: (_ANY, _set_input_info),
    0x504044: (_ANY, _get_title),
    0x508048: (_ANY, _set_title),
    0x50004C: (_ANY, _control_event),
    0x500050: (_ANY, _beep),
    0x500054: (INPUT, _flush),
    0x500058: (_ANY, lambda process, file, data, room: bytes(4)),  # its window: none
    0x50005C: (_ANY, _process_list),
    0x504060: (INPUT, _read_with_control),
    0x504064: (INPUT, _get_input_count),
    0x508078: (OUTPUT, _write_console),
    0x50807C: (OUTPUT, _write_file),
    0x508084: (OUTPUT, _write_output),
    0x504088: (OUTPUT, _get_output_info),
    0x50808C: (OUTPUT, _set_output_info),
    0x508094: (OUTPUT, _fill),
}
