"""Processes and threads: clone, exec, exit, and their families.

Source: clone(2), execve(2), _exit(2), setpgid(2), setsid(2).
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LP64, layout
from lichen.abi.memory import BadAddress, PageReader
from lichen.executive import programs
from lichen.executive.interfaces import PAGE
from lichen.executive.limits import RLIMIT_NPROC
from lichen.executive.processes import ExitStatus, Process
from lichen.executive.programs import Program
from lichen.executive.security.tokens import Capability
from lichen.executive.status import Failure, Status
from lichen.executive.wait import Blocks, Condition, Wait
from lichen.subsystems.linux.descriptors.installing import install
from lichen.subsystems.linux.descriptors.process import ProcessFile
from lichen.subsystems.linux.execution import LONGEST_STRING, MOST_STRINGS
from lichen.subsystems.linux.files import execution_of, file_of, opened_for_execution
from lichen.subsystems.linux.records import CloneArgs
from lichen.subsystems.linux.signals import LAST, SIGCHLD
from lichen.subsystems.linux.state import AlternateStack, as_linux_process, linux_of, linux_of_process
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.types import (
    AT_FDCWD,
    Address,
    Fd,
    Flags,
    Int,
    PathName,
    Pid,
    Result,
    Size,
    Strings,
)

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.processes import Thread

CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_PIDFD = 0x100, 0x200, 0x400, 0x800, 0x1000
CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_THREAD = 0x2000, 0x4000, 0x8000, 0x10000
CLONE_NEWNS, CLONE_SYSVSEM, CLONE_SETTLS, CLONE_PARENT_SETTID = 0x20000, 0x40000, 0x80000, 0x100000
CLONE_CHILD_CLEARTID, CLONE_DETACHED, CLONE_UNTRACED, CLONE_CHILD_SETTID = (
    0x200000,
    0x400000,
    0x800000,
    0x1000000,
)
CLONE_NEWUSER: Final = 0x10000000
NAMESPACES: Final = (
    CLONE_NEWNS | 0x02000000 | 0x04000000 | 0x08000000 | CLONE_NEWUSER | 0x20000000 | 0x40000000
)
_EXIT_SIGNAL: Final = 0xFF
_CLONE_ARGS: Final = layout(CloneArgs, LP64)
_FIRST_CLONE_ARGS: Final = 64
AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH = 0x100, 0x1000


@linux.call(amd64=56)
def clone(
    thread: Thread, flags: Size, stack: Address, parent_tid: Address, child_tid: Address, tls: Address
) -> Result:
    """Make a child process or a thread."""
    if flags & CLONE_PIDFD and flags & (CLONE_PARENT_SETTID | CLONE_DETACHED):
        raise Failure(Status.INVALID_PARAMETER)
    exit_signal, flags = flags & _EXIT_SIGNAL, flags & 0xFFFFFFFF & ~_EXIT_SIGNAL
    return _clone(thread, CloneArgs(flags, parent_tid, child_tid, parent_tid, exit_signal, stack, 0, tls))


@linux.call(amd64=435, partial="set_tid, CLONE_CLEAR_SIGHAND and CLONE_INTO_CGROUP are refused")
def clone3(thread: Thread, address: Address, size: Size) -> Result:
    """Make a child process or a thread, with arguments in a record."""
    if size < _FIRST_CLONE_ARGS:
        raise Failure(Status.INVALID_PARAMETER)
    if size > PAGE:
        raise Failure(Status.INVALID_BUFFER_SIZE)
    data = thread.memory.read(address, size)
    if any(data[_CLONE_ARGS.size :]):
        raise Failure(Status.INVALID_BUFFER_SIZE)
    arguments = _CLONE_ARGS.unpack(data.ljust(_CLONE_ARGS.size, b"\0"))
    if (
        arguments.set_tid_size
        or arguments.set_tid
        or arguments.flags & (_EXIT_SIGNAL | CLONE_DETACHED)
        or arguments.exit_signal > LAST
        or arguments.flags >> 32
        or bool(arguments.stack) != bool(arguments.stack_size)
    ):
        raise Failure(Status.INVALID_PARAMETER)
    return _clone(thread, arguments._replace(stack=arguments.stack + arguments.stack_size))


@linux.call(amd64=57)
def fork(thread: Thread) -> Result:
    """Make a child process."""
    return _clone(thread, CloneArgs(0, 0, 0, 0, SIGCHLD, 0, 0, 0))


@linux.call(amd64=58)
def vfork(thread: Thread) -> Result:
    """Make a child process that borrows the parent's memory until it executes a program or ends."""
    return _clone(thread, CloneArgs(CLONE_VM | CLONE_VFORK, 0, 0, 0, SIGCHLD, 0, 0, 0))


