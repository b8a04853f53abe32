"""ioctls of sockets: the machine's network interfaces in the records of old, and requests to change them.

Source: netdevice(7), tcp(7); net/if.h.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, i32, layout, layout_of
from lichen.executive.network.configuration import (
    Add,
    Configuration,
    Interface,
    InterfaceAddress,
    InterfaceFlag,
    Remove,
    SetInterface,
)
from lichen.executive.network.sockets import AddressFamily, AtMark, InternetAddress, Socket
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.netrecords import Ifconf, Ifreq
from lichen.subsystems.linux.records import SockaddrIn
from lichen.subsystems.linux.requests import Handler, control, declare_ioctl, write_int
from lichen.subsystems.linux.sockaddr import pack_address
from lichen.subsystems.linux.types import Result

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

SIOCATMARK, SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8905, 0x8910, 0x8912, 0x8913, 0x8914
SIOCGIFADDR, SIOCSIFADDR, SIOCGIFDSTADDR, SIOCSIFDSTADDR = 0x8915, 0x8916, 0x8917, 0x8918
SIOCGIFBRDADDR, SIOCSIFBRDADDR, SIOCGIFNETMASK, SIOCSIFNETMASK = 0x8919, 0x891A, 0x891B, 0x891C
SIOCGIFMETRIC, SIOCSIFMETRIC, SIOCGIFMTU, SIOCSIFMTU = 0x891D, 0x891E, 0x8921, 0x8922
SIOCSIFNAME, SIOCSIFHWADDR, SIOCGIFHWADDR, SIOCGIFINDEX = 0x8923, 0x8924, 0x8927, 0x8933
SIOCGIFTXQLEN, SIOCSIFTXQLEN, SIOCGIFMAP, SIOCSIFMAP = 0x8942, 0x8943, 0x8970, 0x8971

_IFREQ, _IFCONF = layout(Ifreq, LP64), layout(Ifconf, LP64)
_SOCKADDR_IN, _INT = layout(SockaddrIn, LP64), layout_of(i32, LP64)
_UNION: Final = 24
"""Bytes of what follows the name in a struct ifreq."""
_NAME: Final = 16
_HARDWARE_ADDRESS: Final = 14
_IPV4: Final = 4
_BITS: Final = 32
_UNIVERSE, _HOST = 0, 254
"""The scopes of addresses that are good everywhere, and within the machine."""
_LOOPBACK_NET: Final = 127
_LONGEST_BROADCAST: Final = 30
"""The longest prefix that leaves room for an address of all."""
_CLASSES: Final = ((128, 8), (192, 16), (224, 24))
"""The first byte beyond a class of old, and its prefix length."""


def configuration_of(thread: Thread, file: File) -> Configuration:
    """Whom to ask about the network; NOT_A_TERMINAL (ENOTTY) when `file` is no socket."""
    configuration = thread.process.files.devices.families.configuration
    if not isinstance(file, Socket) or configuration is None:
        raise Failure(Status.NOT_A_TERMINAL)
    return configuration


def _request(thread: Thread, argument: int) -> tuple[str, bytes]:
    """The name and the union of the struct ifreq at a guest address."""
    record = _IFREQ.unpack(thread.memory.read(argument, _IFREQ.size))
    return _text(record.name), record.data


def _text(name: bytes) -> str:
    return os.fsdecode(name[: _NAME - 1].partition(b"\0")[0])


def _int(data: bytes) -> int:
    return int.from_bytes(data[: _INT.size], "little", signed=True)


def interface_named(configuration: Configuration, name: str) -> Interface:
    """The interface of a name, or of that of one of its addresses (`eth0:1`); NO_DEVICE."""
    device = name.partition(":")[0]
    for interface in configuration.interfaces():
        if interface.name == device:
            return interface
    raise Failure(Status.NO_DEVICE)


def _address(configuration: Configuration, name: str) -> InterfaceAddress:
    """The first IPv4 address that goes by a name; ADDRESS_NOT_EXIST."""
    interface = interface_named(configuration, name)
    for address in _ipv4(configuration):
        if address.interface == interface.index and address.label == name:
            return address
    raise Failure(Status.ADDRESS_NOT_EXIST)


def _ipv4(configuration: Configuration) -> list[InterfaceAddress]:
    return [address for address in configuration.addresses() if len(address.host) == _IPV4]


def _mask(prefix_length: int) -> bytes:
    return (~((1 << _BITS - prefix_length) - 1) & 0xFFFFFFFF).to_bytes(_IPV4, "big")


def prefix_length_of(mask: bytes) -> int:
    """How many bits a mask has; INVALID_PARAMETER for one with a hole."""
    length = int.from_bytes(mask, "big").bit_count()
    if _mask(length) != mask:
        raise Failure(Status.INVALID_PARAMETER)
    return length


def _class_of(host: bytes) -> int:
    """The prefix length of an address that comes without a mask."""
    return next((length for beyond, length in _CLASSES if host[0] < beyond), _BITS)


def _sockaddr(host: bytes) -> bytes:
    return pack_address(InternetAddress(host, 0))


def _hardware(interface: Interface) -> bytes:
    return interface.kind.to_bytes(2, "little") + interface.hardware_address[:_HARDWARE_ADDRESS]


# ---- questions

_OF_INTERFACE: Final[dict[int, Callable[[Interface], bytes]]] = {
    SIOCGIFFLAGS: lambda interface: (interface.flags & 0xFFFF).to_bytes(2, "little"),
    SIOCGIFMETRIC: lambda interface: _INT.pack(0),
    SIOCGIFMTU: lambda interface: _INT.pack(interface.mtu),
    SIOCGIFHWADDR: _hardware,
    SIOCGIFINDEX: lambda interface: _INT.pack(interface.index),
    SIOCGIFTXQLEN: lambda interface: _INT.pack(interface.queue_length),
    SIOCGIFMAP: lambda interface: b"",
}
"""What the union holds then. A machine has no hardware, whose memory a map would tell."""
_OF_ADDRESS: Final[dict[int, Callable[[InterfaceAddress], bytes]]] = {
    SIOCGIFADDR: lambda address: address.host,
    SIOCGIFDSTADDR: lambda address: address.peer or address.host,
    SIOCGIFBRDADDR: lambda address: address.broadcast or bytes(_IPV4),
    SIOCGIFNETMASK: lambda address: _mask(address.prefix_length),
}


def _answer(question: int) -> Handler:
    """What is asked of an interface, or of its first IPv4 address, is told in the union of the record that asks."""

    def answer(thread: Thread, file: File, argument: int) -> Result:
        configuration = configuration_of(thread, file)
        name, _ = _request(thread, argument)
        if question in _OF_INTERFACE:
            data = _OF_INTERFACE[question](interface_named(configuration, name))
        else:
            data = _sockaddr(_OF_ADDRESS[question](_address(configuration, name)))
        thread.memory.write(argument + _NAME, data.ljust(_UNION, b"\0")[:_UNION])
        return 0

    return answer


for _number in (*_OF_INTERFACE, *_OF_ADDRESS):
    declare_ioctl(_number)(_answer(_number))


@declare_ioctl(SIOCGIFNAME)
def _name(thread: Thread, file: File, argument: int) -> Result:
    configuration = configuration_of(thread, file)
    index = _int(_request(thread, argument)[1])
    for interface in configuration.interfaces():
        if interface.index == index:
            thread.memory.write(argument, os.fsencode(interface.name).ljust(_NAME, b"\0"))
            return 0
    raise Failure(Status.NO_DEVICE)


@declare_ioctl(SIOCGIFCONF)
def _list(thread: Thread, file: File, argument: int) -> Result:
    """The IPv4 addresses of all interfaces, as far as there is room; only the size without a place to put them."""
    configuration = configuration_of(thread, file)
    request = _IFCONF.unpack(thread.memory.read(argument, _IFCONF.size))
    addresses = configuration.addresses()
    data = b"".join(
        _IFREQ.pack(Ifreq(os.fsencode(address.label), _sockaddr(address.host)))
        for address in addresses
        if len(address.host) == _IPV4
    )
    if request.buf:
        data = data[: max(request.len, 0) // _IFREQ.size * _IFREQ.size]
        thread.memory.write(request.buf, data)
    return write_int(thread, argument, len(data))


# ---- requests

_SET_INTERFACE: Final[dict[int, Callable[[int, bytes], SetInterface]]] = {
    SIOCSIFMTU: lambda index, data: SetInterface(index, mtu=_int(data)),
    SIOCSIFTXQLEN: lambda index, data: SetInterface(index, queue_length=_int(data)),
    SIOCSIFNAME: lambda index, data: SetInterface(index, name=_text(data[:_NAME])),
    SIOCSIFHWADDR: lambda index, data: SetInterface(index, hardware_address=data[2 : 2 + _HARDWARE_ADDRESS]),
}


def _class_address(interface: Interface, host: bytes, label: str) -> InterfaceAddress:
    """An address as it is given without more: with the mask of its class, and the address of all where there is one."""
    scope = _HOST if host[0] == _LOOPBACK_NET else _UNIVERSE
    address = InterfaceAddress(interface.index, host, _class_of(host), scope, label)
    return address._replace(
        broadcast=_everybody(address) if interface.flags & InterfaceFlag.BROADCAST else None
    )


def _everybody(address: InterfaceAddress) -> bytes | None:
    """The address of all in an address's network."""
    if address.prefix_length > _LONGEST_BROADCAST:
        return None
    mask = _mask(address.prefix_length)
    return bytes(part | ~bits & 0xFF for part, bits in zip(address.host, mask, strict=True))


