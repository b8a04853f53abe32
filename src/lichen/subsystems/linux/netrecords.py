"""The records of old in which programs ask for interfaces, neighbours and routes of IPv4 (`calls/net*.py`)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from lichen.abi.layout import Bytes, i16, i32, padded_to, ptr, u8, u16, u64, ulong


class Ifreq(NamedTuple):
    """struct ifreq; `data` is the union."""

    name: Annotated[bytes, Bytes(16)]
    data: Annotated[bytes, Bytes(24, align=8)]


class Ifconf(NamedTuple):
    """struct ifconf: SIOCGIFCONF."""

    len: i32
    buf: ptr


class Arpreq(NamedTuple):
    """struct arpreq: SIOCSARP."""

    pa: Annotated[bytes, Bytes(16, align=2)]
    ha: Annotated[bytes, Bytes(16, align=2)]
    flags: i32
    netmask: Annotated[bytes, Bytes(16, align=2)]
    dev: Annotated[bytes, Bytes(16)]


@padded_to(120)
class Rtentry(NamedTuple):
    """struct rtentry: SIOCADDRT."""

    pad1: u64
    dst: Annotated[bytes, Bytes(16, align=2)]
    gateway: Annotated[bytes, Bytes(16, align=2)]
    genmask: Annotated[bytes, Bytes(16, align=2)]
    flags: u16
    pad2: i16
    pad3: ulong
    tos: u8
    class_: u8
    pad4: Annotated[bytes, Bytes(6, align=2)]
    metric: i16
    dev: ptr
