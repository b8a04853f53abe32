"""Processes that serve the others, and how they learn that nobody is left to be served (Wine's services.exe and its like).

Such a process asks to be one and is given an event, which is set when the last Windows program that is none has ended.

Source: NtSetInformationProcess with Wine's class 1000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.objects.dispatcher import EventObject

if TYPE_CHECKING:
    from lichen.executive.machine import MachineState
    from lichen.executive.processes import Process


class SystemProcesses:
    """Those of one machine."""

    def __init__(self, machine: MachineState) -> None:
        self._machine = machine
        self._serving: set[Process] = set()
        self._alone: EventObject | None = None

    def add(self, process: Process) -> EventObject:
        """Make a process one of them: a reference to the event."""
        self._serving.add(process)
        if self._alone is None:
            self._alone = EventObject(manual=True, is_set=False)
        event = self._alone.reference()
        self._tell(process.subsystem)
        return event

    def ended(self, process: Process) -> None:
        """A Windows program has ended."""
        self._serving.discard(process)
        if self._alone is not None:
            self._tell(process.subsystem)

    def _tell(self, subsystem: object) -> None:
        """Whoever serves when new programs have come gets another event: this one stays set."""
        for process in self._machine.processes.values():
            if process.subsystem is subsystem and not process.is_zombie and process not in self._serving:
                return
        event, self._alone = self._alone, None
        if event is not None:
            event.event.set()
            event.release()
