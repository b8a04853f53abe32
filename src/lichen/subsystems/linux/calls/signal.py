"""Signals: sending, handling, blocking and waiting for them.

Source: kill(2), sigaction(2), sigprocmask(2), sigaltstack(2), sigsuspend(2), sigtimedwait(2), rt_sigqueueinfo(2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.argument import In, OptionalIn, OptionalOut
from lichen.abi.layout import u64
from lichen.abi.memory import BadAddress
from lichen.executive.processes import INIT, Process
from lichen.executive.security.inspection import rules_over
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Wait
from lichen.subsystems.linux import delivery, frames, sending, signals
from lichen.subsystems.linux.processes import process_of
from lichen.subsystems.linux.records import Sigaction, StackT, Timespec
from lichen.subsystems.linux.sending import SignalWait
from lichen.subsystems.linux.signals import LAST, NEVER_BLOCKED, bit
from lichen.subsystems.linux.state import (
    MINIMUM_STACK,
    SS_AUTODISARM,
    SS_DISABLE,
    SS_ONSTACK,
    AlternateStack,
    as_linux,
    as_linux_process,
    linux_of,
    linux_of_process,
)
from lichen.subsystems.linux.subsystem import linux
from lichen.subsystems.linux.times import deadline_of
from lichen.subsystems.linux.types import Address, Int, Pid, Result, Signal, Size

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2
_SET_SIZE: Final = 8


def check_set_size(size: int) -> None:
    """Signal sets of the kernel have eight bytes."""
    if size != _SET_SIZE:
        raise Failure(Status.INVALID_PARAMETER)


@linux.call(amd64=13)
def rt_sigaction(
    thread: Thread, number: Signal, new: OptionalIn[Sigaction], old: OptionalOut[Sigaction], size: Size
) -> int:
    """Set or show what a signal does."""
    check_set_size(size)
    if not 1 <= number <= LAST or (new is not None and bit(number) & NEVER_BLOCKED):
        raise Failure(Status.INVALID_PARAMETER)
    state = linux_of_process(thread.process)
    before = state.dispositions.get(number)
    if new is not None:
        state.dispositions.actions[number] = new
        if state.dispositions.is_ignored(number):
            state.pending.discard(bit(number))
            for each in thread.process.threads.values():
                linux_of(each).pending.discard(bit(number))
    old.write(before)
    return 0


@linux.call(amd64=14)
def rt_sigprocmask(thread: Thread, how: Int, new: OptionalIn[u64], old: OptionalOut[u64], size: Size) -> int:
    """Change or show the caller's signal mask."""
    check_set_size(size)
    state = linux_of(thread)
    before = state.mask
    if new is not None:
        if how == SIG_BLOCK:
            mask = before | new
        elif how == SIG_UNBLOCK:
            mask = before & ~new
        elif how == SIG_SETMASK:
            mask = new
        else:
            raise Failure(Status.INVALID_PARAMETER)
        set_mask(thread, mask)
    old.write(before)
    return 0


def set_mask(thread: Thread, mask: int) -> None:
    """Replace the mask; what is pending and no longer blocked is delivered before the thread goes on."""
    state = linux_of(thread)
    state.mask = mask & ~NEVER_BLOCKED
    if state.has_deliverable(thread):
        thread.attention = True


@linux.call(amd64=127)
def rt_sigpending(thread: Thread, address: Address, size: Size) -> int:
    """The blocked signals that are pending."""
    if size > _SET_SIZE:
        raise Failure(Status.INVALID_PARAMETER)
    state = linux_of(thread)
    pending = (state.pending.mask | linux_of_process(thread.process).pending.mask) & state.mask
    thread.memory.write(address, pending.to_bytes(_SET_SIZE, "little")[:size])
    return 0


@linux.call(amd64=130, restart="never")
def rt_sigsuspend(thread: Thread, mask: In[u64], size: Size) -> Result:
    """Wait for a signal with another mask."""
    check_set_size(size)
    replace_mask(thread, mask)
    return _wait_for_signal()


