"""`--trace`: one line for each system call of a session's processes, as strace writes them.

It costs nothing while nobody traces: then the subsystems' own `system_call` is in its place. A call that has to wait is told
of when it ends. Lines go to a descriptor of the client, which may be slow: they queue here, and what would make the queue too
long is dropped and counted, so that a stopped terminal stops nobody.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from lichen.abi.convention import AMD64, X64, Convention
from lichen.abi.declare import decode_for_trace
from lichen.executive.io.attributes import Kind
from lichen.executive.processes import ExitStatus, Process, Thread
from lichen.executive.scheduler import Scheduler
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Condition, Result, Wait
from lichen.filesystems.passed import PassedNode

_MOST_WAITING: Final = 16 << 20
_MOST_KNOWN: Final = 4096
_LARGE: Final = 1 << 31
_CONVENTIONS: Final[dict[str, Convention]] = {"linux": AMD64, "nt": X64}

_WITHOUT_RETURN: Final = (
    *("exit", "exit_group", "rt_sigreturn"),
    *(
        "NtContinue",
        "NtContinueEx",
        "NtRaiseException",
        "NtSetContextThread",
        "NtTerminateProcess",
        "NtTerminateThread",
    ),
)
_STATUSES: Final = {value: name for name, value in vars(Status).items() if isinstance(value, int)}
_SIGNALS: Final = frozenset(signal.Signals)

SystemCall = Callable[[Thread, int, tuple[int, ...]], Result]


class Output:
    """Where the lines of one trace go; takes over the node's descriptor."""

    def __init__(self, node: PassedNode) -> None:
        self.node = node
        self._raw = node.kind == Kind.CHARACTER
        """Whether it is a terminal, which has to be told to begin at the left."""
        self._waiting: deque[bytes] = deque()
        self._empty = Condition(lambda: not self._waiting)
        self._size = self._dropped = 0

    def write(self, line: str) -> None:
        data = (line + ("\r\n" if self._raw else "\n")).encode(errors="surrogateescape")
        if self._size + len(data) > _MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(data)
        self._size += len(data)
        self.wake()

    def wake(self) -> None:
        """Send on what there is room for; the host tells when there is more."""
        try:
            while self._waiting:
                sent = self.node.send(self._waiting[0])
                self._size -= sent
                if sent < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][sent:]
                    self.node.pollers().waiters[self] = None
                    return
                self._waiting.popleft()
        except Failure:  # nobody reads it any more
            self._waiting.clear()
            self._size = 0
        self._empty.wake()

    def drain(self, deadline: float) -> Blocks[None]:
        """Wait until everything has been taken, or until the deadline."""
        while self._waiting:
            if (yield Wait((self._empty,), deadline)) == TIMED_OUT:
                return

    def close(self) -> None:
        if self._dropped:
            self.write(f"{self._dropped} lines were lost: nobody took them in time")
        self.wake()
        self.node.abandoned()


