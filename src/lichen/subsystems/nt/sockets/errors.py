"""What sockets' failures are to Winsock: the statuses that ws2_32 knows, and its own numbers for SO_ERROR.

Source: winsock2.h; ntstatus.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from lichen.executive.status import POSIX, Failure, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.status import NtStatus

T = TypeVar("T")

_WINSOCK: Final = 0xC0010000
"""A status whose low half is Winsock's own number: of what NT has no name for."""

_STATUSES: Final = {
    Status.IN_PROGRESS: Status.DEVICE_NOT_READY,
    Status.ALREADY_IN_PROGRESS: NtStatus.ADDRESS_ALREADY_ASSOCIATED,
    Status.CONNECTION_INVALID: NtStatus.CONNECTION_UNKNOWN,
    Status.NO_DESTINATION: NtStatus.CONNECTION_UNKNOWN,
    Status.ADDRESS_IN_USE: Status.SHARING_VIOLATION,
    Status.PIPE_CLOSING: Status.CONNECTION_RESET,
    Status.MESSAGE_TOO_LONG: Status.BUFFER_OVERFLOW,
    Status.NOT_A_SOCKET: Status.OBJECT_TYPE_MISMATCH,
    Status.PRIVILEGE_NOT_HELD: Status.ACCESS_DENIED,
    Status.FAMILY_NOT_SUPPORTED: _WINSOCK | 10047,
    Status.PROTOCOL_NOT_SUPPORTED: _WINSOCK | 10043,
    Status.SOCKET_TYPE_NOT_SUPPORTED: _WINSOCK | 10044,
}
_NUMBERS: Final = {
    Status.ACCESS_DENIED: 10013,
    Status.SHARING_VIOLATION: 10048,
    Status.ADDRESS_NOT_EXIST: 10049,
    Status.NETWORK_UNREACHABLE: 10051,
    Status.CONNECTION_ABORTED: 10053,
    Status.CONNECTION_RESET: 10054,
    Status.IO_TIMEOUT: 10060,
    Status.CONNECTION_REFUSED: 10061,
    Status.HOST_UNREACHABLE: 10065,
}
_WSAEINVAL: Final = 10022


def status_of(failure: Failure) -> int:
    """The status by which Winsock is told of a failure."""
    status = _STATUSES.get(failure.status, failure.status)
    return Status.INVALID_PARAMETER if status & 0xFFFF0000 == POSIX else status


def number_of(status: int) -> int:
    """Winsock's number of what went wrong with a connection, 0 for nothing."""
    return _NUMBERS.get(status, _WSAEINVAL) if status else 0


@contextmanager
def translated() -> Iterator[None]:
    """Have what fails within fail as Winsock expects it."""
    try:
        yield
    except Failure as failure:
        raise Failure(status_of(failure)) from None


def translate(operation: Blocks[T], late: int = Status.DEVICE_NOT_READY) -> Blocks[T]:
    """Carry out an operation whose failures are to be Winsock's; `late` is the status of one that had a time to end by."""
    try:
        return (yield from operation)
    except Failure as failure:
        status = status_of(failure)
        raise Failure(late if status == Status.DEVICE_NOT_READY else status) from None
