"""Ports of the host that lead into a machine: how they are written, and that they are taken all or none."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lichen.boot.network import Plan
from lichen.boot.refusals import LaunchError
from lichen.daemon.ports import Port, Ports, port_of
from lichen.filesystems.sockets.network import HostNetwork


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("80:8080", Port("127.0.0.1", 80, 8080)),
        ("1:65535/tcp", Port("127.0.0.1", 1, 65535)),
        ("53:53/udp", Port("127.0.0.1", 53, 53, True)),
        ("0.0.0.0:80:81", Port("0.0.0.0", 80, 81)),
        ("[::1]:80:81/udp", Port("::1", 80, 81, True)),
    ],
)
def test_a_port_is_written_so(text: str, port: Port) -> None:
    assert port_of(text) == port
    assert port_of(port.text) == port


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "0:1",
        "1:0",
        "1:65536",
        "a:b",
        "1:2:3",
        "host:1:2",
        "1:2/",
        "1:2/sctp",
        "::1:1:2",
        "[::1]",
        "-1:2",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises((ValueError, OSError)):
        port_of(text)


class Machine(SimpleNamespace):
    """What ports need of a machine, whose network is the host's loopback here."""

    def __init__(self, kind: str = "own") -> None:
        self.watches: dict[int, Callable[[int], None]] = {}
        super().__init__(
            network=SimpleNamespace(plan=Plan(kind), sockets=HostNetwork()), platform=self, scheduler=self
        )

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self.watches[descriptor] = ready

    def unwatch(self, descriptor: int) -> None:
        self.watches.pop(descriptor, None)


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    assert made.watches == {}


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


def test_all_or_none(machine: Machine) -> None:
    ports = Ports(cast(Any, machine))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(
            LaunchError, match=rf"cannot publish port 127.0.0.1:{number} of the host: Address"
        ):
            ports.publish([f"{free()}:80", f"{number}:80"])
    assert ports.texts() == []
    text = f"127.0.0.1:{free()}:80"
    ports.publish([text])
    ports.publish([text, text])
    assert ports.texts() == [text]
    assert len(machine.watches) == 1
    ports.close()


def test_what_comes_is_carried_on(machine: Machine) -> None:
    ports, number = Ports(cast(Any, machine)), free()
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports.publish([f"{number}:{server.getsockname()[1]}"])
        with socket.create_connection(("127.0.0.1", number)) as client:
            client.sendall(b"in")
            while not select.select([server], [], [], 0)[0]:
                for descriptor in select.select(list(machine.watches), list(machine.watches), [], 5)[0]:
                    machine.watches[descriptor](1)
                    break
            server.accept()[0].close()
    ports.close()


def test_there_is_nothing_to_publish_on_the_hosts_network() -> None:
    with pytest.raises(LaunchError, match="--publish needs --network own"):
        Ports(cast(Any, Machine("host"))).publish(["1:1"])


def test_ports_come_again_if_nobody_has_taken_them(machine: Machine) -> None:
    ports = Ports(cast(Any, machine))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"127.0.0.1:{free()}:80"
        ports.publish_again([f"{taken.getsockname()[1]}:80", text])
    assert ports.texts() == [text]
    ports.close()
