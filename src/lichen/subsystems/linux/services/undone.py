"""What a unit file asks for in vain: told once for the unit, what it was to be protected by first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lichen.subsystems.linux.services.unitfile import UnitFile

_MOST_TOLD: Final = 50
_PROTECTIONS: Final = (
    *("Protect", "Private", "Restrict", "SystemCall", "Capability", "Ambient", "ReadOnly", "ReadWrite"),
    *(
        "Inaccessible",
        "NoExec",
        "Exec",
        "Bind",
        "Temporary",
        "Root",
        "Mount",
        "IPAddress",
        "Lock",
        "MemoryDeny",
    ),
    *(
        "DeviceAllow",
        "DevicePolicy",
        "KeyringMode",
        "SecureBits",
        "AppArmor",
        "SELinux",
        "Smack",
        "RemoveIPC",
    ),
    *("DynamicUser", "UMask", "SocketBind", "NetworkNamespace", "LoadCredential", "SetCredential", "PAMName"),
)


def warnings(file: UnitFile, done: Mapping[str, frozenset[str]]) -> list[str]:
    """What to tell of the directives that are not among those which are carried out, by section."""
    protections: list[str] = []
    others: list[str] = []
    for section, name in file.assignments:
        if section not in done or name in done[section] or name.startswith(("X-", "Condition", "Assert")):
            continue
        if file.last(section, name):
            protects = section == "Service" and name.startswith(_PROTECTIONS)
            (protections if protects else others).append(f"{name}=")
    found = []
    if protections:
        found.append(f"not carried out, so that the service runs unprotected by: {_listed(protections)}")
    if others:
        found.append(f"not carried out: {_listed(others)}")
    return found


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _MOST_TOLD} more" if len(found) > _MOST_TOLD else ""
    return " ".join(found[:_MOST_TOLD]) + more
