"""Consoles: what is asked of them, and the records of their input.

Source: wincon.h; Wine's condrv.h for the requests, which are the same for 32-bit programs.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import AlignedAs, Array, i16, i32, open_ended, padded_to, u16, u32


class KeyRecord(NamedTuple):
    """INPUT_RECORD with a KEY_EVENT_RECORD."""

    event_type: u16
    key_down: i32
    repeat_count: u16
    virtual_key_code: u16
    virtual_scan_code: u16
    unicode_char: u16
    control_key_state: u32


@padded_to(20)
class ResizeRecord(NamedTuple):
    """INPUT_RECORD with a WINDOW_BUFFER_SIZE_RECORD."""

    event_type: u16
    columns: Annotated[i16, AlignedAs(u32)]
    rows: i16


class CharInfo(NamedTuple):
    """CHAR_INFO."""

    unicode_char: u16
    attributes: u16


class SmallRect(NamedTuple):
    """SMALL_RECT."""

    left: i16
    top: i16
    right: i16
    bottom: i16


class InputInformation(NamedTuple):
    """struct condrv_input_info."""

    input_code_page: u32
    output_code_page: u32
    records: u32


class InputSettings(NamedTuple):
    """The head of struct condrv_input_info_params."""

    mask: u32
    input_code_page: u32
    output_code_page: u32


class OutputInformation(NamedTuple):
    """struct condrv_output_info."""

    cursor_size: i16
    cursor_visible: i16
    cursor_x: i16
    cursor_y: i16
    width: i16
    height: i16
    attributes: u16
    popup_attributes: u16
    window: SmallRect
    largest_width: i16
    largest_height: i16
    font_width: i16
    font_height: i16
    font_weight: i16
    font_pitch_family: i16
    colours: Annotated[tuple[int, ...], Array(u32, 16)]


@open_ended()
class OutputSettings(NamedTuple):
    """The head of struct condrv_output_info_params."""

    mask: u32
    cursor_size: i16
    cursor_visible: i16
    cursor_x: i16
    cursor_y: i16
    width: i16
    height: i16
    attributes: u16


class FillRequest(NamedTuple):
    """struct condrv_fill_output_params."""

    x: i32
    y: i32
    mode: i32
    cells: i32
    wrap: i32
    unicode_char: u16
    attributes: u16


@open_ended()
class OutputRequest(NamedTuple):
    """struct condrv_output_params; cells or text follow."""

    x: u32
    y: u32
    mode: u32
    width: u32


class ControlEvent(NamedTuple):
    """struct condrv_ctrl_event."""

    event: i32
    group: u32
