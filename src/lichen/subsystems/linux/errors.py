"""What a status of the executive is to a Linux program: an errno.

The host's table is the executive's (`status.HOST_ERRORS`), inverted here; below stand only the statuses for which the host
has no single error.
"""

from __future__ import annotations

import errno
from typing import Final

from lichen.executive.status import HOST_ERRORS, POSIX, Status

_MORE: Final[dict[int, int]] = {
    Status.SUCCESS: 0,
    Status.TIMEOUT: errno.ETIMEDOUT,
    Status.PENDING: errno.EINPROGRESS,
    Status.ALERTED: errno.EINTR,
    Status.USER_APC: errno.EINTR,
    Status.ABANDONED_WAIT_0: errno.EOWNERDEAD,
    Status.OBJECT_NAME_EXISTS: errno.EEXIST,
    Status.GUARD_PAGE_VIOLATION: errno.EFAULT,
    Status.STACK_OVERFLOW: errno.EFAULT,
    Status.BUFFER_OVERFLOW: errno.EOVERFLOW,
    Status.NO_MORE_FILES: errno.ENOENT,
    Status.NO_MORE_ENTRIES: errno.ENOENT,
    Status.UNSUCCESSFUL: errno.EIO,
    Status.INVALID_INFO_CLASS: errno.EINVAL,
    Status.INFO_LENGTH_MISMATCH: errno.EINVAL,
    Status.INVALID_DEVICE_REQUEST: errno.EINVAL,
    Status.END_OF_FILE: 0,
    Status.CONFLICTING_ADDRESSES: errno.EEXIST,
    Status.BUFFER_TOO_SMALL: errno.ERANGE,
    Status.OBJECT_TYPE_MISMATCH: errno.EBADF,
    Status.OBJECT_NAME_INVALID: errno.EINVAL,
    Status.OBJECT_PATH_NOT_FOUND: errno.ENOENT,
    Status.OBJECT_PATH_SYNTAX_BAD: errno.EINVAL,
    Status.MUTANT_NOT_OWNED: errno.EPERM,
    Status.SEMAPHORE_LIMIT_EXCEEDED: errno.EOVERFLOW,
    Status.THREAD_IS_TERMINATING: errno.ESRCH,
    Status.SECTION_PROTECTION: errno.EACCES,
    Status.FILE_LOCK_CONFLICT: errno.EAGAIN,
    Status.DELETE_PENDING: errno.ENOENT,
    Status.RANGE_NOT_LOCKED: errno.EINVAL,
    Status.PIPE_NOT_AVAILABLE: errno.EBUSY,
    Status.PIPE_BUSY: errno.EBUSY,
    Status.PIPE_DISCONNECTED: errno.EPIPE,
    Status.PIPE_BROKEN: errno.EPIPE,
    Status.INTERNAL_ERROR: errno.EIO,
    Status.PROCESS_IS_TERMINATING: errno.ESRCH,
    Status.CANNOT_DELETE: errno.EACCES,
    Status.FILE_DELETED: errno.ENOENT,
    Status.FILE_CLOSED: errno.EBADF,
    Status.INVALID_ADDRESS: errno.EINVAL,
    Status.NOT_FOUND: errno.ENOENT,
}

ERRNO: Final[dict[int, int]] = {status: number for number, status in HOST_ERRORS.items()} | _MORE


def errno_of(status: int) -> int:
    """The error number of a status: EIO for one that has no place in the table, which a test forbids."""
    if status & 0xFFFF0000 == POSIX:
        return status & 0xFFFF
    return ERRNO.get(status, errno.EIO)