def _clone(thread: Thread, wanted: CloneArgs) -> Result:
    """Carry out a request in which `stack` is the stack pointer."""
    flags = wanted.flags
    _check_flags(flags)
    _check_room_for_task(thread)
    if flags & CLONE_PIDFD:
        _check_room_for_descriptor(thread, wanted.pidfd)
    if not thread.guest.stop():
        return None
    child = _new_thread(thread, wanted) if flags & CLONE_THREAD else _new_process(thread, wanted)
    if flags & CLONE_PIDFD:
        descriptor = install(thread, ProcessFile(thread, child.process), close_on_exec=True)
        _tell(thread, wanted.pidfd, descriptor)
    if flags & CLONE_PARENT_SETTID:
        _tell(thread, wanted.parent_tid, child.id)
    if flags & CLONE_CHILD_SETTID:
        _tell(child, wanted.child_tid, child.id)
    child.guest.registers.rax = 0
    child.guest.registers.orig_rax = -1
    child.begin(suspended=False)
    if flags & CLONE_VFORK:
        return _until_image_left(child.process)
    return child.id


def _check_flags(flags: int) -> None:
    if (
        (flags & CLONE_THREAD and not flags & CLONE_SIGHAND)
        or (flags & CLONE_THREAD and flags & CLONE_PIDFD)
        or (flags & CLONE_SIGHAND and not flags & CLONE_VM)
        or (flags & CLONE_FS and flags & (CLONE_NEWNS | CLONE_NEWUSER))
    ):
        raise Failure(Status.INVALID_PARAMETER)
    if flags & NAMESPACES:
        raise Failure(Status.PRIVILEGE_NOT_HELD)


def _check_room_for_task(thread: Thread) -> None:
    """DEVICE_NOT_READY (EAGAIN) when the machine, or the user by RLIMIT_NPROC, has all the tasks there may be.

    Nor does a thread with a reservation of time get others that would have the same.
    """
    if thread.scheduling.reservation and not thread.scheduling.reset_on_fork:
        raise Failure(Status.DEVICE_NOT_READY)
    table, token = thread.process.machine.processes, thread.process.files.token
    tasks = table.threads
    if table.is_full:
        raise Failure(Status.DEVICE_NOT_READY)
    limit = thread.process.limits[RLIMIT_NPROC][0]
    if len(tasks) < limit or token.uid == 0 or token.has(Capability.SYS_RESOURCE):
        return
    if sum(task.process.files.token.uid == token.uid for task in tasks.values()) >= limit:
        raise Failure(Status.DEVICE_NOT_READY)


def _check_room_for_descriptor(thread: Thread, address: int) -> None:
    """See to it that telling a pidfd cannot fail once there is a child."""
    thread.process.handles.require_room()
    thread.memory.write(address, thread.memory.read(address, 4))


def _tell(thread: Thread, address: int, number: int) -> None:
    """Store an id for user space, which is not told when it cannot be."""
    try:
        thread.memory.write(address, number.to_bytes(4, "little"))
    except BadAddress:
        return


def _let_host_clear(thread: Thread) -> None:
    """The first thread's set_tid_address is carried out now that another thread could wait for that word."""
    state = linux_of(thread)
    if state.clear_tid and not state.clear_tid_native:
        thread.guest.set_clear_tid(state.clear_tid)
        state.clear_tid_native = True


