"""Network interfaces as subjects of folders: /sys/class/net and /proc/sys/net have one for each that there is now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lichen.executive.io.generated import GeneratedEntry, Members, Subject
from lichen.executive.network.configuration import Interface
from lichen.subsystems.linux.procfs.subjects import Whole


@dataclass(frozen=True, slots=True)
class InterfaceFolder(Subject):
    """What there is to know of a network interface."""

    machine: Whole
    name: str

    def exists(self) -> bool:
        return self.name in interfaces(self.machine)


def interfaces(machine: Whole) -> dict[str, Interface]:
    """All interfaces of the machine by their names."""
    configuration = machine.state.processes.init.files.devices.families.configuration
    return {} if configuration is None else {each.name: each for each in configuration.interfaces()}


def members_by_interface(
    entry: GeneratedEntry[InterfaceFolder], besides: Collection[str] = ()
) -> Members[Whole]:
    """One entry for each interface, but for those that there is another one for."""

    def names(machine: Whole) -> list[str]:
        return sorted(set(interfaces(machine)).difference(besides))

    def find(machine: Whole, name: str) -> Subject | None:
        return InterfaceFolder(machine, name) if name in names(machine) else None

    return Members(names, find, entry)
