"""Keys of the registry and their values; names, classes and data follow the records.

Source: wdm.h.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import i64, open_ended, u32


@open_ended()
class KeyBasicInformation(NamedTuple):
    """KEY_BASIC_INFORMATION."""

    last_write_time: i64
    title_index: u32
    name_length: u32


@open_ended()
class KeyNodeInformation(NamedTuple):
    """KEY_NODE_INFORMATION."""

    last_write_time: i64
    title_index: u32
    class_offset: u32
    class_length: u32
    name_length: u32


@open_ended()
class KeyNameInformation(NamedTuple):
    """KEY_NAME_INFORMATION."""

    name_length: u32


@open_ended()
class KeyFullInformation(NamedTuple):
    """KEY_FULL_INFORMATION."""

    last_write_time: i64
    title_index: u32
    class_offset: u32
    class_length: u32
    sub_keys: u32
    max_name_len: u32
    max_class_len: u32
    values: u32
    max_value_name_len: u32
    max_value_data_len: u32


@open_ended()
class KeyCachedInformation(NamedTuple):
    """KEY_CACHED_INFORMATION."""

    last_write_time: i64
    title_index: u32
    sub_keys: u32
    max_name_len: u32
    values: u32
    max_value_name_len: u32
    max_value_data_len: u32
    name_length: u32


@open_ended()
class KeyValueBasicInformation(NamedTuple):
    """KEY_VALUE_BASIC_INFORMATION."""

    title_index: u32
    type: u32
    name_length: u32


@open_ended()
class KeyValueFullInformation(NamedTuple):
    """KEY_VALUE_FULL_INFORMATION."""

    title_index: u32
    type: u32
    data_offset: u32
    data_length: u32
    name_length: u32


@open_ended()
class KeyValuePartialInformation(NamedTuple):
    """KEY_VALUE_PARTIAL_INFORMATION."""

    title_index: u32
    type: u32
    data_length: u32


@open_ended()
class KeyValuePartialInformationAlign64(NamedTuple):
    """KEY_VALUE_PARTIAL_INFORMATION_ALIGN64."""

    type: u32
    data_length: u32