def _new_thread(thread: Thread, wanted: CloneArgs) -> Thread:
    process, flags = thread.process, wanted.flags
    id = process.machine.processes.new_id()
    _let_host_clear(thread)
    clear = wanted.child_tid if flags & CLONE_CHILD_CLEARTID else 0
    guest = thread.guest.clone_thread(wanted.stack, wanted.tls if flags & CLONE_SETTLS else None, clear)
    child = process.machine.processes.new_thread(process, guest, id, thread.scheduling.inherited())
    process.subsystem.thread_started(child, thread)
    state = linux_of(child)
    state.clear_tid, state.clear_tid_native = clear, bool(clear)
    return child


def _new_process(thread: Thread, wanted: CloneArgs) -> Thread:
    process, flags = thread.process, wanted.flags
    parent = process.parent if flags & CLONE_PARENT and process.parent else process
    with process.machine.processes.making(parent, process.subsystem) as child:
        try:
            guest = child.last_guest = thread.guest.clone_process(share_memory=bool(flags & CLONE_VM))
        except OSError as error:
            raise Failure.from_host(error) from error
        _inherit(process, child, flags)
        state = linux_of_process(child)
        state.exit_signal, state.creator = wanted.exit_signal, thread if parent is process else None
        first = process.machine.processes.new_thread(child, guest, how=thread.scheduling.inherited())
        child.processor_limit.changed()
        child.subsystem.thread_started(first, thread)
        linux_of(first).stack = _inherited_stack(thread, flags)
        first.name = thread.name
        if flags & CLONE_CHILD_CLEARTID:
            linux_of(first).clear_tid = wanted.child_tid
        if wanted.stack:
            guest.registers.rsp = wanted.stack
        if flags & CLONE_SETTLS:
            guest.registers.fs_base = wanted.tls
    return first


def _inherited_stack(thread: Thread, flags: int) -> AlternateStack:
    """A fork keeps the alternate signal stack; a task that goes on in the same memory has none."""
    return AlternateStack() if flags & CLONE_VM and not flags & CLONE_VFORK else copy(linux_of(thread).stack)


def _inherit(process: Process, child: Process, flags: int) -> None:
    """What a child has from its parent: copies, or with the CLONE_ flags the same objects."""
    child.join(process.group)
    child.name, child.image = process.name, process.image
    child.arguments, child.command_line = process.arguments, process.command_line
    child.limits, child.ignored = dict(process.limits), process.ignored
    child.handles = process.handles.reference() if flags & CLONE_FILES else process.handles.duplicate()
    child.files = process.files if flags & CLONE_FS else process.files.copy()
    child.state = linux_of_process(process).forked(bool(flags & CLONE_SIGHAND))
    if flags & CLONE_VM:
        child.space = process.space
        child.space.users += 1
    else:
        child.space = process.space.copy()


def _until_image_left(child: Process) -> Blocks[int]:
    """vfork: the parent goes on when the child has left the shared memory."""
    left: list[bool] = []
    condition = Condition(lambda: bool(left))

    def leave() -> None:
        left.append(True)
        condition.wake()

    child.when_image_left.append(leave)
    id = child.id
    yield Wait((condition,), interruptible=False)
    return id


@linux.call(amd64=59)
def execve(thread: Thread, path: PathName, arguments: Strings, environment: Address) -> Result:
    """Replace the program of the calling process."""
    file = opened_for_execution(thread.process, path, AT_FDCWD, follow=True)
    return _execute(thread, file, path.text, arguments, environment)


@linux.call(amd64=322)
def execveat(
    thread: Thread, directory: Fd, path: PathName, arguments: Strings, environment: Address, flags: Flags
) -> Result:
    """As execve, with a path relative to a directory, or (AT_EMPTY_PATH) an open file itself."""
    if flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH):
        raise Failure(Status.INVALID_PARAMETER)
    name, reachable = path.text, True
    if not name and flags & AT_EMPTY_PATH:
        file = execution_of(thread.process.files, file_of(thread, directory).location)
    else:
        file = opened_for_execution(thread.process, path, directory, follow=not flags & AT_SYMLINK_NOFOLLOW)
    if not path.absolute and directory != AT_FDCWD:
        name = b"/dev/fd/%d" % directory + (b"/" + name if name else b"")
        reachable = thread.process.handles.handle(directory).inherit
    return _execute(thread, file, name, arguments, environment, reachable)


