"""Functions that are called back when the network changes, without guests: what is told, how often, and what is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from lichen.executive.network.configuration import InterfaceAddress
from lichen.subsystems.nt import threads
from lichen.subsystems.nt.network import notifications
from lichen.subsystems.nt.network.notifications import CANCEL_CODE, CODES, WAIT_CODE
from tests.unit.subsystems.nt.nsi import BASE, DEFAULT, HERE_6, Machine

ARGUMENTS, HANDLE, WAITING = BASE, BASE + 64, BASE + 128
LOOP = 0x7000
FUNCTION, CONTEXT = 0x1234, 0x5678
MORE = InterfaceAddress(2, bytes((10, 0, 0, 3)), 24, 0, "eth0")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """One whose threads are only counted."""
    machine = Machine()
    monkeypatch.setattr(threads, "create", lambda *given: machine.started.append(given[1:3]))
    return machine


def ask(machine: Machine, code: int, *arguments: int) -> Any:
    machine.memory.write(ARGUMENTS, struct.pack(f"<{len(arguments)}Q", *arguments))
    return notifications.answer(machine.running, code, ARGUMENTS)


def register(machine: Machine, name: str, family: int = 0, first: int = 0) -> int:
    assert ask(machine, CODES[name], family, FUNCTION, CONTEXT, LOOP | first, HANDLE) == 0
    (handle,) = struct.unpack("<Q", machine.memory.read(HANDLE, 8))
    assert machine.started[-1] == (LOOP, handle)
    return int(handle)


def wait(machine: Machine, handle: int) -> Any:
    """Begin to wait as the loop does."""
    machine.memory.write(WAITING, struct.pack("<Q", handle))
    return machine.start(notifications.answer(machine.running, WAIT_CODE, WAITING))


def told(machine: Machine) -> tuple[int, bytes]:
    """What the loop is to call back with: the type, and the row, which is at its place."""
    function, context, kind, row = struct.unpack("<QQI4xQ", machine.memory.read(WAITING + 8, 32))
    assert (function, context) == (FUNCTION, CONTEXT)
    assert row in (0, WAITING + 40)
    return kind, machine.memory.read(row, 64) if row else b""


def test_what_changes_is_told_one_after_the_other(machine: Machine) -> None:
    handle = register(machine, "NotifyUnicastIpAddressChange", 2)
    waiting = wait(machine, handle)
    machine.settle()
    assert not waiting.ended
    machine.network.known += [MORE, HERE_6._replace(host=bytes(15) + b"\7")]
    machine.network.changed.notify()
    assert machine.wait(waiting) == 0
    kind, row = told(machine)
    assert (kind, row[:8]) == (1, struct.pack("<HH", 2, 0) + MORE.host)
    machine.network.known.remove(MORE)
    assert machine.wait(wait(machine, handle)) == 0
    assert told(machine)[0] == 2


def test_who_wants_is_told_at_once(machine: Machine) -> None:
    handle = register(machine, "NotifyIpInterfaceChange", 23, first=1)
    assert machine.wait(wait(machine, handle)) == 0
    assert told(machine) == (3, b"")


def test_an_interface_is_told_for_each_family(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = register(machine, "NotifyIpInterfaceChange")
    monkeypatch.setattr(machine.network, "interfaces", list)
    assert machine.wait(wait(machine, handle)) == 0
    kinds = [told(machine)[0]]
    for _ in range(3):
        assert machine.wait(wait(machine, handle)) == 0
        kinds.append(told(machine)[0])
    assert kinds == [2] * 4


def test_routes_are_told_by_what_identifies_them(machine: Machine) -> None:
    handle = register(machine, "NotifyRouteChange2", 2)
    machine.network.ways[0] = DEFAULT._replace(metric=9)
    assert machine.wait(wait(machine, handle)) == 0
    assert told(machine)[0] == 0


def test_what_is_cancelled_ends_its_loop(machine: Machine) -> None:
    handle = register(machine, "NotifyRouteChange2")
    waiting = wait(machine, handle)
    machine.settle()
    assert ask(machine, CANCEL_CODE, handle) == 0
    assert machine.wait(waiting) == 1
    assert ask(machine, CANCEL_CODE, handle) == 87
    assert machine.wait(wait(machine, handle)) == 1


def test_what_is_wrong_is_refused(machine: Machine) -> None:
    code = CODES["NotifyIpInterfaceChange"]
    for arguments in (
        (5, FUNCTION, CONTEXT, LOOP, HANDLE),
        (0, 0, CONTEXT, LOOP, HANDLE),
        (0, FUNCTION, CONTEXT, LOOP, 0),
    ):
        assert ask(machine, code, *arguments) == 87
    assert ask(machine, code, 0, FUNCTION, CONTEXT, LOOP, 0x99) == 998
    assert notifications.answer(machine.running, code, 0) == 998
    assert notifications.answer(machine.running, 1, ARGUMENTS) is None
    for _ in range(64):
        register(machine, "NotifyIpInterfaceChange")
    assert ask(machine, code, 0, FUNCTION, CONTEXT, LOOP, HANDLE) == notifications.NOT_ENOUGH_MEMORY
