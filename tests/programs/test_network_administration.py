"""The network of a machine as an administrator changes it in a session of one world, and sees it in one of the other."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.administration import Session, works
from tests.programs.conftest import Lichen
from tests.programs.terminal import User
from tests.toolchain import Toolchain, host_program

WINDOWS = Path(__file__).parent / "windows"
HARDWARE = "00:11:22:33:44:55"
SHELLS: dict[Session, tuple[str, str]] = {"linux": ("bash", "-c"), "windows": ("cmd.exe", "/c")}
_END = "=== ended with"


class Sessions:
    """A machine, and what is typed in a session of one of its worlds."""

    def __init__(self, command: Lichen) -> None:
        self.command = command

    def typed(
        self, *words: str, user: str = "root", shared: tuple[Path, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        shares = [word for path in shared for word in ("--share", f"{path}:{path}:ro")]
        return self.command.run("run", "--user", user, *shares, "--", *words)

    def linux(self, line: str, *shared: Path) -> str:
        """What a line says that does its job."""
        return self._told(self.typed("bash", "-c", line, shared=shared))

    def windows(self, line: str) -> str:
        return self._told(self.typed("cmd.exe", "/c", line))

    def each(self, world: Session, lines: list[str], user: str = "root") -> list[tuple[str, int, str]]:
        """Type lines in sessions of their own; each with its status and what it says."""
        script = "".join(
            f"{' '.join(SHELLS[world])} {shlex.quote(line)} 2>&1; echo {_END} $?\n" for line in lines
        )
        done = self.typed("bash", "-c", script, user=user)
        told = done.stdout.decode().split(_END)
        assert (done.stderr, len(told)) == (b"", len(lines) + 1)
        statuses = [int(text.split()[0]) for text in told[1:]]
        return list(zip(lines, statuses, told, strict=False))

    def refused(self, world: Session, line: str, user: str = "root") -> str:
        """What a line says that does not; its status tells too."""
        done = self.typed(*SHELLS[world], line, user=user)
        assert done.returncode != 0, done
        return (done.stderr + done.stdout).decode()

    def _told(self, done: subprocess.CompletedProcess[bytes]) -> str:
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode().replace("\r", "")


def _begun(folder: Path, network: str) -> Sessions:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    userlands.own_programs()
    for program, package in (("ip", "iproute2"), ("ifconfig", "net-tools"), ("ping", "iputils-ping")):
        host_program(program, package)
    command = Lichen(folder)
    userlands.begin_as_the_users(command.home)
    begun = command.run("run", "--network", network, "--", "cmd.exe", "/c", "ver")
    if begun.returncode:
        pytest.skip(f"needs a host that lets machines have networks: {begun.stderr.decode().strip()}")
    return Sessions(command)


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """A machine with a network of its own, in which `wire` and its other end `rest` are up."""
    sessions = _begun(tmp_path_factory.mktemp("home"), "own")
    made = sessions.typed(
        "sh", "-c", "ip link add wire type veth peer name rest && ip link set rest up && ip link set wire up"
    )
    if made.returncode:
        pytest.skip(f"needs a host with veth interfaces: {made.stderr.decode().strip()}")
    yield sessions
    assert sessions.command.run("shutdown").returncode == 0


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    """A machine on the host's network."""
    sessions = _begun(tmp_path_factory.mktemp("home"), "host")
    yield sessions
    assert sessions.command.run("shutdown").returncode == 0


def row(text: str, *words: str) -> list[str]:
    """The one line with all of some words, word by word."""
    (found,) = [line.split() for line in text.splitlines() if set(words) <= set(line.split())]
    return found


def block(text: str, title: str) -> str:
    """The part of what ipconfig says that is about one interface."""
    return text.partition(title + ":\n\n")[2].partition("\n\n")[0]


# ---- addresses


@works("Network", "see the addresses", "linux", "ip addr show")
@works(
    "Network",
    "add or delete an address",
    "windows",
    "netsh interface ip add address wire 10.1.0.2 255.255.255.0",
)
@works("Network", "add or delete an address", "windows", "netsh interface ip delete address wire 10.1.0.2")
def test_addresses_that_windows_adds(on: Sessions) -> None:
    on.windows("netsh interface ip add address wire 10.1.0.2 255.255.255.0")
    assert row(on.linux("ip addr show"), "10.1.0.2/24")[-1] == "wire"
    on.windows("netsh interface ip delete address wire 10.1.0.2")
    assert "10.1.0.2" not in on.linux("ip addr show")


