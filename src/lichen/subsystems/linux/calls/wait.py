"""Waiting for children: wait4, waitid.

Source: wait(2), wait4(2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.abi.argument import OptionalOut
from lichen.abi.layout import i32
from lichen.executive.interfaces import ProcessorTime
from lichen.executive.io.opening import Options
from lichen.executive.processes import Process
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.descriptors.process import process_file_of
from lichen.subsystems.linux.records import Rusage
from lichen.subsystems.linux.siginfo import SiginfoChild
from lichen.subsystems.linux.signals import SIGCHLD
from lichen.subsystems.linux.state import as_linux_process
from lichen.subsystems.linux.subsystem import child_status, linux
from lichen.subsystems.linux.times import timeval_of
from lichen.subsystems.linux.types import Flags, Int, Pid, Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

WNOHANG, WUNTRACED, WEXITED, WCONTINUED, WNOWAIT = 1, 2, 4, 8, 0x01000000
_WNOTHREAD, _WALL, _WCLONE = 0x20000000, 0x40000000, 0x80000000
P_ALL, P_PID, P_PGID, P_PIDFD = 0, 1, 2, 3
_ANY: Final = -1
_LEAST_PID: Final = -0x80000000
_KINDS_OF_CHILDREN: Final = _WNOTHREAD | _WALL | _WCLONE


class Wanted(NamedTuple):
    """The children that a wait is for: by idtype and id, and by bits of _KINDS_OF_CHILDREN, as `thread` sees them."""

    thread: Thread
    kind: int
    id: int
    options: int

    def fits(self, child: Process) -> bool:
        """Whether the kind of child is right: one that sends another signal than SIGCHLD is a "clone" child."""
        state = as_linux_process(child)
        if state is None:
            return True
        if self.options & _WNOTHREAD and state.creator not in (None, self.thread) and not state.creator.dead:
            return False
        return bool(self.options & _WALL) or bool(self.options & _WCLONE) == (state.exit_signal != SIGCHLD)


Store = Callable[[Process | None], int]
"""Stores what a wait found (None: nothing yet) and gives the call's result."""


@linux.call(amd64=61)
def wait4(
    thread: Thread, pid: Pid, status: OptionalOut[i32], options: Flags, usage: OptionalOut[Rusage]
) -> Result:
    """Wait for a child to end, stop or continue."""
    if options & ~(WNOHANG | WUNTRACED | WCONTINUED | _KINDS_OF_CHILDREN):
        raise Failure(Status.INVALID_PARAMETER)
    if pid == _LEAST_PID:
        raise Failure(Status.INVALID_CID)
    wanted = Wanted(thread, *_wanted_by_pid(thread, pid), options)
    return _wait(wanted, options | WEXITED, lambda child: _store(child, status, usage))


def _wanted_by_pid(thread: Thread, pid: int) -> tuple[int, int]:
    """(idtype, id) of wait4's pid argument."""
    if pid == _ANY:
        return P_ALL, 0
    if pid > 0:
        return P_PID, pid
    return P_PGID, -pid if pid else thread.process.group.id


def _store(child: Process | None, status: OptionalOut[int], usage: OptionalOut[Rusage]) -> int:
    if child is None:
        return 0
    status.write(_signed(wait_status(child)))
    if usage:
        usage.write(usage_of(child))
    return child.id


def _signed(word: int) -> int:
    return word - (word >> 31 << 32)


def usage_of(process: Process) -> Rusage:
    """What a process and its waited-for children have used."""
    time, peak = _with_children(process)
    return usage(time, peak)


def usage(time: ProcessorTime, peak: int) -> Rusage:
    """The record of a processor time and of the most bytes in memory; nothing else is counted."""
    return Rusage(timeval_of(time.user), timeval_of(time.system), peak >> 10)


def _with_children(process: Process) -> tuple[ProcessorTime, int]:
    time, peak, state = process.processor_time(), process.peak_memory(), as_linux_process(process)
    if state is not None:
        return time + state.children_time, max(peak, state.children_peak)
    return time, peak


