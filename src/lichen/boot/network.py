"""Which network a machine is on, and why: one of its own where the host has that and a way out, else the host's (029)."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.boot.refusals import LaunchError
from lichen.filesystems.sockets.network import HostNetwork, OwnNetwork
from lichen.filesystems.sockets.relay import DatagramRelay, StreamRelay, connecting
from lichen.platforms.network import wayout
from lichen.platforms.network.namespace import Namespace

if TYPE_CHECKING:
    from lichen.executive.interfaces import Platform
    from lichen.executive.scheduler import Scheduler
    from lichen.filesystems.sockets.network import Network
    from lichen.platforms.network.wayout import WayOut

log = logging.getLogger("lichen.network")

OWN: Final = "own"
HOST: Final = "host"
NONE: Final = "none"
_SETTINGS: Final = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1"),
    ("kernel.unprivileged_userns_clone", "0"),
    ("user.max_user_namespaces", "0"),
    ("user.max_net_namespaces", "0"),
)
"""What keeps users of a host from making namespaces, and the value that does."""
_RESOLVERS: Final = "/etc/resolv.conf"
_DOMAIN: Final = 53


class Plan(NamedTuple):
    """What a machine is to have: `kind` is one of the three above; `reason` is for the user."""

    kind: str
    reason: str = ""
    way_out: WayOut | None = None


def plan(wanted: str, isolation: str) -> Plan:
    """What becomes of a wish (nothing: the machine has none), on a host that gives guests the namespaces `isolation`.

    LaunchError when the wish cannot be fulfilled.
    """
    if wanted == HOST:
        return Plan(HOST, "chosen")
    refused = "" if "net" in isolation.split(",") else refusal()
    if refused and wanted:
        raise LaunchError(
            f"there can be no network of the machine's own: {refused}; --network host does without"
        )
    if wanted == NONE:
        return Plan(NONE)
    found = wayout.find()
    obstacle = wayout.obstacle(found)
    if wanted == OWN:
        return Plan(OWN, obstacle, None if obstacle else found)
    if refused:
        return Plan(HOST, refused)
    if obstacle:
        return Plan(HOST, f"{obstacle}; --network own gives loopback only")
    return Plan(OWN, "", found)


def refusal(read: Callable[[str], str] | None = None) -> str:
    """Why the host makes no namespaces for us."""
    for name, value in _SETTINGS:
        if (read or _setting)(name) == value:
            return f"user namespaces are refused here: {name}={value}"
    return "the host makes no network namespaces for this user"


def _setting(name: str) -> str:
    try:
        with open("/proc/sys/" + name.replace(".", "/", 1)) as file:
            return file.read().strip()
    except OSError:
        return ""


class MachineNetwork:
    """The network of one machine: where its sockets are made, and what is told of it."""

    def __init__(
        self, wanted: str, platform: Platform, scheduler: Scheduler, processors: Iterable[int]
    ) -> None:
        self.platform, self.scheduler = platform, scheduler
        self.plan = plan(wanted, platform.isolation)
        self.namespace: Namespace | None = None
        self.left: Callable[[], None] = lambda: None
        """Called when the machine goes to the host's network after all."""
        self._relays: list[StreamRelay | DatagramRelay] = []
        self.sockets: Network = HostNetwork()
        if self.plan.kind != HOST:
            self.namespace = Namespace(platform, processors, self.plan.way_out)
            own = OwnNetwork(self.namespace, scheduler, is_choice=bool(wanted))
            own.left, own.settled = self._leave, self._settle
            self.sockets = own

    def _leave(self, reason: str) -> None:
        log.warning("the machine is on the host's network: %s", reason)
        self.plan, self.namespace = Plan(HOST, reason), None
        self.left()

    def describe(self) -> str:
        """Which network it is, and why, in words."""
        kind, reason, way_out = self.plan
        if kind == NONE:
            return "none: a network of its own with nothing but the loopback"
        if kind == HOST:
            return f"host ({reason})"
        namespace = self.namespace
        assert namespace is not None
        if namespace.failure:
            return f"own, and there is none: {namespace.failure}"
        if way_out is None:
            return f"own, loopback only ({reason})"
        if namespace.out:
            return f"own, out by {way_out.name}"
        if namespace.out_failure:
            return f"own, and no way out now ({namespace.out_failure})"
        return f"own, out by {way_out.name} (made at first use)"

    def close(self) -> None:
        for relay in self._relays:
            relay.close()
        self._relays.clear()
        if self.namespace is not None:
            self.namespace.close()

    # ---- names of hosts

    def _settle(self) -> None:
        """Let the machine ask the resolvers that the host itself is, where it could not reach them."""
        if self.namespace is not None and self.namespace.out:
            for address in resolvers():
                try:
                    self._relay_resolver(address)
                except OSError as error:
                    log.warning("the resolver %s cannot be asked by the machine: %s", address, error.strerror)

    def _relay_resolver(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        place = address, _DOMAIN
        with self.sockets.socket(family, socket.SOCK_DGRAM, 0) as near:
            near.bind(place)
            target = connecting(lambda: socket.socket(family, socket.SOCK_DGRAM), place)
            self._relays.append(DatagramRelay(self.platform, self.scheduler, near.dup(), target))
        with self.sockets.socket(family, socket.SOCK_STREAM, 0) as listener:
            listener.bind(place)
            listener.listen()
            target = connecting(lambda: socket.socket(family, socket.SOCK_STREAM), place)
            self._relays.append(StreamRelay(self.platform, listener.dup(), [target]))


def resolvers(path: str = _RESOLVERS) -> list[str]:
    """The resolvers of the host that are the host itself, which a machine does not reach."""
    found = []
    with suppress(OSError), open(path) as file:
        for line in file:
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                with suppress(ValueError):
                    address = ipaddress.ip_address(words[1])
                    if address.is_loopback or _is_of_host(words[1]):
                        found.append(words[1])
    return found


def _is_of_host(address: str) -> bool:
    """Whether an address is one of the host's own, which are the machine's too when pasta leads out."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True
