"""Why an operation of the executive did not happen: NTSTATUS names and the exceptions that carry them.

The executive speaks NTSTATUS only. A subsystem turns a status into its own world's error in one table, so a failure is
named once, where it is found. `HOST_ERRORS` says what an error of the host means; the Linux subsystem inverts it. An error
of the POSIX world that NT has no name for is a status with the customer bit set and the error number in its low half.

Source: [MS-ERREF] 2.3 NTSTATUS values.
"""

from __future__ import annotations

import errno
from typing import Final

POSIX: Final = 0xE0E50000


class Status:
    """NTSTATUS values that the executive raises or returns."""

    SUCCESS: Final = 0x00000000
    ABANDONED_WAIT_0: Final = 0x00000080
    USER_APC: Final = 0x000000C0
    ALERTED: Final = 0x00000101
    TIMEOUT: Final = 0x00000102
    PENDING: Final = 0x00000103
    OBJECT_NAME_EXISTS: Final = 0x40000000
    GUARD_PAGE_VIOLATION: Final = 0x80000001
    BUFFER_OVERFLOW: Final = 0x80000005
    NO_MORE_FILES: Final = 0x80000006
    NO_MORE_ENTRIES: Final = 0x8000001A
    STACK_OVERFLOW: Final = 0xC00000FD
    UNSUCCESSFUL: Final = 0xC0000001
    NOT_IMPLEMENTED: Final = 0xC0000002
    INVALID_INFO_CLASS: Final = 0xC0000003
    INFO_LENGTH_MISMATCH: Final = 0xC0000004
    ACCESS_VIOLATION: Final = 0xC0000005
    INVALID_HANDLE: Final = 0xC0000008
    INVALID_CID: Final = 0xC000000B
    INVALID_PARAMETER: Final = 0xC000000D
    NO_SUCH_DEVICE: Final = 0xC000000E
    INVALID_DEVICE_REQUEST: Final = 0xC0000010
    END_OF_FILE: Final = 0xC0000011
    NO_MEMORY: Final = 0xC0000017
    CONFLICTING_ADDRESSES: Final = 0xC0000018
    ACCESS_DENIED: Final = 0xC0000022
    BUFFER_TOO_SMALL: Final = 0xC0000023
    OBJECT_TYPE_MISMATCH: Final = 0xC0000024
    OBJECT_NAME_INVALID: Final = 0xC0000033
    OBJECT_NAME_NOT_FOUND: Final = 0xC0000034
    OBJECT_NAME_COLLISION: Final = 0xC0000035
    OBJECT_PATH_NOT_FOUND: Final = 0xC000003A
    OBJECT_PATH_SYNTAX_BAD: Final = 0xC000003B
    SHARING_VIOLATION: Final = 0xC0000043
    QUOTA_EXCEEDED: Final = 0xC0000044
    MUTANT_NOT_OWNED: Final = 0xC0000046
    SEMAPHORE_LIMIT_EXCEEDED: Final = 0xC0000047
    THREAD_IS_TERMINATING: Final = 0xC000004B
    SECTION_PROTECTION: Final = 0xC000004E
    FILE_LOCK_CONFLICT: Final = 0xC0000054
    LOCK_NOT_GRANTED: Final = 0xC0000055
    DELETE_PENDING: Final = 0xC0000056
    PRIVILEGE_NOT_HELD: Final = 0xC0000061
    INVALID_IMAGE_FORMAT: Final = 0xC000007B
    RANGE_NOT_LOCKED: Final = 0xC000007E
    DISK_FULL: Final = 0xC000007F
    INSUFFICIENT_RESOURCES: Final = 0xC000009A
    MEDIA_WRITE_PROTECTED: Final = 0xC00000A2
    DEVICE_NOT_READY: Final = 0xC00000A3
    PIPE_NOT_AVAILABLE: Final = 0xC00000AC
    PIPE_BUSY: Final = 0xC00000AE
    PIPE_DISCONNECTED: Final = 0xC00000B0
    PIPE_CLOSING: Final = 0xC00000B1
    """Nobody reads any more what is to be written."""
    IO_TIMEOUT: Final = 0xC00000B5
    FILE_IS_A_DIRECTORY: Final = 0xC00000BA
    NOT_SUPPORTED: Final = 0xC00000BB
    NOT_SAME_DEVICE: Final = 0xC00000D4
    INTERNAL_ERROR: Final = 0xC00000E5
    DIRECTORY_NOT_EMPTY: Final = 0xC0000101
    NOT_A_DIRECTORY: Final = 0xC0000103
    NAME_TOO_LONG: Final = 0xC0000106
    PROCESS_IS_TERMINATING: Final = 0xC000010A
    TOO_MANY_OPENED_FILES: Final = 0xC000011F
    CANCELLED: Final = 0xC0000120
    CANNOT_DELETE: Final = 0xC0000121
    FILE_DELETED: Final = 0xC0000123
    FILE_CLOSED: Final = 0xC0000128
    INVALID_ADDRESS: Final = 0xC0000141
    PIPE_BROKEN: Final = 0xC000014B
    """Nobody will write any more, and all is read; or the reader went while a writer waited."""
    IO_DEVICE_ERROR: Final = 0xC0000185
    POSSIBLE_DEADLOCK: Final = 0xC0000194
    INVALID_BUFFER_SIZE: Final = 0xC0000206
    ADDRESS_NOT_EXIST: Final = 0xC0000207
    ADDRESS_IN_USE: Final = 0xC000020A
    CONNECTION_RESET: Final = 0xC000020D
    NOT_FOUND: Final = 0xC0000225
    CONNECTION_REFUSED: Final = 0xC0000236
    CONNECTION_INVALID: Final = 0xC000023A
    CONNECTION_ACTIVE: Final = 0xC000023B
    NETWORK_UNREACHABLE: Final = 0xC000023C
    HOST_UNREACHABLE: Final = 0xC000023D
    CONNECTION_ABORTED: Final = 0xC0000241
    TOO_MANY_LINKS: Final = 0xC0000265
    REPARSE_POINT_NOT_RESOLVED: Final = 0xC0000280
    FILE_TOO_LARGE: Final = 0xC0000904

    NO_CHILD: Final = POSIX | errno.ECHILD
    BLOCK_DEVICE_REQUIRED: Final = POSIX | errno.ENOTBLK
    NOT_A_TERMINAL: Final = POSIX | errno.ENOTTY
    IMAGE_BUSY: Final = POSIX | errno.ETXTBSY
    NOT_SEEKABLE: Final = POSIX | errno.ESPIPE
    OUT_OF_RANGE: Final = POSIX | errno.ERANGE
    VALUE_TOO_LARGE: Final = POSIX | errno.EOVERFLOW
    NO_ATTRIBUTE: Final = POSIX | errno.ENODATA
    NOT_A_SOCKET: Final = POSIX | errno.ENOTSOCK
    MESSAGE_TOO_LONG: Final = POSIX | errno.EMSGSIZE
    IN_PROGRESS: Final = POSIX | errno.EINPROGRESS
    ALREADY_IN_PROGRESS: Final = POSIX | errno.EALREADY
    NO_DEVICE: Final = POSIX | errno.ENODEV
    FAMILY_NOT_SUPPORTED: Final = POSIX | errno.EAFNOSUPPORT
    PROTOCOL_NOT_SUPPORTED: Final = POSIX | errno.EPROTONOSUPPORT
    SOCKET_TYPE_NOT_SUPPORTED: Final = POSIX | errno.ESOCKTNOSUPPORT
    WRONG_SOCKET_TYPE: Final = POSIX | errno.EPROTOTYPE
    NO_SUCH_OPTION: Final = POSIX | errno.ENOPROTOOPT
    NO_DESTINATION: Final = POSIX | errno.EDESTADDRREQ
    TOO_MANY_REFERENCES: Final = POSIX | errno.ETOOMANYREFS


