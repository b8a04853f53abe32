"""Processes: what their information classes tell and take.

Source: winternl.h; ntddk.h; phnt.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import i64, ptr, u8, u32, u64


class ProcessBasicInformation(NamedTuple):
    """PROCESS_BASIC_INFORMATION."""

    exit_status: u32
    peb: ptr
    affinity_mask: ptr
    base_priority: u32
    unique_process_id: ptr
    inherited_from: ptr


class QuotaLimits(NamedTuple):
    """QUOTA_LIMITS."""

    paged_pool_limit: ptr = 0
    non_paged_pool_limit: ptr = 0
    minimum_working_set_size: ptr = 0
    maximum_working_set_size: ptr = 0
    pagefile_limit: ptr = 0
    time_limit: i64 = 0


class IoCounters(NamedTuple):
    """IO_COUNTERS: operations, then bytes."""

    read_operation_count: u64 = 0
    write_operation_count: u64 = 0
    other_operation_count: u64 = 0
    read_transfer_count: u64 = 0
    write_transfer_count: u64 = 0
    other_transfer_count: u64 = 0


class VmCounters(NamedTuple):
    """VM_COUNTERS, in bytes."""

    peak_virtual_size: ptr
    virtual_size: ptr
    page_fault_count: u32
    peak_working_set_size: ptr
    working_set_size: ptr
    quota_peak_paged_pool_usage: ptr
    quota_paged_pool_usage: ptr
    quota_peak_non_paged_pool_usage: ptr
    quota_non_paged_pool_usage: ptr
    pagefile_usage: ptr
    peak_pagefile_usage: ptr


class VmCountersEx(NamedTuple):
    """VM_COUNTERS_EX."""

    counters: VmCounters
    private_usage: ptr


class KernelUserTimes(NamedTuple):
    """KERNEL_USER_TIMES, in 100 ns; creation and exit since 1601."""

    create: i64
    exit: i64
    kernel: i64
    user: i64


class ProcessPriorityClass(NamedTuple):
    """PROCESS_PRIORITY_CLASS."""

    foreground: u8
    priority_class: u8


class StackAllocation(NamedTuple):
    """PROCESS_STACK_ALLOCATION_INFORMATION."""

    reserve_size: ptr
    zero_bits: ptr
    stack_base: ptr


class StackAllocationEx(NamedTuple):
    """PROCESS_STACK_ALLOCATION_INFORMATION_EX."""

    preferred_node: u32
    reserved_0: u32
    reserved_1: u32
    reserved_2: u32
    allocation: StackAllocation


class PsAttribute(NamedTuple):
    """PS_ATTRIBUTE: one of the list with which a process or thread is made; the value may be an address."""

    attribute: ptr
    size: ptr
    value: ptr
    return_length: ptr


class PsAttributeList(NamedTuple):
    """The head of PS_ATTRIBUTE_LIST, with its own length and those of the attributes."""

    total_length: ptr
