"""The devices of the network: AFD for sockets, NSI for the rest. What opens them is imported at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lichen.executive.objects.namespace import Directory, SymbolicLink
from lichen.subsystems.nt.devices import Device

if TYPE_CHECKING:
    from lichen.executive.io.file import File
    from lichen.executive.io.opening import Open
    from lichen.executive.processes import Process


def install(root: Directory) -> None:
    """Put the devices into the namespace."""
    devices = root.make("Device")
    devices.insert("Afd", Device(_open_afd))
    devices.insert("Nsi", Device(_open_nsi))
    root.make("??").insert("Nsi", SymbolicLink(("Device", "Nsi")))


def _open_afd(process: Process, rest: tuple[str, ...], open: Open) -> File:
    from lichen.subsystems.nt.sockets import requests

    return requests.open_device(process, rest, open)


def _open_nsi(process: Process, rest: tuple[str, ...], open: Open) -> File:
    from lichen.subsystems.nt.network import device

    return device.open_device(process, rest, open)