class Tracing:
    """The traces of a machine: which process belongs to which."""

    def __init__(self, subsystems: Sequence[Any], scheduler: Scheduler) -> None:
        self._subsystems, self._scheduler = list(subsystems), scheduler
        self._outputs: list[Output] = []
        self._known: dict[int, tuple[Process, Output | None]] = {}

    def subsystem_added(self, subsystem: Any) -> None:
        """One more subsystem makes calls from now on."""
        self._subsystems.append(subsystem)
        if self._outputs:
            subsystem.system_call = self._traced(subsystem, subsystem.system_call)

    def begin(self, process: Process, output: Output) -> None:
        """Trace a process and all its descendants from now on."""
        if not self._outputs:
            for subsystem in self._subsystems:
                subsystem.system_call = self._traced(subsystem, subsystem.system_call)
        self._outputs.append(output)
        self._known[process.id] = process, output
        self._scheduler.spawn(self._tell_end(process, output))

    def end(self, output: Output) -> None:
        """Stop what `begin` began; harmless when it is stopped."""
        if output not in self._outputs:
            return
        self._outputs.remove(output)
        self._known = {id: pair for id, pair in self._known.items() if pair[1] is not output}
        output.close()
        if not self._outputs:
            for subsystem in self._subsystems:
                del subsystem.system_call

    def _output_of(self, process: Process) -> Output | None:
        known = self._known.get(process.id)
        if known is None or known[0] is not process:
            if len(self._known) > _MOST_KNOWN:
                self._known = {id: pair for id, pair in self._known.items() if not pair[0].is_zombie}
            creator = self._known.get(process.creator)
            known = self._known[process.id] = process, creator[1] if creator else None
            if known[1] is not None:
                self._scheduler.spawn(self._tell_end(process, known[1]))
        return known[1]

    def _tell_end(self, process: Process, output: Output) -> Blocks[None]:
        while process.exit_status is None:
            yield Wait((process.ended,))
        if output in self._outputs:
            output.write(
                f"{_now(time.time_ns())} [{process.id}:{process.id}] +++ {_show_end(process.exit_status)} +++"
            )

    def _traced(self, subsystem: Any, original: SystemCall) -> SystemCall:
        """What stands for a subsystem's `system_call` while anything is traced."""

        def system_call(thread: Thread, number: int, arguments: tuple[int, ...]) -> Result:
            output = self._output_of(thread.process)
            if output is None:
                return original(thread, number, arguments)
            line = _Line(output, subsystem, thread, number, arguments)
            try:
                result = original(thread, number, arguments)
            except Exception as error:
                line.failed(error)
                raise
            if result is None or isinstance(result, int):
                line.returned(result)
                return result
            return line.waited(result)

        return system_call


class _Line:
    """One call while it lasts."""

    def __init__(
        self, output: Output, subsystem: Any, thread: Thread, number: int, arguments: tuple[int, ...]
    ) -> None:
        self.output, self.subsystem, self.thread = output, subsystem, thread
        self.ids = f"[{thread.process.id}:{thread.id}]"
        entry = subsystem.table.get(number)
        self.name = entry.call.name if entry else ""
        if entry is None:
            self.text = f"{subsystem.call_name(number)}({', '.join(f'{value:#x}' for value in arguments)})"
        else:
            self.text = decode_for_trace(entry.call, _CONVENTIONS[subsystem.name], thread, arguments)
        self.began, self.clock = time.time_ns(), time.monotonic_ns()

    def waited(self, blocked: Blocks[int]) -> Blocks[int]:
        """The call's own generator, whose end is noted."""
        try:
            result = yield from blocked
        except Exception as error:
            self.failed(error)
            raise
        except GeneratorExit:
            self._tell("? (the thread ended)")
            raise
        self.returned(result)
        return result

    def failed(self, error: Exception) -> None:
        if isinstance(error, Interrupted):
            self._tell("? EINTR (a signal arrived)")
            return
        try:
            result = self.subsystem.failed(self.thread, error)
        except Exception:
            self._tell(f"? ({error!r})")
        else:
            self.returned(result)

    def returned(self, result: int | None) -> None:
        """The call ended; without a result when the guest carries it out itself, which for some is their end."""
        if result is None and self.name not in _WITHOUT_RETURN:
            result = 0
        self._tell("?" if result is None else _SHOWN[self.subsystem.name](result))

    def _tell(self, result: str) -> None:
        took = (time.monotonic_ns() - self.clock) / 1e9
        self.output.write(f"{_now(self.began)} {self.ids} {self.text} = {result} <{took:.6f}>")


def _now(nanoseconds: int) -> str:
    """A time of the day, to the microsecond."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{rest // 1000:06d}"


def _show_linux(result: int) -> str:
    if -4096 < result < 0:
        name = errno.errorcode.get(-result, str(-result))
        return f"-1 {name} ({os.strerror(-result)})"
    return hex(result) if result >= _LARGE else str(result)


def _show_nt(result: int) -> str:
    name = _STATUSES.get(result & 0xFFFFFFFF, "") if result else ""
    return f"{result & 0xFFFFFFFF:#010x}" + f" STATUS_{name}" * bool(name)


def _show_end(status: ExitStatus) -> str:
    if status.signal:
        return (
            f"killed by {signal.Signals(status.signal).name if status.signal in _SIGNALS else status.signal}"
        )
    return f"exited with {status.code if status.code < _LARGE else hex(status.code)}"


_SHOWN: Final[dict[str, Callable[[int], str]]] = {"linux": _show_linux, "nt": _show_nt}
