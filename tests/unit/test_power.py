"""What is asked of a machine: the first request counts until it is done, and one that is scheduled can be taken back."""

from __future__ import annotations

from typing import Any

import pytest

from lichen.executive.power import Power, PowerAction
from lichen.executive.wait import Wait
from tests.unit.kernel import Kernel


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def power(kernel: Kernel) -> Power:
    return Power(kernel.scheduler)


def owner(power: Power) -> Any:
    """Whoever winds a machine down."""
    yield Wait((power.changed,))
    assert power.requested is not None
    return power.requested


def test_whoever_waits_hears_of_a_request(kernel: Kernel, power: Power) -> None:
    waiting = kernel.start(owner(power))
    kernel.settle()
    assert not waiting.ended
    assert power.request(PowerAction.RESTART, "somebody")
    kernel.settle()
    assert waiting.result is PowerAction.RESTART
    assert (power.requested_by, power.at_once) == ("somebody", False)


def test_the_first_request_counts(power: Power) -> None:
    assert power.request(PowerAction.HALT, "first")
    assert not power.request(PowerAction.RESTART, "second")
    assert (power.requested, power.requested_by) == (PowerAction.HALT, "first")


def test_a_machine_that_ends_hears_only_of_what_is_more_urgent(power: Power) -> None:
    power.request(PowerAction.RESTART, "first")
    power.done()
    assert (power.requested, power.is_ending) == (None, True)
    assert not power.request(PowerAction.POWER_OFF, "second")
    assert not power.schedule(PowerAction.POWER_OFF, "second", 5)
    assert power.request(PowerAction.POWER_OFF, "third", at_once=True)
    power.done()
    assert not power.request(PowerAction.RESTART, "fourth", at_once=True)


def test_what_is_to_happen_at_once_does_not_wait_for_the_rest(power: Power) -> None:
    power.request(PowerAction.RESTART, "first")
    assert power.request(PowerAction.POWER_OFF, "second", at_once=True)
    assert not power.request(PowerAction.HALT, "third", at_once=True)
    assert (power.requested, power.requested_by, power.at_once) == (PowerAction.POWER_OFF, "second", True)


def test_what_is_scheduled_is_requested_when_its_time_comes(kernel: Kernel, power: Power) -> None:
    assert power.schedule(PowerAction.POWER_OFF, "somebody", 30)
    assert power.is_scheduled
    assert power.requested is None
    assert kernel.wait(kernel.start(owner(power))) is PowerAction.POWER_OFF
    assert (kernel.now, power.is_scheduled) == (1030.0, False)


def test_what_is_scheduled_can_be_taken_back(kernel: Kernel, power: Power) -> None:
    power.schedule(PowerAction.POWER_OFF, "somebody", 30)
    assert not power.schedule(PowerAction.RESTART, "another", 10)
    assert power.cancel()
    assert not power.cancel()
    assert power.schedule(PowerAction.RESTART, "another", 40)
    assert kernel.wait(kernel.start(owner(power))) is PowerAction.RESTART
    assert kernel.now == 1040.0


def test_a_request_takes_the_place_of_what_is_scheduled(power: Power) -> None:
    power.schedule(PowerAction.RESTART, "somebody", 30)
    power.request(PowerAction.POWER_OFF, "another")
    assert not power.cancel()
    assert not power.schedule(PowerAction.RESTART, "somebody", 30)
    assert power.requested is PowerAction.POWER_OFF
