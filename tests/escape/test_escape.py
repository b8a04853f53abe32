"""Programs that try to reach the host from a guest: nothing on the host changes, and the machine lives on.

They are compiled anywhere and run as guests only. Each prints `ESCAPED` when it got what it should not, and says at its
end how a fresh /bin/true on the same machine ended. What a guest cannot see, the tests look at from outside.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.toolchain import Toolchain

SOURCES = sorted(Path(__file__).parent.glob("*.c"))
FLAGS = ("-pthread", "-static")
CONTENTS = "open to all readers", "secret of the host"
SECONDS = 240
BESIDE_ROOT = """
cp /usr/bin/true /usr/local/bin/rooted && chmod 4755 /usr/local/bin/rooted
sleep 100 & root=$!
setpriv --reuid 1000 --regid 1000 --clear-groups "$1" $root /usr/local/bin/rooted; echo $?
kill $root; echo killed $?
"""
NAMED = """
as_user() { id=$1; shift; setpriv --reuid $id --regid $id --clear-groups "$@"; }
"$1" owner roots & as_user 1000 "$1" stranger roots; echo $?; wait
as_user 1000 "$1" owner users & as_user 1001 "$1" stranger users; echo $?; wait
as_user 1000 "$1" owner users & "$1" administrator users; echo $?; wait
"""
PARTS = 4
"""Into so many runs the attempts on the stub page are divided."""

Run = Callable[..., list[str]]


class Outside(NamedTuple):
    """Folders of the host: one in its root, which guests see, and one in /tmp, where a machine has its own."""

    root: Path
    hidden: Path


class Traits(NamedTuple):
    """What a guest could do to a process of the host."""

    command: bytes
    state: str
    nice: int
    affinity: frozenset[int]
    descriptors: tuple[int, int]
    tracer: str


@pytest.fixture
def outside() -> Iterator[Outside]:
    """Two folders that anybody may write in, each with a file that must stay as it is and nothing more."""
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as root,
        tempfile.TemporaryDirectory(dir="/tmp") as hidden,
    ):
        found = Outside(Path(root), Path(hidden))
        for folder, content in zip(found, CONTENTS, strict=True):
            folder.chmod(0o777)
            (folder / "secret").write_text(content)
            (folder / "secret").chmod(0o666)
        yield found
        for folder, content in zip(found, CONTENTS, strict=True):
            assert (folder / "secret").read_text() == content
            assert not (folder / "canary").exists()


@pytest.fixture
def victim() -> Iterator[int]:
    """The id of a process of the host that must be left alone; no guest can have the same id."""
    with contextlib.ExitStack() as stack:
        while True:
            process = stack.enter_context(subprocess.Popen(["sleep", "1000"]))
            stack.callback(process.kill)
            if process.pid % 4:
                break
        before = settled(process.pid)
        yield process.pid
        assert process.poll() is None
        assert traits(process.pid) == before


def settled(pid: int) -> Traits:
    """Look at a process that has just been started, once it sleeps."""
    while (found := traits(pid)).state != "S (sleeping)":
        time.sleep(0.01)
    return found


def traits(pid: int) -> Traits:
    """Look at a process of the host."""
    folder = Path(f"/proc/{pid}")
    status = dict(
        line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
    )
    return Traits(
        (folder / "cmdline").read_bytes(),
        status["State"],
        os.getpriority(os.PRIO_PROCESS, pid),
        frozenset(os.sched_getaffinity(pid)),
        resource.prlimit(pid, resource.RLIMIT_NOFILE),
        status["TracerPid"],
    )


@pytest.fixture
def run(linux_c: Toolchain, programs: Path) -> Run:
    """Run an escape program on a machine of its own; returns what it printed, after the checks common to all."""
    if importlib.util.find_spec("lichen.__main__") is None:
        pytest.skip("needs the command `lichen run`")

    def run(name: str, *arguments: object, shares: tuple[str, ...] = (), user: str = "") -> list[str]:
        program = linux_c.compile(Path(__file__).parent / f"{name}.c", *FLAGS)
        lines, errors = run_program(program, programs, *arguments, shares=shares, user=user)
        assert errors == b""
        return lines

    return run


def run_program(
    program: Path, programs: Path, *arguments: object, shares: tuple[str, ...] = (), user: str = ""
) -> tuple[list[str], bytes]:
    """Run a compiled program; its lines of output after the checks common to all, and what it wrote of errors."""
    command = [sys.executable, "-m", "lichen", "run", "--fresh"]
    command += ["--user", user] if user else []
    for share in (f"{programs}:{programs}:ro", *shares):
        command += ["--share", share]
    command += ["--", str(program), *map(str, arguments)]
    done = subprocess.run(
        command, check=False, capture_output=True, timeout=SECONDS, cwd="/", stdin=subprocess.DEVNULL
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    assert [line for line in lines if "ESCAPED" in line] == []
    assert lines[-1:] == ["afterwards: exit 0"]
    assert done.returncode == 0
    return lines, done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_compiles(source: Path, linux_c: Toolchain) -> None:
    linux_c.compile(source, *FLAGS)


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize("name", ["int80", "far32", "x32"])
def test_other_entrances(name: str, run: Run, outside: Outside) -> None:
    for folder in outside:
        assert "attempts: exit 0" in run(name, folder / "canary")


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_stub_page(part: int, run: Run, outside: Outside) -> None:
    assert "attempts: exit 0" in run("stub", outside[part % 2] / "canary", part, PARTS)


@pytest.mark.timeout(SECONDS + 30)
def test_entrances_from_windows_code(windows_c: Toolchain, programs: Path, outside: Outside) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    program = windows_c.compile(Path(__file__).parent / "windows" / "entrances.c")
    lines, _ = run_program(program, programs, outside.root / "canary")
    assert [line for line in lines if line.startswith("held")] == [
        "held NtClose, way 0",
        "held NtClose, way 1",
    ]


@pytest.mark.timeout(SECONDS + 30)
def test_a_thread_that_stays_in_the_stub_page(windows_c: Toolchain, programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    program = windows_c.compile(Path(__file__).parent / "windows" / "detour.c")
    command = [sys.executable, "-m", "lichen", "run", "--fresh", "--share", f"{programs}:{programs}:ro", "--"]
    done = subprocess.run([*command, str(program)], check=False, timeout=SECONDS, cwd="/")
    assert done.returncode in (2, 128 + signal.SIGKILL), "outside of the page at the time, or ended"


@pytest.mark.timeout(SECONDS + 30)
def test_requests_to_sockets(windows_c: Toolchain, programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    program = windows_c.compile(Path(__file__).parent / "windows" / "afd.c", "-lws2_32")
    lines, _ = run_program(program, programs)
    assert lines[0] == "some succeeded"


@pytest.mark.timeout(SECONDS + 30)
def test_windows_programs_of_other_users(windows_c: Toolchain, programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    lines = run_script(windows_c, programs, "strangers.c", BESIDE_ROOT)
    assert [line for line in lines if not line.startswith("held ")] == ["known 1", "ran 1", "0", "killed 0"]
    assert len(lines) > 30


def run_script(windows_c: Toolchain, programs: Path, source: str, script: str) -> list[str]:
    """What a shell script of root's prints whose first argument is a Windows program."""
    program = windows_c.compile(Path(__file__).parent / "windows" / source)
    command = [*(sys.executable, "-m", "lichen", "run", "--fresh", "--user", "root")]
    command += ["--share", f"{programs}:{programs}:ro", "--", "/bin/sh", "-c", script, "sh", str(program)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS, cwd="/")
    return done.stdout.splitlines()


