"""What happens to a thread before it goes on: pending signals are delivered, interrupted calls restarted.

Source: signal(7), "Interruption of system calls and library functions by signal handlers".
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import GuestGone
from lichen.executive.processes import ExitStatus
from lichen.subsystems.linux import frames, sending, signals
from lichen.subsystems.linux.records import Sigaction
from lichen.subsystems.linux.signals import ALL, NEVER_BLOCKED, bit
from lichen.subsystems.linux.state import SS_AUTODISARM, AlternateStack, linux_of, linux_of_process

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_RESTART_SYS, _RESTART_NO_INTERRUPT, _RESTART_NO_HANDLER, _RESTART_BLOCK = (
    (-number) & 0xFFFFFFFFFFFFFFFF for number in (512, 513, 514, 516)
)
_SYSCALL_SIZE: Final = 2


def attend(thread: Thread, result: int | None) -> None:
    """Deliver what is pending and let the thread go on; `result` ends the call that the kernel holds, if any."""
    state = linux_of(thread)
    restart, state.restart = state.restart, ""
    while True:
        taken = _next(thread)
        if taken is None:
            break
        number, information = taken
        action = linux_of_process(thread.process).dispositions.get(number)
        if action.handler == signals.SIG_IGN:
            continue
        if action.handler != signals.SIG_DFL:
            _run_handler(thread, number, action, information, result, restart)
            return
        if _default(thread, number):
            if thread.dead:
                return
            state.restart = restart
            _wait_to_run(thread, result)
            return
    thread.attention = False
    _restore_mask(thread)
    if restart and restart != "cut":
        _again(thread)
        thread.guest.resume()
    elif result is None:
        thread.guest.resume()
    else:
        thread.guest.complete(result)


def _next(thread: Thread) -> tuple[int, bytes] | None:
    return sending.take(thread, ALL & ~linux_of(thread).mask | NEVER_BLOCKED)


def _default(thread: Thread, number: int) -> bool:
    """The default action; whether the thread may not go on now."""
    process = thread.process
    if bit(number) & signals.IGNORED_BY_DEFAULT:
        return False
    if bit(number) & signals.STOPPING:
        if number != signals.SIGSTOP and process.group.is_orphaned():
            return False
        process.stop(number)
        return True
    process.terminate(ExitStatus.of_signal(number))
    return True


def _wait_to_run(thread: Thread, result: int | None) -> None:
    """The thread's process has just been stopped: remember how the thread is to go on."""
    thread.attention = True
    if result is None:
        thread.waiting_to_run = True
    else:
        thread.waiting_to_run = False
        thread.deferred = result


def _restore_mask(thread: Thread) -> None:
    """sigsuspend, ppoll and such had replaced the mask for the time of the call."""
    state = linux_of(thread)
    if state.saved_mask is not None:
        state.mask, state.saved_mask = state.saved_mask, None


def _again(thread: Thread) -> None:
    """Have the stopped thread issue its call again."""
    thread.guest.stop()
    registers = thread.guest.registers
    registers.rip -= _SYSCALL_SIZE
    registers.rax = thread.call[0]
    registers.orig_rax = -1


def _settle_call(thread: Thread, result: int | None, restart: str, action: Sigaction) -> None:
    """Put the outcome of the interrupted call into the registers that the handler will return to."""
    registers = thread.guest.registers
    wants_restart = bool(action.flags & signals.SA_RESTART)
    if result is not None:
        if restart == "always" or (restart == "signal" and wants_restart):
            _again(thread)
        else:
            registers.rax, registers.orig_rax = result, -1
        return
    number, outcome = registers.orig_rax, registers.rax
    if number >> 63:
        return
    if outcome == _RESTART_NO_INTERRUPT or (outcome == _RESTART_SYS and wants_restart):
        registers.rip -= _SYSCALL_SIZE
        registers.rax = number
    elif outcome in (_RESTART_SYS, _RESTART_NO_HANDLER, _RESTART_BLOCK):
        registers.rax = -errno.EINTR
    registers.orig_rax = -1


def _run_handler(
    thread: Thread, number: int, action: Sigaction, information: bytes, result: int | None, restart: str
) -> None:
    guest, state = thread.guest, linux_of(thread)
    state.unfinished = None
    if not guest.stop():
        raise GuestGone("the thread ended before its signal")
    _settle_call(thread, result, restart, action)
    mask = state.mask if state.saved_mask is None else state.saved_mask
    if action.flags & signals.SA_RESETHAND:
        linux_of_process(thread.process).dispositions.reset(number)
    stack = state.stack.address, state.stack.flags, state.stack.size
    top = state.stack.top(guest.registers.rsp) if action.flags & signals.SA_ONSTACK else None
    on_alternate = top is not None or state.stack.holds(guest.registers.rsp)
    lowest = state.stack.address if on_alternate else 0
    trap, state.trap = state.trap, (0, 0, 0)
    try:
        frames.push(guest, number, action, information, mask, stack, top, trap, lowest)
    except BadAddress:
        frame_failed(thread, number)
        return
    state.saved_mask = None
    if state.stack.flags & SS_AUTODISARM:
        state.stack = AlternateStack()
    state.mask |= action.mask & ~NEVER_BLOCKED
    if not action.flags & signals.SA_NODEFER:
        state.mask |= bit(number)
    thread.attention = linux_of(thread).has_deliverable(thread)
    if thread.attention:
        attend(thread, None)
    else:
        guest.resume()


def frame_failed(thread: Thread, number: int = 0) -> None:
    """The stack has no room for the frame of a handler (of `number`), or none to go back to (0): that is a SIGSEGV.

    Its handler may have a stack of its own; where its own frame found no room, nothing is left to be done.
    """
    if number == signals.SIGSEGV:
        thread.process.terminate(ExitStatus.of_signal(number))
        return
    force(thread, signals.SIGSEGV, sending.sent_by(signals.SIGSEGV, None))


def force(thread: Thread, number: int, information: bytes) -> None:
    """Deliver a signal that cannot be put off: one that is blocked or ignored does what it does by default."""
    state, dispositions = linux_of(thread), linux_of_process(thread.process).dispositions
    if state.mask & bit(number) or dispositions.get(number).handler == signals.SIG_IGN:
        dispositions.reset(number)
        state.mask &= ~bit(number)
    state.pending.add(number, information)
    thread.attention = True
    attend(thread, None)
