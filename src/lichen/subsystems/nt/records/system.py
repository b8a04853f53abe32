"""The system as a whole: what its information classes tell.

Source: winternl.h; winnt.h; phnt.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, i32, i64, padded_to, ptr, u8, u16, u32, u64
from lichen.subsystems.nt.records.common import ClientId, UnicodeString
from lichen.subsystems.nt.records.processes import IoCounters, VmCounters
from lichen.subsystems.nt.records.threads import GroupAffinity


class SystemBasicInformation(NamedTuple):
    """SYSTEM_BASIC_INFORMATION."""

    reserved: u32
    maximum_increment: u32
    physical_page_size: u32
    number_of_physical_pages: u32
    lowest_physical_page: u32
    highest_physical_page: u32
    allocation_granularity: u32
    lowest_user_address: ptr
    highest_user_address: ptr
    active_processors: ptr
    number_of_processors: u8


class SystemProcessorInformation(NamedTuple):
    """SYSTEM_PROCESSOR_INFORMATION."""

    processor_architecture: u16
    processor_level: u16
    processor_revision: u16
    maximum_processors: u16
    feature_bits: u32


@padded_to(344)
class SystemPerformanceInformation(NamedTuple):
    """The head of SYSTEM_PERFORMANCE_INFORMATION; no more of it is counted."""

    idle_process_time: i64
    read_transfer_count: i64
    write_transfer_count: i64
    other_transfer_count: i64
    read_operation_count: u32
    write_operation_count: u32
    other_operation_count: u32
    available_pages: u32
    total_committed_pages: u32
    total_commit_limit: u32


class SystemTimeOfDayInformation(NamedTuple):
    """SYSTEM_TIMEOFDAY_INFORMATION."""

    boot_time: i64
    current_time: i64
    time_zone_bias: i64
    current_time_zone_id: u32 = 0
    reserved: u32 = 0
    boot_time_bias: u64 = 0
    sleep_time_bias: u64 = 0


class SystemProcessInformation(NamedTuple):
    """SYSTEM_PROCESS_INFORMATION, behind which lie the threads."""

    next_entry_offset: u32
    number_of_threads: u32
    reserved: Annotated[tuple[int, ...], Array(i64, 3)]
    create_time: i64
    user_time: i64
    kernel_time: i64
    image_name: UnicodeString
    base_priority: i32
    unique_process_id: ptr
    inherited_from_unique_process_id: ptr
    handle_count: u32
    session_id: u32
    page_directory_base: u32
    virtual_memory_counters: VmCounters
    private_page_count: ptr
    io_counters: IoCounters = IoCounters()


class SystemThreadInformation(NamedTuple):
    """SYSTEM_THREAD_INFORMATION."""

    kernel_time: i64
    user_time: i64
    create_time: i64
    wait_time: u32
    start_address: ptr
    client_id: ClientId
    priority: i32
    base_priority: i32
    context_switches: u32
    thread_state: u32
    wait_reason: u32


class SystemProcessorPerformanceInformation(NamedTuple):
    """SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION."""

    idle_time: i64 = 0
    kernel_time: i64 = 0
    user_time: i64 = 0
    reserved_1: Annotated[tuple[int, ...], Array(i64, 2)] = (0, 0)
    reserved_2: u32 = 0


class SystemInterruptInformation(NamedTuple):
    """SYSTEM_INTERRUPT_INFORMATION."""

    reserved_1: Annotated[bytes, Bytes(24)]


class SystemTimeAdjustment(NamedTuple):
    """SYSTEM_QUERY_TIME_ADJUST_INFORMATION."""

    time_adjustment: u32
    time_increment: u32
    disabled: u8


class SystemKernelDebuggerInformation(NamedTuple):
    """SYSTEM_KERNEL_DEBUGGER_INFORMATION."""

    enabled: u8
    not_present: u8


class SystemLogicalProcessorInformation(NamedTuple):
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION; what its union says of cores and nodes is all zero."""

    processor_mask: ptr
    relationship: u32
    reserved: Annotated[tuple[int, ...], Array(u64, 2)] = (0, 0)


class ProcessorRelationship(NamedTuple):
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX of a core or package in one group."""

    relationship: u32
    size: u32
    flags: u8
    reserved: Annotated[bytes, Bytes(21)]
    group_count: u16
    group_mask: GroupAffinity


class GroupRelationship(NamedTuple):
    """SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX of the groups, of which there is one."""

    relationship: u32
    size: u32
    maximum_group_count: u16
    active_group_count: u16
    reserved_1: Annotated[bytes, Bytes(20)]
    maximum_processor_count: u8
    active_processor_count: u8
    reserved_2: Annotated[bytes, Bytes(38)]
    active_processor_mask: ptr


class SystemBootEnvironmentInformation(NamedTuple):
    """SYSTEM_BOOT_ENVIRONMENT_INFORMATION."""

    boot_identifier: Annotated[bytes, Bytes(16, align=4)] = b""
    firmware_type: u32 = 0
    boot_flags: u64 = 0


class SystemCodeIntegrityInformation(NamedTuple):
    """SYSTEM_CODEINTEGRITY_INFORMATION."""

    length: u32
    code_integrity_options: u32


class SystemSupportedProcessorArchitectures(NamedTuple):
    """SYSTEM_SUPPORTED_PROCESSOR_ARCHITECTURES_INFORMATION, whose upper half are flags."""

    machine: u16
    flags: u16
