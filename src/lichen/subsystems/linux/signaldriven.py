"""Signal-driven I/O: a file with O_ASYNC sends SIGIO to its owner whenever it becomes ready.

Hardly any file has an owner, so what F_SETOWN and F_SETSIG set is an object that hangs on the open file.

Source: fcntl(2) F_SETOWN, F_SETOWN_EX, F_SETSIG; open(2) O_ASYNC; signal(7).
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lichen.abi.layout import LP64, i32, layout
from lichen.executive.io.attributes import Kind
from lichen.executive.io.file import File
from lichen.executive.io.opening import Poll
from lichen.executive.security.inspection import rules_over
from lichen.executive.status import Failure, Status
from lichen.subsystems.linux import sending, signals
from lichen.subsystems.linux.processes import token_of
from lichen.subsystems.linux.siginfo import SiginfoPoll
from lichen.subsystems.linux.state import as_linux, as_linux_process

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process, Thread
    from lichen.executive.security.tokens import Token

F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP = 0, 1, 2
POLL_IN, POLL_OUT, POLL_MSG = 1, 2, 3
_BANDS: Final = {POLL_IN: 0x41, POLL_OUT: 0x304, POLL_MSG: 0x441}
_CAPABLE: Final = (Kind.FIFO, Kind.SOCKET, Kind.CHARACTER)
_POLL: Final = layout(SiginfoPoll, LP64)


class OwnerEx(NamedTuple):
    """struct f_owner_ex."""

    type: i32
    pid: i32


class Asked(Protocol):
    """What somebody wants to be told of a directory by signals (F_NOTIFY)."""

    def ask(self, events: int, fd: int) -> None: ...
    def stop(self) -> None: ...


class Ownership:
    """Who hears of a file by which signal, and whether now (O_ASYNC). It is a waiter in the file's readiness."""

    def __init__(self, file: File, machine: MachineState) -> None:
        self.file, self.machine = file, machine
        self.owner = OwnerEx(F_OWNER_PID, 0)
        self.token: Token | None = None
        """On whose behalf the owner hears of the file: of whoever chose it."""
        self.signal = 0
        self.fd = -1
        self.on = False
        self.notification: Asked | None = None
        """What is to be told of a directory."""

    def switch(self, on: bool, fd: int) -> None:
        """Begin or stop to send signals; `fd` is what a signal with data names."""
        if on == self.on:
            return
        self.on, self.fd = on, fd
        if on:
            self.file.readiness.waiters[self] = None
        else:
            self.file.readiness.waiters.pop(self, None)

    def file_closed(self) -> None:
        self.switch(False, -1)
        self.file.ownership = None

    def wake(self) -> None:
        """The file's readiness has changed."""
        ready = self.file.poll()
        if ready & (Poll.READABLE | Poll.HANGUP):
            self.send(POLL_IN, self.fd)
        elif ready & (Poll.WRITABLE | Poll.ERROR):
            self.send(POLL_OUT, self.fd)

    def send(self, reason: int, fd: int) -> None:
        """Tell the owner; `fd` is what a signal with data names."""
        kind, id = self.owner
        number = self.signal or signals.SIGIO
        if self.signal:
            information = _POLL.pack(SiginfoPoll(number, 0, reason, _BANDS[reason], fd))
        else:
            information = sending.sent_by(number, None)
        if kind == F_OWNER_TID:
            thread = self.machine.processes.threads.get(id)
            if thread is not None and as_linux(thread) is not None and self._may_tell(thread.process):
                sending.send(thread.process, number, information, thread)
            return
        for process in filter(self._may_tell, self._processes(kind, id)):
            if (
                as_linux_process(process) is not None
            ):  # no Windows program asked for it, nor could it handle it
                sending.send(process, number, information)

    def _may_tell(self, process: Process) -> bool:
        return self.token is not None and rules_over(self.token, process.files.token)

    def _processes(self, kind: int, id: int) -> list[Process]:
        if kind == F_OWNER_PGRP:
            group = self.machine.processes.groups.get(id)
            return list(group.members.values()) if group is not None else []
        process = self.machine.processes.get(id)
        return [process] if process is not None else []


def known_ownership(file: File) -> Ownership | None:
    """What is set for a file, if anything ever was."""
    found = file.ownership
    return found if isinstance(found, Ownership) else None


def ownership_of(thread: Thread, file: File) -> Ownership:
    """What is set for a file, made on the first need."""
    found = known_ownership(file)
    if found is None:
        found = file.ownership = Ownership(file, thread.process.machine)
        if file.when_closed is None:
            file.when_closed = {}
        file.when_closed[found.file_closed] = None
    return found


def is_asynchronous(file: File) -> bool:
    """Whether O_ASYNC is set."""
    found = known_ownership(file)
    return found is not None and found.on


def set_asynchronous(thread: Thread, fd: int, file: File, on: bool) -> bool:
    """Set or clear O_ASYNC; False for a file that knows no such thing."""
    if file.node.kind not in _CAPABLE:
        return False
    if on or is_asynchronous(file):
        ownership_of(thread, file).switch(on, fd)
    return True


def set_owner(thread: Thread, file: File, owner: OwnerEx) -> None:
    """F_SETOWN_EX: who is to hear of the file; INVALID_CID when there is nobody of that id."""
    machine = thread.process.machine
    ids: dict[int, Container[int]] = {
        F_OWNER_TID: machine.processes.threads,
        F_OWNER_PID: machine.processes,
        F_OWNER_PGRP: machine.processes.groups,
    }
    if owner.type not in ids:
        raise Failure(Status.INVALID_PARAMETER)
    if owner.pid and owner.pid not in ids[owner.type]:
        raise Failure(Status.INVALID_CID)
    ownership = ownership_of(thread, file)
    ownership.owner, ownership.token = owner, token_of(thread)
