"""Files: what their information classes tell and take, and the records of a directory's names.

Names follow the records that end with their length.

Source: [MS-FSCC] 2.4; ntifs.h.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i64, open_ended, ptr, u8, u32, u64


class FileBasicInformation(NamedTuple):
    """FILE_BASIC_INFORMATION."""

    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    file_attributes: u32


class FileStandardInformation(NamedTuple):
    """FILE_STANDARD_INFORMATION."""

    allocation_size: u64
    end_of_file: u64
    number_of_links: u32
    delete_pending: u8
    directory: u8


@open_ended()
class FileNameInformation(NamedTuple):
    """FILE_NAME_INFORMATION."""

    file_name_length: u32


@open_ended()
class FileAllInformation(NamedTuple):
    """FILE_ALL_INFORMATION: the records and values of other classes."""

    basic_information: FileBasicInformation
    standard_information: FileStandardInformation
    index_number: u64
    ea_size: u32
    access_flags: u32
    current_byte_offset: i64
    mode: u32
    alignment_requirement: u32
    file_name_length: u32


class FileNetworkOpenInformation(NamedTuple):
    """FILE_NETWORK_OPEN_INFORMATION."""

    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    allocation_size: u64
    end_of_file: u64
    file_attributes: u32


class FileAttributeTagInformation(NamedTuple):
    """FILE_ATTRIBUTE_TAG_INFORMATION."""

    file_attributes: u32
    reparse_tag: u32


class FileStatInformation(NamedTuple):
    """FILE_STAT_INFORMATION."""

    file_id: u64
    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    allocation_size: u64
    end_of_file: u64
    file_attributes: u32
    reparse_tag: u32
    number_of_links: u32
    effective_access: u32


class FileIdInformation(NamedTuple):
    """FILE_ID_INFORMATION, with the number of a file in the half of its id that is used."""

    volume_serial_number: u64
    file_id: u64
    file_id_high: u64 = 0


@open_ended()
class FileRenameInformation(NamedTuple):
    """FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION; a BOOLEAN stands for the flags where there are none."""

    flags: u32
    root_directory: ptr
    file_name_length: u32


class FileCompletionInformation(NamedTuple):
    """FILE_COMPLETION_INFORMATION."""

    port: ptr
    key: ptr


class FileObjectIdBuffer(NamedTuple):
    """FILE_OBJECTID_BUFFER: the id, and what NTFS knows of where it comes from."""

    object_id: u64
    object_id_high: u64
    extended_info: Annotated[bytes, Bytes(48)] = b""


class FileSegmentElement(NamedTuple):
    """FILE_SEGMENT_ELEMENT: the address of one page; a union that has eight bytes everywhere."""

    buffer: u64


# ---- names in a directory


@open_ended()
class FileDirectoryInformation(NamedTuple):
    """FILE_DIRECTORY_INFORMATION."""

    next_entry_offset: u32
    file_index: u32
    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    end_of_file: u64
    allocation_size: u64
    file_attributes: u32
    file_name_length: u32


@open_ended()
class FileFullDirectoryInformation(NamedTuple):
    """FILE_FULL_DIR_INFORMATION; a reparse point has its tag where the size of extended attributes would be."""

    next_entry_offset: u32
    file_index: u32
    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    end_of_file: u64
    allocation_size: u64
    file_attributes: u32
    file_name_length: u32
    ea_size: u32


@open_ended()
class FileBothDirectoryInformation(NamedTuple):
    """FILE_BOTH_DIR_INFORMATION, with a short name."""

    next_entry_offset: u32
    file_index: u32
    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    end_of_file: u64
    allocation_size: u64
    file_attributes: u32
    file_name_length: u32
    ea_size: u32
    short_name_length: u8 = 0
    short_name: Annotated[bytes, Bytes(24, align=2)] = b""


@open_ended()
class FileIdBothDirectoryInformation(NamedTuple):
    """FILE_ID_BOTH_DIR_INFORMATION."""

    next_entry_offset: u32
    file_index: u32
    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    end_of_file: u64
    allocation_size: u64
    file_attributes: u32
    file_name_length: u32
    ea_size: u32
    short_name_length: u8
    short_name: Annotated[bytes, Bytes(24, align=2)]
    file_id: u64


@open_ended()
class FileIdFullDirectoryInformation(NamedTuple):
    """FILE_ID_FULL_DIR_INFORMATION."""

    next_entry_offset: u32
    file_index: u32
    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    end_of_file: u64
    allocation_size: u64
    file_attributes: u32
    file_name_length: u32
    ea_size: u32
    file_id: u64


@open_ended()
class FileNamesInformation(NamedTuple):
    """FILE_NAMES_INFORMATION."""

    next_entry_offset: u32
    file_index: u32
    file_name_length: u32


@open_ended()
class FileNotifyInformation(NamedTuple):
    """FILE_NOTIFY_INFORMATION."""

    next_entry_offset: u32
    action: u32
    file_name_length: u32
