"""The registry that a new machine begins with: what Wine's first start would enter, made once when a userland is brought.

It is a registry's file like any machine's, beside the userland that it is of, and is copied when a machine is made.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from lichen.cli import registration, setupfile
from lichen.executive.registry import Registry
from lichen.executive.status import Failure
from lichen.subsystems.nt import pe
from lichen.subsystems.nt.shared_data import file_time
from lichen.subsystems.nt.userland import Userland

log = logging.getLogger("lichen.seed")
_MARK: Final = "WINE_REGISTRY".encode("utf-16-le")
_VARIABLES: Final = {"SYSTEMROOT": "C:\\windows"}


def make(found: Userland, target: Path, look: Callable[[str], None]) -> None:
    """Write the registry of a userland to `target`, which it gets when it is whole."""
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    _remove(unfinished)
    try:
        registry = Registry(unfinished, lambda: file_time(time.time_ns()), lambda seconds, action: None)
        try:
            _fill(registry, found, look)
        finally:
            registry.close()
        unfinished.replace(target)
    finally:
        _remove(unfinished)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def _fill(registry: Registry, found: Userland, look: Callable[[str], None]) -> None:
    setup = found.nls.parent / "wine.inf"
    if setup.is_file():
        for entry in setupfile.try_entries(setup.read_text(errors="replace")):
            _enter(registry, entry)
    for path in sorted(found.system.iterdir()):
        data = path.read_bytes()
        if _MARK in data:
            look("registering " + path.name)
            _register(registry, path.name, data)


def _register(registry: Registry, name: str, data: bytes) -> None:
    """Enter what one file has to say; one that cannot be understood is left out."""
    variables = {**_VARIABLES, "MODULE": f"C:\\windows\\system32\\{name}"}
    try:
        for script in registration.scripts_of(pe.parse(data)):
            for entry in registration.entries(script, variables):
                _enter(registry, entry)
    except (registration.ScriptError, ValueError, Failure) as error:
        log.warning("%s cannot be registered: %s", name, error)


def _enter(registry: Registry, entry: registration.RegistryEntry) -> None:
    key = registry.make(*entry.path)
    if entry.data is not None:
        registry.set_value(key, entry.name, entry.type, entry.data)