@pytest.mark.timeout(SECONDS + 30)
def test_named_objects_of_other_users(windows_c: Toolchain, programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    lines = run_script(windows_c, programs, "named.c", NAMED)
    assert [line for line in lines if not line.startswith("held ")] == ["0", "0", "0"]
    assert len(lines) > 180


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize("name", ["numbers", "memory", "self_unmap"])
def test_lies(name: str, run: Run) -> None:
    assert "attempts: exit 0" in run(name)


@pytest.mark.parametrize("name", ["host_ids", "clocks"])
def test_processes_of_the_host(name: str, run: Run, victim: int) -> None:
    assert "attempts: exit 0" in run(name, victim)


def test_processes_of_other_users(run: Run) -> None:
    assert "attempts: exit 0" in run("other_users", user="root")


@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize("kind", ["fork", "tree", "thread", "descriptor", "machine", "memory"])
def test_bombs(kind: str, run: Run) -> None:
    lines = run("bombs", kind)
    endings = [line for line in lines if line.startswith("bomb ")]
    assert endings
    if kind in ("fork", "thread", "descriptor", "machine"):
        assert [line for line in endings if not line.endswith(("EAGAIN", "EMFILE", "ENFILE", "ENOMEM"))] == []


@pytest.mark.parametrize("place", Outside._fields)
def test_links_out_of_a_share(place: str, run: Run, outside: Outside) -> None:
    """In the machine's own /tmp the file is missing; in the root it may be read, but what is written stays inside."""
    folder: Path = getattr(outside, place)
    share = folder / "share"
    share_with_links(share, folder / "secret")
    run("symlink_share", share, folder / "secret", shares=(str(share),))
    assert {path.name for path in folder.iterdir()} == {"secret", "share"}


def share_with_links(share: Path, secret: Path) -> None:
    """Make a folder with every kind of link to a file outside it."""
    (share / "inner").mkdir(parents=True)
    (share / "absolute").symlink_to(secret)
    (share / "relative").symlink_to("../secret")
    (share / "through-folder").symlink_to(secret.parent)
    (share / "chain").symlink_to("absolute")
    (share / "folder-link").symlink_to("inner")
    (share / "proc-root").symlink_to(f"/proc/1/root{secret}")
    (share / "self-cwd").symlink_to(f"/proc/self/cwd{secret}")
    for path in (share, share / "inner"):
        path.chmod(0o777)


def test_privileges_in_a_share(run: Run, outside: Outside) -> None:
    share = outside.hidden / "share"
    share.mkdir()
    (share / "host-file").write_text("host")
    run("setuid_share", share, shares=(str(share),))
    for path in share.rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode), path
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        assert path.lstat().st_uid == os.getuid(), path
        assert "security.capability" not in os.listxattr(path), path