def _execute(
    thread: Thread, file: File, name: bytes, arguments: int, environment: int, reachable: bool = True
) -> Result:
    try:
        given = strings_at(thread, arguments) or (b"",)
        program = Program(file, name, given, strings_at(thread, environment), reachable=reachable)
        loaded = programs.load(thread.process, program)
    finally:
        file.release()
    programs.execute(thread, loaded)
    return None


def strings_at(thread: Thread, address: int) -> tuple[bytes, ...]:
    """A null-terminated vector of strings; the null pointer is an empty one."""
    found: list[bytes] = []
    total = 0
    pointers, strings = PageReader(thread.memory), PageReader(thread.memory)
    while address:
        pointer = int.from_bytes(pointers.read(address, 8), "little")
        if pointer == 0:
            break
        string = strings.cstring(pointer, LONGEST_STRING)
        total += len(string) + 9
        if len(string) >= LONGEST_STRING or total > MOST_STRINGS:
            raise Failure(Status.INVALID_BUFFER_SIZE)
        found.append(string)
        address += 8
    return tuple(found)


@linux.call(amd64=60)
def exit_(thread: Thread, code: Int) -> Result:
    """End the calling thread."""
    thread.exit((code & 0xFF) if len(thread.process.threads) == 1 else code)
    return None


@linux.call(amd64=231)
def exit_group(thread: Thread, code: Int) -> Result:
    """End the calling process."""
    thread.process.terminate(ExitStatus(code & 0xFF))
    return None


@linux.call(amd64=39)
def getpid(thread: Thread) -> int:
    """The id of the calling process."""
    return thread.process.id


@linux.call(amd64=186)
def gettid(thread: Thread) -> int:
    """The id of the calling thread."""
    return thread.id


@linux.call(amd64=110)
def getppid(thread: Thread) -> int:
    """The id of the parent."""
    parent = thread.process.parent
    return parent.id if parent else 0


@linux.call(amd64=218)
def set_tid_address(thread: Thread, address: Address) -> int:
    """Where to store 0 and wake a futex when the thread ends."""
    linux_of(thread).clear_tid, linux_of(thread).clear_tid_native = address, False
    return thread.id


@linux.call(amd64=273)
def set_robust_list(thread: Thread, head: Address, size: Size) -> int:
    """Where the list of robust futexes is."""
    if size != 24:
        raise Failure(Status.INVALID_PARAMETER)
    linux_of(thread).robust_list = head
    return 0


@linux.call(amd64=111)
def getpgrp(thread: Thread) -> int:
    """The caller's process group."""
    return thread.process.group.id


@linux.call(amd64=121)
def getpgid(thread: Thread, pid: Pid) -> int:
    """The process group of a process."""
    return _process(thread, pid).group.id


@linux.call(amd64=124)
def getsid(thread: Thread, pid: Pid) -> int:
    """The session of a process."""
    return _process(thread, pid).session.id


@linux.call(amd64=112)
def setsid(thread: Thread) -> int:
    """Become the leader of a new session."""
    process = thread.process
    if process.id in process.machine.processes.groups:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    process.new_session()
    return process.id


@linux.call(amd64=109)
def setpgid(thread: Thread, pid: Pid, group_id: Pid) -> int:
    """Move the caller or a child of it that has not executed a program into a process group of the session."""
    caller = thread.process
    if group_id < 0:
        raise Failure(Status.INVALID_PARAMETER)
    target = _process(thread, pid)
    if target is not caller:
        _check_child(caller, target)
    if target.session.leader is target or target.session is not caller.session:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    group_id = group_id or target.id
    if group_id == target.group.id:
        return 0
    if group_id == target.id:
        target.new_group()
        return 0
    group = caller.machine.processes.groups.get(group_id)
    if group is None or group.session is not caller.session:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    target.join(group)
    return 0


def _check_child(caller: Process, target: Process) -> None:
    if target.parent is not caller:
        raise Failure(Status.INVALID_CID)
    if target.session is not caller.session:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    state = as_linux_process(target)
    if state is None or state.executed:
        raise Failure(Status.ACCESS_DENIED)


def _process(thread: Thread, pid: int) -> Process:
    """The process that a pid argument names, where 0 is the caller."""
    if pid == 0:
        return thread.process
    return thread.process.machine.processes.find(pid)
