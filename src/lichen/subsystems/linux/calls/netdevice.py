"""ioctls of sockets: what there is to know of network interfaces. Changing them is not for guests.

Source: netdevice(7), tcp(7).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from lichen.executive.network import AtMark, Interfaces, Socket
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.requests import Handler, control, declare_ioctl, write_int
from lichen.subsystems.linux.types import Result

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

SIOCATMARK, SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR = 0x8905, 0x8910, 0x8912, 0x8913, 0x8915
SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC = 0x8917, 0x8919, 0x891B, 0x891D
SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN, SIOCGIFMAP = 0x8921, 0x8927, 0x8933, 0x8942, 0x8970
_CHANGING: Final = (0x8914, 0x8916, 0x8918, 0x891A, 0x891C, 0x891E, 0x8922, 0x8923, 0x8924, 0x8943, 0x8971)
"""SIOCSIFFLAGS and the others that set."""
_IFREQ_SIZE: Final = 40
_IFCONF: Final = struct.Struct("<i4xQ")


_QUESTIONS: Final = (
    SIOCGIFNAME,
    SIOCGIFFLAGS,
    SIOCGIFADDR,
    SIOCGIFDSTADDR,
    SIOCGIFBRDADDR,
    SIOCGIFNETMASK,
    SIOCGIFMETRIC,
    SIOCGIFMTU,
    SIOCGIFHWADDR,
    SIOCGIFINDEX,
    SIOCGIFTXQLEN,
    SIOCGIFMAP,
)


def _interfaces(thread: Thread, file: File) -> Interfaces:
    """Whom to ask about interfaces; NOT_A_TERMINAL (ENOTTY) when `file` is no socket."""
    interfaces = thread.process.files.devices.families.interfaces
    if not isinstance(file, Socket) or interfaces is None:
        raise Failure(Status.NOT_A_TERMINAL)
    return interfaces


def _asking(question: int) -> Handler:
    def ask(thread: Thread, file: File, argument: int) -> Result:
        interfaces = _interfaces(thread, file)
        record = thread.memory.read(argument, _IFREQ_SIZE)
        thread.memory.write(argument, interfaces.ask(question, record))
        return 0

    return ask


def _refuse(thread: Thread, file: File, argument: int) -> Result:
    _interfaces(thread, file)
    raise Failure(Status.PRIVILEGE_NOT_HELD)


for _number in _QUESTIONS:
    declare_ioctl(_number)(_asking(_number))
declare_ioctl(*_CHANGING)(_refuse)


@declare_ioctl(SIOCGIFCONF)
def _list(thread: Thread, file: File, argument: int) -> Result:
    """The interfaces that have an IPv4 address, as far as there is room; only the size without a place to put them."""
    interfaces = _interfaces(thread, file)
    size, address = _IFCONF.unpack(thread.memory.read(argument, _IFCONF.size))
    data = interfaces.list()
    if address:
        data = data[: max(size, 0) // _IFREQ_SIZE * _IFREQ_SIZE]
        thread.memory.write(address, data)
    thread.memory.write(argument, len(data).to_bytes(4, "little"))
    return 0


@declare_ioctl(SIOCATMARK)
def _at_mark(thread: Thread, file: File, argument: int) -> Result:
    return control(file, AtMark(), lambda at_mark: write_int(thread, argument, at_mark))
