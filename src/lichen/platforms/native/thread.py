"""One guest thread as the native platform has it: the forms that the host gives it, and the way from each to a stop.

A thread runs, or the kernel holds a call of it as an unanswered notification, or it is in a ptrace stop. Everything that
looks at or changes registers goes through `stop`, which leaves the guest's own registers whatever the form was: a held
call is cancelled on the host and completed by registers, a call that the kernel has not seen is taken back and issued
again when the thread goes on (G1).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from lichen.abi.memory import BadAddress
from lichen.executive.interfaces import (
    GuestGone,
    MemoryOperation,
    TaskUsage,
)
from lichen.executive.registers import Registers
from lichen.platforms.native import filters, host, stub
from lichen.platforms.native.guest_memory import Space
from lichen.platforms.native.steps import MAP, MASK, MOVE, OPERATION, Step, encode
from lichen.platforms.native.task import HostTask

if TYPE_CHECKING:
    from lichen.platforms.native.platform import NativePlatform

STOP_LIMIT: Final = 5000
"""Milliseconds that the kernel waits for a guest thread to reach a stop before it ends the process."""

_ADVISE: Final = 28
_CLONE: Final = 56
_SET_TID_ADDRESS: Final = 218
_FUTEX: Final = 202
_FUTEX_WAKE: Final = 1
_CLONE_PARENT, _CLONE_VM, _CLONE_THREAD_ALL, _CLONE_SETTLS, _CLONE_CHILD_CLEARTID = (
    0x8000,
    0x100,
    0x50F00,
    0x80000,
    0x200000,
)
_ERROR_CODE_OFFSET: Final = 40 + 19 * 8
"""Of the error code in the ucontext of a signal frame."""
_IN_PLACE: Final = frozenset((MAP, MOVE, _CLONE))
_RESTART: Final = 219
_HAS_RESTART_BLOCK: Final = -516 & 0xFFFFFFFFFFFFFFFF
RESTARTS: Final = frozenset((-result) & 0xFFFFFFFFFFFFFFFF for result in (512, 513, 514, 516))

Kind = TypeVar("Kind", bound="NativeThread")
Change = tuple[int, int]
"""A host thread id and its wait status."""
Call = tuple[int, int, int, int, tuple[int, ...]]
"""A notification: thread id, notification id, number, instruction pointer, six arguments."""


class State:
    """What the host has of a thread. Plain numbers: looking up an Enum's member is a call, three of them in every call."""

    RUNNING: Final = 1
    HELD: Final = 2
    STOPPED: Final = 3
    DEAD: Final = 4


