"""A machine with a network of its own: what administrators change in it is changed, and concerns nobody else."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from lichen.platforms.network import wayout
from tests import userlands
from tests.programs.conftest import Lichen, children_of, eventually, is_alive
from tests.toolchain import host_program

_ECHO = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[2:] == ["udp"] else socket.SOCK_STREAM
with socket.socket(socket.AF_INET, kind) as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("0.0.0.0", int(sys.argv[1])))
    if kind == socket.SOCK_STREAM:
        server.listen()
    print("ready", flush=True)
    while True:
        if kind == socket.SOCK_STREAM:
            with server.accept()[0] as client:
                while data := client.recv(1 << 16):
                    client.sendall(data)
        else:
            data, sender = server.recvfrom(1 << 16)
            server.sendto(data, sender)
"""


def may_have_namespaces() -> bool:
    tried = subprocess.run(["unshare", "--user", "--net", "true"], check=False, capture_output=True)
    return tried.returncode == 0


pytestmark = pytest.mark.skipif(not may_have_namespaces(), reason="the host allows no network namespaces")


@pytest.fixture
def own(lichen: Lichen) -> Lichen:
    """A command whose default machine has a network of its own from its first program on."""
    assert lichen.run("run", "--network", "own", "true").returncode == 0
    return lichen


def output(lichen: Lichen, *words: str, user: str = "root") -> str:
    done = lichen.run("run", "--user", user, "--", *words)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def network_of(lichen: Lichen, machine: str = "default") -> str:
    """What `lichen status` says of a machine's network."""
    told = lichen.run("status", machine).stdout.decode()
    found = re.search(r"^network +(.*)$", told, re.MULTILINE)
    assert found is not None, told
    return found[1]


