"""Processes that serve the others, and how they learn that nobody is left to be served (Wine's services.exe and its like).

Such a process asks to be one and is given an event, which is set when the last Windows program that is none has ended.

Source: NtSetInformationProcess with Wine's class 1000.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lichen.executive.objects.dispatcher import EventObject

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process


class SystemProcesses:
    """Those of one machine; `state_of` is None for a process that is no Windows program."""

    def __init__(self, machine: MachineState, state_of: Callable[[Process], object]) -> None:
        self._machine, self._state_of = machine, state_of
        self._serving: set[Process] = set()
        self._alone: EventObject | None = None

    def add(self, process: Process) -> EventObject:
        """Make a process one of them: a reference to the event."""
        self._serving.add(process)
        if self._alone is None:
            self._alone = EventObject(manual=True, is_set=False)
        event = self._alone.reference()
        self._tell()
        return event

    def ended(self, process: Process) -> None:
        """A Windows program has ended."""
        self._serving.discard(process)
        if self._alone is not None:
            self._tell()

    def _tell(self) -> None:
        """Whoever serves when new programs have come gets another event: this one stays set."""
        for process in self._machine.processes.values():
            if self._state_of(process) is not None and not process.is_zombie and process not in self._serving:
                return
        event, self._alone = self._alone, None
        if event is not None:
            event.event.set()
            event.release()