@works("Network", "add or delete an address", "linux", "ip addr add 10.1.0.1/24 dev wire")
@works("Network", "add or delete an address", "linux", "ip addr del 10.1.0.1/24 dev wire")
@works("Network", "see the addresses", "windows", "netsh interface ip show addresses")
@works("Network", "see the addresses", "windows", "netsh interface ip show config")
def test_addresses_that_linux_adds(on: Sessions) -> None:
    on.linux("ip addr add 10.1.0.1/24 dev wire")
    told = block(on.windows("ipconfig /all"), "Ethernet adapter wire")
    assert [row(told, title)[-1] for title in ("IPv4", "Subnet")] == ["10.1.0.1", "255.255.255.0"]
    for line in ("netsh interface ip show addresses", "netsh interface ip show config"):
        told = on.windows(line).partition('"wire"')[2].partition("\n\n")[0]
        assert row(told, "10.1.0.1") == ["IP", "Address:", "10.1.0.1"]
        assert "10.1.0.0/24 (mask 255.255.255.0)" in told
    on.linux("ip addr del 10.1.0.1/24 dev wire")
    assert "10.1.0.1" not in on.windows("netsh interface ip show addresses")


@works("Network", "add or delete an address", "linux", "ip addr add fd01::1/64 dev wire")
@works("Network", "add or delete an address", "windows", "netsh interface ipv6 add address wire fd01::2/64")
@works("Network", "add or delete an address", "windows", "netsh interface ipv6 delete address wire fd01::2")
@works("Network", "see the addresses", "windows", "netsh interface ipv6 show addresses")
@works("Network", "add or delete a route", "windows", "route -6 add fd02::/32 fd01::9")
@works("Network", "see the routes", "linux", "ip -6 route show")
def test_ipv6(on: Sessions) -> None:
    on.linux("ip addr add fd01::1/64 dev wire")
    assert row(on.windows("netsh interface ipv6 show addresses"), "fd01::1")[:2] == ["Manual", "Preferred"]
    on.windows("netsh interface ipv6 add address wire fd01::2/64")
    assert " fd01::2/64 " in on.linux("ip addr show dev wire")
    on.windows("route -6 add fd02::/32 fd01::9")
    assert row(on.linux("ip -6 route show"), "fd02::/32")[1:5] == ["via", "fd01::9", "dev", "wire"]
    on.windows("netsh interface ipv6 delete address wire fd01::2")
    assert "fd01::2" not in on.linux("ip addr show dev wire")
    on.linux("ip -6 route del fd02::/32; ip addr del fd01::1/64 dev wire")
    assert "fd01::1" not in on.windows("netsh interface ipv6 show addresses")


@pytest.mark.parametrize(("server", "family"), [("10.0.0.53", "ipv6"), ("fd00::53", "ipv4")])
def test_addresses_are_told_without_name_servers_of_their_family(
    on: Sessions, server: str, family: str
) -> None:
    before = on.linux("cat /etc/resolv.conf")
    on.linux(f"echo nameserver {server} >/etc/resolv.conf")
    told = on.windows(f"netsh interface {family} show addresses"), on.windows("ipconfig /all")
    on.linux(f"echo {shlex.quote(before)} >/etc/resolv.conf")
    assert ("127.0.0.1" if family == "ipv4" else "::1") in told[0].split()
    assert server in told[1].split()


@works("Network", "see the addresses", "linux", "ifconfig")
@works(
    "Network", "give an interface its one address", "windows",
    "netsh interface ip set address wire static 10.1.0.4 255.255.255.0 10.1.0.254",
)  # fmt: skip
def test_the_one_address_that_windows_sets(on: Sessions) -> None:
    on.linux("ip addr add 10.1.0.3/24 dev wire")
    for _ in range(2):
        on.windows("netsh interface ip set address wire static 10.1.0.4 255.255.255.0 10.1.0.254")
        told = on.linux("ifconfig").partition("wire: ")[2].partition("\n\n")[0]
        assert row(told, "inet")[:4] == ["inet", "10.1.0.4", "netmask", "255.255.255.0"]
        (way,) = on.linux("ip route show default dev wire").splitlines()
        assert way.split()[:3] == ["default", "via", "10.1.0.254"]
    on.windows("netsh interface ip set address wire static 10.1.0.4 255.255.255.0")
    assert on.linux("ip route show default dev wire") == ""
    on.windows("netsh interface ip delete address wire 10.1.0.4")


