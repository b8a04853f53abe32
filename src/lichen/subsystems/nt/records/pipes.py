"""Named pipes.

Source: [MS-FSCC] 2.3.30-39 and 2.4.33-34; ntifs.h.
"""

from __future__ import annotations

from typing import NamedTuple

from lichen.abi.layout import i64, open_ended, u8, u32


class FilePipeInformation(NamedTuple):
    """FILE_PIPE_INFORMATION."""

    read_mode: u32
    completion_mode: u32


class FilePipeLocalInformation(NamedTuple):
    """FILE_PIPE_LOCAL_INFORMATION."""

    named_pipe_type: u32
    named_pipe_configuration: u32
    maximum_instances: u32
    current_instances: u32
    inbound_quota: u32
    read_data_available: u32
    outbound_quota: u32
    write_quota_available: u32
    named_pipe_state: u32
    named_pipe_end: u32


@open_ended()
class FilePipePeekBuffer(NamedTuple):
    """FILE_PIPE_PEEK_BUFFER."""

    named_pipe_state: u32
    read_data_available: u32
    number_of_messages: u32
    message_length: u32


@open_ended(2)
class FilePipeWaitForBuffer(NamedTuple):
    """FILE_PIPE_WAIT_FOR_BUFFER."""

    timeout: i64
    name_length: u32
    timeout_specified: u8