HOST_ERRORS: Final[dict[int, int]] = {
    errno.EPERM: Status.PRIVILEGE_NOT_HELD,
    errno.ENOENT: Status.OBJECT_NAME_NOT_FOUND,
    errno.ESRCH: Status.INVALID_CID,
    errno.EIO: Status.IO_DEVICE_ERROR,
    errno.ENXIO: Status.NO_SUCH_DEVICE,
    errno.E2BIG: Status.INVALID_BUFFER_SIZE,
    errno.ENOEXEC: Status.INVALID_IMAGE_FORMAT,
    errno.EBADF: Status.INVALID_HANDLE,
    errno.EAGAIN: Status.DEVICE_NOT_READY,
    errno.ENOMEM: Status.NO_MEMORY,
    errno.EACCES: Status.ACCESS_DENIED,
    errno.EFAULT: Status.ACCESS_VIOLATION,
    errno.EBUSY: Status.SHARING_VIOLATION,
    errno.EEXIST: Status.OBJECT_NAME_COLLISION,
    errno.EXDEV: Status.NOT_SAME_DEVICE,
    errno.ENOTDIR: Status.NOT_A_DIRECTORY,
    errno.EISDIR: Status.FILE_IS_A_DIRECTORY,
    errno.EINVAL: Status.INVALID_PARAMETER,
    errno.ENFILE: Status.INSUFFICIENT_RESOURCES,
    errno.EMFILE: Status.TOO_MANY_OPENED_FILES,
    errno.EFBIG: Status.FILE_TOO_LARGE,
    errno.ENOSPC: Status.DISK_FULL,
    errno.EROFS: Status.MEDIA_WRITE_PROTECTED,
    errno.EMLINK: Status.TOO_MANY_LINKS,
    errno.EPIPE: Status.PIPE_CLOSING,
    errno.EDEADLK: Status.POSSIBLE_DEADLOCK,
    errno.ENAMETOOLONG: Status.NAME_TOO_LONG,
    errno.ENOLCK: Status.LOCK_NOT_GRANTED,
    errno.ENOSYS: Status.NOT_IMPLEMENTED,
    errno.ENOTEMPTY: Status.DIRECTORY_NOT_EMPTY,
    errno.ELOOP: Status.REPARSE_POINT_NOT_RESOLVED,
    errno.EOPNOTSUPP: Status.NOT_SUPPORTED,
    errno.EDQUOT: Status.QUOTA_EXCEEDED,
    errno.ECANCELED: Status.CANCELLED,
    errno.ETIMEDOUT: Status.IO_TIMEOUT,
    errno.EADDRINUSE: Status.ADDRESS_IN_USE,
    errno.EADDRNOTAVAIL: Status.ADDRESS_NOT_EXIST,
    errno.ECONNREFUSED: Status.CONNECTION_REFUSED,
    errno.ECONNRESET: Status.CONNECTION_RESET,
    errno.ECONNABORTED: Status.CONNECTION_ABORTED,
    errno.ENOTCONN: Status.CONNECTION_INVALID,
    errno.EISCONN: Status.CONNECTION_ACTIVE,
    errno.ENETUNREACH: Status.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Status.HOST_UNREACHABLE,
}
"""Host errno -> status; an errno that is absent here travels as `POSIX | errno`."""


class Failure(Exception):
    """An operation of the executive that did not happen; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def __str__(self) -> str:
        return f"status {self.status:#010x}"

    @classmethod
    def from_host(cls, error: OSError) -> Failure:
        """The failure that an error of the host amounts to."""
        number = error.errno or errno.EIO
        return cls(HOST_ERRORS.get(number, POSIX | number))


class Interrupted(Exception):
    """A wait was cut short by a signal (Linux) or by an alert or user APC (NT); thrown into the waiting generator."""