def test_objects_of_the_host(run: Run, outside: Outside) -> None:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(listening(folder, kind)) for folder in outside for kind in Listener]
        ends = [stack.enter_context(fifo(folder / "fifo")) for folder in outside]
        if os.getuid() == 0:
            for folder in outside:
                os.mknod(folder / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        run("host_objects", *outside, shares=(str(outside.hidden),))
        for listener in listeners:
            with pytest.raises(BlockingIOError):
                listener.accept()
        for end in ends:
            with pytest.raises(BlockingIOError):
                os.read(end, 1)


Listener = ("path", "abstract")


@contextlib.contextmanager
def listening(folder: Path, kind: str) -> Iterator[socket.socket]:
    """A socket of the host that waits for somebody, at a path or at an abstract name."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket") if kind == "path" else f"\0{folder}")
        listener.listen()
        listener.setblocking(False)
        yield listener


@contextlib.contextmanager
def fifo(path: Path) -> Iterator[int]:
    """The reading end of a FIFO of the host, which a writer keeps open so that it is empty rather than ended."""
    os.mkfifo(path, 0o666)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    try:
        yield reading
    finally:
        os.close(reading)
        os.close(writing)


_ON_NULL = """chmod 600 /dev/stdin; touch /dev/stdin; python3 -c 'import os; os.fchmod(0, 0o600); os.utime(0)'
    attrib.exe +r nul; echo x > file; attrib.exe +r file; cmd.exe /c 'copy /y file nul'; rm -f /dev/null"""


def test_the_null_device_of_the_host_stays_as_it_is() -> None:
    """A machine of root gets it as a standard file."""
    before = os.stat(os.devnull)
    command = [
        sys.executable,
        "-m",
        "lichen",
        "run",
        "--fresh",
        "--cwd",
        "/tmp",
        "--",
        "bash",
        "-c",
        _ON_NULL,
    ]
    subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, cwd="/"
    )
    after = os.stat(os.devnull)
    assert (after.st_mode, after.st_mtime_ns, after.st_rdev) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_rdev,
    )
