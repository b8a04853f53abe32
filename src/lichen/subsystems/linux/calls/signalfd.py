"""signalfd: signals as something to read.

Source: signalfd(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.abi.argument import In
from lichen.abi.layout import u64
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.calls.signal import check_set_size
from lichen.subsystems.linux.descriptors.installing import O_CLOEXEC, O_NONBLOCK, install
from lichen.subsystems.linux.descriptors.signalfd import SignalFile
from lichen.subsystems.linux.files import file_of
from lichen.subsystems.linux.signals import NEVER_BLOCKED
from lichen.subsystems.linux.state import linux_of_process
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Fd, Flags, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread


@linux.call(amd64=282)
def signalfd(thread: Thread, fd: Fd, mask: In[u64], size: Size) -> int:
    """Make a descriptor of some signals, or (fd not -1) choose others for one."""
    return signalfd4(thread, fd, mask, size, 0)


@linux.call(amd64=289)
def signalfd4(thread: Thread, fd: Fd, mask: In[u64], size: Size, flags: Flags) -> int:
    """As signalfd, for a descriptor that does not block or closes on exec."""
    check_set_size(size)
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise Failure(Status.INVALID_PARAMETER)
    wanted = mask & ~NEVER_BLOCKED
    if fd == -1:
        file = SignalFile(thread, wanted, bool(flags & O_NONBLOCK))
        return install(thread, file, bool(flags & O_CLOEXEC))
    found = file_of(thread, fd)
    if not isinstance(found, SignalFile):
        raise Failure(Status.INVALID_PARAMETER)
    found.mask = wanted
    linux_of_process(thread.process).pending.wake()
    return fd
