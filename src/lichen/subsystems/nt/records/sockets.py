"""Sockets: what is asked of AFD, and values of options.

Source: winsock2.h, ws2def.h, mstcpip.h; Wine's afd.h for its own requests, which are the same for 32-bit programs
unless there are handles in them.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Array, Bytes, i32, i64, open_ended, ptr, u8, u16, u32, u64


class Linger(NamedTuple):
    """LINGER."""

    onoff: u16
    linger: u16


class TcpKeepalive(NamedTuple):
    """struct tcp_keepalive, in milliseconds."""

    onoff: u32
    keepalivetime: u32
    keepaliveinterval: u32


class GroupSource(NamedTuple):
    """IP_MREQ_SOURCE, in network order."""

    group: Annotated[bytes, Bytes(4, align=4)]
    source: Annotated[bytes, Bytes(4, align=4)]
    interface: Annotated[bytes, Bytes(4, align=4)]


class WsaBuffer(NamedTuple):
    """WSABUF."""

    len: u32
    buf: ptr


class Message(NamedTuple):
    """WSAMSG."""

    name: ptr
    name_length: i32
    buffers: ptr
    buffer_count: u32
    control: WsaBuffer
    flags: u32


@open_ended()
class ControlHeader(NamedTuple):
    """WSACMSGHDR."""

    length: ptr
    level: i32
    type: i32


class InterfaceInformation(NamedTuple):
    """INTERFACE_INFO; each address has the room of the largest one."""

    flags: u32
    address: Annotated[bytes, Bytes(24)]
    broadcast: Annotated[bytes, Bytes(24)]
    mask: Annotated[bytes, Bytes(24)]


# ---- requests to AFD


class AfdCreate(NamedTuple):
    """struct afd_create_params."""

    family: i32
    type: i32
    protocol: i32
    flags: i32


class AfdListen(NamedTuple):
    """struct afd_listen_params."""

    unknown_1: u32
    backlog: u32
    unknown_2: u32


class AfdAcceptInto(NamedTuple):
    """struct afd_accept_into_params."""

    accept_handle: u32
    receive_length: u32
    local_length: u32


@open_ended()
class AfdConnect(NamedTuple):
    """struct afd_connect_params; the address follows, and then what is sent first."""

    address_length: u32
    synchronous: u32


@open_ended()
class AfdPoll(NamedTuple):
    """The head of AFD_POLL_INFO."""

    timeout: i64
    number_of_handles: u32
    exclusive: u8
    padding: Annotated[bytes, Bytes(3)] = b""


class AfdPollEntry(NamedTuple):
    """AFD_POLL_HANDLE_INFO."""

    handle: ptr
    flags: u32
    status: u32


@open_ended()
class AfdEventSelect(NamedTuple):
    """struct afd_event_select_params, without the padding, which nobody has to give."""

    event: ptr
    mask: u32


class AfdEvents(NamedTuple):
    """struct afd_get_events_params."""

    flags: u32
    status: Annotated[tuple[int, ...], Array(u32, 13)]


class AfdTransmit(NamedTuple):
    """struct afd_transmit_params; offset -2 is where the file stands, a length of 0 all that is left of it."""

    offset: i64
    head: u64
    tail: u64
    head_length: u32
    tail_length: u32
    file: u32
    file_length: u32
    buffer_size: u32
    flags: u32


class AfdReceiveMessage(NamedTuple):
    """struct afd_recvmsg_params: places of the control data, the address, its size and the flags; buffers."""

    control: u64
    address: u64
    address_length: u64
    flags: u64
    force_async: u32
    buffer_count: u32
    buffers: u64


class AfdSendMessage(NamedTuple):
    """struct afd_sendmsg_params."""

    address: u64
    address_length: u32
    flags: u32
    force_async: u32
    buffer_count: u32
    buffers: u64


@open_ended()
class AfdReceive(NamedTuple):
    """AFD_RECV_INFO, without the padding, which nobody has to give."""

    buffers: ptr
    buffer_count: u32
    afd_flags: u32
    tdi_flags: u32
