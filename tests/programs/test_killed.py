"""The kernel is killed while programs write: what was committed is there, nothing is half there, nobody survives it.

Every round kills at another moment, which a seeded generator chooses, starts the machine again and looks. What the moment
met is chance, so a failure names the round: the same seed does not promise the same interleaving.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen, children_of, eventually, is_alive
from tests.toolchain import Toolchain, host_program

WINDOWS: Final = Path(__file__).parent / "windows"
ROUNDS: Final = 4
SIZE: Final = 1 << 18
_WRITER: Final = """
import os, sys
number = int(sys.argv[1])
places = sys.argv[2:]
print("ready", flush=True)
while True:
    number += 1
    for place in places:
        with open(place + "/new", "wb") as file:
            file.write(b"%08d" % (number % 10**8) * {words})
        os.rename(place + "/new", place + "/whole")
    print(number, flush=True)
""".replace("{words}", str(SIZE // 8))

_MAKER: Final = """
import os, sys
first = number = int(sys.argv[1])
while True:
    number += 1
    for place in sys.argv[2:]:
        os.mkfifo(f"{place}/fifo-{number}", 0o640)
        os.symlink(str(number), f"{place}/link-{number}")
    if number > first + 8:
        for place in sys.argv[2:]:
            os.unlink(f"{place}/fifo-{number - 8}")
            os.unlink(f"{place}/link-{number - 8}")
    print(number, flush=True)
"""
_TELL_KINDS: Final = """
import os, stat, sys
for place in sys.argv[1:]:
    for entry in os.scandir(place):
        state, (kind, number) = entry.stat(follow_symlinks=False), entry.name.split("-")
        is_right = stat.S_ISFIFO(state.st_mode) if kind == "fifo" else os.readlink(entry.path) == number
        print(place, kind, number, is_right and (kind == "link" or oct(state.st_mode)[-3:] == "640"))
