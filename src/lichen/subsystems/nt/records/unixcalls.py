"""What Wine's DLLs give their Unix halves.

Source: what ntdll and ws2_32 of Wine 8 and 10 pass; lichen's own for links (docs/decisions/012) and the machine's end (025).
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import packed, ptr, u32, u64


@packed
class TextRoom(NamedTuple):
    """The address of a text, or of room for one, and its size."""

    address: ptr
    size: u32


@packed
class LinkRequest(NamedTuple):
    """The link's UNICODE_STRING, the target's text and the flags of CreateSymbolicLinkW."""

    name: ptr
    target: ptr
    flags: u32


@packed
class ShutdownArguments(NamedTuple):
    """The first five arguments of InitiateSystemShutdown and InitiateShutdown, eight bytes each.

    The fourth and the fifth are whether programs are ended by force and whether it is a restart, or flags and a reason.
    """

    computer: ptr
    message: ptr
    seconds: u64
    fourth: u64
    fifth: u64
