"""Reparse points: symbolic links and junctions.

Source: [MS-FSCC] 2.1.2.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import open_ended, u16, u32


@open_ended()
class ReparseData(NamedTuple):
    """The head of every REPARSE_DATA_BUFFER; the length is of what follows."""

    reparse_tag: u32
    reparse_data_length: u16
    reserved: u16 = 0


@open_ended()
class JunctionData(NamedTuple):
    """REPARSE_DATA_BUFFER of a mount point, with places of names in what follows."""

    reparse_tag: u32
    reparse_data_length: u16
    reserved: u16
    substitute_name_offset: u16
    substitute_name_length: u16
    print_name_offset: u16
    print_name_length: u16


@open_ended()
class SymbolicLinkData(NamedTuple):
    """REPARSE_DATA_BUFFER of a symbolic link."""

    reparse_tag: u32
    reparse_data_length: u16
    reserved: u16
    substitute_name_offset: u16
    substitute_name_length: u16
    print_name_offset: u16
    print_name_length: u16
    flags: u32
