"""What a process and its threads find in their memory when they begin: PEB, parameters and TEB.

Fields are those that are written or read here, with gaps between them.

Source: winternl.h; phnt, ntpebteb.h; [MS-DTYP]; what Wine's DLLs read.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, Gap, i64, ptr, u8, u16, u32
from lichen.subsystems.nt.records.common import ClientId, UnicodeString


class ListEntry(NamedTuple):
    """LIST_ENTRY."""

    next: ptr
    previous: ptr


class ProcessParameters(NamedTuple):
    """RTL_USER_PROCESS_PARAMETERS."""

    maximum_length: u32 = 0
    length: u32 = 0
    flags: u32 = 0
    debug_flags: u32 = 0
    console_handle: ptr = 0
    console_flags: u32 = 0
    standard_handles: Annotated[tuple[int, int, int], Array(ptr, 3)] = (0, 0, 0)
    current_directory: UnicodeString = UnicodeString(0, 0, 0)
    current_directory_handle: ptr = 0
    dll_path: UnicodeString = UnicodeString(0, 0, 0)
    image_path_name: UnicodeString = UnicodeString(0, 0, 0)
    command_line: UnicodeString = UnicodeString(0, 0, 0)
    environment: ptr = 0
    window: Annotated[tuple[int, ...], Array(u32, 9)] = (0,) * 9
    window_title: UnicodeString = UnicodeString(0, 0, 0)
    desktop_info: UnicodeString = UnicodeString(0, 0, 0)
    shell_info: UnicodeString = UnicodeString(0, 0, 0)
    runtime_data: UnicodeString = UnicodeString(0, 0, 0)
    current_directories: Annotated[bytes, Gap(0x300, 0x200)] = b""
    environment_size: ptr = 0
    environment_version: ptr = 0
    package_dependency_data: ptr = 0
    process_group_id: u32 = 0
    loader_threads: u32 = 0


class Peb(NamedTuple):
    """The head of PEB, up to the session."""

    flags: Annotated[bytes, Bytes(4)] = b""
    mutant: ptr = 0
    image_base_address: ptr = 0
    ldr: ptr = 0
    process_parameters: ptr = 0
    gap_1: Annotated[bytes, Gap(0x40, 0x24)] = b""
    api_set_map: ptr = 0
    gap_2: Annotated[bytes, Gap(0x48, 0x28)] = b""
    number_of_processors: u32 = 0
    nt_global_flag: u32 = 0
    critical_section_timeout: i64 = 0
    heap_segment_reserve: ptr = 0
    heap_segment_commit: ptr = 0
    heap_decommit_total_free_threshold: ptr = 0
    heap_decommit_free_block_threshold: ptr = 0
    number_of_heaps: u32 = 0
    maximum_number_of_heaps: u32 = 0
    process_heaps: ptr = 0
    gdi_shared_handle_table: ptr = 0
    gap_3: Annotated[bytes, Gap(0x18, 0xC)] = b""
    os_major_version: u32 = 0
    os_minor_version: u32 = 0
    os_build_number: u16 = 0
    os_csd_version: u16 = 0
    os_platform_id: u32 = 0
    image_subsystem: u32 = 0
    image_subsystem_major_version: u32 = 0
    image_subsystem_minor_version: u32 = 0
    active_process_affinity_mask: ptr = 0
    gap_4: Annotated[bytes, Gap(0x180, 0x110)] = b""
    session_id: u32 = 0


class NtTib(NamedTuple):
    """NT_TIB."""

    exception_list: ptr
    stack_base: ptr
    stack_limit: ptr
    sub_system_tib: ptr
    fiber_data: ptr
    arbitrary_user_pointer: ptr
    self: ptr


class ActivationContextStack(NamedTuple):
    """ACTIVATION_CONTEXT_STACK."""

    active_frame: ptr
    frame_list_cache: ListEntry
    flags: u32 = 0
    next_cookie_sequence_number: u32 = 0
    stack_id: ptr = 0


class Teb(NamedTuple):
    """The head of TEB, up to the list of those whose threads run."""

    tib: NtTib
    environment_pointer: ptr
    client_id: ClientId
    active_rpc_handle: ptr
    thread_local_storage_pointer: ptr
    process_environment_block: ptr
    gap_1: Annotated[bytes, Gap(0x228, 0x150)]
    activation_stack: ActivationContextStack
    gap_2: Annotated[bytes, Gap(0x10, 0xC)]
    activation_context_stack_pointer: ptr
    gap_3: Annotated[bytes, Gap(0xF88, 0xA4C)]
    static_unicode_string: UnicodeString
    static_unicode_buffer: Annotated[bytes, Bytes(522, align=2)]
    deallocation_stack: ptr
    tls_slots: Annotated[bytes, Gap(0x200, 0x100)]
    tls_links: ListEntry


class ModuleLinks(NamedTuple):
    """The three lists of modules: their heads, or the links of one in them."""

    load_order: ListEntry
    memory_order: ListEntry
    initialization_order: ListEntry


class LoaderData(NamedTuple):
    """PEB_LDR_DATA."""

    length: u32
    initialized: u8
    ss_handle: ptr
    links: ModuleLinks
    entry_in_progress: ptr = 0
    shutdown_in_progress: u8 = 0
    shutdown_thread_id: ptr = 0


class LoadedModule(NamedTuple):
    """The head of LDR_DATA_TABLE_ENTRY."""

    links: ModuleLinks
    dll_base: ptr
    entry_point: ptr
    size_of_image: u32
    full_dll_name: UnicodeString
    base_dll_name: UnicodeString
