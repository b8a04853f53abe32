"""What any object tells, and those that are waited for.

Source: winternl.h; phnt, ntobapi.h and ntexapi.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, i32, i64, open_ended, ptr, u8, u16, u32
from lichen.subsystems.nt.records.common import UnicodeString


class ObjectBasicInformation(NamedTuple):
    """OBJECT_BASIC_INFORMATION."""

    attributes: u32
    granted_access: u32
    handle_count: u32
    pointer_count: u32
    paged_pool_usage: u32 = 0
    non_paged_pool_usage: u32 = 0
    reserved: Annotated[tuple[int, ...], Array(u32, 3)] = (0, 0, 0)
    name_information_length: u32 = 0
    type_information_length: u32 = 0
    security_descriptor_length: u32 = 0
    create_time: i64 = 0


class ObjectTypeInformation(NamedTuple):
    """OBJECT_TYPE_INFORMATION; `counts` are twelve, of objects, handles and pools now and at most."""

    type_name: UnicodeString
    counts: Annotated[bytes, Bytes(48, align=4)]
    invalid_attributes: u32
    generic_read: u32
    generic_write: u32
    generic_execute: u32
    generic_all: u32
    valid_access_mask: u32
    security_required: u8 = 0
    maintain_handle_count: u8 = 0
    pool_type: u32 = 0
    paged_pool_usage: u32 = 0
    non_paged_pool_usage: u32 = 0


class HandleFlagInformation(NamedTuple):
    """OBJECT_HANDLE_FLAG_INFORMATION."""

    inherit: u8
    protect_from_close: u8


class ObjectDirectoryInformation(NamedTuple):
    """OBJECT_DIRECTORY_INFORMATION."""

    name: UnicodeString
    type_name: UnicodeString


class EventBasicInformation(NamedTuple):
    """EVENT_BASIC_INFORMATION."""

    event_type: u32
    event_state: i32


class SemaphoreBasicInformation(NamedTuple):
    """SEMAPHORE_BASIC_INFORMATION."""

    current_count: u32
    maximum_count: u32


class MutantBasicInformation(NamedTuple):
    """MUTANT_BASIC_INFORMATION."""

    current_count: i32
    owned_by_caller: u8
    abandoned_state: u8


class TimerBasicInformation(NamedTuple):
    """TIMER_BASIC_INFORMATION."""

    remaining_time: i64
    timer_state: u8


class FileIoCompletionInformation(NamedTuple):
    """FILE_IO_COMPLETION_INFORMATION: a packet of a completion port."""

    key_context: ptr
    apc_context: ptr
    status: ptr
    information: ptr


@open_ended()
class AtomBasicInformation(NamedTuple):
    """ATOM_BASIC_INFORMATION."""

    usage_count: u16
    flags: u16
    name_length: u16
