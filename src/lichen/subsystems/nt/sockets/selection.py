"""Waiting for sockets: the poll of many, and events that one socket sets by itself (WSAEventSelect).

Source: AFD_POLL_INFO (afd.h); WSAEventSelect, WSAEnumNetworkEvents for what is told once and when it is told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lichen.abi.layout import layout
from lichen.executive.objects.dispatcher import EventObject
from lichen.executive.objects.rights import StateAccess
from lichen.executive.status import Failure, Interrupted, Status
from lichen.executive.wait import TIMED_OUT, Blocks, Event, Wait
from lichen.subsystems.nt.objects import object_of
from lichen.subsystems.nt.records import MODEL
from lichen.subsystems.nt.records.sockets import AfdEvents, AfdEventSelect, AfdPoll, AfdPollEntry
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.sockets.afd import (
    CLOSE,
    CONNECT_ERROR,
    HANGUP,
    RESET,
    AfdFile,
)
from lichen.subsystems.nt.sockets.errors import status_of

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.scheduler import Parking, Scheduler
    from lichen.subsystems.nt.sockets.request import Request
    from lichen.subsystems.nt.types import Result

_HEAD, _ENTRY = layout(AfdPoll, MODEL), layout(AfdPollEntry, MODEL)
_SELECT, _EVENTS = layout(AfdEventSelect, MODEL), layout(AfdEvents, MODEL)
_FOREVER: Final = (1 << 63) - 1
_SECOND: Final = 10_000_000
"""Of Windows' units of time."""
_MOST_SOCKETS: Final = 4096
_STATUSES: Final = 13
_ALWAYS: Final = CLOSE
_CONNECT_ERROR_BIT: Final = CONNECT_ERROR.bit_length() - 1


# ---- polling


def poll(request: Request) -> Result:
    """Wait until one of several sockets is ready for what is asked of it."""
    timeout, count, alone, _ = _HEAD.unpack(request.need(_HEAD.size))
    if not 0 < count <= _MOST_SOCKETS:
        raise Failure(Status.INVALID_PARAMETER)
    entries = _ENTRY.unpack_array(
        request.need(_HEAD.size + count * _ENTRY.size)[_HEAD.size : _HEAD.size + count * _ENTRY.size]
    )
    asked = [
        (handle, object_of(request.thread, handle, AfdFile, 0), flags | _ALWAYS)
        for handle, flags, _ in entries
    ]
    end = _only_poll(asked[0][1]) if alone else None
    answer = _answer(timeout, asked)
    if answer is not None or timeout == 0:
        return request.answer(answer or _HEAD.pack(AfdPoll(timeout, 0, 0)))
    return request.finish(_polled(request, timeout, asked, end), lambda status: status)


def _only_poll(file: AfdFile) -> Event:
    """End the poll of a socket that wants to be the only one; what ends the next that does."""
    before, file.polled_alone = file.polled_alone, Event()
    if before is not None:
        before.set()
    return file.polled_alone


_Asked = list[tuple[int, AfdFile, int]]


