"""The small programs by which `ss` has the kernel choose sockets: conditions, each with two ways to go on.

A program is checked before it runs: it goes forwards only, and each way ends on an operation or at the very end.

Source: linux/inet_diag.h; net/ipv4/inet_diag.c for what each condition means.
"""

from __future__ import annotations

import errno
from typing import Final, NamedTuple

from lichen.abi.layout import LP64, layout_of
from lichen.executive.network.endpoints import Endpoint
from lichen.executive.network.sockets import AddressFamily, InternetAddress
from lichen.subsystems.linux.sockdiag.messages import Refused
from lichen.subsystems.linux.sockdiag.records import InetHostCondition, InetOperation

_NOP, _JUMP, _SOURCE_GE, _SOURCE_LE, _TARGET_GE, _TARGET_LE, _AUTO = range(7)
_SOURCE_HOST, _TARGET_HOST, _DEVICE, _MARK, _SOURCE_EQ, _TARGET_EQ, _GROUP = range(7, 14)
_OPERATION = layout_of(InetOperation, LP64)
_HOST = layout_of(InetHostCondition, LP64)
_PORTS: Final = {
    _SOURCE_GE: (True, int.__ge__),
    _SOURCE_LE: (True, int.__le__),
    _SOURCE_EQ: (True, int.__eq__),
    _TARGET_GE: (False, int.__ge__),
    _TARGET_LE: (False, int.__le__),
    _TARGET_EQ: (False, int.__eq__),
}
_HOST_SIZES: Final = {AddressFamily.UNSPECIFIED: 0, AddressFamily.INTERNET: 4, AddressFamily.INTERNET_6: 16}
_ANY_PORT: Final = -1
_PRIVILEGED_PORTS: Final = 1024
_MAPPED: Final = bytes(10) + b"\xff\xff"
_ARGUMENTS: Final = {_DEVICE: 4, **dict.fromkeys(_PORTS, _OPERATION.size)}
"""How many bytes of arguments follow an operation."""


class _Host(NamedTuple):
    host: bytes
    prefix_length: int
    port: int
    family: int


class _Step(NamedTuple):
    """An operation: `yes` and `no` are the places to go on at."""

    code: int
    argument: int | _Host | None
    yes: int
    no: int


class Filter:
    """A program that was found to be right; EINVAL for any other."""

    def __init__(self, code: bytes) -> None:
        self._size = len(code)
        self._steps: dict[int, _Step] = {}
        place = 0
        while place < len(code):
            step = self._steps[place] = _decoded(code, place)
            place = step.yes
        for step in self._steps.values():
            if step.no != self._size and step.no not in self._steps and step.no != self._size + 4:
                raise Refused(errno.EINVAL)

    def chooses(self, endpoint: Endpoint) -> bool:
        """Whether the program ends at its end, and not beyond."""
        place = 0
        while place < self._size:
            step = self._steps[place]
            place = step.yes if _holds(step, endpoint) else step.no
        return place == self._size


def _decoded(code: bytes, place: int) -> _Step:
    left = len(code) - place
    if left < _OPERATION.size:
        raise Refused(errno.EINVAL)
    number, yes, no = _OPERATION.unpack(code, place)
    argument: int | _Host | None = None
    size = _OPERATION.size + _ARGUMENTS.get(number, 0)
    if size > left:
        raise Refused(errno.EINVAL)
    if number in _PORTS:
        argument = _OPERATION.unpack(code, place + _OPERATION.size).no
    elif number == _DEVICE:
        argument = int.from_bytes(code[place + _OPERATION.size : place + size], "little")
    elif number in (_SOURCE_HOST, _TARGET_HOST):
        argument, size = _host(code, place, left)
    elif number not in (_NOP, _JUMP, _AUTO):
        raise Refused(errno.EINVAL)  # marks and groups, which sockets here do not have
    if number == _NOP:
        no = yes
    if yes < size or yes > left or yes % 4 or no < 4 or no > left + 4 or no % 4:
        raise Refused(errno.EINVAL)
    return _Step(number, argument, place + yes, place + no)


def _host(code: bytes, place: int, left: int) -> tuple[_Host, int]:
    size = _OPERATION.size + _HOST.size
    if size > left:
        raise Refused(errno.EINVAL)
    family, length, port = _HOST.unpack(code, place + _OPERATION.size)
    width = _HOST_SIZES.get(family)
    if width is None or size + width > left or length > 8 * width:
        raise Refused(errno.EINVAL)
    return _Host(code[place + size :][:width], length, port, family), size + width


def _holds(step: _Step, endpoint: Endpoint) -> bool:
    argument = step.argument
    if step.code in _PORTS and isinstance(argument, int):
        local, compares = _PORTS[step.code]
        return bool(compares(_port(endpoint, local), argument))
    if isinstance(argument, _Host):
        return _is_at(endpoint, step.code == _SOURCE_HOST, argument)
    if step.code == _AUTO:  # the port was not chosen by the program
        return _port(endpoint, True) >= _PRIVILEGED_PORTS
    if step.code == _DEVICE:  # sockets here are bound to no interface
        return argument == 0
    return step.code == _NOP


def _address(endpoint: Endpoint, local: bool) -> InternetAddress:
    address = endpoint.local if local else endpoint.remote
    if isinstance(address, InternetAddress):
        return address
    return InternetAddress(bytes(_HOST_SIZES.get(endpoint.family, 0)), 0)


def _port(endpoint: Endpoint, local: bool) -> int:
    return _address(endpoint, local).port


def _is_at(endpoint: Endpoint, local: bool, wanted: _Host) -> bool:
    address = _address(endpoint, local)
    if wanted.port not in (_ANY_PORT, address.port):
        return False
    if not wanted.prefix_length:
        return True
    host = address.host
    if wanted.family == AddressFamily.INTERNET and host.startswith(_MAPPED):
        host = host[len(_MAPPED) :]
    if len(host) != len(wanted.host):
        return False
    rest = 8 * len(host) - wanted.prefix_length
    return int.from_bytes(host, "big") >> rest == int.from_bytes(wanted.host, "big") >> rest
