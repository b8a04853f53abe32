"""Names on D-Bus, and what bodies and properties are as values."""

from __future__ import annotations

from typing import Any, Final

SYSTEMD: Final = "org.freedesktop.systemd1"
DBUS: Final = "org.freedesktop.DBus"
LOGIN: Final = "org.freedesktop.login1"
PROPERTIES: Final = f"{DBUS}.Properties"
Body = tuple[Any, ...]
Variant = tuple[str, Any]
"""A signature, and a value of it."""
Properties = dict[str, Variant]
