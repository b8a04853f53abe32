"""What the host tells of its network interfaces by ioctl: names, numbers, addresses; nothing is changed.

Source: netdevice(7).
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from typing import Final

from lichen.filesystems.hostcalls import hosted

RECORD_SIZE: Final = 40
"""struct ifreq."""
_LIST: Final = 0x8912  # SIOCGIFCONF
_LISTING: Final = struct.Struct("@i4xP")
_MOST: Final = 1024
_Room: Final = ctypes.c_char * (_MOST * RECORD_SIZE)


class HostInterfaces:
    """The interfaces of the host that guests see."""

    @hosted
    def ask(self, question: int, record: bytes) -> bytes:
        """The answer to one of the questions that only look, in the record that asked."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
            return fcntl.ioctl(host, question, record)

    @hosted
    def list(self) -> bytes:
        """A struct ifreq, one after the other, for each IPv4 address of an interface."""
        room = _Room()
        request = _LISTING.pack(len(room), ctypes.addressof(room))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
            size, _ = _LISTING.unpack(fcntl.ioctl(host, _LIST, request))
        return room.raw[:size]