@works(
    "Network", "give an interface its one address", "linux", "ifconfig wire 10.1.0.5 netmask 255.255.255.0"
)
def test_the_one_address_that_linux_sets(on: Sessions) -> None:
    on.linux("ifconfig wire 10.1.0.6 netmask 255.255.0.0")
    on.linux("ifconfig wire 10.1.0.5 netmask 255.255.255.0")
    told = on.windows("netsh interface ip show addresses wire")
    assert "10.1.0.6" not in told
    assert "10.1.0.0/24 (mask 255.255.255.0)" in told
    on.linux("ip addr del 10.1.0.5/24 dev wire")


# ---- interfaces


@works("Network", "add, change or delete an interface", "linux", "ip link add left type veth peer name right")
@works("Network", "add, change or delete an interface", "linux", "ip link set left up mtu 1400")
@works("Network", "add, change or delete an interface", "linux", "ip link del left")
@works("Network", "see the interfaces", "windows", "netsh interface ip show interfaces")
def test_interfaces_that_linux_makes(on: Sessions) -> None:
    on.linux("ip link add left type veth peer name right")
    assert row(on.windows("netsh interface ip show interfaces"), "left")[2:] == [
        "1500",
        "disconnected",
        "left",
    ]
    on.linux("ip link set right up")
    on.linux("ip link set left up mtu 1400")
    assert row(on.windows("netsh interface ip show interfaces"), "left")[2:] == ["1400", "connected", "left"]
    on.linux("ip link del left")
    told = on.windows("netsh interface ip show interfaces")
    assert not {"left", "right"} & set(told.split())


@works(
    "Network",
    "enable or disable an interface",
    "windows",
    "netsh interface set interface wire admin=disabled",
)
@works(
    "Network", "enable or disable an interface", "windows", "netsh interface set interface wire admin=enabled"
)
@works("Network", "enable or disable an interface", "linux", "ip link set wire down")
@works("Network", "enable or disable an interface", "linux", "ip link set wire up")
@works("Network", "see the interfaces", "windows", "netsh interface show interface")
def test_interfaces_are_disabled(on: Sessions) -> None:
    on.windows("netsh interface set interface wire admin=disabled")
    assert ",UP" not in on.linux("ip -o link show wire")
    on.windows("netsh interface set interface wire admin=enabled")
    assert ",UP" in on.linux("ip -o link show wire")
    on.linux("ip link set wire down")
    assert row(on.windows("netsh interface show interface"), "wire")[:2] == ["Disabled", "Disconnected"]
    on.linux("ip link set wire up")
    assert row(on.windows("netsh interface show interface"), "wire")[:2] == ["Enabled", "Connected"]


@works("Network", "see the interfaces", "linux", "ip link show")
def test_interfaces_are_the_same(on: Sessions) -> None:
    told = on.linux("ip link show")
    for name in ("wire", "rest"):
        hardware = re.search(rf"{name}@.*\n +link/ether ([0-9a-f:]+)", told)
        assert hardware is not None
        address = hardware[1].upper().replace(":", "-")
        assert address in block(on.windows("ipconfig /all"), f"Ethernet adapter {name}")


# ---- routes


@works("Network", "see the routes", "linux", "ip route show")
@works("Network", "see the routes", "linux", "route -n")
@works("Network", "add or delete a route", "windows", "route change 10.2.0.0 mask 255.255.0.0 10.1.1.8")
def test_routes_that_windows_makes(on: Sessions) -> None:
    on.linux("ip addr add 10.1.1.1/24 dev wire")
    on.windows("route add 10.2.0.0 mask 255.255.0.0 10.1.1.9 metric 4")
    assert row(on.linux("ip route show"), "10.2.0.0/16")[1:5] == ["via", "10.1.1.9", "dev", "wire"]
    on.windows("route change 10.2.0.0 mask 255.255.0.0 10.1.1.8")
    expected = ["10.2.0.0", "10.1.1.8", "255.255.0.0", "UG", "4", "0", "0", "wire"]
    assert row(on.linux("route -n"), "10.2.0.0") == expected
    on.windows("route delete 10.2.0.0")
    assert "10.2.0.0" not in on.linux("route -n")
    on.linux("ip addr del 10.1.1.1/24 dev wire")


