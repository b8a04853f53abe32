"""PE images, which lie in files and in memory as here whatever the guest's data model is.

Source: PE Format specification (learn.microsoft.com, "PE Format"); winnt.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, open_ended, u8, u16, u32, u64


class ImageDosHeader(NamedTuple):
    """IMAGE_DOS_HEADER: what it begins with, and where IMAGE_NT_HEADERS64 is."""

    magic: Annotated[bytes, Bytes(2, align=2)]
    unused: Annotated[bytes, Bytes(58)]
    lfanew: u32


@open_ended()
class ImageNtHeaders(NamedTuple):
    """The signature of IMAGE_NT_HEADERS64 and its IMAGE_FILE_HEADER, which the optional header follows."""

    signature: Annotated[bytes, Bytes(4, align=4)]
    machine: u16
    number_of_sections: u16
    time_date_stamp: u32
    pointer_to_symbol_table: u32
    number_of_symbols: u32
    size_of_optional_header: u16
    characteristics: u16


@open_ended()
class ImageOptionalHeader64(NamedTuple):
    """IMAGE_OPTIONAL_HEADER64, which the data directories follow."""

    magic: u16
    major_linker_version: u8
    minor_linker_version: u8
    size_of_code: u32
    size_of_initialized_data: u32
    size_of_uninitialized_data: u32
    address_of_entry_point: u32
    base_of_code: u32
    image_base: u64
    section_alignment: u32
    file_alignment: u32
    major_operating_system_version: u16
    minor_operating_system_version: u16
    major_image_version: u16
    minor_image_version: u16
    major_subsystem_version: u16
    minor_subsystem_version: u16
    win32_version_value: u32
    size_of_image: u32
    size_of_headers: u32
    check_sum: u32
    subsystem: u16
    dll_characteristics: u16
    size_of_stack_reserve: u64
    size_of_stack_commit: u64
    size_of_heap_reserve: u64
    size_of_heap_commit: u64
    loader_flags: u32
    number_of_rva_and_sizes: u32


class ImageDataDirectory(NamedTuple):
    """IMAGE_DATA_DIRECTORY."""

    virtual_address: u32
    size: u32


class ImageSectionHeader(NamedTuple):
    """IMAGE_SECTION_HEADER."""

    name: Annotated[bytes, Bytes(8)]
    virtual_size: u32
    virtual_address: u32
    size_of_raw_data: u32
    pointer_to_raw_data: u32
    pointer_to_relocations: u32
    pointer_to_linenumbers: u32
    number_of_relocations: u16
    number_of_linenumbers: u16
    characteristics: u32


class ImageExportDirectory(NamedTuple):
    """IMAGE_EXPORT_DIRECTORY."""

    characteristics: u32
    time_date_stamp: u32
    major_version: u16
    minor_version: u16
    name: u32
    base: u32
    number_of_functions: u32
    number_of_names: u32
    address_of_functions: u32
    address_of_names: u32
    address_of_name_ordinals: u32


class ImageImportDescriptor(NamedTuple):
    """IMAGE_IMPORT_DESCRIPTOR."""

    original_first_thunk: u32
    time_date_stamp: u32
    forwarder_chain: u32
    name: u32
    first_thunk: u32


class RuntimeFunction(NamedTuple):
    """RUNTIME_FUNCTION."""

    begin_address: u32
    end_address: u32
    unwind_data: u32


@open_ended()
class ImageBaseRelocation(NamedTuple):
    """IMAGE_BASE_RELOCATION, which the entries of a page follow."""

    virtual_address: u32
    size_of_block: u32