@linux.call(amd64=34, restart="never")
def pause(thread: Thread) -> Result:
    """Wait for a signal."""
    return _wait_for_signal()


def _wait_for_signal() -> Blocks[int]:
    while True:
        yield Wait(())


def replace_mask(thread: Thread, mask: int) -> None:
    """Use `mask` until the call ends; the handler that ends it returns to the old one."""
    state = linux_of(thread)
    state.saved_mask, state.mask = state.mask, mask & ~NEVER_BLOCKED
    thread.attention = True
    if state.has_deliverable(thread):
        raise Interrupted


@linux.call(amd64=131)
def sigaltstack(thread: Thread, new: OptionalIn[StackT], old: OptionalOut[StackT]) -> int:
    """Set or show the stack for handlers with SA_ONSTACK."""
    state = linux_of(thread)
    pointer = 0
    if new is not None or (old and state.stack.size):
        thread.guest.stop()
        pointer = thread.guest.registers.rsp
    before = state.stack
    if new is not None:
        if before.holds(pointer):
            raise Failure(Status.PRIVILEGE_NOT_HELD)
        if new.flags & ~SS_AUTODISARM not in (0, SS_ONSTACK, SS_DISABLE):
            raise Failure(Status.INVALID_PARAMETER)
        if not new.flags & SS_DISABLE and new.size < MINIMUM_STACK:
            raise Failure(Status.NO_MEMORY)
        state.stack = AlternateStack(new.sp, new.flags & SS_AUTODISARM, new.size)
        if new.flags & SS_DISABLE:
            state.stack = AlternateStack()
    old.write(StackT(*before.reported(pointer)))
    return 0


@linux.call(amd64=15)
def rt_sigreturn(thread: Thread) -> Result:
    """Go back from a signal handler."""
    guest = thread.guest
    if not guest.stop():
        return None
    try:
        mask, (address, flags, size) = frames.pop(guest)
    except (BadAddress, OSError):
        delivery.frame_failed(thread)
        return None
    state = linux_of(thread)
    state.mask = mask & ~NEVER_BLOCKED
    if not state.stack.holds(guest.registers.rsp):
        state.stack = AlternateStack() if flags & SS_DISABLE else AlternateStack(address, flags, size)
    thread.attention = state.has_deliverable(thread)
    if thread.attention:
        delivery.attend(thread, None)
    else:
        guest.resume()
    return None


# ---- sending


@linux.call(amd64=62)
def kill(thread: Thread, pid: Pid, number: Signal) -> int:
    """Send a signal to a process, a group, or everybody."""
    targets = _targets(thread, pid)
    if not targets:
        raise Failure(Status.INVALID_CID)
    if not 0 <= number <= LAST:
        raise Failure(Status.INVALID_PARAMETER)
    allowed = [target for target in targets if may_signal(thread.process, target, number)]
    if not allowed:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    for target in allowed:
        target.signal(number, thread.process)
    return 0


def _targets(thread: Thread, pid: int) -> list[Process]:
    machine = thread.process.machine
    if pid > 0:
        return [machine.processes.find(pid)] if pid in machine.processes else _process_of_thread(thread, pid)
    if pid == -1:
        return [p for p in machine.processes.values() if p.id != INIT and p is not thread.process]
    group = thread.process.group if pid == 0 else machine.processes.groups.get(-pid)
    return list(group.members.values()) if group else []


def _process_of_thread(thread: Thread, id: int) -> list[Process]:
    found = thread.process.machine.processes.threads.get(id)
    return [found.process] if found else []


def may_signal(sender: Process, target: Process, number: int) -> bool:
    """kill(2): root, the same user, or SIGCONT within a session."""
    if rules_over(sender.files.token, target.files.token):
        return True
    return number == signals.SIGCONT and sender.session is target.session


@linux.call(amd64=200)
def tkill(thread: Thread, tid: Pid, number: Signal) -> int:
    """Send a signal to a thread."""
    return _send_to_thread(thread, None, tid, number)


@linux.call(amd64=234)
def tgkill(thread: Thread, pid: Pid, tid: Pid, number: Signal) -> int:
    """Send a signal to a thread of a process."""
    if pid <= 0:
        raise Failure(Status.INVALID_PARAMETER)
    return _send_to_thread(thread, pid, tid, number)


