"""What a machine's kernel leaves on the disk of its life, so that one can tell afterwards how it ended.

The facts of `places` are written at boot, with the host's boot id, and get a line at a clean end. Where that is missing and
nobody holds the lock, the kernel was killed or the host went down. When that was, a client that saw it notes; else one only
knows when the machine last wrote something.
"""

from __future__ import annotations

import os
import time
from typing import Final, NamedTuple

from lichen.daemon import places

_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
_PATIENCE: Final = 1.0
_PAUSE: Final = 0.01
"""Seconds until the host has let go of the lock of a kernel whose connection it has closed."""


class Crash(NamedTuple):
    """An end that was none of the clean ones."""

    when: float
    is_exact: bool
    """Whether it was seen; else it was some time later."""
    reason: str

    def __str__(self) -> str:
        moment = time.localtime(self.when)
        today = moment[:3] == time.localtime()[:3]
        shown = time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", moment)
        return f"crashed {'' if self.is_exact else 'after '}{shown} ({self.reason})"


def host_boot_id() -> str:
    """What tells one run of the host from another; nothing where the host does not say."""
    try:
        with open(_BOOT_ID) as file:
            return file.read().strip()
    except OSError:
        return ""


def booted(folder: str, facts: dict[str, object]) -> None:
    """A kernel begins, which these facts are about."""
    places.write_facts(folder, {**facts, "boot": host_boot_id() or "unknown", "booted": int(time.time())})


def ended(folder: str, how: str) -> None:
    """It ends, with nothing left undone."""
    _append(folder, f"ended {int(time.time())}\nhow {how}\n")


def failed(folder: str) -> None:
    """It ends because of an error of its own, which its log tells."""
    _append(folder, f"failed {int(time.time())}\n")


def seen_dead(folder: str) -> None:
    """A client has lost its kernel just now: note the time, if that was its end and nobody has noted one yet."""
    deadline = time.monotonic() + _PATIENCE
    while places.is_running(folder):
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE)
    if not {"ended", "failed", "died"} & places.facts(folder).keys():
        _append(folder, f"died {int(time.time())}\n")


def _append(folder: str, lines: str) -> None:
    try:
        descriptor = os.open(os.path.join(folder, "running"), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.write(descriptor, lines.encode())
    finally:
        os.close(descriptor)


def crash(folder: str) -> Crash | None:
    """How a machine that does not run has crashed; None when its last end was a clean one, or it has had none."""
    facts = places.facts(folder)
    if "boot" not in facts or "ended" in facts:
        return None
    if "failed" in facts:
        return Crash(_seconds(facts["failed"]), True, "an error in its kernel; its log tells more")
    reason = "its kernel was killed"
    if facts["boot"] != host_boot_id():
        reason = "the host went down"
    if "died" in facts:
        return Crash(_seconds(facts["died"]), True, reason)
    return Crash(max(_seconds(facts.get("booted", "")), _last_written(folder)), False, reason)


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0


def _last_written(folder: str) -> float:
    times = [0.0]
    for name in ("log", "running"):
        try:
            times.append(os.stat(os.path.join(folder, name)).st_mtime)
        except FileNotFoundError:
            continue
    return max(times)
