"""A network namespace: sockets are made in it, it outlives who makes them, and nothing outlives its kernel."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from lichen.executive.network.configuration import Add, InterfaceAddress, Remove, Route, SetInterface
from lichen.executive.status import Failure, Status
from lichen.filesystems.sockets.configuration import NetworkConfiguration
from lichen.filesystems.sockets.network import OwnNetwork
from lichen.filesystems.sockets.rtnetlink import Kind, RequestFlag
from lichen.platforms.network import wayout
from lichen.platforms.network.host import HostOfNamespace
from lichen.platforms.network.namespace import Namespace
from lichen.platforms.network.wayout import WayOut
from tests.toolchain import host_program


def status_of(operation: Callable[..., object], *arguments: object) -> int:
    """The status of an operation."""
    try:
        operation(*arguments)
    except Failure as failure:
        return failure.status
    return Status.SUCCESS


class Loop:
    """Tells when a descriptor is ready, as a platform does."""

    def __init__(self) -> None:
        self.watches: dict[int, tuple[int, Callable[[int], None]]] = {}
        self.isolation = ""

    def watch(self, descriptor: int, events: int, ready: Callable[[int], None]) -> None:
        self.watches[descriptor] = events, ready

    def unwatch(self, descriptor: int) -> None:
        self.watches.pop(descriptor, None)

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            poll = select.poll()
            for descriptor, (events, _) in self.watches.items():
                poll.register(descriptor, events)
            ready = poll.poll(20_000)
            assert ready, "nothing happened"
            self.watches[ready[0][0]][1](ready[0][1])


def may_have_namespaces() -> bool:
    tried = subprocess.run(["unshare", "--user", "--net", "true"], check=False, capture_output=True)
    return tried.returncode == 0


needs_namespaces = pytest.mark.skipif(
    not may_have_namespaces(), reason="the host allows no network namespaces"
)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def made_by(loop: Loop, way_out: WayOut | None = None) -> Namespace:
    return Namespace(loop, os.sched_getaffinity(0), way_out)


@pytest.fixture
def namespace(loop: Loop) -> Iterator[Namespace]:
    made = made_by(loop)
    yield made
    made.close()
    assert loop.watches == {}


def listening(namespace: Namespace, port: int) -> socket.socket:
    made = namespace.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0)
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


def connected(namespace: Namespace, port: int) -> bool:
    with namespace.socket(socket.AF_INET, socket.SOCK_STREAM, 0) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def program(folder: Path, text: str) -> WayOut:
    """A program that is to lead out, in Python."""
    path = folder / "pasta"
    path.write_text(f"#!{sys.executable} -IS\n{text}\n")
    path.chmod(0o755)
    return WayOut("pasta", str(path))


@needs_namespaces
class TestNamespace:
    def test_sockets_are_in_it_and_nowhere_else(self, loop: Loop, namespace: Namespace) -> None:
        other = made_by(loop)
        with listening(namespace, 80), socket.socket() as of_host:
            assert connected(namespace, 80)
            assert not connected(other, 80)
            with listening(other, 80):
                assert connected(other, 80)
            assert of_host.connect_ex(("127.0.0.1", 80)) == errno.ECONNREFUSED
        other.close()

    def test_the_hosts_errors_are_told(self, namespace: Namespace) -> None:
        with pytest.raises(OSError, match="Invalid argument"):
            namespace.socket(socket.AF_INET, 77, 0)
        with pytest.raises(FileNotFoundError):
            namespace.open("/proc/self/net/none")
        namespace.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
        namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()

    def test_it_outlives_who_makes_sockets_in_it(self, loop: Loop, namespace: Namespace) -> None:
        with listening(namespace, 7):
            os.kill(namespace.process, signal.SIGKILL)
            loop.until(lambda: not loop.watches)
            assert connected(namespace, 7)
            os.kill(namespace.process, signal.SIGKILL)  # nobody has heard of its end when the next is wanted
            assert connected(namespace, 7)

    def test_one_that_does_not_answer_is_replaced(
        self, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lichen.platforms.network.namespace._PATIENCE", 0.1)
        with listening(namespace, 7):
            before = namespace.process
            os.kill(before, signal.SIGSTOP)
            assert connected(namespace, 7)
            assert namespace.process != before

    def test_it_goes_with_its_kernel(self, tmp_path: Path) -> None:
        """A kernel that is killed takes with it who makes sockets, and the program that leads out."""
        lasting = program(tmp_path, "import time; time.sleep(1000)")
        kernel = f"""
