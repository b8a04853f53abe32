"""Which network a machine gets, by what was asked for and what the host has."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import pytest

from lichen.boot import network
from lichen.boot.network import MachineNetwork, plan, refusal, resolvers
from lichen.boot.refusals import LaunchError
from lichen.platforms.network import wayout
from lichen.platforms.network.wayout import WayOut
from tests.unit.platforms.test_network import Loop, needs_namespaces

NAMESPACES = "user,pid,mount,net,ipc,uts"
PASTA = WayOut("pasta", "/usr/bin/pasta")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wayout, "find", lambda: PASTA)
    monkeypatch.setattr(wayout, "obstacle", lambda found: "")


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wayout, "find", lambda: None)


@pytest.mark.usefixtures("installed")
def test_own_where_there_is_a_way_out() -> None:
    assert plan("", NAMESPACES) == ("own", "", PASTA)
    assert plan("own", NAMESPACES) == ("own", "", PASTA)
    assert plan("host", NAMESPACES) == ("host", "chosen", None)
    assert plan("none", NAMESPACES) == ("none", "", None)


@pytest.mark.usefixtures("missing")
def test_the_hosts_where_there_is_none() -> None:
    reason = "neither pasta nor slirp4netns is installed"
    assert plan("", NAMESPACES) == ("host", f"{reason}; --network own gives loopback only", None)
    assert plan("own", NAMESPACES) == ("own", reason, None)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("isolation", ["none", "user,pid,mount"])
def test_the_hosts_where_there_are_no_namespaces(isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "refusal", lambda: "refused")
    assert plan("", isolation) == ("host", "refused", None)
    assert plan("host", isolation).kind == "host"
    for wanted in ("own", "none"):
        with pytest.raises(LaunchError, match="refused; --network host does without"):
            plan(wanted, isolation)


def test_the_setting_that_refuses_is_named() -> None:
    settings = {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_net_namespaces": "0"}
    told = refusal(lambda name: settings.get(name, ""))
    assert told == "user namespaces are refused here: kernel.apparmor_restrict_unprivileged_userns=1"
    del settings["kernel.apparmor_restrict_unprivileged_userns"]
    assert refusal(lambda name: settings.get(name, "")).endswith("user.max_net_namespaces=0")
    assert refusal(lambda name: "") == "the host makes no network namespaces for this user"


def test_resolvers_on_the_loopback_are_found(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a b\nnameserver ::1\nnameserver nonsense\n"
    )
    assert resolvers(str(file)) == ["127.0.0.53", "::1"]
    assert resolvers(str(tmp_path / "none")) == []


class Scheduler:
    def clock(self) -> float:
        return 0.0

    def at(self, deadline: float, expired: Callable[[], None]) -> Scheduler:
        return self

    def cancel(self) -> None: ...


@needs_namespaces
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_resolver_on_the_loopback_answers_the_machine(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same address and port, though the machine has a loopback of its own."""
    loop, server = Loop(), socket.socket(socket.AF_INET, kind)
    loop.isolation = NAMESPACES
    server.bind(("127.0.0.1", 0))
    server.settimeout(20)
    place = server.getsockname()
    monkeypatch.setattr(network, "resolvers", lambda: ["127.0.0.1"])
    monkeypatch.setattr(network, "_DOMAIN", place[1])
    machine = MachineNetwork("own", cast(Any, loop), cast(Any, Scheduler()), os.sched_getaffinity(0))
    assert machine.namespace is not None
    guest = machine.sockets.socket(socket.AF_INET, kind, 0)
    machine.namespace.out = True
    for relay in machine._relays:
        relay.close()
    machine._relays.clear()
    machine._settle()
    if kind == socket.SOCK_STREAM:
        server.listen()
    guest.connect(place)
    guest.send(b"question")
    answers = answering(server)
    loop.until(lambda: next(answers))
    guest.settimeout(20)
    loop.until(lambda: bool(select.select([guest], [], [], 0)[0]))
    assert guest.recv(100) == b"answer to question"
    guest.close()
    machine.close()
    answers.close()
    server.close()


def answering(server: socket.socket) -> Generator[bool, None, None]:
    """A resolver of one question; whether it has answered."""
    while not select.select([server], [], [], 0)[0]:
        yield False
    if server.type == socket.SOCK_DGRAM:
        data, sender = server.recvfrom(100)
        server.sendto(b"answer to " + data, sender)
        yield True
    else:
        with server.accept()[0] as client:
            while not select.select([client], [], [], 0)[0]:
                yield False
            client.sendall(b"answer to " + client.recv(100))
            yield True