@works("Network", "add or delete a route", "linux", "ip route del 10.3.0.0/16")
@works("Network", "add or delete a route", "linux", "route add -net 10.3.0.0 netmask 255.255.0.0 gw 10.1.2.9")
@works("Network", "add or delete a route", "linux", "route del -net 10.3.0.0 netmask 255.255.0.0")
@works("Network", "see the routes", "windows", "netsh interface ip show route")
@works("Network", "see the routes", "windows", "netstat -r")
def test_routes_that_linux_makes(on: Sessions) -> None:
    on.linux("ip addr add 10.1.2.1/24 dev wire")
    for add, delete in (
        ("ip route add 10.3.0.0/16 via 10.1.2.9", "ip route del 10.3.0.0/16"),
        (
            "route add -net 10.3.0.0 netmask 255.255.0.0 gw 10.1.2.9",
            "route del -net 10.3.0.0 netmask 255.255.0.0",
        ),
    ):
        on.linux(add)
        assert row(on.windows("route print"), "10.3.0.0")[:4] == [
            *("10.3.0.0", "255.255.0.0", "10.1.2.9", "10.1.2.1")
        ]
        assert row(on.windows("netsh interface ip show route"), "10.3.0.0/16")[-1] == "10.1.2.9"
        assert row(on.windows("netstat -r"), "10.3.0.0")[2] == "10.1.2.9"
        on.linux(delete)
        assert "10.3.0.0" not in on.windows("route print")
    on.linux("ip addr del 10.1.2.1/24 dev wire")


# ---- neighbours


@works("Network", "see the neighbours", "linux", "ip neigh show")
@works("Network", "see the neighbours", "linux", "arp -n")
@works("Network", "add or delete a neighbour", "windows", "arp -s 10.1.3.9 00-11-22-33-44-55")
@works("Network", "add or delete a neighbour", "windows", "arp -d 10.1.3.9")
def test_neighbours_that_windows_makes(on: Sessions) -> None:
    on.linux("ip addr add 10.1.3.1/24 dev wire")
    on.windows("arp -s 10.1.3.9 66-11-22-33-44-55")
    on.windows("arp -s 10.1.3.9 00-11-22-33-44-55")
    assert row(on.linux("ip neigh show"), "10.1.3.9")[1:] == ["dev", "wire", "lladdr", HARDWARE, "PERMANENT"]
    assert row(on.linux("arp -n"), "10.1.3.9")[1:] == ["ether", HARDWARE, "CM", "wire"]
    on.windows("arp -d 10.1.3.9")
    assert "10.1.3.9" not in on.linux("ip neigh show")
    assert "No ARP entry for 10.1.3.9" in on.refused("linux", "arp -d 10.1.3.9")
    on.linux("ip addr del 10.1.3.1/24 dev wire")


@works(
    "Network", "add or delete a neighbour", "linux", "ip neigh add 10.1.4.9 lladdr 00:11:22:33:44:55 dev wire"
)
@works("Network", "add or delete a neighbour", "linux", "ip neigh del 10.1.4.9 dev wire")
@works("Network", "add or delete a neighbour", "linux", "arp -s 10.1.4.9 00:11:22:33:44:55")
@works("Network", "add or delete a neighbour", "linux", "arp -d 10.1.4.9")
@works("Network", "see the neighbours", "windows", "arp -a")
@works("Network", "see the neighbours", "windows", "netsh interface ip show neighbors")
def test_neighbours_that_linux_makes(on: Sessions) -> None:
    on.linux("ip addr add 10.1.4.1/24 dev wire")
    for add, delete in (
        ("ip neigh add 10.1.4.9 lladdr 00:11:22:33:44:55 dev wire", "ip neigh del 10.1.4.9 dev wire"),
        ("arp -s 10.1.4.9 00:11:22:33:44:55", "arp -d 10.1.4.9"),
    ):
        on.linux(add)
        assert row(on.windows("arp -a"), "10.1.4.9")[1:] == ["00-11-22-33-44-55", "static"]
        told = on.windows("netsh interface ip show neighbors")
        assert row(told, "10.1.4.9")[1:] == ["00-11-22-33-44-55", "Permanent"]
        on.linux(delete)
        assert "10.1.4.9" not in on.windows("netsh interface ip show neighbors")
    on.linux("arp -s 10.1.4.9 66:11:22:33:44:55 temp; arp -s 10.1.4.9 00:11:22:33:44:55 temp")
    assert row(on.linux("arp -n"), "10.1.4.9")[3] == "C"
    assert row(on.windows("arp -a"), "10.1.4.9")[1:] == ["00-11-22-33-44-55", "dynamic"]
    on.linux("ip addr del 10.1.4.1/24 dev wire")