def _masked(address: InterfaceAddress, mask: bytes) -> InterfaceAddress:
    """The address with another mask; an address of all that was the usual one is again."""
    after = address._replace(prefix_length=prefix_length_of(mask))
    usual = address.broadcast is not None and address.broadcast == _everybody(address)
    return after._replace(broadcast=_everybody(after)) if usual else after


_SET_ADDRESS: Final[dict[int, Callable[[InterfaceAddress, bytes], InterfaceAddress]]] = {
    SIOCSIFDSTADDR: lambda address, host: address._replace(peer=host),
    SIOCSIFBRDADDR: lambda address, host: address._replace(broadcast=host),
    SIOCSIFNETMASK: _masked,
}


def _change(thread: Thread, file: File, argument: int) -> tuple[Configuration, str, bytes]:
    """Whom to ask for a change, and of what; PRIVILEGE_NOT_HELD for those who may not."""
    return administered(thread, file), *_request(thread, argument)


def administered(thread: Thread, file: File) -> Configuration:
    """Whom to ask for a change; PRIVILEGE_NOT_HELD for those who may not."""
    configuration = configuration_of(thread, file)
    if not thread.process.files.token.has(Capability.NET_ADMIN):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if isinstance(file, Socket) and file.family == AddressFamily.INTERNET_6:  # whose records are others
        raise Failure(Status.NOT_SUPPORTED)
    return configuration


