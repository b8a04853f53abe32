"""What sock_diag and those who ask it exchange; ports and addresses are in network order.

Source: linux/netlink.h, sock_diag.h, inet_diag.h, unix_diag.h, netlink_diag.h.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from lichen.abi.layout import LP64, Bytes, Layout, i32, layout_of, u8, u16, u32


class NetlinkHeader(NamedTuple):
    """struct nlmsghdr."""

    len: u32
    type: u16
    flags: u16
    seq: u32
    pid: u32


class NetlinkAttribute(NamedTuple):
    """struct nlattr."""

    len: u16
    type: u16


class SockDiagRequest(NamedTuple):
    """struct sock_diag_req: the head of every request."""

    family: u8
    protocol: u8


class InetSocketId(NamedTuple):
    """struct inet_diag_sockid."""

    sport: Annotated[bytes, Bytes(2, align=2)]
    dport: Annotated[bytes, Bytes(2, align=2)]
    src: Annotated[bytes, Bytes(16, align=4)]
    dst: Annotated[bytes, Bytes(16, align=4)]
    interface: u32
    cookie: Annotated[bytes, Bytes(8, align=4)]


class InetRequest(NamedTuple):
    """struct inet_diag_req_v2."""

    family: u8
    protocol: u8
    ext: u8
    pad: u8
    states: u32
    id: InetSocketId


class OldInetRequest(NamedTuple):
    """struct inet_diag_req, which TCPDIAG_GETSOCK brings."""

    family: u8
    src_len: u8
    dst_len: u8
    ext: u8
    id: InetSocketId
    states: u32
    dbs: u32


class InetAnswer(NamedTuple):
    """struct inet_diag_msg."""

    family: u8
    state: u8
    timer: u8
    retrans: u8
    id: InetSocketId
    expires: u32
    rqueue: u32
    wqueue: u32
    uid: u32
    inode: u32


class InetOperation(NamedTuple):
    """struct inet_diag_bc_op: a condition, and how far to go on when it holds and when it does not."""

    code: u8
    yes: u8
    no: u16


class InetHostCondition(NamedTuple):
    """struct inet_diag_hostcond; the address follows."""

    family: u8
    prefix_len: u8
    port: i32


class UnixRequest(NamedTuple):
    """struct unix_diag_req."""

    family: u8
    protocol: u8
    pad: u16
    states: u32
    ino: u32
    show: u32
    cookie: Annotated[bytes, Bytes(8, align=4)]


class UnixAnswer(NamedTuple):
    """struct unix_diag_msg."""

    family: u8
    type: u8
    state: u8
    pad: u8
    ino: u32
    cookie: Annotated[bytes, Bytes(8, align=4)]


class NetlinkRequest(NamedTuple):
    """struct netlink_diag_req."""

    family: u8
    protocol: u8
    pad: u16
    ino: u32
    show: u32
    cookie: Annotated[bytes, Bytes(8, align=4)]


class NetlinkAnswer(NamedTuple):
    """struct netlink_diag_msg."""

    family: u8
    type: u8
    protocol: u8
    state: u8
    portid: u32
    dst_portid: u32
    dst_group: u32
    ino: u32
    cookie: Annotated[bytes, Bytes(8, align=4)]


HEADER: Final[Layout[NetlinkHeader]] = layout_of(NetlinkHeader, LP64)
ATTRIBUTE: Final[Layout[NetlinkAttribute]] = layout_of(NetlinkAttribute, LP64)
