"""A run loop without guests: calls are generators that a test starts, and time passes only while nothing else can happen."""

from __future__ import annotations

from types import GeneratorType, SimpleNamespace
from typing import Any, Generic, TypeVar, cast

from lichen.executive.counters import Counters
from lichen.executive.io.context import FileSystemContext
from lichen.executive.io.device import Devices
from lichen.executive.io.location import Location
from lichen.executive.limits import default_limits
from lichen.executive.objects.handles import HandleTable
from lichen.executive.scheduler import Parking, Scheduler
from lichen.executive.security.tokens import Token
from lichen.executive.status import Failure
from lichen.executive.system import Load, System
from lichen.executive.wait import Blocks
from lichen.platforms.thishost import ThisHost
from lichen.subsystems.linux.state import LinuxProcess, LinuxThread

T = TypeVar("T")


class Kernel:
    """A scheduler whose clock jumps from deadline to deadline, the devices of a machine, and one user."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._awaited: Call[Any] | None = None
        self.scheduler = Scheduler(lambda: self.now, lambda: self.now)
        self.scheduler.platform = cast(Any, self)
        self.devices = Devices()
        self.system = System(ThisHost(), Load(self.now))
        self.token = Token.of_user(1000, 1000)
        self.root = self.place(0)
        self.context = FileSystemContext(self.root, self.root, self.token)

    def step(self, timeout: float | None) -> None:
        """The platform's part of the loop: nothing comes from outside, so time goes on to the next deadline."""
        if self._awaited is not None and not self._awaited.ended:
            assert timeout is not None, "everybody waits for ever"
            self.now += timeout

    def place(self, kind: int) -> Location:
        """A new object that has no name."""
        return self.devices.anonymous.place(kind, "test", self.token)

    def thread(self) -> Any:
        """Somebody whose calls make files: as much of a thread as those ask for."""
        machine = SimpleNamespace(scheduler=self.scheduler, system=self.system)
        handles = HandleTable()
        process = SimpleNamespace(
            files=self.context,
            machine=machine,
            handles=handles,
            state=LinuxProcess(),
            limits=default_limits(),
            counters=Counters(),
        )
        return SimpleNamespace(process=process, state=LinuxThread(), dead=False)

    def start(self, blocked: Blocks[T] | T) -> Call[T]:
        """Begin an operation; one that need not wait is at its end already."""
        call = Call[T]()
        call.parking = self.scheduler.spawn(call.run(blocked))
        return call

    def settle(self) -> None:
        """Let everybody go on who can."""
        while self.scheduler.ready:
            self.scheduler.step()

    def wait(self, call: Call[T]) -> T:
        """Run until an operation that was started is at its end."""
        self._awaited = call
        while not call.ended:
            self.scheduler.step()
        self._awaited = None
        return call.result

    def finish(self, blocked: T | Blocks[T]) -> T:
        """Run an operation to its end."""
        return self.wait(self.start(blocked))


class Call(Generic[T]):
    """An operation that was started: `ended`, then its `result` (or the failure, raised)."""

    def __init__(self) -> None:
        self.parking: Parking
        self._ended = False
        self._value: T
        self._error: Exception | None = None

    def run(self, blocked: T | Blocks[T]) -> Blocks[None]:
        try:
            self._value = cast(T, (yield from blocked) if isinstance(blocked, GeneratorType) else blocked)
        except Exception as error:
            self._error = error
        self._ended = True

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def result(self) -> T:
        assert self.ended
        if self._error is not None:
            raise self._error
        return self._value


def status_of(operation: Any, *arguments: Any) -> int:
    """The status that an operation fails with."""
    try:
        operation(*arguments)
    except Failure as failure:
        return failure.status
    raise AssertionError("it did not fail")
