"""How I/O calls end: at once, after the calling thread has waited, or (an overlapped file) some time after the call.

Source: facts of Windows 10's I/O manager: status block, event, APC, completion packet, file object.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import GeneratorType
from typing import TYPE_CHECKING, Final, cast

from lichen.abi.layout import LLP64, layout
from lichen.abi.memory import BadAddress
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Options
from lichen.executive.objects.completion import USUAL
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records.common import IoStatusBlock
from lichen.subsystems.nt.state import Pending, UserApc, nt_of, nt_of_process
from lichen.subsystems.nt.types import Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_STATUS_BLOCK: Final = layout(IoStatusBlock, LLP64)
_MOST_PENDING: Final = 16384
"""Operations that a process may have going on."""


SKIP_PACKET, SKIP_SIGNAL = 1, 2
"""No packet for what ends within its call; the file object is not signalled."""


class Completion:
    """How the end of an I/O call is told: status block, event, APC or completion packet."""

    def __init__(
        self, thread: Thread, file: File, event: int, routine: int, context: int, status: int
    ) -> None:
        self.thread, self.file = thread, file
        self.routine, self.context, self.status = routine, context, status
        self.pended = False
        self._pending: Pending | None = None
        self.event = object_of(thread, event, EventObject, StateAccess.MODIFY_STATE).event if event else None
        if self.event is not None:
            self.event.reset()
        self.told = file.telling or USUAL
        if routine and self.told.port is not None:
            raise Failure(Status.INVALID_PARAMETER)

    def carry_out(self, result: Result) -> Result:
        """Let an operation that has to wait go on by itself when its file is overlapped: the call answers PENDING.

        Else the thread waits for it, unless somebody cancels that.
        """
        if type(result) is not GeneratorType:
            return result
        return self.pend(result) if self.file.options & Options.OVERLAPPED else self.wait(result)

    def wait(self, operation: Blocks[int]) -> Blocks[int]:
        """Let the thread wait for an operation; who cancels that interrupts it."""
        state = nt_of(self.thread)
        alertable = self.file.options & Options.ALERTABLE
        state.synchronous = self
        if self.file.completes:
            self.file.done.reset()
        try:
            return (yield from _alertably(self.thread, operation) if alertable else operation)
        except Interrupted:
            if alertable and state.apcs:
                state.cut_short = self.thread.attention = True
                return Status.CANCELLED
            return Status.CANCELLED  # and nobody else is told
        finally:
            state.synchronous = None

    def pend(self, operation: Blocks[int]) -> int:
        """Let an operation go on by itself: the call answers PENDING."""
        process, file = self.thread.process, self.file
        state = nt_of_process(process)
        try:
            if len(state.pending) >= _MOST_PENDING:
                raise Failure(Status.INSUFFICIENT_RESOURCES)
            if self.status:
                self.thread.memory.read(
                    self.status, _STATUS_BLOCK.size
                )  # it is written when the operation ends
        except (Failure, BadAddress):
            _withdraw(operation)
            raise
        self.pended = True
        if file.completes:
            file.done.reset()
        parking = process.machine.scheduler.spawn(self._run(operation))
        if parking.wait is None:
            return Status.PENDING
        pending = self._pending = Pending(
            *(file, self.status, self.thread, parking),
            cancel=lambda: process.machine.scheduler.interrupt(parking),
            abandon=self._abandon,
        )
        state.pending[parking] = pending
        if file.when_closed is None:
            file.when_closed = {}
        file.when_closed[pending.cancel] = None
        return Status.PENDING

    def _run(self, operation: Blocks[int]) -> Blocks[None]:
        """The operation as a task of the kernel's; whoever cancels it interrupts it."""
        try:
            yield from operation
        except Interrupted:
            self._failed(Status.CANCELLED)
        except Failure as failure:
            self._failed(failure.status)
        except BadAddress:
            self._failed(Status.ACCESS_VIOLATION)
        finally:
            self._forget()

    def _abandon(self) -> None:
        """The process has ended: there is nobody to be told but who waits for the event or at the port."""
        self.status = self.routine = 0
        if self._pending is not None:
            self._pending.cancel()

    def _failed(self, status: int) -> None:
        try:
            self.end(status, 0)
        except BadAddress:
            pass  # the status block has gone meanwhile

    def _forget(self) -> None:
        state = nt_of_process(self.thread.process)
        pending, self._pending = self._pending, None  # which holds this object
        if pending is not None:
            state.pending.pop(pending.parking, None)
            if pending.file.when_closed is not None:
                pending.file.when_closed.pop(pending.cancel, None)

    def end_transfer(self, status: int, information: int) -> int:
        """As `end`; an overlapped file's reads and writes are told as if they had gone on, even if they took no time."""
        if self.pended or self.file.node.kind != Kind.REGULAR or not self.file.options & Options.OVERLAPPED:
            return self.end(status, information)
        self.pended = True
        self.end(status, information)
        return Status.PENDING

    def end(self, status: int, information: int) -> int:
        """Tell everybody; returns the status of the call."""
        if status >= Status.UNSUCCESSFUL and status != Status.END_OF_FILE and not self.pended:
            return status
        if self.pended:
            self.told = self.file.telling or USUAL
        if self.status:
            self.thread.memory.write(self.status, _STATUS_BLOCK.pack(IoStatusBlock(status, information)))
        if self.routine and status == Status.END_OF_FILE and not self.pended:
            pass
        elif self.routine:
            apc = UserApc(self.routine, (self.context, self.status, 0))
            nt_of_process(self.thread.process).subsystem.queue_apc(self.thread, apc)
        elif (
            self.told.port is not None and self.context and (self.pended or not self.told.modes & SKIP_PACKET)
        ):
            self.told.port.post(self.told.key, self.context, status, information)
        if self.event is not None:
            self.event.set()
        if self.file.completes and not self.told.modes & SKIP_SIGNAL:
            done = self.file.done
            if self.event is not None:
                done.reset()
            elif not done.is_set:
                done.set()
        return status


def _alertably(thread: Thread, operation: Blocks[int]) -> Blocks[int]:
    """Carry out an operation that a user APC interrupts, be it queued already or while the operation waits."""
    try:
        wait = next(operation)
        while True:
            try:
                if wait.interruptible and nt_of(thread).apcs:
                    raise Interrupted
                index = yield replace(wait, alertable=wait.interruptible)
            except Interrupted as cut:
                wait = operation.throw(cut)
            else:
                wait = operation.send(index)
    except StopIteration as end:
        return cast(int, end.value)
    finally:
        operation.close()


def _withdraw(operation: Blocks[int]) -> None:
    """Have an operation that was to wait take back what it has begun."""
    with suppress(StopIteration, Interrupted, Failure, BadAddress):
        next(operation)
        operation.throw(Interrupted())
    operation.close()