def _answer(timeout: int, asked: _Asked) -> bytes | None:
    """The entries of the sockets that are ready; None when no one is."""
    found = b""
    for handle, file, flags in asked:
        if ready := (file.flags() if file.references else CLOSE) & flags:
            status = status_of(Failure(file.error)) if ready & CONNECT_ERROR else Status.SUCCESS
            found += _ENTRY.pack(AfdPollEntry(handle, ready, status))
    return _HEAD.pack(AfdPoll(timeout, len(found) // _ENTRY.size, 0)) + found if found else None


def _polled(request: Request, timeout: int, asked: _Asked, end: Event | None) -> Blocks[int]:
    machine = request.thread.process.machine
    deadline = _deadline(machine, timeout)
    while True:
        objects = tuple(each for _, file, flags in asked for each in file.waits(flags))
        index = yield Wait(objects if end is None else (*objects, end), deadline)
        if end is not None and end.is_set:
            return request.answer(_HEAD.pack(AfdPoll(timeout, 0, 0)))
        if (answer := _answer(timeout, asked)) is not None:
            return request.answer(answer)
        if index == TIMED_OUT:
            return request.answer(_HEAD.pack(AfdPoll(timeout, 0, 0)), Status.TIMEOUT)
        yield Wait((), machine.scheduler.clock() + _PAUSE)


_PAUSE: Final = 0.001
"""For this long a poll rests whose sockets have changed in something that nobody asked for."""


def _deadline(machine: MachineState, timeout: int) -> float | None:
    """A negative time is from now on, a positive one a date."""
    if timeout == _FOREVER:
        return None
    left = -timeout if timeout < 0 else max(timeout - system_time(machine), 0)
    return machine.scheduler.clock() + left / _SECOND


# ---- events


class Selection:
    """What a socket tells by an event: each thing once, until whoever uses the socket makes it worth telling again."""

    def __init__(self, file: AfdFile, event: EventObject, mask: int, scheduler: Scheduler) -> None:
        self.file, self.event, self.mask, self.scheduler = file, event, mask, scheduler
        event.reference()
        self.told = self.unseen = 0
        """What has been told and not been rearmed; and of it, what nobody has asked for yet."""
        self.statuses = [0] * _STATUSES
        self._rearmed = Event(manual=False)
        self._ended = False
        self._parking: Parking = scheduler.spawn(self._watch())

    def of(self, file: AfdFile) -> Selection:
        """The same for another socket, which begins with nothing told: an accepted one has what the listening one has."""
        return Selection(file, self.event, self.mask, self.scheduler)

    def end(self) -> None:
        """Tell no more."""
        self._ended = True  # whoever was woken already cannot be interrupted
        self.scheduler.interrupt(self._parking)
        self.event.release()

    def rearm(self, flags: int) -> None:
        if self.told & flags:
            self.told &= ~flags
            self._rearmed.set()

    def _watch(self) -> Blocks[None]:
        try:
            while not self._ended:
                if news := self.file.flags() & self.mask & ~self.told:
                    self._tell(news)
                left = self.mask & ~self.told
                yield Wait((*self.file.waits(left), self._rearmed) if left else (self._rearmed,))
                if not self.file.flags() & self.mask & ~self.told:
                    yield Wait((self._rearmed,), self.scheduler.clock() + _PAUSE)
        except Interrupted:
            return

    def _tell(self, news: int) -> None:
        self.told |= news
        self.unseen |= news
        if news & CONNECT_ERROR:
            self.statuses[_CONNECT_ERROR_BIT] = status_of(Failure(self.file.error))
        if news & (HANGUP | RESET):
            self.statuses[RESET.bit_length() - 1] = Status.CONNECTION_RESET if news & RESET else 0
        self.event.event.set()

    def take(self) -> bytes:
        """What was told since somebody asked last."""
        data = _EVENTS.pack(AfdEvents(self.unseen, tuple(self.statuses)))
        self.unseen, self.statuses = 0, [0] * _STATUSES
        return data


def select_events(request: Request) -> int:
    """Have an event set whenever there is news of some kinds; no kinds or no event end that."""
    handle, mask = _SELECT.unpack(request.need(_SELECT.size))
    file = request.file
    event = object_of(request.thread, handle, EventObject, StateAccess.MODIFY_STATE) if handle else None
    file.made  # noqa: B018 - INVALID_PARAMETER for what is no socket yet
    if file.selection is not None:
        file.selection.end()
        file.selection = None
    file.nonblocking = True
    if event is not None and mask:
        file.selection = Selection(file, event, mask, request.thread.process.machine.scheduler)
    return request.completion.end(Status.SUCCESS, 0)


def take_events(request: Request) -> int:
    """What was told since the last question. An event may be named where data would be, which is reset."""
    if request.input and not request.data:
        object_of(request.thread, request.input, EventObject, StateAccess.MODIFY_STATE).event.reset()
    selection = request.file.selection
    if request.room < _EVENTS.size:
        raise Failure(Status.INVALID_PARAMETER)
    data = selection.take() if selection is not None else bytes(_EVENTS.size)
    return request.answer(data)
