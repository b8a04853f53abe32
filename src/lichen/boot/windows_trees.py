"""Windows' two trees, which a machine has whether or not a Windows program runs: the registry and the object namespace.

Apart from `machine`, as they are much to import, and are made when somebody first asks for them.
"""

from __future__ import annotations

import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lichen.executive.io.lookup import find
from lichen.executive.objects.namespace import Directory
from lichen.executive.registry import Registry
from lichen.executive.status import Failure
from lichen.subsystems.nt import mount_manager, network_devices, registry_seeds, time_zone
from lichen.subsystems.nt.console import files as console_files
from lichen.subsystems.nt.devices import fill_namespace
from lichen.subsystems.nt.named_pipes import NamedPipes
from lichen.subsystems.nt.shared_data import system_time
from lichen.subsystems.nt.sids import sid_text, user_sid

if TYPE_CHECKING:
    from lichen.executive.io.context import FileSystemContext
    from lichen.executive.io.location import Location
    from lichen.executive.machine import MachineState
    from lichen.filesystems.disk import Disk

log = logging.getLogger("lichen.windows")


def make_namespace(context: FileSystemContext, drives: dict[str, Location]) -> Directory:
    """The object namespace, with the devices that every machine has."""
    root = Directory()
    fill_namespace(root, drives, find(context, context.root, ("dev", "null")))
    root.make("Device").insert("NamedPipe", NamedPipes())
    console_files.install(root)
    mount_manager.install(root, tuple(drives))
    network_devices.install(root)
    return root


def open_registry(
    path: Path, seed: Path | None, machine: MachineState, context: FileSystemContext, disk: Disk
) -> Registry:
    """The registry that is kept at `path`; a new one begins as `seed`, where there is one; else it is made small."""
    scheduler, system = machine.scheduler, machine.system
    is_new = not path.exists()
    if is_new and seed is not None and seed.is_file():
        _copy(seed, path)
    registry = Registry(
        path,
        lambda: system_time(machine),
        lambda seconds, action: scheduler.at(scheduler.clock() + seconds, action),
        context.devices.worker,
    )
    registry.require_room = disk.require
    if is_new or registry.is_empty:
        user = sid_text(user_sid(context.token))
        registry_seeds.give_user(registry, user)
        registry_seeds.seed(registry, user, "root")
    registry_seeds.renew(registry)
    registry_seeds.tell_name(registry, system.host_name)
    registry_seeds.tell_time_zone(registry, time_zone.zone_of(context, None), system.host.now() // 10**9)
    registry_seeds.tell_processors(registry, system)
    system.when_renamed.append(lambda name: _renamed(registry, name))
    return registry


def _renamed(registry: Registry, name: str) -> None:
    with suppress(Failure):  # it is full
        registry_seeds.tell_name(registry, name)


def _copy(seed: Path, path: Path) -> None:
    unfinished = path.with_name(path.name + ".new")
    try:
        shutil.copyfile(seed, unfinished)
        unfinished.replace(path)
    except OSError as error:
        log.warning("the registry cannot be copied from %s: %s", seed, error)
        unfinished.unlink(missing_ok=True)