def _set_interface(request: int) -> Handler:
    def change(thread: Thread, file: File, argument: int) -> Result:
        configuration, name, data = _change(thread, file, argument)
        configuration.change(_SET_INTERFACE[request](interface_named(configuration, name).index, data))
        return 0

    return change


def _set_address(request: int) -> Handler:
    """An address takes the place of the one that goes by the same name."""

    def change(thread: Thread, file: File, argument: int) -> Result:
        configuration, name, data = _change(thread, file, argument)
        before = _address(configuration, name)
        after = _SET_ADDRESS[request](before, _host(data))
        configuration.change(Remove(before))
        configuration.change(Add(after))
        return 0

    return change


def _host(data: bytes) -> bytes:
    """The address in a union."""
    return _SOCKADDR_IN.unpack(data[: _SOCKADDR_IN.size]).addr


@declare_ioctl(SIOCSIFFLAGS)
def _set_flags(thread: Thread, file: File, argument: int) -> Result:
    """Flags of an interface; of one of its addresses (`lo:1`) only that it is not to be any more has a meaning."""
    configuration, name, data = _change(thread, file, argument)
    flags = int.from_bytes(data[:2], "little")
    if ":" not in name:
        index = interface_named(configuration, name).index
        configuration.change(SetInterface(index, flags=flags))
    else:
        address = _address(configuration, name)
        if not flags & InterfaceFlag.UP:
            configuration.change(Remove(address))
    return 0


@declare_ioctl(SIOCSIFADDR)
def _give_address(thread: Thread, file: File, argument: int) -> Result:
    """Have an address, in place of the one that goes by the same name; 0.0.0.0: have none any more."""
    configuration, name, data = _change(thread, file, argument)
    interface, host = interface_named(configuration, name), _host(data)
    for address in _ipv4(configuration):
        if address.interface == interface.index and address.label == name:
            configuration.change(Remove(address))
            break
    if any(host):
        configuration.change(Add(_class_address(interface, host, name)))
    return 0


for _number in _SET_INTERFACE:
    declare_ioctl(_number)(_set_interface(_number))
for _number in _SET_ADDRESS:
    declare_ioctl(_number)(_set_address(_number))


@declare_ioctl(SIOCSIFMETRIC, SIOCSIFMAP)
def _refuse(thread: Thread, file: File, argument: int) -> Result:
    """A metric is a route's, and a machine has no hardware that is mapped."""
    _change(thread, file, argument)
    raise Failure(Status.NOT_SUPPORTED)


@declare_ioctl(SIOCATMARK)
def _at_mark(thread: Thread, file: File, argument: int) -> Result:
    return control(file, AtMark(), lambda at_mark: write_int(thread, argument, at_mark))