# ---- changes as they happen


@works("Network", "hear of changes", "linux", "ip monitor")
def test_linux_hears_of_what_windows_changes(on: Sessions) -> None:
    script = """exec 3< <(ip monitor); until [ -n "$line" ]; do
            ip addr replace 10.1.5.1/24 dev wire; read -t 0.1 -u 3 line
        done
        heard() { while read -t 20 -u 3 line; do [[ $line = $1* ]] && echo "$line" && return; done; }
        netsh.exe interface ip add address wire 10.1.5.2 255.255.255.0; heard '*10.1.5.2/24'
        route.exe add 10.5.0.0 mask 255.255.0.0 10.1.5.9 >/dev/null; heard '10.5.0.0/16'
        route.exe delete 10.5.0.0 >/dev/null; heard 'Deleted 10.5.0.0/16'
        netsh.exe interface ip delete address wire 10.1.5.2; heard 'Deleted*10.1.5.2/24'
        kill $!; ip addr flush dev wire"""
    told = [line.split() for line in on.linux(script).splitlines() if line.strip()]
    assert [line[0] == "Deleted" for line in told] == [False, False, True, True]
    assert [["10.1.5.2/24" in told[0], "10.5.0.0/16" in told[1]]] == [[True, True]]


# ---- sockets


@works("Network", "see the connections, and whose they are", "linux", "ss -tanp")
@works("Network", "see the connections, and whose they are", "linux", "netstat -tanp")
def test_connections_of_windows_programs(on: Sessions, windows_c: Toolchain) -> None:
    connected = windows_c.compile(WINDOWS / "connected.c", "-lws2_32")
    host_program("ss", "iproute2")
    script = f"""coproc server {{ exec {connected}; }}; read -r tcp client <&${{server[0]}}
        echo $server_PID ${{tcp}} ${{client%$'\\r'}}; ss -tanp; echo; netstat -tanp; true"""
    done = on.typed("bash", "-c", script, shared=(connected.parent,))
    first, _, rest = done.stdout.decode().partition("\n")
    pid, tcp, client = first.split()
    told, _, older = rest.partition("\n\n")
    here, there = f"127.0.0.1:{tcp}", f"127.0.0.1:{client}"
    for local, peer in ((here, there), (there, here)):
        assert re.search(rf"ESTAB +0 +0 +{local} +{peer} +users:.*,pid={pid},", told)
        assert re.search(rf"tcp +0 +0 {local} +{peer} +ESTABLISHED {pid}/connected", older)


@works("Network", "see the connections, and whose they are", "windows", "netstat -anob")
def test_connections_of_linux_programs(on: Sessions) -> None:
    script = """
import socket, subprocess
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
print(*(each.getsockname()[1] for each in (server, client)), flush=True)
subprocess.run(["cmd.exe", "/c", "netstat -anob"])
"""
    told = on.linux(f"exec -a asked python3 -c '{script}'").splitlines()
    tcp, client = (f"127.0.0.1:{port}" for port in told[0].split())
    for local, peer in ((tcp, client), (client, tcp)):
        (place,) = [at for at, line in enumerate(told) if line.split()[1:4] == [local, peer, "ESTABLISHED"]]
        assert re.fullmatch(r" \[python3[.\d]*\]", told[place + 1])


# ---- hosts


@works("Network", "see or change the machine's name", "linux", "hostname")
@works("Network", "see or change the machine's name", "linux", "hostname lichen-by-name")
@works("Network", "see or change the machine's name", "windows", "hostname")
def test_the_machines_name(on: Sessions) -> None:
    before = on.linux("hostname").strip()
    assert on.windows("hostname").strip() == before.upper()[:15]
    on.linux("hostname lichen-by-name")
    assert on.windows("hostname").strip() == "LICHEN-BY-NAME"
    assert "lichen-by-name" in on.windows("ipconfig /all")
    on.linux(f"hostname {before}")
    assert on.windows("hostname").strip() == before.upper()[:15]


