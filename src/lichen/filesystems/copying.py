"""What of an object can be kept in a host file as it is, and under which names the rest: for copies in the private layer."""

from __future__ import annotations

import errno
import os
from typing import Final

from lichen.executive.io.attributes import SPECIAL_MODE, Kind
from lichen.filesystems.hostnode import PRIVATE_PREFIX

_CHUNK: Final = 1 << 22
FOREIGN_PREFIX: Final = PRIVATE_PREFIX + "as."
"""How the layer stores guests' attributes that the host reserves, like security.capability."""


def plain(kind: int, mode: int, uid: int, gid: int) -> bool:
    """Whether a host file of the kernel's own user can be all this by itself, and still be read and written by it."""
    needed = {Kind.REGULAR: 0o600, Kind.DIRECTORY: 0o700}.get(kind)
    if needed is None or mode & SPECIAL_MODE or mode & needed != needed:
        return False
    return uid == os.geteuid() and gid == os.getegid()


def permitted(name: str) -> str:
    if name.startswith(PRIVATE_PREFIX):
        raise OSError(errno.EOPNOTSUPP, name)
    return name


def stored(name: str) -> str:
    """The name by which the layer keeps a guest's attribute."""
    return permitted(name) if name.startswith("user.") else FOREIGN_PREFIX + name


def copy_content(source: int, target: int) -> None:
    """Copy all content from one host file to another, by the host itself where it can."""
    offset = 0
    try:
        while count := os.copy_file_range(source, target, _CHUNK, offset, offset):
            offset += count
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    while data := os.pread(source, _CHUNK, offset):
        offset += os.pwrite(target, data, offset)
