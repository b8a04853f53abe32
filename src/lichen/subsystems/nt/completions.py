"""How I/O calls end: at once, after the calling thread has waited, or (an overlapped file) some time after the call.

Source: facts of Windows 10's I/O manager: status block, event, APC, completion packet, file object.
"""

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Final

from lichen.abi.layout import LLP64, layout
from lichen.abi.memory import Fault
from lichen.executive.io.file import DirectoryFile, File
from lichen.executive.io.opening import Options
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import Blocks
from lichen.subsystems.nt.named_pipes import PipeEnd
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records import IoStatusBlock
from lichen.subsystems.nt.state import NtProcess, NtThread, Pending, UserApc
from lichen.subsystems.nt.types import Result

if TYPE_CHECKING:
    from lichen.executive.processes import Thread

_STATUS_BLOCK: Final = layout(IoStatusBlock, LLP64)
_MOST_PENDING: Final = 16384
"""Operations that a process may have going on."""


def has_event(file: File) -> bool:
    """Whether a wait for the file waits for its operations to complete."""
    return bool(file.options & Options.OVERLAPPED) or isinstance(file, PipeEnd | DirectoryFile)


class Completion:
    """How the end of an I/O call is told: status block, event, APC or completion packet (facts/nt-devices, 0)."""

    def __init__(
        self, thread: Thread, file: File, event: int, routine: int, context: int, status: int
    ) -> None:
        self.thread, self.file = thread, file
        self.routine, self.context, self.status = routine, context, status
        self.pended = False
        self._pending: Pending | None = None
        self.event = object_of(thread, event, EventObject, StateAccess.MODIFY_STATE).event if event else None
        if self.event is None and has_event(file):
            self.event = file.done
        if self.event is not None:
            self.event.reset()
        self.port = thread.process.machine.completion_ports.get(file)
        if routine and self.port is not None:
            raise Failure(Status.INVALID_PARAMETER)

    def carry_out(self, result: Result) -> Result:
        """Let an operation that has to wait go on by itself when its file is overlapped: the call answers PENDING.

        Else the thread waits for it, unless somebody cancels that.
        """
        if type(result) is not GeneratorType:
            return result
        return self.pend(result) if self.file.options & Options.OVERLAPPED else self._wait(result)

    def _wait(self, operation: Blocks[int]) -> Blocks[int]:
        state: NtThread = self.thread.personality
        state.synchronous = self
        try:
            return (yield from operation)
        except Interrupted:
            self.pended = True
            self._failed(Status.CANCELLED)
            return Status.CANCELLED
        finally:
            state.synchronous = None

    def pend(self, operation: Blocks[int]) -> int:
        """Let an operation go on by itself: the call answers PENDING."""
        process, file = self.thread.process, self.file
        state: NtProcess = process.personality
        if len(state.pending) >= _MOST_PENDING:
            raise Failure(Status.INSUFFICIENT_RESOURCES)
        self.pended = True
        if self.status:
            self.thread.memory.write(self.status, _STATUS_BLOCK.pack(IoStatusBlock(Status.PENDING, 0)))
        parking = process.machine.scheduler.spawn(self._run(operation))
        if parking.wait is None:
            return Status.PENDING
        pending = self._pending = Pending(
            file, self.status, self.thread, parking, lambda: process.machine.scheduler.interrupt(parking)
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
        except Fault:
            self._failed(Status.ACCESS_VIOLATION)
        finally:
            self._forget()

    def _failed(self, status: int) -> None:
        try:
            self.end(status, 0)
        except Fault:
            pass  # the status block has gone meanwhile

    def _forget(self) -> None:
        state: NtProcess = self.thread.process.personality
        pending = self._pending
        if pending is not None:
            state.pending.pop(pending.parking, None)
            if pending.file.when_closed is not None:
                pending.file.when_closed.pop(pending.cancel, None)

    def end(self, status: int, information: int) -> int:
        """Tell everybody; returns the status of the call."""
        if status >= Status.UNSUCCESSFUL and status != Status.END_OF_FILE and not self.pended:
            return status
        if self.status:
            self.thread.memory.write(self.status, _STATUS_BLOCK.pack(IoStatusBlock(status, information)))
        if status == Status.END_OF_FILE and not self.pended:
            return status
        if self.routine:
            apc = UserApc(self.routine, (self.context, self.status, 0))
            self.thread.process.subsystem.queue_apc(self.thread, apc)  # type: ignore[attr-defined]
        elif self.port is not None and self.context:
            port, key = self.port
            port.post(key, self.context, status, information)
        if self.event is not None:
            self.event.set()
        return status
