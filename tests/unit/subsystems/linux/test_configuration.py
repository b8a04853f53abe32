"""The kernel's configuration as /proc shows it, and masks of processors as /sys does."""

from __future__ import annotations

import gzip

from lichen.abi.convention import AMD64
from lichen.platforms.thishost import ThisHost
from lichen.subsystems.linux.numbers import AMD64_NUMBERS
from lichen.subsystems.linux.procfs import configuration
from lichen.subsystems.linux.procfs.hardware import mask, parsed
from lichen.subsystems.linux.procfs.subjects import Whole
from lichen.subsystems.linux.subsystem import declare_calls
from tests.unit.subsystems.linux.machine import Machine


def test_says_what_the_calls_say() -> None:
    table = declare_calls().table(AMD64)
    options = configuration.options(ThisHost())
    by_call = configuration._BY_CALL
    assert {name: AMD64_NUMBERS[call] in table for name, call in by_call.items()} == {
        name: options[name] for name in by_call
    }
    assert options["EPOLL"]
    assert not options["IO_URING"]


def test_has_the_form_of_one() -> None:
    lines = gzip.decompress(configuration.compressed(Whole(Machine().state))).decode().splitlines()
    assert "CONFIG_UNIX=y" in lines
    assert "# CONFIG_MODULES is not set" in lines
    assert 'CONFIG_LOCALVERSION="-lichen"' in lines
    assert len(lines) == len(set(lines)) + 1  # two lines of the head are alike


def test_masks_and_lists() -> None:
    assert mask((0, 1), range(2)) == "3"
    assert mask((0, 33), range(40)) == "2,00000001"
    assert parsed(b"0-2,5\n") == {0, 1, 2, 5}
    assert parsed(b"") == set()