def helpers_of(lichen: Lichen, machine: str = "default") -> list[int]:
    """The kernel's child that is in the machine's network, and the program that leads out, if there is one."""
    kernel = int(lichen.facts(machine)["pid"])
    (server,) = [pid for pid in children_of(kernel) if _name(pid) == "lichen-network"]
    return [server, *children_of(server)]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def start_echo(
    lichen: Lichen, port: int, *words: str, options: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """An echo server in a machine, which listens when this returns."""
    run = ("run", *options, "--user", "root", "--", "python3", "-c", _ECHO, str(port), *words)
    client = lichen.start(*run)
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line == b"ready\n", client.communicate()
    return client


def end(client: subprocess.Popen[bytes]) -> None:
    client.terminate()
    client.communicate(timeout=20)


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


# ---- administration


def test_ip_changes_addresses_routes_and_neighbours(own: Lichen) -> None:
    host_program("ip", "iproute2")
    script = """set -e
        ip address add 10.77.0.1/24 dev lo; ip address add fd77::1/64 dev lo
        ip link set lo mtu 9000; ip link set lo alias mine
        ip route add 10.78.0.0/16 dev lo metric 7 mtu 1400
        ip rule add from 10.77.0.0/24 table 100
        ip -brief address show lo; ip route show 10.78.0.0/16; ip rule show table 100
        cat /sys/class/net/lo/mtu
        ip route delete 10.78.0.0/16; ip address delete 10.77.0.1/24 dev lo; ip rule delete table 100
        ip -brief -4 address show lo; ip route show 10.78.0.0/16; ip rule show table 100"""
    lines = [line.split() for line in output(own, "bash", "-c", script).splitlines()]
    assert lines == [
        ["lo", "UNKNOWN", "127.0.0.1/8", "10.77.0.1/24", "fd77::1/64", "::1/128"],
        ["10.78.0.0/16", "dev", "lo", "scope", "link", "metric", "7", "mtu", "1400"],
        ["32765:", "from", "10.77.0.0/24", "lookup", "100"],
        ["9000"],
        ["lo", "UNKNOWN", "127.0.0.1/8"],
    ]


def test_links_are_made(own: Lichen) -> None:
    """A pair of links, one of which is a bridge's, as far as the host has the kinds."""
    host_program("ip", "iproute2")
    script = "ip link add left type veth peer name right && ip link add bridge0 type bridge"
    made = own.run("run", "--user", "root", "--", "bash", "-c", script)
    if b"Unknown device type" in made.stderr:
        pytest.skip("the host has no veth or bridge")
    assert (made.returncode, made.stderr) == (0, b"")
    script = """ip link set right master bridge0 up && ip link set left up && ip address add 10.77.1.1/24 dev left
        ip neighbour add 10.77.1.5 lladdr 2:0:0:0:0:5 dev left nud permanent; ip neighbour show nud permanent
        cat /sys/class/net/left/operstate; grep -c -e left -e right -e bridge0 /proc/net/dev
        ip link delete left; ls /sys/class/net"""
    neighbour, *told = output(own, "bash", "-c", script).splitlines()
    assert neighbour.split() == ["10.77.1.5", "dev", "left", "lladdr", "02:00:00:00:00:05", "PERMANENT"]
    assert told[:2] == ["up", "3"]
    assert "left" not in told[2:]
    assert {"bridge0", "lo"} <= set(told[2:])


def test_what_is_the_hosts_is_not_reached_by_messages(own: Lichen) -> None:
    host_program("ip", "iproute2")
    for words in (
        ("link", "set", "lo", "netns", "1"),
        ("link", "add", "x1", "type", "veth", "peer", "name", "x2", "netns", "1"),
        ("link", "add", "x3", "type", "vxlan", "id", "7"),
        ("netns", "list-id"),
        ("route", "add", "10.9.0.0/16", "encap", "bpf", "xmit", "pinned", "/x", "dev", "lo"),
    ):
        assert own.run("run", "--user", "root", "--", "ip", *words).returncode != 0, words
    assert output(own, "ls", "/sys/class/net").split().count("lo") == 1


_LIES = """
import random, socket, struct
chance = random.Random(11)
def attribute(type, value):
    return struct.pack("<HH", 4 + len(value), type) + value + bytes(-len(value) % 4)
link = bytes(16)
peer = attribute(18, attribute(1, b"veth") + attribute(2, attribute(1, link + attribute(3, b"p"))))
whole = [
    (16, link + attribute(3, b"x%d") + peer), (16, struct.pack("<BxHiII", 0, 0, 1, 1, 1) + attribute(4, b"\\0\\2\\0\\0")),
    (20, struct.pack("<BBBBI", 2, 24, 0, 0, 1) + attribute(2, bytes((10, 3, 3, 3)))),
    (24, struct.pack("<8BI", 2, 24, 0, 0, 254, 3, 253, 1, 0)
     + attribute(1, bytes((10, 4, 4, 0))) + attribute(4, b"\\1\\0\\0\\0")),
    (32, bytes((2, 0, 0, 0, 100, 0, 0, 1, 0, 0, 0, 0)) + attribute(6, b"\\1\\0\\0\\0")),
]
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as to_host:
    to_host.setblocking(False)
    refused = answered = 0
    for _ in range(4000):
        type, body = chance.choice(whole)
        body = bytearray(body)
        for _ in range(chance.randrange(3)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        if chance.random() < 0.3:
            body += attribute(chance.choice((19, 28, 37, 43, 45, 46)), struct.pack("<I", chance.randrange(8)))
        type += chance.choice((0, 0, 0, 1, 2, 3, 60))
        size = 16 + len(body) + chance.choice((0, 0, 0, 0, -1, 5))
        try:
            to_host.send(struct.pack("<IHHII", size, type, chance.choice((1, 5, 0x605, 0x301)), 0, 0) + body)
            answer = to_host.recv(65536)
            answered += 1
            refused += struct.unpack_from("<IHHIIi", answer)[1::4] == (2, -95)
        except OSError:
            pass
print("some passed, some did not" if 200 < refused < answered - 200 else (refused, answered))
"""


def test_messages_that_lie(own: Lichen) -> None:
    """The kernel goes on, and no link of the machine comes to the host, nor one of the host's to the machine."""
    before = set(os.listdir("/sys/class/net"))
    assert output(own, "python3", "-c", _LIES) == "some passed, some did not\n"
    assert b"1: " in own.run("run", "ip", "-oneline", "link").stdout
    assert set(os.listdir("/sys/class/net")) == before
    assert own.facts()["pid"]
    assert "Traceback" not in own.log()
    assert "none" in re.findall("^kernel errors +(.*)$", own.run("status").stdout.decode(), re.MULTILINE)


def test_users_may_look_and_change_nothing(own: Lichen) -> None:
    host_program("ip", "iproute2")
    assert "127.0.0.1/8" in output(own, "ip", "-brief", "address", "show", "lo", user="nobody")
    for words in (("ip", "link", "set", "lo", "down"), ("ip", "address", "add", "10.77.0.1/24", "dev", "lo")):
        done = own.run("run", "--user", "nobody", "--", *words)
        assert done.returncode != 0
        assert b"Operation not permitted" in done.stderr
    script = """
import socket
for make in (lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1), lambda: socket.socket().bind(("", 80))):
    try:
        make()
        print("made")
    except OSError as error:
        print(error.errno)
"""
    assert output(own, "python3", "-c", script, user="nobody").split() == ["1", "13"]
    assert output(own, "python3", "-c", script).split() == ["made", "made"]


def test_sockets_are_bound_to_interfaces(own: Lichen) -> None:
    script = """
import socket
server = socket.create_server(("127.0.0.1", 0))
for name in (b"lo", b"none"):
    one = socket.socket()
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        one.connect(server.getsockname())
        print(one.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\\0").decode())
    except OSError as error:
        print(error.errno)
"""
    assert output(own, "python3", "-c", script).split() == ["lo", "19"]


def test_ifconfig_and_route_do_as_on_linux(own: Lichen) -> None:
    host_program("ifconfig", "net-tools")
    script = """set -e
        ifconfig lo:1 10.77.2.1; ifconfig lo:1 netmask 255.255.255.0; ifconfig lo mtu 8000
        route add -net 10.79.0.0 netmask 255.255.0.0 dev lo; route add -host 10.80.0.1 dev lo metric 4
        ifconfig lo | grep -o 'mtu [0-9]*'; ifconfig lo:1 | grep -o 'inet.*'
        route -n | grep -e ^10.79 -e ^10.80; grep -c lo /proc/net/route
        route del -net 10.79.0.0 netmask 255.255.0.0; route del -host 10.80.0.1; ifconfig lo:1 down
        route -n | grep -c -e ^10.79 -e ^10.80 || true; ifconfig lo:1"""
    lines = [line.split() for line in output(own, "bash", "-c", script).splitlines()]
    assert lines[:6] == [
        ["mtu", "8000"],
        ["inet", "10.77.2.1", "netmask", "255.255.255.0"],
        ["10.79.0.0", "0.0.0.0", "255.255.0.0", "U", "0", "0", "0", "lo"],
        ["10.80.0.1", "0.0.0.0", "255.255.255.255", "UH", "4", "0", "0", "lo"],
        ["2"],
        ["0"],
    ]
    assert not any(word.startswith("10.77") for line in lines[6:] for word in line)


def test_ip_monitor_tells_of_changes(own: Lichen) -> None:
    host_program("ip", "iproute2")
    script = """exec 3< <(ip monitor address)
        until [ -n "$line" ]; do ip address replace 10.77.3.1/24 dev lo; read -t 0.1 -u 3 line; done
        echo "$line"; kill $!"""
    assert "10.77.3.1/24" in output(own, "bash", "-c", script)


def test_settings_of_the_network_are_the_machines(own: Lichen) -> None:
    names = "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_default_ttl"
    before = [Path(name).read_text() for name in names]
    script = f"echo 1 > {names[0]} && echo 33 > {names[1]} && cat {names[0]} {names[1]}"
    assert output(own, "sh", "-c", script) == "1\n33\n"
    of_all = output(own, "sh", "-c", "ls /proc/sys/net/ipv4/conf; ls /sys/class/net").split()
    assert all(of_all.count(name) == 2 for name in of_all if name not in ("all", "default"))
    of_each = "for i in /proc/sys/net/ipv4/conf/*; do echo 2 > $i/rp_filter; cat $i/rp_filter; done"
    assert set(output(own, "sh", "-c", of_each).split()) == {"2"}
    assert [Path(name).read_text() for name in names] == before
    assert own.run("run", "--user", "nobody", "--", "sh", "-c", f"echo 0 > {names[0]}").returncode != 0


def test_ping(own: Lichen) -> None:
    host_program("ping", "iputils-ping")
    for user in ("root", "nobody"):
        told = own.run("run", "--user", user, "--", "ping", "-n", "-c", "1", "-W", "5", "127.0.0.1").stdout
        assert b"1 received" in told


def test_windows_programs_are_on_the_same_network(own: Lichen) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    host_program("ip", "iproute2")
    script = "ip address add 10.77.4.1/24 dev lo; ipconfig.exe; ping.exe -n 1 10.77.4.1"
    done = own.run("run", "--user", "root", "--", "bash", "-c", script)
    assert b"10.77.4.1" in done.stdout


# ---- apart from others


def test_two_machines_and_the_host_have_the_same_port(lichen: Lichen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        options = [("--machine", name, "--network", "own") for name in ("one", "two")]
        clients = [start_echo(lichen, port, options=words) for words in options]
        ask = f"import socket; s = socket.create_connection(('127.0.0.1', {port})); s.send(b'x'); print(s.recv(9))"
        for words in options:
            done = lichen.run("run", *words, "--", "python3", "-c", ask)
            assert done.stdout == b"b'x'\n"
        end(clients[0])
        done = lichen.run("run", *options[0], "--", "python3", "-c", ask)
        assert b"ConnectionRefusedError" in done.stderr
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        end(clients[1])


def test_none_has_the_loopback_only(lichen: Lichen) -> None:
    assert lichen.run("run", "--network", "none", "ls", "/sys/class/net").stdout == b"lo\n"
    assert network_of(lichen).startswith("none")
    script = """
import socket
own = socket.create_server(("127.0.0.1", 0))
print(socket.create_connection(own.getsockname()).getpeername() == own.getsockname())
try:
    socket.create_connection(("192.0.2.1", 9), 5)
except OSError as error:
    print(error.errno)
"""
    assert lichen.run("run", "python3", "-c", script).stdout.split() == [b"True", b"101"]


def test_the_hosts_network_is_looked_at_and_left_alone(lichen: Lichen) -> None:
    host_program("ip", "iproute2")
    assert lichen.run("run", "--network", "host", "true").returncode == 0
    assert network_of(lichen) == "host (chosen)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        ask = f"import socket; socket.create_connection({server.getsockname()!r})"
        assert lichen.run("run", "python3", "-c", ask).returncode == 0
    for words in (("ip", "link", "set", "lo", "mtu", "9000"), ("ifconfig", "lo", "mtu", "9000")):
        done = lichen.run("run", "--user", "root", "--", *words)
        assert b"Operation not permitted" in done.stderr
    refused = lichen.run("run", "--publish", "5:5", "true")
    assert refused.returncode == 125
    assert b"--publish needs --network own" in refused.stderr


def test_a_choice_is_kept_and_another_is_refused_while_the_machine_runs(lichen: Lichen) -> None:
    assert lichen.run("run", "--network", "none", "true").returncode == 0
    other = lichen.run("run", "--network", "host", "true")
    assert other.returncode == 125
    assert b"runs with --network none, not host: end it first" in other.stderr
    assert lichen.run("terminate", "default").returncode == 0
    assert lichen.run("run", "true").returncode == 0
    assert network_of(lichen).startswith("none")
    assert lichen.run("terminate", "default").returncode == 0
    assert lichen.run("start", "--network", "host").returncode == 0
    assert network_of(lichen).startswith("host")
    assert lichen.run("run", "--network", "else", "true").returncode == 2


def test_nothing_is_made_before_a_socket_is(own: Lichen) -> None:
    kernel = int(own.facts()["pid"])
    assert own.run("run", "sh", "-c", "ls /proc/net /proc/sys/net /sys/class > /dev/null").returncode == 0
    assert all(_name(pid) != "lichen-network" for pid in children_of(kernel))
    assert own.run("run", "cat", "/proc/net/dev").returncode == 0
    assert helpers_of(own)


# ---- ports


def test_published_ports_lead_in(lichen: Lichen) -> None:
    port, datagrams = free_port(), free_port(socket.SOCK_DGRAM)
    publish = ("--network", "own", "--publish", f"{port}:80", "--publish", f"127.0.0.1:{datagrams}:53/udp")
    clients = [start_echo(lichen, 80, options=publish), start_echo(lichen, 53, "udp")]
    sent, got = os.urandom(1 << 20), bytearray()
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.settimeout(20)
        for at in range(0, len(sent), 1 << 16):
            stream.sendall(sent[at : at + (1 << 16)])
            while len(got) < at + (1 << 16):
                got += stream.recv(1 << 16)
    assert bytes(got) == sent
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(20)
        one.sendto(b"question", ("127.0.0.1", datagrams))
        assert one.recv(100) == b"question"
    told = lichen.run("status").stdout.decode()
    assert f"127.0.0.1:{port} -> 80" in told
    taken = lichen.run(
        "run", "--machine", "other", "--network", "own", "--publish", f"{port}:80", "echo", "ran"
    )
    assert (taken.returncode, taken.stdout) == (125, b"")
    assert f"127.0.0.1:{port}".encode() in taken.stderr
    assert b"Address already in use" in taken.stderr
    for client in clients:
        end(client)
    with socket.create_connection(("127.0.0.1", port)) as stream:
        assert stream.recv(1) == b""  # nobody listens in there any more
    assert lichen.run("terminate", "default").returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_ports_come_again_with_the_machine(lichen: Lichen) -> None:
    port = free_port()
    assert lichen.run("start", "--network", "own", "--publish", f"{port}:7").returncode == 0
    assert lichen.run("start", "--publish", "7").returncode == 2
    assert lichen.run("restart").returncode == 0
    client = start_echo(lichen, 7)
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"
    end(client)
    assert network_of(lichen).startswith("own")


@pytest.mark.parametrize(
    "text", ["80", "0:80", "80:70000", "x:80:80", "1.2.3.4:80", "80:80/sctp", "1:2:3:4", "[::1]80:80"]
)
def test_a_port_that_makes_no_sense_is_no_port(lichen: Lichen, text: str) -> None:
    done = lichen.run("run", "--publish", text, "true")
    assert (done.returncode, text.encode() in done.stderr) == (2, True)


# ---- faults


def test_who_makes_sockets_is_killed(own: Lichen) -> None:
    """What is open stays good; the next socket is made in the same network."""
    client = start_echo(own, 7)
    before = helpers_of(own)
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: not any(is_alive(pid) for pid in before))
    ask = "import socket; s = socket.create_connection(('127.0.0.1', 7)); s.send(b'x'); print(s.recv(9))"
    assert own.run("run", "python3", "-c", ask).stdout == b"b'x'\n"
    assert helpers_of(own)[0] != before[0]
    assert "the process in the machine's network was ended" in own.log()
    end(client)


def test_nothing_outlives_the_kernel(own: Lichen) -> None:
    client = start_echo(own, 7)
    helpers = helpers_of(own)
    os.kill(int(own.facts()["pid"]), signal.SIGKILL)
    client.communicate(timeout=20)
    assert client.returncode == 125
    eventually(lambda: not any(is_alive(pid) for pid in helpers))


def test_nothing_outlives_a_machine(own: Lichen) -> None:
    assert own.run("run", "cat", "/proc/net/dev").returncode == 0
    helpers = helpers_of(own)
    assert own.run("terminate", "default").returncode == 0
    eventually(lambda: not any(is_alive(pid) for pid in helpers))


# ---- the way out


@pytest.fixture
def leads_out(own: Lichen) -> Lichen:
    obstacle = wayout.obstacle(wayout.find())
    if obstacle:
        pytest.skip(obstacle)
    return own


def test_the_way_out_is_there_when_the_first_socket_is(leads_out: Lichen) -> None:
    host_program("ip", "iproute2")
    assert "made at first use" in network_of(leads_out)
    assert output(leads_out, "ip", "route", "show", "default").startswith("default")
    assert re.fullmatch("own, out by (pasta|slirp4netns)", network_of(leads_out))


def test_the_hosts_loopback_is_not_reached(leads_out: Lichen) -> None:
    """Neither by the loopback nor by the address of the gateway."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        script = f"""
import socket
for host in ("127.0.0.1", "127.0.0.2"):
    try:
        socket.create_connection((host, {port}), 5)
        print("reached", host)
    except OSError as error:
        print(error.errno)
"""
        assert output(leads_out, "python3", "-c", script).split() == ["111", "111"]


_AROUND = """
import os, socket, struct, subprocess, sys
(index,) = [index for index, name in socket.if_nameindex() if name != "lo"]
port, cases = int(sys.argv[1]), {}
four, six = (socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6))
there, there6 = ("127.0.0.1", port), ("::1", port)
if os.getuid():
    cases["information"] = lambda: four.sendmsg([b"1"], [(0, 8, struct.pack("=i8x", index))], 0, there)
    cases["information 6"] = lambda: six.sendmsg([b"2"], [(41, 50, struct.pack("=16xi", index))], 0, there6)
    option = struct.pack("!i", index)
    cases["interface"] = lambda: (four.setsockopt(0, 50, option), four.sendto(b"3", there))
    cases["interface 6"] = lambda: (six.setsockopt(41, 76, option), six.sendto(b"4", there6))