@works("Network", "see what was sent and received", "linux", "netstat -s")
@works("Network", "see what was sent and received", "windows", "netstat -s")
@works("Network", "see what was sent and received", "windows", "netstat -e")
def test_what_was_sent_is_counted_for_both(on: Sessions) -> None:
    """What either world has asked for is in the other's counts."""

    def echos() -> tuple[int, int]:
        older = re.search(r"echo requests: (\d+)", on.linux("netstat -s").partition("ICMP output")[2])
        newer = re.search(r"  Echos +\d+ +(\d+)", on.windows("netstat -s"))
        return int(older[1]) if older else 0, int(newer[1]) if newer else 0

    def octets() -> int:
        return int(row(on.windows("netstat -e"), "Bytes")[2])

    before, sent = echos(), octets()
    on.windows("ping -n 1 -l 2000 127.0.0.1")
    on.linux("ping -c 1 127.0.0.1")
    after = echos()
    assert (after[0] - before[0], after[1] - before[1]) == (2, 2)
    assert octets() - sent > 2000


@works("Network", "look a host up", "linux", "getent hosts localhost")
@works("Network", "look a host up", "windows", "ping -n 1 -a localhost")
def test_names_of_hosts(on: Sessions) -> None:
    found = on.linux("getent hosts localhost").split()
    assert found[1] == "localhost"
    assert on.windows("ping -n 1 -a localhost").split()[:3] == ["Pinging", "localhost", "[127.0.0.1]"]


@works("Network", "see whether a host answers", "linux", "ping -c 1 127.0.0.1")
def test_hosts_that_answer(on: Sessions) -> None:
    assert " 1 received" in on.linux("ping -c 1 127.0.0.1")
    on.windows("netsh interface ip add address wire 10.1.6.2 255.255.255.0")
    assert " 1 received" in on.linux("ping -c 1 10.1.6.2")
    on.linux("ip addr add 10.1.6.3/24 dev wire")
    assert "Received = 1" in on.windows("ping -n 1 10.1.6.3")
    on.linux("ip addr flush dev wire")


def test_ping_counts_until_it_is_interrupted(on: Sessions) -> None:
    user = User(on.command, "run", "--", "cmd.exe", "/c", "ping -t 127.0.0.1")
    try:
        user.sees(b"Reply from 127.0.0.1")
        user.types(b"\x03")
        user.sees(b"Ping statistics for 127.0.0.1:")
        user.sees(b"(0% loss)")
        assert user.process.wait(20) != 0
    finally:
        user.close()


# ---- what is refused: with the reason, and a status that tells

