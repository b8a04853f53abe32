"""Exceptions and the registers with which they are told.

Source: winnt.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, ptr, u32


class ExceptionRecord(NamedTuple):
    """EXCEPTION_RECORD with room for 15 parameters."""

    code: u32
    flags: u32
    record: ptr
    address: ptr
    number_parameters: u32
    information: Annotated[tuple[int, ...], Array(ptr, 15)]
