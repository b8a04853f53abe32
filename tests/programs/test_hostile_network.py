"""Guests who want from a network what is not theirs: the kernel stays, nothing is left, and nobody else notices."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen, children_of, eventually
from tests.programs.test_own_network import end, may_have_namespaces
from tests.toolchain import Toolchain, host_program

HERE = Path(__file__).parent
CALLS = int(os.environ.get("FUZZ_CALLS", "100000"))
SEED = os.environ.get("FUZZ_SEED", "1")

pytestmark = pytest.mark.skipif(not may_have_namespaces(), reason="the host allows no network namespaces")


def hosts_network() -> list[bytes]:
    """What of the host's network a guest might have changed; addresses without how long they are good for."""
    words = (["-brief", "address"], ["route", "show", "table", "all"], ["-6", "route"], ["link"], ["rule"])
    return [subprocess.run(["ip", *each], check=True, capture_output=True).stdout for each in words]


def descriptors_of(pid: int) -> Counter[str]:
    """How many of each kind a process has open, files apart."""
    found: Counter[str] = Counter()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        name = os.readlink(each)
        if not name.startswith("/"):
            found[name.partition(":")[0]] += 1
    return found


@pytest.mark.timeout(60 + CALLS // 400)
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_messages_that_lie_do_no_harm(lichen: Lichen, tmp_path: Path, user: str) -> None:
    """To a network of the machine's own, where an administrator's are passed on to the host."""
    host_program("ip", "iproute2")
    shutil.copy(HERE / "scripts" / "network_lies.py", tmp_path)
    share = ("--share", f"{tmp_path}:/lies:ro", "--user", user)
    before = hosts_network()
    assert lichen.run("run", "--network", "none", "cat", "/proc/net/dev").returncode == 0
    kernel = int(lichen.facts()["pid"])
    descriptors = descriptors_of(kernel)
    words = ("run", *share, "--", "python3", "/lies/network_lies.py", SEED, str(CALLS // 2))
    done = lichen.run(*words, seconds=50 + CALLS // 400)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")
    assert descriptors_of(kernel) == descriptors
    assert [Path(f"/proc/{pid}/comm").read_text() for pid in children_of(kernel)].count(
        "lichen-network\n"
    ) == 1
    assert lichen.run("run", "echo", "goes on").stdout == b"goes on\n"
    assert int(lichen.facts()["pid"]) == kernel
    assert "Traceback" not in lichen.log()
    assert hosts_network() == before


def test_local_sockets_are_one_machines(lichen: Lichen) -> None:
    """Names without a file are neither the host's nor another machine's."""
    name = f"\0lichen-test-{os.getpid()}"
    serve = f"import socket; s = socket.socket(socket.AF_UNIX); s.bind({name!r}); s.listen()"
    serve += "; print('ready', flush=True); s.accept()"
    ask = f"import socket; print(socket.socket(socket.AF_UNIX).connect_ex({name!r}))"
    with socket.socket(socket.AF_UNIX) as host:
        host.bind(name)
        host.listen()
        client = lichen.start("run", "--machine", "one", "python3", "-c", serve)
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        assert lichen.run("run", "--machine", "two", "python3", "-c", ask).stdout == b"111\n"
        host.setblocking(False)
        with pytest.raises(BlockingIOError):
            host.accept()
    with socket.socket(socket.AF_UNIX) as asking:
        assert asking.connect_ex(name) == 111
    assert lichen.run("run", "--machine", "one", "python3", "-c", ask).stdout == b"0\n"
    client.communicate(timeout=20)


_SILENT = """
import socket, subprocess
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    server.recv(512)
    print(subprocess.run(["echo", "goes on"], capture_output=True, text=True).stdout, end="", flush=True)
"""


@pytest.mark.parametrize("world", ["linux", "windows"])
def test_a_name_server_that_does_not_answer_keeps_nobody_else(lichen: Lichen, world: str) -> None:
    """Others run while somebody waits for it, who is told in the end, after as many tries as resolv.conf says."""
    if world == "windows" and find_userland() is None:
        pytest.skip(userlands.MISSING)
    client = lichen.start("run", "--network", "none", "--user", "root", "--", "python3", "-c", _SILENT)
    assert client.stdout is not None
    assert client.stdout.readline() == b"ready\n"
    ask = {"linux": "getent hosts silent.test", "windows": "ping.exe -n 1 silent.test"}[world]
    settings = "nameserver 127.0.0.1\\noptions timeout:1 attempts:1\\n"
    script = f"printf '{settings}' > /etc/resolv.conf; {ask} > /dev/null; echo $?"
    done = lichen.run("run", "--user", "root", "--", "sh", "-c", script)
    assert done.stdout.strip() == {"linux": b"2", "windows": b"1"}[world]
    assert client.stdout.readline() == b"goes on\n"
    end(client)


def is_refused(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_a_port_that_is_taken_leaves_nothing(lichen: Lichen) -> None:
    """Neither the ports that were free nor a process in a network."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        for verb in (("start",), ("run",)):
            words = (*verb, "--network", "own", "--publish", f"{free}:5", "--publish", f"{port}:5")
            done = lichen.run(*words, *(("--", "echo", "ran") if verb == ("run",) else ()))
            assert (done.returncode, done.stdout) == ({"start": 1, "run": 125}[verb[0]], b"")
            assert f"127.0.0.1:{port} of the host: Address already in use".encode() in done.stderr
            assert is_refused(free)
    assert lichen.run("start", "--publish", f"{free}:5").returncode == 0
    kernel = int(lichen.facts()["pid"])
    os.kill(kernel, 9)
    eventually(lambda: is_refused(free))


def test_a_windows_server_is_killed_while_all_its_requests_wait(
    lichen: Lichen, windows_c: Toolchain, tmp_path: Path
) -> None:
    """AcceptEx, select, WSAPoll and a receive end with it, and so do its sockets, on the machine as on the host."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    shutil.copy(windows_c.compile(HERE / "windows" / "pending.c", "-lws2_32"), tmp_path / "pending.exe")
    words = ("--network", "none", "--share", f"{tmp_path}:/programs:ro")
    assert lichen.run("run", *words, "cat", "/proc/net/dev").returncode == 0
    ask = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 5050)))"
    kernel, before = int(lichen.facts()["pid"]), Counter[str]()
    for turn in range(2):
        client = lichen.start("run", *words, "--", "/programs/pending.exe")
        assert client.stdout is not None
        process = client.stdout.readline().decode().strip()
        assert process.isdigit(), client.communicate()
        assert lichen.run("run", "kill", "-9", process).returncode == 0
        client.communicate(timeout=20)
        assert lichen.run("run", "python3", "-c", ask).stdout == b"111\n"
        sockets = descriptors_of(kernel)["socket"]
        assert not turn or sockets == before["socket"]
        before["socket"] = sockets
    assert "Traceback" not in lichen.log()
