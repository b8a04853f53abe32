"""What of locale.nls is looked into.

Source: the file as Wine's ntdll reads it.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, u16, u32


class LocaleFile(NamedTuple):
    """The head of the file: where the section of the locales is."""

    unused: Annotated[bytes, Bytes(0x10)]
    section: u32


class LocaleSection(NamedTuple):
    """The head of the section: how many locales there are, how long each is, and where in the section they begin."""

    unused: Annotated[bytes, Bytes(0x20)]
    locales: u16
    size: u16
    first: u32


class Locale(NamedTuple):
    """A locale, up to its code pages."""

    unused_1: Annotated[bytes, Bytes(8)]
    language: u16
    unused_2: Annotated[bytes, Bytes(0x64)]
    ansi_code_page: u16
    oem_code_page: u16
