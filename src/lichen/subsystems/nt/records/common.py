"""What most calls exchange: names, the attributes of objects, where I/O tells its end.

Source: winternl.h; ntdef.h.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import ptr, u16, ulong


class UnicodeString(NamedTuple):
    """UNICODE_STRING: lengths in bytes."""

    length: u16
    maximum_length: u16
    buffer: ptr


class ObjectAttributes(NamedTuple):
    """OBJECT_ATTRIBUTES."""

    length: ulong
    root_directory: ptr
    object_name: ptr
    attributes: ulong
    security_descriptor: ptr
    security_quality_of_service: ptr


class IoStatusBlock(NamedTuple):
    """IO_STATUS_BLOCK; the status is a union with a pointer."""

    status: ptr
    information: ptr


class ClientId(NamedTuple):
    """CLIENT_ID."""

    unique_process: ptr
    unique_thread: ptr
