"""What a machine keeps for all its processes is there from boot, or is made by whoever asks first."""

from __future__ import annotations

from typing import Any

import pytest

from lichen.executive.machine import MachineState
from lichen.executive.objects.namespace import Directory
from lichen.executive.processes import INIT
from lichen.executive.registry import Registry
from lichen.executive.status import Failure, Status
from lichen.filesystems.memory_files import MemoryFileSystem
from tests.unit.kernel import Kernel

Calls = list[str]


def machine(calls: Calls, registry: Any) -> MachineState:
    kernel = Kernel()

    def namespace() -> Directory:
        calls.append("namespace")
        return Directory()

    files = MemoryFileSystem(1, kernel.devices)
    subsystem: Any = None
    return MachineState(
        kernel.scheduler, subsystem, kernel.context, [], [], files, registry, namespace, kernel.system
    )


def test_init_is_there_with_its_session() -> None:
    state = machine([], None)
    init = state.processes.init
    assert dict(state.processes) == {INIT: init}
    assert init.session.leader is init
    assert (state.processes.sessions[INIT], state.processes.groups[INIT]) == (init.session, init.group)
    assert (init.group.members, init.session.groups) == ({INIT: init}, {INIT: init.group})


def test_the_trees_are_made_once_and_by_who_asks() -> None:
    calls: Calls = []

    def registry() -> Registry:
        calls.append("registry")
        return Registry(None, lambda: 0, lambda seconds, action: None)

    state = machine(calls, registry)
    state.close()
    assert calls == []
    assert state.registry is state.registry
    assert state.namespace is state.namespace
    assert calls == ["registry", "namespace"]
    state.close()


def test_a_registry_that_cannot_be_opened_is_tried_again() -> None:
    calls: Calls = []

    def registry() -> Registry:
        calls.append("registry")
        raise Failure(Status.DISK_FULL)

    state = machine(calls, registry)
    for _ in range(2):
        with pytest.raises(Failure) as raised:
            _ = state.registry
        assert raised.value.status == Status.DISK_FULL
    assert calls == ["registry", "registry"]


def test_a_users_share_of_watches_lasts_as_long_as_somebody_holds_it() -> None:
    state = machine([], None)
    share = state.watch_share(1000)
    share.watches = 5
    assert state.watch_share(1000) is share
    assert state.watch_share(1001).watches == 0
    del share
    assert state.watch_share(1000).watches == 0


def test_unique_ids_are_unique() -> None:
    state = machine([], None)
    assert [next(state.unique_ids) for _ in range(2)] == [0x3E9, 0x3EA]
