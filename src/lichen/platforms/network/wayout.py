"""The program that leads out of a network namespace: pasta, or slirp4netns, whichever the host has.

It sits between a device in the namespace and sockets of its user's on the host, so that it needs no privilege there. It is
told to forward nothing by itself and to let nobody reach the host's loopback, neither as such nor by the gateway's address.

Source: pasta(1), slirp4netns(1).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

_TUNNELS: Final = "/dev/net/tun"
_USUAL: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin"
_PASTA: Final = (
    *("--foreground", "--quiet", "--config-net", "--no-map-gw"),
    *("--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none"),
)
_SLIRP: Final = ("--configure", "--disable-host-loopback", "--mtu=65520")
_DEVICE: Final = "tap0"


@dataclass(frozen=True)
class WayOut:
    """A program of the host that leads out."""

    name: str
    path: str

    def command(self, process: int, joins_user: bool) -> list[str]:
        """How it is started for the namespace of a process, in whose user namespace it is to be unless that is ours."""
        if self.name == "pasta":
            stay = (
                ["--runas", "0:0"] if os.geteuid() == 0 else []
            )  # else root becomes nobody, who may not join
            join = [] if joins_user else ["--netns-only"]
            return [self.path, *_PASTA, *stay, *join, str(process)]
        namespaces = f"/proc/{process}/ns"
        join = [f"--userns-path={namespaces}/user"] if joins_user else []
        return [self.path, *_SLIRP, *join, "--netns-type=path", f"{namespaces}/net", _DEVICE]


def find(path: str | None = None) -> WayOut | None:
    """The program that is installed, on the PATH or where it usually is."""
    folders = (os.environ.get("PATH", "") if path is None else path).split(":")
    folders += _USUAL.split(":") if path is None else []
    for name in ("pasta", "slirp4netns"):
        for folder in folders:
            program = os.path.join(folder, name)
            if folder and os.access(program, os.X_OK) and os.path.isfile(program):
                return WayOut(name, program)
    return None


def obstacle(found: WayOut | None) -> str:
    """Why there would be no way out, in words; nothing when there is."""
    if found is None:
        return "neither pasta nor slirp4netns is installed"
    if not os.access(_TUNNELS, os.R_OK | os.W_OK, effective_ids=True):
        return f"{_TUNNELS}, which {found.name} needs, cannot be opened"
    return ""
