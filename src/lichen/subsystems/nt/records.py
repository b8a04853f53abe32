"""Records of the NT call interface for x64 (LLP64), with the field names of the headers in Python's spelling.

Source: phnt / ntifs.h / winternl.h; [MS-DTYP]; offsets checked against mingw's headers in tests/layouts.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i64, ptr, u8, u16, u32, u64, ulong


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


class ExceptionRecord(NamedTuple):
    """EXCEPTION_RECORD with room for 15 parameters."""

    code: u32
    flags: u32
    record: ptr
    address: ptr
    parameter_count: u32
    parameters: Annotated[bytes, Bytes(120, align=8)]


class MemoryBasicInformation(NamedTuple):
    """MEMORY_BASIC_INFORMATION."""

    base_address: ptr
    allocation_base: ptr
    allocation_protect: u32
    partition_id: u16
    region_size: u64
    state: u32
    protect: u32
    type: u32


class ProcessBasicInformation(NamedTuple):
    """PROCESS_BASIC_INFORMATION."""

    exit_status: u32
    peb: ptr
    affinity_mask: u64
    base_priority: u32
    unique_process_id: ptr
    inherited_from: ptr


class ThreadBasicInformation(NamedTuple):
    """THREAD_BASIC_INFORMATION."""

    exit_status: u32
    teb: ptr
    client_id: ClientId
    affinity_mask: u64
    priority: u32
    base_priority: u32


class KernelUserTimes(NamedTuple):
    """KERNEL_USER_TIMES, in 100 ns; creation and exit since 1601."""

    create: i64
    exit: i64
    kernel: i64
    user: i64


class SectionBasicInformation(NamedTuple):
    """SECTION_BASIC_INFORMATION."""

    base_address: ptr
    attributes: ulong
    size: i64


class SectionImageInformation(NamedTuple):
    """SECTION_IMAGE_INFORMATION."""

    transfer_address: ptr
    zero_bits: ulong
    maximum_stack_size: u64
    committed_stack_size: u64
    subsystem_type: ulong
    minor_subsystem_version: u16
    major_subsystem_version: u16
    minor_operating_system_version: u16
    major_operating_system_version: u16
    image_characteristics: u16
    dll_characteristics: u16
    machine: u16
    image_contains_code: u8
    image_flags: u8
    loader_flags: ulong
    image_file_size: ulong
    check_sum: ulong