else:
    def raw(host):
        header = struct.pack("!BBHHHBBH4s4s", 69, 0, 29, 0, 0, 9, 17, 0, socket.inet_aton("192.0.2.9"), host)
        packets = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        packets.sendto(header + struct.pack("!4H", 9, port, 9, 0) + b"5", ("198.51.100.1", 0))
    for host in ("127.0.0.1", "127.9.9.9", "0.0.0.0"):
        cases[host] = lambda host=host: raw(socket.inet_aton(host))
    def routed():
        subprocess.run(["ip", "address", "delete", "127.0.0.1/8", "dev", "lo"], check=True)
        four.sendto(b"6", there)
    cases["routed"] = routed
for name, send in cases.items():
    try:
        send()
        print(name, "was sent")
    except OSError as error:
        print(name, error.errno)
"""


def test_the_hosts_loopback_is_not_reached_around_the_routes(leads_out: Lichen) -> None:
    """By who names the interface to send by, writes headers, or takes the loopback's addresses away."""
    host_program("ip", "iproute2")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind(("::", 0))
        port = str(server.getsockname()[1])
        told = output(leads_out, "python3", "-c", _AROUND, port, user="nobody")
        assert told == "information 1\ninformation 6 1\ninterface 1\ninterface 6 1\n"
        told = output(leads_out, "python3", "-c", _AROUND, port)
        assert told == "127.0.0.1 1\n127.9.9.9 1\n0.0.0.0 1\nrouted 1\n"
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.recv(9)


