"""Making pipes.

Source: pipe(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.executive.io.anonymous import create_pipe
from lichen.executive.io.opening import Options
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux.descriptors.installing import (
    O_CLOEXEC,
    O_DIRECT,
    O_NONBLOCK,
    DescriptorPair,
    install_pair,
)
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import Flags

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_PIPE_FLAGS: Final = O_CLOEXEC | O_DIRECT | O_NONBLOCK


@linux.call(amd64=22)
def pipe(thread: Thread, ends: Out[DescriptorPair]) -> int:
    """Make a pipe."""
    return _make_pipe(thread, ends, 0)


@linux.call(amd64=293)
def pipe2(thread: Thread, ends: Out[DescriptorPair], flags: Flags) -> int:
    """Make a pipe whose ends close on exec, do not block, or keep writes apart."""
    if flags & ~_PIPE_FLAGS:
        raise Failure(Status.INVALID_PARAMETER)
    return _make_pipe(thread, ends, flags)


def _make_pipe(thread: Thread, ends: Out[DescriptorPair], flags: int) -> int:
    options = Options.NONBLOCKING if flags & O_NONBLOCK else 0
    if flags & O_DIRECT:
        options |= Options.DIRECT
    reader, writer = create_pipe(thread.process.files, options)
    return install_pair(thread, reader, writer, ends, bool(flags & O_CLOEXEC))
