"""Jobs: what their information classes tell and take.

Source: winnt.h.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import i64, ptr, u32
from lichen.subsystems.nt.records.processes import IoCounters


class JobAccounting(NamedTuple):
    """JOBOBJECT_BASIC_ACCOUNTING_INFORMATION."""

    total_user_time: i64
    total_kernel_time: i64
    this_period_total_user_time: i64
    this_period_total_kernel_time: i64
    total_page_fault_count: u32
    total_processes: u32
    active_processes: u32
    total_terminated_processes: u32


class JobAccountingAndIo(NamedTuple):
    """JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION."""

    basic_info: JobAccounting
    io_info: IoCounters = IoCounters()


class JobLimits(NamedTuple):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    per_process_user_time_limit: i64 = 0
    per_job_user_time_limit: i64 = 0
    limit_flags: u32 = 0
    minimum_working_set_size: ptr = 0
    maximum_working_set_size: ptr = 0
    active_process_limit: u32 = 0
    affinity: ptr = 0
    priority_class: u32 = 0
    scheduling_class: u32 = 0


class JobExtendedLimits(NamedTuple):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    basic_limit_information: JobLimits
    io_info: IoCounters = IoCounters()
    process_memory_limit: ptr = 0
    job_memory_limit: ptr = 0
    peak_process_memory_used: ptr = 0
    peak_job_memory_used: ptr = 0


class JobProcessIdList(NamedTuple):
    """The head of JOBOBJECT_BASIC_PROCESS_ID_LIST, behind which lie the ids."""

    number_of_assigned_processes: u32
    number_of_process_ids_in_list: u32


class JobCompletionPort(NamedTuple):
    """JOBOBJECT_ASSOCIATE_COMPLETION_PORT."""

    completion_key: ptr
    completion_port: ptr
