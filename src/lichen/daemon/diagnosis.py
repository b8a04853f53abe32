"""Why a machine could not be booted, in words that somebody can act on."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from lichen.boot.refusals import LaunchError

NEEDED: Final = (5, 9)
"""The oldest host that will do."""
_REFUSALS: Final = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EINVAL)


def explain(error: BaseException, folder: str) -> str:
    """What to tell the user of an error during boot; the log has the rest."""
    if isinstance(error, LaunchError):
        return str(error)
    if not isinstance(error, OSError):
        return f"an error in Lichen's kernel; its log is {os.path.join(folder, 'log')}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {folder} cannot be written; make room, or set LICHEN_HOME to another folder"
        )
    if error.errno == errno.EROFS:
        return f"{folder} is on a read-only file system: set LICHEN_HOME to another folder"
    release = os.uname().release
    if host_version(release) < NEEDED:
        return f"Lichen needs Linux {NEEDED[0]}.{NEEDED[1]} or newer, and this host runs {release}"
    if error.errno in _REFUSALS and error.filename is None:
        return f"the host does not let Lichen run guests ({error.strerror}); {_remedy()}"
    return f"the machine could not be booted: {error}; its log is {os.path.join(folder, 'log')}"


def host_version(release: str) -> tuple[int, int]:
    """The first two numbers of `uname -r`."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def _remedy() -> str:
    """What the host, or the container that this is, has to allow."""
    needs = "a container needs `--cap-add SYS_PTRACE`, and `--security-opt seccomp=unconfined` where that is not enough"
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as file:
            if file.read().strip() in ("2", "3"):
                return f"tracing is switched off: `sysctl kernel.yama.ptrace_scope=1` as root; {needs}"
    except OSError:
        pass
    return f"tracing (ptrace) and system call notification (seccomp) are needed: {needs}"
