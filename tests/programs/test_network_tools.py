"""One network as both worlds' tools show it: each tool of one is looked at from the other."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.administration import works
from tests.programs.conftest import Lichen
from tests.toolchain import Toolchain, host_program

WINDOWS = Path(__file__).parent / "windows"
SERVER = """
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(7)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("127.0.0.1", 0))
c = socket.create_connection(s.getsockname()); a, _ = s.accept()
print(s.getsockname()[1], u.getsockname()[1], c.getsockname()[1], flush=True)
sys.stdin.read()
"""
STARTED = """coproc server { %s; }; read -r tcp udp more <&${server[0]}; pid=$server_PID
"""
"""Begin a shell's script with a server of which $pid, $tcp and $udp tell; the script's end is the server's."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lichen]:
    """A machine with Windows and a network of its own, without a way out."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    userlands.own_programs()
    command = Lichen(tmp_path_factory.mktemp("home"))
    userlands.begin_as_the_users(command.home)
    begun = command.run("run", "--network", "none", "--", "cmd.exe", "/c", "ver")
    if begun.returncode:
        pytest.skip(f"needs a host that lets machines have networks: {begun.stderr.decode().strip()}")
    yield command
    assert command.run("shutdown").returncode == 0


def lines(machine: Lichen, script: str, *shared: Path) -> list[str]:
    """What a shell prints that sees some folders by their own names, and does not become its last command."""
    shares = [word for path in shared for word in ("--share", f"{path}:{path}:ro")]
    done = machine.run(
        "run", "--user", "root", *shares, "--", "bash", "-c", f"exec 2>&1; {script}\ntrue", seconds=60
    )
    return done.stdout.decode().replace("\r", "").splitlines()


# ---- a server of Windows, seen by Linux


@pytest.fixture
def listener(windows_c: Toolchain) -> Path:
    return windows_c.compile(WINDOWS / "listener.c", "-lws2_32")


@works("Network", "see who listens, and whose program it is", "linux", "ss -ltnp")
def test_ss_shows_windows_programs(network: Lichen, listener: Path) -> None:
    host_program("ss", "iproute2")
    script = (
        STARTED % f"exec {listener}" + "echo $pid $tcp $udp; ss -Hltnp; ss -Huanp; readlink /proc/$pid/fd/*"
    )
    first, *rest = lines(network, script, listener.parent)
    pid, tcp, udp = first.split()
    streams = [line for line in rest if line.startswith("LISTEN")]
    datagrams = [line for line in rest if line.startswith("UNCONN")]
    pattern = rf'LISTEN +0 +3 +127\.0\.0\.1:{tcp} +0\.0\.0\.0:\* +users:\(\("{listener.name[:15]}",pid={pid},fd=\d+\)\)'
    assert [bool(re.match(pattern, line)) for line in streams] == [True]
    assert len(datagrams) == 1
    assert f"127.0.0.1:{udp} " in datagrams[0]
    assert f"pid={pid}," in datagrams[0]
    assert sum(line.startswith("socket:[") for line in rest) == 2


@works("Network", "see who listens, and whose program it is", "linux", "netstat -ltnp")
@works("Network", "see who listens, and whose program it is", "linux", "lsof -i")
def test_netstat_and_lsof_show_windows_programs(network: Lichen, listener: Path) -> None:
    host_program("netstat", "net-tools")
    host_program("lsof")
    script = STARTED % f"exec {listener}" + "echo $pid $tcp $udp; netstat -ltnp; netstat -lunp; lsof -nP -i"
    first, *rest = lines(network, script, listener.parent)
    pid, tcp, udp = first.split()
    text = "\n".join(rest)
    assert re.search(rf"tcp +0 +0 127\.0\.0\.1:{tcp} +0\.0\.0\.0:\* +LISTEN +{pid}/listener", text)
    assert re.search(rf"udp +0 +0 127\.0\.0\.1:{udp} +0\.0\.0\.0:\* +{pid}/listener", text)
    assert re.search(rf"\n\S+ +{pid} .* TCP 127\.0\.0\.1:{tcp} \(LISTEN\)", text)
    assert re.search(rf"\n\S+ +{pid} .* UDP 127\.0\.0\.1:{udp}", text)


# ---- a server of Linux, seen by Windows


@works("Network", "see who listens, and whose program it is", "windows", "netstat -ano")
def test_netstat_of_windows_shows_linux_programs(network: Lichen, tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    script = STARTED % f"exec python3 {tmp_path}/server.py" + "echo $pid $tcp $udp $more; netstat.exe -ano"
    first, *rest = lines(network, script, tmp_path)
    pid, tcp, udp, client = first.split()
    rows = [line.split() for line in rest]
    assert ["TCP", f"127.0.0.1:{tcp}", "0.0.0.0:0", "LISTENING", pid] in rows
    assert ["TCP", f"127.0.0.1:{tcp}", f"127.0.0.1:{client}", "ESTABLISHED", pid] in rows
    assert ["TCP", f"127.0.0.1:{client}", f"127.0.0.1:{tcp}", "ESTABLISHED", pid] in rows
    assert ["UDP", f"127.0.0.1:{udp}", "*:*", pid] in rows


def test_netstat_of_windows_shows_what_it_is_asked_for(network: Lichen) -> None:
    found = lines(network, "netstat.exe -e; netstat.exe -s; netstat.exe -r; netstat.exe -p quic; echo $?")
    for title in ("Interface Statistics", "TCP Statistics for IPv4", "ICMPv4 Statistics", "IPv4 Route Table"):
        assert title in found
    assert found[-1] == "1"


def test_sockets_of_the_host_are_nobodys_to_see(lichen: Lichen) -> None:
    host_program("ss", "iproute2")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        script = "ss -Htan; ss -Huan; ss -Hxa; cat /proc/net/tcp /proc/net/unix; netstat -tan"
        done = lichen.run("run", "--fresh", "--network", "host", "--", "bash", "-c", script)
        text = done.stdout.decode()
        for port in (f":{server.getsockname()[1]}", f":{server.getsockname()[1]:04X}"):
            assert port not in text
        own = ("/run/systemd/private", "/run/dbus/system_bus_socket")  # where the kernel itself listens
        assert len([line for line in text.splitlines() if not any(name in line for name in own)]) < 8


# ---- connections that are broken off


@works("Network", "break a connection off", "linux", "ss -K dport = PORT")
def test_ss_breaks_a_connection_off_for_who_may(network: Lichen, tmp_path: Path) -> None:
    host_program("ss", "iproute2")
    (tmp_path / "peer.py").write_text(
        "import socket, sys\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
        "c = socket.create_connection(s.getsockname()); a, _ = s.accept()\n"
        "print(s.getsockname()[1], 0, c.getsockname()[1], flush=True)\n"
        "try: c.recv(1)\n"
        "except OSError as error: print(error.errno, flush=True)\n"
    )
    script = (
        STARTED % f"exec python3 {tmp_path}/peer.py"
        + "ss -KHtn dport = $tcp sport = $more >/dev/null; read -r error <&${server[0]}; echo $error"
    )
    assert lines(network, script, tmp_path) == ["104"]


# ---- what the network is


@works("Network", "see the addresses", "windows", "ipconfig /all")
def test_wines_tools_tell_the_same_addresses(network: Lichen) -> None:
    host_program("ip", "iproute2")
    added = "ip link set lo up; ip addr add 10.20.30.40/24 dev lo; "
    found = lines(network, added + "ipconfig.exe /all; hostname.exe; ip addr del 10.20.30.40/24 dev lo")
    assert any("10.20.30.40" in line for line in found)
    assert any(line == "Loopback adapter lo:" for line in found)
    assert found[-1] == lines(network, "hostname")[0].upper()


@works("Network", "see whether a host answers", "windows", "ping -n 1 127.0.0.1")
def test_ping_of_windows_reaches_the_loopback(network: Lichen) -> None:
    found = lines(network, "ping.exe -n 1 127.0.0.1; echo $?; ping.exe -n 1 -w 50 10.255.255.1; echo $?")
    assert any(line.startswith("Reply from 127.0.0.1: bytes=32 time<1ms TTL=64") for line in found)
    assert "0" in found
    assert any(line.endswith("Lost = 1 (100% loss),") for line in found)
    assert found[-1] == "1"


@works("Network", "see the routes", "windows", "route print")
@works("Network", "add or delete a route", "windows", "route add 10.77.0.0 mask 255.255.0.0 127.0.0.1")
@works("Network", "add or delete a route", "windows", "route delete 10.77.0.0")
@works("Network", "add or delete a route", "linux", "ip route add 10.88.0.0/16 dev lo")
def test_route_changes_what_linux_sees(network: Lichen) -> None:
    host_program("ip", "iproute2")
    script = """
        route.exe add 10.77.0.0 mask 255.255.0.0 127.0.0.1 metric 5; ip -o route show 10.77.0.0/16
        route.exe change 10.77.0.0 mask 255.255.0.0 127.0.0.1 metric 9; ip -o route show 10.77.0.0/16
        route.exe print -4 10.77.* | grep 10.77
        route.exe add 10.77.0.0 mask 255.255.0.0 127.0.0.1 metric 9; echo $?
        route.exe delete 10.77.0.0; ip -o route show 10.77.0.0/16; route.exe delete 10.77.0.0; echo $?
        ip route add 10.88.0.0/16 dev lo; route.exe print | grep 10.88; ip route del 10.88.0.0/16
        route.exe -6 print >/dev/null; echo $?; route.exe frob 2>/dev/null; echo $?"""
    assert [line.split() for line in lines(network, script)] == [
        ["OK!"],
        ["10.77.0.0/16", "dev", "lo", "proto", "static", "scope", "link", "metric", "5"],
        ["OK!"],
        ["10.77.0.0/16", "dev", "lo", "proto", "static", "scope", "link", "metric", "9"],
        ["10.77.0.0", "255.255.0.0", "On-link", "127.0.0.1", "9"],
        ["The", "route", "addition", "failed:", "The", "object", "already", "exists."],
        ["1"],
        ["OK!"],
        ["The", "route", "deletion", "failed:", "Element", "not", "found."],
        ["1"],
        ["10.88.0.0", "255.255.0.0", "On-link", "127.0.0.1", "0"],
        ["0"],
        ["1"],
    ]


@works(
    "Network",
    "add or delete an address",
    "windows",
    "netsh interface ipv4 add address lo 10.9.9.9 255.255.255.0",
)
def test_netsh_changes_what_linux_sees(network: Lichen) -> None:
    host_program("ip", "iproute2")
    script = """
        show() { ip -o addr show dev lo | grep -oE "inet6? (10|fd)[^ ]*"; }
        netsh.exe interface ipv4 add address lo 10.9.9.9 255.255.255.0; echo $?; show
        netsh.exe interface ip set address name=lo source=static address=10.9.9.9 mask=255.255.255.0; echo $?; show
        ip addr show dev lo | grep -c 127.0.0.1; ip addr add 127.0.0.1/8 dev lo
        netsh.exe interface ip show addresses lo | grep -F 10.9
        netsh.exe interface ipv6 add address interface=lo address=fd00:9::9/64; show
        netsh.exe interface ipv4 add route 10.78.0.0/16 lo metric=3; ip route show 10.78.0.0/16
        netsh.exe interface ipv4 show route lo | grep 10.78
        netsh.exe interface ipv4 delete route 10.78.0.0/16 lo; ip route show 10.78.0.0/16
        netsh.exe interface ipv6 delete address lo fd00:9::9; netsh.exe interface ipv4 delete address lo 10.9.9.9; show
        netsh.exe interface ipv4 show interfaces | grep -c connected
        netsh.exe wlan show networks; echo $?; netsh.exe interface ipv4 show frobs; echo $?"""
    found = [" ".join(line.split()) for line in lines(network, script) if line.strip()]
    assert found == [
        *("0", "inet 10.9.9.9/24", "0", "inet 10.9.9.9/24", "0"),
        "IP Address: 10.9.9.9",
        "Subnet Prefix: 10.9.9.0/24 (mask 255.255.255.0)",
        *("inet 10.9.9.9/24", "inet6 fd00:9::9/64"),
        "Ok.",
        "10.78.0.0/16 dev lo proto static scope link metric 3",
        "No Manual 3 10.78.0.0/16 1 lo",
        "Ok.",
        "1",
        *("The following command was not found: wlan show networks.", "1"),
        *("The following command was not found: interface ipv4 show frobs.", "1"),
    ]


def test_arp_changes_what_linux_sees(network: Lichen) -> None:
    host_program("ip", "iproute2")
    script = """
        ip link add wire type veth peer name rest 2>/dev/null || { echo none; exit; }
        ip addr add 10.5.0.1/24 dev wire; ip link set rest up; ip link set wire up
        arp.exe -s 10.5.0.9 00-11-22-33-44-55 10.5.0.1; echo $?; ip neigh show 10.5.0.9
        arp.exe -a | grep 10.5.0.9; arp.exe -a 10.5.0.8; echo $?
        arp.exe -d 10.5.0.9; echo $?; ip neigh show 10.5.0.9; arp.exe -s 10.5.0.9 what; echo $?; ip link del wire"""
    found = lines(network, script)
    if found == ["none"]:
        pytest.skip("needs a host with veth interfaces")
    assert [line.split() for line in found] == [
        ["0"],
        ["10.5.0.9", "dev", "wire", "lladdr", "00:11:22:33:44:55", "PERMANENT"],
        ["10.5.0.9", "00-11-22-33-44-55", "static"],
        ["No", "ARP", "Entries", "Found."],
        ["1"],
        ["0"],
        ["ARP:", "bad", "argument:", "what"],
        ["1"],
    ]


def test_windows_programs_hear_of_what_linux_changes(network: Lichen, windows_c: Toolchain) -> None:
    host_program("ip", "iproute2")
    awaiting = windows_c.compile(WINDOWS / "awaiting.c", "-liphlpapi", "-lws2_32")
    script = f"""coproc waiting {{ exec {awaiting}; }}; exec 5<&${{waiting[0]}}
        while read -r line <&5; do
            echo "$line"
            [[ $line = waiting* ]] && ip addr add 10.40.0.1/24 dev lo
        done; ip addr del 10.40.0.1/24 dev lo"""
    assert lines(network, script, awaiting.parent) == [
        "997 87",
        "interfaces are watched 7 3",
        "waiting 997",
        "address 10.40.0.1 8 1",
        "changed 0 0",
        "0 0 87",
    ]


def test_who_may_not_changes_nothing(network: Lichen) -> None:
    script = """setpriv --reuid 1000 --regid 1000 --clear-groups bash -c '
        route.exe add 10.77.0.0 mask 255.255.0.0 127.0.0.1; echo $?
        netsh.exe interface ipv4 add address lo 10.9.9.9 255.0.0.0; echo $?'; ip route show 10.77.0.0/16"""
    found = [line for line in lines(network, script) if line]
    assert found == ["The route addition failed: Access is denied.", "1", "Access is denied.", "1"]
