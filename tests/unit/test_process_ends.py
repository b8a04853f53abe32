"""The end of a process is told to everybody, whatever its subsystem makes of it."""

from __future__ import annotations

import pytest

from lichen.executive.processes import ExitStatus, Process
from lichen.executive.status import Failure, Status
from tests.unit.subsystems.linux.machine import Machine


def test_a_subsystem_that_fails_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    parent = machine.process()
    child = machine.process(parent=parent)
    grandchild = machine.process(parent=child)

    def fail(process: Process) -> None:
        raise Failure(Status.INVALID_HANDLE)

    monkeypatch.setattr(machine.linux, "process_ended", fail)
    with pytest.raises(Failure):
        child.terminate(ExitStatus(3))
    assert child.ended.is_set
    assert grandchild.parent is machine.state.processes.init
    assert parent.children_changed.generation == 1
