"""What Lichen needs of the host, and whether it is there: for `lichen status`."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from typing import Final

from lichen.daemon.diagnosis import NEEDED, host_version

_NEW_USER: Final = 0x10000000
_NEW_NAMESPACES: Final = 0x00020000 | 0x20000000 | 0x40000000
"""mount, pid, net"""
Finding = tuple[str, str]


def findings() -> list[Finding]:
    """(title, text) of everything that is checked."""
    return [
        _host(),
        _tracing(),
        _namespaces(),
        _way_out(),
        _extension(),
        _linux_userland(),
        _windows_userland(),
        _own_programs(),
    ]


def _host() -> Finding:
    release = os.uname().release
    wanted = ".".join(map(str, NEEDED))
    fine = "is new enough" if host_version(release) >= NEEDED else f"is too old: {wanted} or newer is needed"
    return "host", f"Linux {release} {fine}"


def _tracing() -> Finding:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as file:
            scope = file.read().strip()
    except OSError:
        scope = "0"
    if scope in ("2", "3") and os.geteuid() != 0:
        return "tracing", f"not permitted (kernel.yama.ptrace_scope is {scope}, 1 or less is needed)"
    return "tracing", "permitted"


def _namespaces() -> Finding:
    """Try in a child whether guests would get namespaces of their own."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        allowed = libc.unshare(_NEW_NAMESPACES) == 0 or libc.unshare(_NEW_USER | _NEW_NAMESPACES) == 0
        os._exit(0 if allowed else 1)
    _, status = os.waitpid(child, 0)
    if status == 0:
        return "namespaces", "permitted"
    return "namespaces", "not permitted; guests are kept in by system call filters alone"


def _way_out() -> Finding:
    """What could lead out of a machine's own network."""
    from lichen.platforms.network import wayout

    found = wayout.find()
    obstacle = wayout.obstacle(found)
    if obstacle or found is None:
        return "way out", f"none, so machines are on the host's network by default: {obstacle}"
    return "way out", f"{found.path}, of a network of a machine's own"


def _extension() -> Finding:
    if os.environ.get("LICHEN_PURE_PYTHON"):
        return "C extension", "switched off by LICHEN_PURE_PYTHON"
    if importlib.util.find_spec("lichen.platforms._native"):
        return "C extension", "built"
    return "C extension", "not built (a C compiler and Python.h make calls faster)"


def _linux_userland() -> Finding:
    return "Linux userland", "the host's own root"


def _windows_userland() -> Finding:
    from pathlib import Path

    from lichen.boot.drives import find_userland
    from lichen.daemon import places

    found = find_userland(Path(places.home()))
    if found is None:
        return "Windows userland", "not found (`lichen windows` fetches it, or install libwine)"
    return "Windows userland", str(found.system)


def _own_programs() -> Finding:
    from lichen.boot.drives import OWN_PROGRAMS

    built = sum(1 for _ in OWN_PROGRAMS.glob("*.exe"))
    if not built:
        return (
            "Windows programs",
            "none of Lichen's own (`make userland` builds them, with gcc-mingw-w64-x86-64)",
        )
    return "Windows programs", f"{built} of Lichen's own"