def test_the_way_out_is_killed(leads_out: Lichen) -> None:
    """The machine goes on with its loopback, and says what became of the rest."""
    host_program("ip", "iproute2")
    assert output(leads_out, "ip", "route", "show", "default")
    server, way_out = helpers_of(leads_out)
    os.kill(way_out, signal.SIGKILL)
    eventually(lambda: "SIGKILL" in network_of(leads_out))
    assert output(leads_out, "ip", "route", "show", "default") == ""
    assert is_alive(server)
    assert "no way out" in leads_out.log()


def test_by_default_a_machine_has_its_own_where_there_is_a_way_out(lichen: Lichen) -> None:
    obstacle = wayout.obstacle(wayout.find())
    assert lichen.run("run", "cat", "/proc/net/dev").returncode == 0
    network = network_of(lichen)
    assert network.startswith(f"host ({obstacle}" if obstacle else "own, out by ")
    done = lichen.run("run", "--fresh", "cat", "/proc/net/dev", variables={"PATH": os.environ["PATH"]})
    assert done.returncode == 0


def test_a_machine_that_nobody_chose_it_for_does_without_it(lichen: Lichen, tmp_path: Path) -> None:
    """When the way out fails, it is on the host's network from its first socket on; one that chose has no way out."""
    if obstacle := wayout.obstacle(wayout.WayOut("pasta", "")):
        pytest.skip(obstacle)
    (tmp_path / "pasta").write_text("#!/bin/sh\necho no door here >&2\nexit 1\n")
    (tmp_path / "pasta").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        ask = f"import socket; socket.create_connection({server.getsockname()!r})"
        assert lichen.run("run", "python3", "-c", ask, variables=path).returncode == 0
        assert network_of(lichen) == "host (pasta: no door here)"
        words = ("run", "--machine", "other", "--network", "own", "python3", "-c", ask)
        assert b"ConnectionRefusedError" in lichen.run(*words, variables=path).stderr
        assert network_of(lichen, "other") == "own, and no way out now (pasta: no door here)"