class NativeThread(HostTask):
    """The platform's side of one executive thread."""

    owner: Any

    def __init__(self, platform: NativePlatform, tid: int, memory: Space) -> None:
        super().__init__(tid, platform.processors)
        self.platform, self.memory = platform, memory
        self.extended_state_size = platform.extended_state_size
        self.state: int = State.STOPPED
        self.notification = 0
        self._late: tuple[int, int] | None = None
        self._number = 0
        self.in_call = False
        self.idle = False
        self._registers = Registers()
        self._address = host.address_of(self._registers.raw)
        self._loaded = False
        memory.threads.add(self)
        platform.threads[tid] = self

    @property
    def registers(self) -> Registers:
        if not self._loaded:
            host.ptrace(host.GETREGS, self.tid, 0, self._address)
            self._loaded = True
        return self._registers

    @property
    def stopped(self) -> bool:
        return self.state == State.STOPPED

    # ---- going on

    def complete(self, result: int) -> None:
        """End the call that the kernel holds, with `result`, and let the thread go on."""
        if self.state == State.HELD:
            self._answer(result, 0)
        elif self.state == State.STOPPED:
            self.registers.rax = result
            self.registers.orig_rax = -1
            self.resume()

    def _answer(self, result: int, flags: int) -> None:
        self.state = State.RUNNING
        if host.core.reply(self.platform.listener, self.notification, result, flags) == errno.ENOENT:
            self.state, self._late = State.HELD, (result, flags)

    def proceed(self) -> None:
        """Let the host carry out the reported call, whose arguments are registers only, and go on."""
        if self.state == State.HELD:
            self._answer(0, host.CONTINUE_CALL)
        elif self.in_call:
            self._continue(host.CONT)
        elif self.state == State.STOPPED:
            self.complete(self._make_again())

    def _make_again(self) -> int:
        """The result of the held call that was cancelled on the host, now that it is to be made after all."""
        registers = self.registers
        arguments = registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9
        return self._native(self._number, *arguments)

    def resume(self) -> None:
        """Let a stopped thread go on with its registers as they are."""
        if self.state == State.STOPPED:
            self._continue(host.CONT)

    def _continue(self, request: int, signal_number: int = 0) -> None:
        with contextlib.suppress(GuestGone):  # killed meanwhile: its end will be reported
            if self._loaded:
                host.ptrace(host.SETREGS, self.tid, 0, self._address)
            host.ptrace(request, self.tid, 0, signal_number)
        self.state, self.in_call, self.idle, self._loaded = State.RUNNING, False, False, False

    def called_again(self, notification: int) -> None:
        """The host has cut a held call short for reasons of its own (it slept), and issued it again: it is the same call."""
        self.notification = notification
        if self._late is not None:
            late, self._late = self._late, None
            self._answer(*late)

    def disturbed(self, held: bool) -> None:
        """A signal that no guest sent stopped the thread: it goes on as it was, a held call to be completed by registers."""
        if held:
            self._leave_call()
            held = self._late is None
            self._take_late()
        else:
            self.platform.forget(self.tid)  # the host will issue it again
        if not held:
            self.resume()

    def _take_late(self) -> None:
        """The held call was cancelled on the host before its answer came: put that into the registers."""
        if self._late is not None:
            (result, flags), self._late = self._late, None
            self.registers.rax = self._make_again() if flags else result

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """Stop the thread for as long as the block lasts; then it is in the state that it was in. GuestGone without it."""
        runs = self.state == State.RUNNING or self._late is not None
        if not self.stop():
            raise GuestGone("the thread is gone")
        try:
            yield
        finally:
            if runs:
                self.resume()

    # ---- stopping

    def entered(self, in_call: bool) -> None:
        """The platform saw this thread in a ptrace stop."""
        self.state, self.in_call, self._loaded = State.STOPPED, in_call, False

    def stop(self) -> bool:
        """Bring the thread to a stop with the guest's own registers; False when it is gone."""
        if self.state != State.RUNNING and self.state != State.HELD:
            return self.state == State.STOPPED
        held = self.state == State.HELD
        try:
            status = self._interrupt()
        except GuestGone:
            return False
        self.entered(False)
        try:
            if held:
                self._leave_call()
                self._take_late()
            elif self.platform.forget(self.tid):
                self._take_back()
            else:
                self._normalise(status)
        except (GuestGone, BadAddress):  # it has harmed itself, which nobody else must pay for
            self.kill()
            self.state = State.DEAD
            return False
        return True

    def _interrupt(self) -> int:
        """Have the host stop the thread, unless it stands in a stop that `step` has yet to report; the wait status."""
        if (status := self.platform.take_change(self.tid)) is not None:
            return self._alive(status)
        host.ptrace(host.INTERRUPT, self.tid)
        return self._await()

    def _await(self) -> int:
        """The next stop of this thread; GuestGone when it ends, or does not come in time."""
        status = host.core.wait_for(self.tid, self.platform.signals, STOP_LIMIT)
        if status is None:
            self.kill()
            raise GuestGone("a guest thread did not stop in time")
        return self._alive(status)

    def _alive(self, status: int) -> int:
        """The wait status of a stop; GuestGone when it tells of the thread's end."""
        if status & 0xFF != 0x7F:
            self.platform.ended(self, status)
            raise GuestGone("a guest thread ended")
        return status

    def _leave_call(self) -> None:
        """The held call was cancelled on the host: stand behind it, to be completed by registers."""
        self._number, self.registers.orig_rax = self.registers.orig_rax, -1

    def call_arguments(self, arguments: tuple[int, ...]) -> tuple[int, ...]:
        """The arguments of a reported call, in the guest's convention."""
        return arguments

    def _take_back(self) -> None:
        """The call that the thread was making has not been acted upon: make it again later."""
        registers = self.registers
        registers.rip -= 2
        registers.rax = registers.orig_rax
        registers.orig_rax = -1

    def _normalise(self, status: int) -> None:
        registers, event = self.registers, status >> 16
        if event == host.EVENT_SECCOMP:
            self._take_back()
        elif event == host.EVENT_STOP:
            number = registers.orig_rax
            if registers.rax in RESTARTS and number < 1 << 63 and number not in filters.HOST_ANSWERS:
                self._take_back()
        elif (
            (status >> 8) & 0xFF == signal.SIGTRAP
            and event == 0
            and host.signal_information(self.tid)[1] == host.FROM_KERNEL
        ):
            registers.rip -= 1  # a breakpoint reports the address behind it; other faults will recur

    def fault_error(self, number: int) -> int:
        """The processor's error code of the page fault that the thread has just stopped for; 0 when it cannot be had.

        Only a signal frame has it, so the host is let to build one, for a handler that is the stub's idle call.
        """
        registers = self.registers
        saved, state = registers.save(), self.extended_state()
        registers.rsp, registers.orig_rax = stub.FRAME + stub.FRAME_SIZE, -1
        self._continue(host.CONT, number)
        status = self._await()
        self.entered(status >> 16 == host.EVENT_SECCOMP)
        error = 0
        if self.in_call and stub.holds(self.registers.rip):
            context = self.registers.rdx + _ERROR_CODE_OFFSET
            error = int.from_bytes(host.core.read_memory(self.tid, context, 8), "little")
        self._restore(saved)
        self.set_extended_state(state)
        return error

    # ---- calls from the stub page that nobody ordered

    def called_from_stub(self, call: Call) -> None:
        """A notification came from the stub page; GuestGone when that means a guest jumped in."""
        raise self._damaged()

    def stopped_in_stub(self) -> None:
        """A stopping call came from the stub page."""
        raise self._damaged()

    # ---- memory

    def change_memory(self, operations: Sequence[MemoryOperation]) -> None:
        """Carry out memory operations in this thread's address space; OSError when the host refuses."""
        if not self.stop():
            raise GuestGone("the thread is gone")
        steps = [step for operation in operations for step in encode(operation)]
        if len(steps) == 1 and self.in_call and steps[0].words[0] in _IN_PLACE:
            self._checked(self._native(*steps[0].words))
            return
        at_once = stub.SCRATCH_SIZE // 4 // OPERATION.size - 1
        for start in range(0, len(steps), at_once):
            self._run(steps[start : start + at_once])

    def change_memory_on_return(self, operations: Sequence[MemoryOperation]) -> None:
        """Carry out memory operations before the current call returns."""
        self.change_memory(operations)

    @staticmethod
    def _checked(result: int) -> int:
        if result > MASK - 4095:
            code = (1 << 64) - result
            raise OSError(code, os.strerror(code))
        return result

    def _native(self, number: int, *arguments: int) -> int:
        """Have the host run one call in place of the call at which the thread stopped; registers stay as they were."""
        registers = self.registers
        saved = registers.save()
        self._make_call(number, arguments)
        status = self._await()
        self.entered(False)
        if (status >> 8) & 0xFF != host.SYSCALL_STOP:
            raise self._damaged()
        result = self.registers.rax
        self._restore(saved)
        return result

    def _make_call(self, number: int, arguments: tuple[int, ...]) -> None:
        """Send the stopped thread into a host call, from the call it stands at or from the stub's idle call.

        The filter looks at the changed call again: only from the stub does every number pass.
        """
        if not self.in_call or (number not in _IN_PLACE and not stub.holds(self.registers.rip)):
            self._go(stub.IDLE)
            if self._await() >> 16 != host.EVENT_SECCOMP:
                raise self._damaged()
            self.entered(True)
        registers = self.registers
        padded = (*arguments, 0, 0, 0, 0, 0, 0)
        registers.orig_rax = number
        registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9 = padded[:6]
        self._continue(host.SYSCALL)

    def _restore(self, saved: bytes) -> None:
        """Put the guest's registers back, as they are outside of a call: one that the host answers is made again."""
        registers = self.registers
        registers.restore(saved)
        if registers.rax in RESTARTS and registers.orig_rax in filters.HOST_ANSWERS:
            registers.rax = _RESTART if registers.rax == _HAS_RESTART_BLOCK else registers.orig_rax
            registers.rip -= 2
        registers.orig_rax = -1

    def _go(self, address: int) -> None:
        """Send the stopped thread to a place in the stub."""
        self.registers.rip, self.registers.orig_rax = address, -1
        self._continue(host.CONT)

    def _run(self, steps: Sequence[Step]) -> None:
        """Have the stub run a list of memory operations."""
        saved = None if self.idle else self.registers.save()
        data = b"".join(OPERATION.pack(*(word & MASK for word in step.words)) for step in steps)
        if (
            host.core.write_memory(self.tid, stub.SCRATCH, data + struct.pack("<Q", stub.END_OF_LIST))
            != len(data) + 8
        ):
            raise self._damaged()
        self.registers.r12 = stub.SCRATCH
        self._go(stub.RUN)
        expected = deque(step for step in steps if step.checked)
        event = self.platform.next_event(self)
        while len(event) != 2:
            self._admit(event, expected)
            event = self.platform.next_event(self)
        status = self._alive(event[1])
        self.entered(True)
        if status >> 16 != host.EVENT_SECCOMP or not stub.holds(self.registers.rip):
            raise self._damaged()
        result = self.registers.rdi
        if saved is None:
            self.idle = True
        else:
            self.in_call = False
            self._restore(saved)
        self._checked(result)

    def _admit(self, call: Call, expected: deque[Step]) -> None:
        """Let one ordered mapping of a descriptor through, after comparing every register with the order."""
        _, notification, number, _, arguments = call
        step = expected.popleft() if expected else None
        if step is None or number != MAP or arguments != tuple(word & MASK for word in step.words[1:]):
            raise self._damaged()
        if step.descriptor is not None:
            self.platform.hand_over(notification, step.descriptor)
        host.core.reply(self.platform.listener, notification, 0, host.CONTINUE_CALL)

    def _damaged(self) -> GuestGone:
        self.kill()
        return GuestGone("the guest damaged its stub page")

    def call_host(self, number: int, *arguments: int) -> int:
        """Have the stopped thread make one call of the host; OSError when it fails."""
        return self._checked(self._native(number, *arguments))

    def advise(self, address: int, size: int, advice: int) -> None:
        """madvise(2) on the thread's own memory."""
        if self.stop():
            self.call_host(_ADVISE, address, size, advice)

    # ---- tasks

    def clone_process(self, share_memory: bool = False) -> Self:
        """Copy the stopped thread into a new host process, stopped, with the same registers."""
        return self.clone_as(type(self), share_memory)

    def clone_as(self, kind: type[Kind], share_memory: bool = False) -> Kind:
        """As `clone_process`; the new thread is of another class (the zygotes' children)."""
        saved = self.registers.save()
        tid = self._clone(_CLONE_PARENT | (_CLONE_VM if share_memory else 0), 0, 0, 0)
        child = kind(self.platform, tid, self.memory if share_memory else Space(tid))
        child._started(saved, self)
        return child

    def clone_thread(self, stack: int, tls: int | None, clear_tid: int) -> Self:
        """Start a second thread in the same address space, stopped, with the creator's registers and `stack`."""
        saved = self.registers.save()
        flags = _CLONE_THREAD_ALL
        if tls is not None:
            flags |= _CLONE_SETTLS
        if clear_tid:
            flags |= _CLONE_CHILD_CLEARTID
        tid = self._clone(flags, stack, clear_tid, tls or 0)
        child = type(self)(self.platform, tid, self.memory)
        base = child.registers.fs_base
        child._started(saved, self)
        child.registers.fs_base = base
        if stack:
            child.registers.rsp = stack
        return child

    def _started(self, saved: bytes, creator: NativeThread) -> None:
        """The first stop of a clone: give it its creator's registers. Its processors are the creator's too."""
        self._restore(saved)
        self.moved_like(creator)

    def _clone(self, flags: int, stack: int, clear_tid: int, tls: int) -> int:
        """Run clone in place; returns the new thread's host id, seen at its first stop."""
        registers = self.registers
        saved = registers.save()
        self._make_call(_CLONE, (flags, stack, 0, clear_tid, tls, 0))
        status = self._await()
        tid = 0
        if status >> 16 in host.EVENT_CLONES:
            tid = host.event_message(self.tid)
            host.ptrace(host.SYSCALL, self.tid)
            status = self._await()
        self.entered(False)
        if (status >> 8) & 0xFF != host.SYSCALL_STOP:
            raise self._damaged()
        result = self.registers.rax
        self._restore(saved)
        self._checked(result)
        self.platform.await_birth(tid)
        return tid

    def set_clear_tid(self, address: int) -> None:
        """Have the host clear and wake the word at `address` when the stopped thread ends."""
        self._native(_SET_TID_ADDRESS, address)

    def wake_futex(self, address: int) -> None:
        """Wake one waiter of a shared futex in this thread's memory."""
        with contextlib.suppress(GuestGone):
            if self.stop():
                self._native(_FUTEX, address, _FUTEX_WAKE, 1)

    def usage(self) -> TaskUsage:
        """What the thread does and has used. It sleeps only in a call that the host answers: other sleep is our doing."""
        usage = self.account.usage()
        asleep = self.state == State.RUNNING and usage.state in "SD"
        if not asleep or (usage.state == "S" and self.account.call() not in filters.HOST_ANSWERS):
            return usage._replace(state="R")
        return usage

    def exit(self) -> None:
        """End this one thread on the host."""
        if self.stop():
            self.registers.rdi = 0
            self.memory.left_by(self)
            self._go(stub.LEAVE)

    def kill(self) -> None:
        """End the whole host process at once; a task that was reaped is never named again."""
        if self.state != State.DEAD:
            os.kill(self.tid, signal.SIGKILL)