@linux.call(amd64=247)
def waitid(
    thread: Thread,
    kind: Int,
    id: Pid,
    information: OptionalOut[SiginfoChild],
    options: Flags,
    usage: OptionalOut[Rusage],
) -> Result:
    """Wait for a child, with more choice, leaving it waitable if wanted."""
    allowed = WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | _KINDS_OF_CHILDREN
    if options & ~allowed or not options & (WEXITED | WUNTRACED | WCONTINUED):
        raise Failure(Status.INVALID_PARAMETER)
    if kind not in (P_ALL, P_PID, P_PGID, P_PIDFD) or (kind == P_PID and id <= 0):
        raise Failure(Status.INVALID_PARAMETER)
    if id < 0 and kind != P_ALL:
        raise Failure(Status.INVALID_PARAMETER)
    nonblocking = False
    if kind == P_PIDFD:
        file = process_file_of(thread, id)
        kind, id, nonblocking = P_PID, file.process.id, bool(file.options & Options.NONBLOCKING)
    elif kind == P_PGID:
        id = id or thread.process.group.id

    def store(child: Process | None) -> int:
        if child is None:
            if not options & WNOHANG:
                raise Failure(Status.DEVICE_NOT_READY)
            information.write(SiginfoChild(0, 0, 0, 0, 0, 0))
            return 0
        code, status = child_status(child)
        information.write(SiginfoChild(SIGCHLD, 0, code, child.id, child.files.token.uid, status))
        if usage:
            usage.write(usage_of(child))
        return 0

    wanted = Wanted(thread, kind, id, options)
    return _wait(wanted, options | (WNOHANG if nonblocking else 0), store)


def _wait(wanted: Wanted, options: int, store: Store) -> Result:
    found = _take(wanted, options)
    if found is None and not options & WNOHANG:
        return _wait_for_change(wanted, options, store)
    return _finish(found, options, store)


def _wait_for_change(wanted: Wanted, options: int, store: Store) -> Blocks[int]:
    while True:
        yield Wait((wanted.thread.process.children_changed,))
        found = _take(wanted, options)
        if found is not None:
            return _finish(found, options, store)


def _finish(child: Process | None, options: int, store: Store) -> int:
    """Report a child and let it go, which a bad address of the report does not undo."""
    try:
        return store(child)
    finally:
        if child is not None and not options & WNOWAIT:
            _let_go(child)


def _let_go(child: Process) -> None:
    if child.exit_status is None:
        child.job_state = None
    else:
        _account(child)
        child.reap()


def _account(child: Process) -> None:
    """A waited-for child's times become its parent's children's times."""
    parent = child.parent
    state = as_linux_process(parent) if parent is not None else None
    if state is not None:
        time, peak = _with_children(child)
        state.children_time, state.children_peak = state.children_time + time, max(state.children_peak, peak)


def _take(wanted: Wanted, options: int) -> Process | None:
    """The first wanted child with something to tell; NO_CHILD when no child is wanted at all."""
    any_child = False
    for child in filter(wanted.fits, _matching(wanted.thread.process, wanted.kind, wanted.id)):
        any_child = True
        if child.exit_status is not None:
            if options & WEXITED:
                return child
        elif (change := child.job_state) is not None and options & (
            WUNTRACED if change.signal else WCONTINUED
        ):
            return child
    if not any_child:
        raise Failure(Status.NO_CHILD)
    return None


def _matching(process: Process, kind: int, id: int) -> Iterator[Process]:
    if kind == P_PID:
        child = process.children.get(id)
        if child is not None:
            yield child
        return
    for child in list(process.children.values()):
        if kind == P_ALL or child.group.id == id:
            yield child


def wait_status(child: Process) -> int:
    """The status word of wait4 for a child's latest change."""
    status = child.exit_status
    if status is None:
        change = child.job_state
        return 0xFFFF if change is None or not change.signal else change.signal << 8 | 0x7F
    if status.signal:
        return status.signal
    return status.byte << 8
