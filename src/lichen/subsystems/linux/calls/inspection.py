"""Looking into other processes: their memory, what they share, what their threads left with the kernel.

ptrace itself is not there: the platform is the one tracer that a guest can have.

Source: process_vm_readv(2), kcmp(2), get_robust_list(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import Out
from lichen.abi.layout import LP64, layout, ptr, u64
from lichen.abi.memory import BadAddress
from lichen.executive.processes import Process
from lichen.executive.security.inspection import check_inspection
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Wait
from lichen.subsystems.linux.processes import process_of
from lichen.subsystems.linux.records import RobustListHead
from lichen.subsystems.linux.state import as_linux, as_linux_process
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.transfers import PIECE, Span, span_of_vectors
from lichen.subsystems.linux.types import Address, Int, Pid, Result, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_ROBUST_SIZE: Final = layout(RobustListHead, LP64).size
KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND = 0, 1, 2, 3, 4


@linux.call(amd64=310)
def process_vm_readv(
    thread: Thread, pid: Pid, local: Address, locals: Size, remote: Address, remotes: Size, flags: Size
) -> Result:
    """Copy memory of another process into the caller's."""
    here, there = _spans(thread, pid, (local, locals), (remote, remotes), flags)
    return _copy(there, here, min(here.size, there.size))


@linux.call(amd64=311)
def process_vm_writev(
    thread: Thread, pid: Pid, local: Address, locals: Size, remote: Address, remotes: Size, flags: Size
) -> Result:
    """Copy memory of the caller into another process's."""
    here, there = _spans(thread, pid, (local, locals), (remote, remotes), flags)
    return _copy(here, there, min(here.size, there.size))


def _spans(
    thread: Thread, pid: int, local: tuple[int, int], remote: tuple[int, int], flags: int
) -> tuple[Span, Span]:
    """The caller's memory and the other's."""
    if flags:
        raise Failure(Status.INVALID_PARAMETER)
    here, there = span_of_vectors(thread, *local), span_of_vectors(thread, *remote)
    target = process_of(thread, pid)
    if pid <= 0 or not target.threads:
        raise Failure(Status.INVALID_CID)
    check_inspection(thread.process, target)
    there.memory = target.first_thread.memory
    return here, there


def _copy(source: Span, target: Span, size: int) -> int | Blocks[int]:
    return _copied(source, target, size) if size <= PIECE else _copy_in_turns(source, target, size)


def _copied(source: Span, target: Span, size: int) -> int:
    return target.put(source.take(size))


def _copy_in_turns(source: Span, target: Span, size: int) -> Blocks[int]:
    """Copy piece by piece, letting others run in between; what was copied before a bad address counts."""
    done = 0
    while done < size:
        piece = min(size - done, PIECE)
        try:
            count = _copied(source, target, piece)
        except BadAddress:
            if not done:
                raise
            break
        done += count
        if count < piece:
            break
        yield Wait((), deadline=0.0)
    return done


@linux.call(amd64=274)
def get_robust_list(thread: Thread, id: Pid, head: Out[ptr], size: Out[u64]) -> int:
    """Where a thread's list of robust futexes is."""
    process = process_of(thread, id)
    check_inspection(thread.process, process)
    target = process.machine.processes.threads.get(id or thread.id)
    state = as_linux(target) if target is not None else None
    size.write(_ROBUST_SIZE)
    head.write(state.robust_list if state is not None else 0)
    return 0


@linux.call(amd64=312, partial="KCMP_IO, KCMP_SYSVSEM and KCMP_EPOLL_TFD are missing")
def kcmp(thread: Thread, first: Pid, second: Pid, kind: Int, one: Size, other: Size) -> int:
    """Whether two processes share something: 0 for the same, 1 and 2 for before and behind in some order."""
    processes = process_of(thread, first), process_of(thread, second)
    for process in processes:
        check_inspection(thread.process, process)
    a, b = (_resource(process, kind, number) for process, number in zip(processes, (one, other), strict=True))
    return 0 if a is b else 1 + (id(a) > id(b))


def _resource(process: Process, kind: int, number: int) -> object:
    """The object behind a resource of a process; INVALID_PARAMETER for a kind that is unknown."""
    if kind == KCMP_FILE:
        return process.handles.get(number)
    if kind == KCMP_SIGHAND:
        state = as_linux_process(process)
        return state.dispositions if state is not None else process
    shared = {KCMP_VM: process.space, KCMP_FILES: process.handles, KCMP_FS: process.files}
    if kind not in shared:
        raise Failure(Status.INVALID_PARAMETER)
    return shared[kind]