import os, sys, time
sys.path[0:0] = {sys.path!r}
from tests.unit.platforms.test_network import Loop, made_by
from lichen.platforms.network.wayout import WayOut
namespace = made_by(Loop(), {lasting!r})
namespace.begin()
children = f"/proc/{{namespace.process}}/task/{{namespace.process}}/children"
while not (found := open(children).read().split()):
    time.sleep(0.01)
print(namespace.process, *found, flush=True)
time.sleep(1000)
"""
        with subprocess.Popen([sys.executable, "-c", kernel], stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            pids = [os.pidfd_open(int(word)) for word in running.stdout.readline().split()]
            assert len(pids) == 2
            running.kill()
        for pid in pids:
            assert select.select([pid], [], [], 20)[0]
            os.close(pid)

    def test_what_does_not_lead_out_says_why(self, loop: Loop, tmp_path: Path) -> None:
        for text, why in (
            ("import sys; sys.exit('no door here')", "pasta: no door here"),
            ("import sys; sys.exit(3)", "pasta: ended with status 3"),
            ("import os; os.kill(os.getpid(), 9)", "pasta: ended by SIGKILL"),
        ):
            namespace = made_by(loop, program(tmp_path, text))
            namespace.begin()
            loop.until(lambda namespace=namespace: namespace.is_settled)  # type: ignore[misc]
            assert (namespace.out, namespace.out_failure) == (False, why)
            assert not connected(namespace, 7)
            namespace.close()

    @pytest.mark.parametrize("name", ["pasta", "slirp4netns"])
    def test_a_program_of_the_host_leads_out(self, loop: Loop, name: str) -> None:
        found = WayOut(name, host_program(name, "passt" if name == "pasta" else name))
        if obstacle := wayout.obstacle(found):
            pytest.skip(obstacle)
        namespace = made_by(loop, found)
        namespace.begin()
        loop.until(lambda: namespace.is_settled)
        assert (namespace.out, namespace.out_failure) == (True, "")
        namespace.close()

    def test_the_host_tells_of_it(self, namespace: Namespace) -> None:
        host = HostOfNamespace(namespace)
        assert host.read("/proc/self/net/dev").count(b":") == 1
        assert host.read("/proc/sys/net/none") == b""
        name = "/proc/sys/net/ipv4/ip_default_ttl"
        before = Path(name).read_bytes()
        host.set(name, b"17\n")
        assert (host.read(name), Path(name).read_bytes()) == (b"17\n", before)
        for path in ("/proc/sys/vm/swappiness", "/proc/sys/net/none"):
            with pytest.raises(Failure):
                host.set(path, b"1\n")
        assert HostOfNamespace(None).read(name) == before


@needs_namespaces
class TestConfiguration:
    """The executive's requests, carried out in a namespace."""

    @pytest.fixture
    def configuration(self, loop: Loop, namespace: Namespace) -> Iterator[NetworkConfiguration]:
        network = OwnNetwork(namespace, cast(Any, None), is_choice=True)
        made = NetworkConfiguration(network, cast(Any, loop))
        yield made
        made.close()

    def test_addresses_routes_and_interfaces_change(self, configuration: NetworkConfiguration) -> None:
        (loopback,) = (each for each in configuration.interfaces() if each.name == "lo")
        address = InterfaceAddress(
            loopback.index, bytes((10, 7, 0, 1)), 24, 0, "lo:x", bytes((10, 7, 0, 255))
        )
        newer = InterfaceAddress(loopback.index, b"\xfd" + bytes(14) + b"\1", 64, 0, "")
        route = Route(bytes((10, 8, 0, 0)), 16, None, loopback.index, None, 9, 254, 3, 253, 1)
        for value in (address, newer, route):
            configuration.change(Add(value))
        assert address in configuration.addresses()
        assert newer in configuration.addresses()
        assert route in configuration.routes()
        for value in (address, newer, route):
            assert status_of(configuration.change, Add(value)) == Status.OBJECT_NAME_COLLISION
            configuration.change(Remove(value))
            assert status_of(configuration.change, Remove(value)) != Status.SUCCESS
        configuration.change(SetInterface(loopback.index, flags=0, mtu=9000, queue_length=5))
        (after,) = (each for each in configuration.interfaces() if each.name == "lo")
        assert (after.flags & 1, after.mtu, after.queue_length) == (0, 9000, 5)
        assert status_of(configuration.change, SetInterface(77, mtu=9000)) == Status.NO_DEVICE
        assert status_of(configuration.change, SetInterface(1, mtu=-1)) == Status.INVALID_PARAMETER

    def test_whoever_waits_is_told(self, loop: Loop, configuration: NetworkConfiguration) -> None:
        before = configuration.changed.generation
        configuration.change(SetInterface(1, mtu=9000))
        loop.until(lambda: configuration.changed.generation > before)

    def test_what_takes_the_hosts_memory_is_bounded(
        self, configuration: NetworkConfiguration, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lichen.filesystems.sockets.configuration._MOST", 40)
        monkeypatch.setattr("lichen.filesystems.sockets.configuration._CREDIT", 8)
        made = 0
        for number in range(60):
            route = Route(bytes((10, number, 0, 0)), 16, None, 1, None, 0, 254, 3, 253, 1)
            status = status_of(configuration.change, Add(route))
            made += status == Status.SUCCESS
            assert status in (Status.SUCCESS, Status.NO_MEMORY)
        assert 10 < made <= 40
        configuration.require_room(Kind.NEW_LINK, 0)
        monkeypatch.setattr("lichen.filesystems.sockets.configuration._MOST_LINKS", 1)
        assert status_of(configuration.require_room, Kind.NEW_LINK, RequestFlag.CREATE) == Status.NO_MEMORY


def test_a_host_that_refuses_is_asked_once(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is told, and sockets have no network."""

    def refuse() -> bool:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("lichen.platforms.network.server._make", refuse)
    namespace = made_by(loop)
    for _ in range(2):
        with pytest.raises(OSError, match="down") as caught:
            namespace.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
        assert caught.value.errno == errno.ENETDOWN
    assert (namespace.failure, namespace.is_settled) == ("Operation not permitted", True)
    assert loop.watches == {}
    namespace.close()


class TestWayOut:
    def test_pasta_comes_first(self, tmp_path: Path) -> None:
        assert wayout.find(str(tmp_path)) is None
        for name in ("slirp4netns", "pasta"):
            (tmp_path / name).touch(0o755)
            assert wayout.find(f":/nowhere:{tmp_path}") == WayOut(name, str(tmp_path / name))

    def test_what_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        assert wayout.obstacle(None) == "neither pasta nor slirp4netns is installed"
        monkeypatch.setattr(wayout, "_TUNNELS", str(tmp_path / "tun"))
        assert (
            wayout.obstacle(WayOut("pasta", "/x")) == f"{tmp_path}/tun, which pasta needs, cannot be opened"
        )
        (tmp_path / "tun").touch()
        assert wayout.obstacle(WayOut("pasta", "/x")) == ""

    @pytest.mark.parametrize("root", [False, True])
    def test_nothing_is_forwarded_by_itself(self, root: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        words = WayOut("pasta", "/usr/bin/pasta").command(77, joins_user=True)
        for option in ("--tcp-ports", "--udp-ports", "--tcp-ns", "--udp-ns"):
            assert words[words.index(option) + 1] == "none"
        assert "--no-map-gw" in words
        assert ("--runas" in words, words[-1], "--netns-only" in words) == (root, "77", False)
        words = WayOut("slirp4netns", "/usr/bin/slirp4netns").command(77, joins_user=False)
        assert "--disable-host-loopback" in words
        assert words[-2:] == ["/proc/77/ns/net", "tap0"]
