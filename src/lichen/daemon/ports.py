"""Ports of the host that lead into a machine (`--publish`): how they are written, and who carries what comes to them (030).

A port is the host's as long as the machine runs. What comes to it goes to the machine's loopback, to IPv4's first.
"""

from __future__ import annotations

import logging
import socket
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from lichen.boot.network import HOST
from lichen.boot.refusals import LaunchError
from lichen.filesystems.sockets.relay import DatagramRelay, StreamRelay, connecting

if TYPE_CHECKING:
    from lichen.boot.machine import Machine

log = logging.getLogger("lichen.daemon")

_LOOPBACK: Final = "127.0.0.1"
_HERE: Final = ((socket.AF_INET, _LOOPBACK), (socket.AF_INET6, "::1"))
"""Where servers of a machine listen who listen to everybody, or on its loopback alone."""
_MOST_PORTS: Final = 65535


class Port(NamedTuple):
    """A port of the host: `address` is the host's."""

    address: str
    port: int
    guest: int
    datagrams: bool = False

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}{'/udp' * self.datagrams}"

    @property
    def text(self) -> str:
        """How it is written."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}:{self.guest}{'/udp' * self.datagrams}"


def port_of(text: str) -> Port:
    """[HOSTADDR:]HOST:GUEST[/udp], an address of IPv6 in brackets; ValueError."""
    numbers, _, protocol = text.partition("/")
    address, _, ports = numbers.rpartition("]:") if numbers.startswith("[") else ("", "", numbers)
    words = ports.split(":")
    if not address and len(words) > 2:
        address = words.pop(0)
    address = address.removeprefix("[") or _LOOPBACK
    if protocol not in ("", "tcp", "udp") or len(words) != 2 or "/" in text[-1:]:
        raise ValueError(text)
    port, guest = (int(word) if word.isascii() and word.isdigit() else 0 for word in words)
    if not 0 < port <= _MOST_PORTS or not 0 < guest <= _MOST_PORTS:
        raise ValueError(text)
    socket.inet_pton(_family(address), address)
    return Port(address, port, guest, protocol == "udp")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Ports:
    """The ports that lead into one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._open: dict[Port, StreamRelay | DatagramRelay] = {}

    def publish(self, texts: list[str]) -> None:
        """Have all of these, or LaunchError and no more than before."""
        ports = [port_of(text) for text in texts]
        if ports and self._machine.network.plan.kind == HOST:
            raise LaunchError(
                "the machine is on the host's network, where its ports are the host's anyway; "
                "--publish needs --network own"
            )
        made: list[Port] = []
        try:
            for port in ports:
                if port not in self._open:
                    self._open[port] = self._published(port)
                    made.append(port)
        except LaunchError:
            for port in made:
                self._open.pop(port).close()
            raise

    def _published(self, port: Port) -> StreamRelay | DatagramRelay:
        try:
            return self._relay(port)
        except OSError as error:
            raise LaunchError(f"cannot publish port {port} of the host: {error.strerror}") from error

    def _relay(self, port: Port) -> StreamRelay | DatagramRelay:
        machine, sockets = self._machine, self._machine.network.sockets
        kind = socket.SOCK_DGRAM if port.datagrams else socket.SOCK_STREAM

        def inside(family: int) -> socket.socket:
            return sockets.socket(family, kind, 0)

        targets = [connecting(partial(inside, family), (address, port.guest)) for family, address in _HERE]
        near = socket.socket(_family(port.address), kind)
        try:
            if not port.datagrams:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            near.bind((port.address, port.port))
            if port.datagrams:
                return DatagramRelay(machine.platform, machine.scheduler, near, targets[0])
            near.listen(socket.SOMAXCONN)
            return StreamRelay(machine.platform, near, targets)
        except BaseException:
            near.close()
            raise

    def publish_again(self, texts: list[str]) -> None:
        """Have those that the machine had before it was booted again, unless somebody has taken one meanwhile."""
        for text in texts:
            try:
                self.publish([text])
            except LaunchError as error:
                log.warning("%s", error)

    def texts(self) -> list[str]:
        """How the ports are written; after `close`, those that there were."""
        return [port.text for port in self._open]

    def close(self) -> None:
        for relay in self._open.values():
            relay.close()

    def describe(self) -> list[str]:
        return [f"{port} -> {port.guest}" for port in self._open]
