"""What `lichen status` tells of a machine."""

from __future__ import annotations

from lichen.cli import inspect
from lichen.daemon.description import MachineFacts


def test_a_kernel_of_an_older_lichen_tells_less() -> None:
    told: MachineFacts = {
        "name": "old",
        "version": "0.0",
        "pid": 7,
        "processor": 0,
        "uptime": 61.0,
        "sessions": 1,
        "processes": 2,
        "namespaces": "yes",
        "extension": False,
        "errors": 0,
        "missing": {},
    }
    lines = dict(inspect._machine_lines(told))
    assert lines["sessions"] == "1"
    assert not {"network", "published", "kept running by"} & set(lines)