"""


def kill_kernel(lichen: Lichen, client: subprocess.Popen[bytes]) -> bytes:
    """Kill the kernel under a client, which says so; no guest outlives it. Returns what the client had still to read."""
    kernel = int(lichen.facts()["pid"])
    guests = children_of(kernel)
    assert guests
    os.kill(kernel, signal.SIGKILL)
    output, errors = client.communicate(timeout=20)
    assert client.returncode == 125, errors
    assert b"ended unexpectedly" in errors
    eventually(lambda: not any(is_alive(guest) for guest in guests))
    return output


def moments(seed: int, longest: float) -> list[float]:
    """When to kill: seconds after the writing began."""
    chance = random.Random(seed)
    return [chance.random() * longest for _ in range(ROUNDS)]


def last_number(output: bytes) -> int:
    """The last number that was told in a whole line."""
    lines = output.split(b"\n")[:-1]
    return int(lines[-1]) if lines else 0


@pytest.mark.timeout(120)
def test_flushed_values_are_whole_and_there(lichen: Lichen, windows_c: Toolchain, programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    commit, committed = (windows_c.compile(WINDOWS / f"{name}.c") for name in ("commit", "committed"))
    share = ("--share", f"{programs}:{programs}:ro")
    for moment in moments(1, 0.4):
        client = lichen.start("run", *share, "--", str(commit))
        assert client.stdout is not None
        line = client.stdout.readline()
        time.sleep(moment)
        told = last_number(line + kill_kernel(lichen, client))
        first, second = lichen.run("run", *share, "--", str(committed)).stdout.split()
        assert told <= int(second) <= int(first) <= int(second) + 1
        assert int(second) <= told + 1


@pytest.mark.timeout(120)
def test_keys_that_were_added_have_no_holes(lichen: Lichen) -> None:
    r"""reg.exe adds HKLM\Software\Added\1, 2, 3...: what is there after a kill is what was there at some moment."""
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    key = r"HKLM\Software\Added"
    script = rf"i=$1; while i=$((i + 1)); do reg.exe add '{key}\'$i /v value /d $i /f >&2; echo $i; done"
    there = 0
    for moment in moments(2, 0.8):
        client = lichen.start("run", "--", "sh", "-c", script, "sh", str(there))
        assert client.stdout is not None
        line = client.stdout.readline()
        time.sleep(moment)
        told = last_number(line + kill_kernel(lichen, client))
        found = lichen.run("run", "reg.exe", "query", key, "/s").stdout.decode()
        keys = {int(number) for number in re.findall(r"\\Added\\(\d+)\r?$", found, re.MULTILINE)}
        values = {int(number) for number in re.findall(r"REG_SZ +(\d+)", found)}
        assert keys == set(range(1, len(keys) + 1))
        assert values in (keys, keys - {len(keys)})
        assert there <= len(keys) <= told + 1
        there = len(values)  # a key whose value the kill came before is added once more


@pytest.mark.timeout(120)
def test_a_renamed_file_is_whole(lichen: Lichen, tmp_path: Path) -> None:
    """In the private layer, on C: and in a shared folder."""
    host_program("python3")
    share = tmp_path / "share"
    share.mkdir(mode=0o777)
    share.chmod(0o777)
    places = ["/var/tmp/written", str(share)]
    if find_userland() is not None:
        places.append("/mnt/c/written")
    shown = ("run", "--share", f"{share}:{share}")
    assert lichen.run(*shown, "--", "mkdir", "-p", *places).returncode == 0
    told = 0
    for moment in moments(3, 0.5):
        client = lichen.start(*shown, "--", "python3", "-c", _WRITER, str(told), *places)
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        line = client.stdout.readline()
        time.sleep(moment)
        told = max(told, last_number(line + kill_kernel(lichen, client)))
        for place in places:
            content = lichen.run(*shown, "--", "cat", f"{place}/whole").stdout
            number = int(content[:8])
            assert content == content[:8] * (SIZE // 8), place
            assert told <= number <= told + 1, place


@pytest.mark.timeout(120)
def test_special_files_are_what_they_are(lichen: Lichen, tmp_path: Path) -> None:
    """In a layer whose host has no attributes, and in a shared folder: what is there is no file that lost its record."""
    host_program("python3")
    share, layer = tmp_path / "share", lichen.home / "machines" / "default" / "root"
    for folder in (*reversed(layer.parents[:2]), layer):
        folder.mkdir(mode=0o700)
    share.mkdir()
    share.chmod(0o777)
    (layer / "metadata.sqlite").touch()
    places = ["/var/tmp/special", str(share)]
    shown = ("run", "--share", f"{share}:{share}")
    assert lichen.run(*shown, "--", "mkdir", "-p", *places).returncode == 0
    told = 0
    for moment in moments(6, 0.4):
        client = lichen.start(*shown, "--", "python3", "-c", _MAKER, str(told), *places)
        assert client.stdout is not None
        line = client.stdout.readline()
        time.sleep(moment)
        before, told = told, last_number(line + kill_kernel(lichen, client))
        kinds = lichen.run(*shown, "--", "python3", "-c", _TELL_KINDS, *places).stdout.decode()
        found = [line.split() for line in kinds.splitlines()]
        wrong = [(place, int(number)) for place, _, number, is_right in found if is_right != "True"]
        assert wrong in ([], [(str(share), told + 1)]), (
            kinds
        )  # on the host one is made before it can have a record
        for place in places:
            for kind in ("fifo", "link"):
                there = {int(number) for where, what, number, _ in found if (where, what) == (place, kind)}
                assert {*range(max(before + 1, told - 6), told + 1)} <= there, kinds
        assert (
            lichen.run(
                *shown, "--", "sh", "-c", f"rm {' '.join(f'{place}/*' for place in places)}"
            ).returncode
            == 0
        )
    assert lichen.run("terminate", "default").returncode == 0
    assert not [*layer.glob("*.log.*")]


@pytest.mark.timeout(120)
def test_a_file_of_the_host_is_copied_up_whole_or_not_at_all(lichen: Lichen, tmp_path: Path) -> None:
    """The first write to a file of the host copies it into the machine's layer."""
    original = random.Random(4).randbytes(48 << 20)
    folder = Path("/var/tmp") / tmp_path.name
    folder.mkdir(mode=0o755)
    lower = folder / "large"
    try:
        lower.write_bytes(original)
        lower.chmod(0o666)
        for moment in moments(4, 0.1):
            client = lichen.start("run", "--", "sh", "-c", f"echo ready; echo end >> {lower}; exec sleep 100")
            assert client.stdout is not None
            client.stdout.readline()
            time.sleep(moment)
            kill_kernel(lichen, client)
            found = lichen.run("run", "cat", str(lower)).stdout
            assert found in (original, original + b"end\n")
            assert lower.read_bytes() == original
            assert lichen.run("run", "rm", "-f", str(lower)).returncode == 0
            assert lichen.run("terminate", "default").returncode == 0
            assert lichen.run("remove", "default").returncode == 0
    finally:
        lower.unlink()
        folder.rmdir()


@pytest.mark.timeout(120)
def test_a_kernel_killed_while_it_boots(lichen: Lichen) -> None:
    """The client says so or starts another; the next start works."""
    for moment in moments(5, 0.25):
        client = lichen.start("run", "echo", "hi")
        time.sleep(moment)
        facts = lichen.home / "machines" / "default" / "running"
        if facts.exists() and (text := facts.read_text()):
            kernel = int(dict(line.split(" ", 1) for line in text.splitlines())["pid"])
            if is_alive(kernel):
                os.kill(kernel, signal.SIGKILL)
        output, _ = client.communicate(timeout=20)
        assert (client.returncode, output) in ((0, b"hi\n"), (125, b""), (125, b"hi\n"))
        assert lichen.run("run", "echo", "again").stdout == b"again\n"
        assert lichen.run("terminate", "default").returncode == 0