def _send_to_thread(
    thread: Thread, pid: int | None, tid: int, number: int, information: bytes | None = None
) -> int:
    if tid <= 0 or not 0 <= number <= LAST:
        raise Failure(Status.INVALID_PARAMETER)
    target = thread.process.machine.processes.threads.get(tid)
    if target is None or (pid is not None and target.process.id != pid):
        raise Failure(Status.INVALID_CID)
    if not may_signal(thread.process, target.process, number):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    if number == 0:
        return 0
    if as_linux(target) is None:
        target.process.signal(number, thread.process)
        return 0
    information = information or sending.sent_by(number, thread.process, signals.SI_TKILL)
    if not sending.send(target.process, number, information, target):
        raise Failure(Status.DEVICE_NOT_READY)
    return 0


@linux.call(amd64=129)
def rt_sigqueueinfo(thread: Thread, pid: Pid, number: Signal, information: Address) -> int:
    """Send a signal with data to a process, which any of its threads' ids names."""
    data = queued_information(thread, pid, number, information)
    if pid <= 0:
        raise Failure(Status.INVALID_CID)
    target = process_of(thread, pid)
    if not may_signal(thread.process, target, number):
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    return queue_signal(thread, target, number, data)


def queue_signal(thread: Thread, target: Process, number: int, information: bytes | None) -> int:
    """Send a signal with data to a process; one of another world knows of none."""
    if information is None or as_linux_process(target) is None:
        target.signal(number, thread.process)
    elif number and not sending.send(target, number, information):
        raise Failure(Status.DEVICE_NOT_READY)
    return 0


@linux.call(amd64=297)
def rt_tgsigqueueinfo(thread: Thread, pid: Pid, tid: Pid, number: Signal, information: Address) -> int:
    """Send a signal with data to a thread."""
    data = queued_information(thread, tid, number, information)
    if pid <= 0:
        raise Failure(Status.INVALID_PARAMETER)
    return _send_to_thread(thread, pid, tid, number, data)


def queued_information(thread: Thread, id: int, number: int, address: int) -> bytes:
    """The caller's siginfo_t for `id`. That it is the kernel's, or kill's, a thread may only claim towards itself."""
    data = bytearray(thread.memory.read(address, 128))
    if not 0 <= number <= LAST:
        raise Failure(Status.INVALID_PARAMETER)
    code = int.from_bytes(data[8:12], "little", signed=True)
    if (code >= 0 or code == signals.SI_TKILL) and id != thread.id:
        raise Failure(Status.PRIVILEGE_NOT_HELD)
    data[0:4] = number.to_bytes(4, "little")
    return bytes(data)


# ---- waiting


@linux.call(amd64=128, restart="cut")
def rt_sigtimedwait(
    thread: Thread, wanted: In[u64], information: Address, timeout: OptionalIn[Timespec], size: Size
) -> Result:
    """Take a pending signal, waiting for one."""
    check_set_size(size)
    wanted &= ~NEVER_BLOCKED
    deadline = deadline_of(thread, timeout)
    taken = sending.take(thread, wanted)
    if taken is not None:
        return _deliver_to(thread, information, taken)
    return _wait_for_one(thread, wanted, information, deadline)


def _deliver_to(thread: Thread, information: int, taken: tuple[int, bytes]) -> int:
    number, data = taken
    if information:
        thread.memory.write(information, data)
    return number


def _wait_for_one(thread: Thread, wanted: int, information: int, deadline: float | None) -> Blocks[int]:
    state = linux_of(thread)
    state.waiting_for = wanted
    arrival = SignalWait(thread, wanted)
    try:
        while True:
            index = yield Wait((arrival,), deadline)
            taken = sending.take(thread, wanted)
            if taken is not None:
                return _deliver_to(thread, information, taken)
            if index == TIMED_OUT:
                raise Failure(Status.DEVICE_NOT_READY)
    finally:
        state.waiting_for = 0
        arrival.close()