FOR_ADMINISTRATORS: dict[Session, list[str]] = {
    "linux": [
        "ip addr add 10.9.0.1/24 dev lo",
        "ip link set lo mtu 9000",
        "ip link del lo",
        "ip route add 10.9.0.0/24 dev lo",
        "ip neigh add 10.9.0.1 lladdr 00:11:22:33:44:55 dev lo",
        "ifconfig lo 10.9.0.1",
        "route add -host 10.9.0.1 dev lo",
        "arp -s 10.9.0.1 00:11:22:33:44:55",
    ],
    "windows": [
        "route add 10.9.0.0 mask 255.255.255.0 127.0.0.1",
        "arp -s 10.9.0.1 00-11-22-33-44-55",
        "netsh interface ip add address lo 10.9.0.1 255.255.255.0",
        "netsh interface ip set address lo static 10.9.0.1 255.255.255.0",
        "netsh interface ip delete address lo 127.0.0.1",
        "netsh interface ip add route 10.9.0.0/24 lo",
        "netsh interface set interface lo admin=disabled",
    ],
}
REFUSALS: dict[Session, str] = {"linux": "Operation not permitted", "windows": "Access is denied."}
WRONG: dict[Session, dict[str, str]] = {
    "linux": {
        "ip addr add 10.9.0.300/24 dev wire": "any valid prefix is expected",
        "ip addr add 10.9.0.1/24 dev none": 'Cannot find device "none"',
        "ip addr del 10.9.0.1/24 dev wire": "Error: ipv4: Address not found.",
        "ip link del none": 'Cannot find device "none"',
        "ip link add wire type veth": "File exists",
        "ip route add 10.9.0.0/16 via 10.200.0.1": "Nexthop has invalid gateway",
        "ip route del 10.9.0.0/16": "No such process",
        "ip neigh add 10.9.0.1 lladdr 00:11 dev wire": "Invalid",
        "ifconfig none 10.9.0.1": "No such device",
        "route add -net 10.9.0.1 netmask 255.255.0.0 dev wire": "netmask doesn't match route address",
        "route del -net 10.9.0.0 netmask 255.255.0.0": "No such process",
        "arp -s 10.99.0.1 00:11:22:33:44:55 pub": "SIOCSARP",
        "arp -i none -s 10.9.0.1 00:11:22:33:44:55": "No such device",
        "ping -c 1 -W 1 -n none.invalid": "none.invalid",
    },
    "windows": {
        "route add 10.9.0.1 mask 255.255.0.0 127.0.0.1": "(Destination & Mask) != Destination",
        "route add 10.9.0.0 mask 255.0.255.0 127.0.0.1": "bad netmask 255.0.255.0",
        "route add 10.9.0.0 mask 255.255.0.0 what": "bad gateway address what",
        "route add 10.9.0.0 mask 255.255.0.0 127.0.0.1 if 99": "bad argument 99",
        "route change 10.9.0.0 mask 255.255.0.0 127.0.0.1": "Element not found.",
        "route -p add 10.9.0.0 mask 255.255.0.0 127.0.0.1": "no route is kept for the next start",
        "route -f": "bad option -f",
        "route frob": "Manipulates network routing tables.",
        "arp -s 10.9.0.1 00-11": "The parameter is incorrect.",
        "arp -s what 00-11-22-33-44-55": "bad IP address: what",
        "arp -d 10.9.0.77": "Element not found.",
        "netsh interface ip add address none 10.9.0.1 255.0.0.0": "label syntax is incorrect.",
        "netsh interface ip add address wire 10.9.0.1 255.0.255.0": "Invalid mask parameter",
        "netsh interface ip set address wire static 10.9.0.1 255.0.0.0 what": "Invalid gateway parameter",
        "netsh interface ip set address wire dhcp": "Only addresses that are static",
        "netsh interface ip delete address wire 10.9.0.1": "Element not found.",
        "netsh interface ip reset": "command was not found",
        "netsh /?": "Usage: netsh",
        "netsh interface ip set dnsservers lo static 10.0.0.1": "command was not found",
        "netsh advfirewall show allprofiles": "command was not found",
        "ipconfig /frob": "unrecognized or incomplete command line",
        "ipconfig /release": "no adapter is in the state permissible",
        "ipconfig /renew": "no adapter is in the state permissible",
        "ipconfig /flushdns": "Could not flush the DNS Resolver Cache",
        "ipconfig /displaydns": "Could not display the DNS Resolver Cache",
        "ipconfig /registerdns": "The request is not supported.",
        "netsh interface set interface wire admin=perhaps": "The parameter is incorrect.",
        "ping -n": "Value must be supplied for option -n.",
        "ping -n 0 127.0.0.1": "Bad value for option -n",
        "ping -6 ::1": "Bad option -6.",
        "netstat -x": "Displays protocol statistics",
        "ping none.invalid": "could not find host none.invalid",
    },
}
"""What is wrong with a line, as its tool says."""


@pytest.mark.parametrize("world", REFUSALS)
def test_not_everybody_changes_the_network(on: Sessions, world: Session) -> None:
    done = on.each(world, FOR_ADMINISTRATORS[world], user="nobody")
    assert [line for line, status, text in done if not status or REFUSALS[world] not in text] == []


@pytest.mark.parametrize("world", REFUSALS)
def test_nobody_changes_the_hosts_network(beside: Sessions, world: Session) -> None:
    done = beside.each(world, FOR_ADMINISTRATORS[world])
    assert [line for line, status, text in done if not status or REFUSALS[world] not in text] == []


def test_only_who_may_names_the_machine(on: Sessions) -> None:
    assert "must be root" in on.refused("linux", "hostname other", user="nobody")
    assert "not possible" in on.refused("windows", "hostname other")


@pytest.mark.parametrize("world", WRONG)
def test_what_is_wrong_is_said(on: Sessions, world: Session) -> None:
    reasons = WRONG[world]
    done = on.each(world, list(reasons))
    assert [
        (line, status, text) for line, status, text in done if not status or reasons[line] not in text
    ] == []
