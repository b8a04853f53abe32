"""`lichen run`: what goes in and comes out, how it ends, and what it says when it cannot."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen, eventually


def shell(lichen: Lichen, script: str, *options: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return lichen.run("run", *options, "--", "sh", "-c", script, **more)  # type: ignore[arg-type]  # passed on


# ---- how it ends


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_exit_status_is_the_programs(lichen: Lichen, code: int) -> None:
    done = shell(lichen, f"exit {code}", "--fresh")
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_signals_are_told_as_shells_do(lichen: Lichen, number: int) -> None:
    assert shell(lichen, f"kill -{int(number)} $$", "--fresh").returncode == 128 + number


def test_fresh_machines_leave_nothing(lichen: Lichen) -> None:
    assert shell(lichen, "echo hello > /var/tmp/kept; sleep 1000 &", "--fresh").returncode == 0
    eventually(lambda: lichen.machines() == [])


# ---- standard files


def test_standard_output_and_error_are_apart(lichen: Lichen) -> None:
    done = shell(lichen, "echo out; echo err >&2", "--fresh")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")


def test_input_comes_from_a_pipe_when_it_comes(lichen: Lichen) -> None:
    with lichen.start("run", "--fresh", "--", "cat") as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for text in (b"one\n", b"two\n"):
            running.stdin.write(text)
            running.stdin.flush()
            assert running.stdout.readline() == text
        running.stdin.close()
        assert running.stdout.read() == b""
        assert running.wait(timeout=20) == 0


def test_much_output_arrives_whole(lichen: Lichen, tmp_path: Path) -> None:
    content = os.urandom(20 << 20)
    assert lichen.run("run", "cat", input=content).stdout == content
    (tmp_path / "in").write_bytes(content)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        assert lichen.run("run", "cat", input=None, stdin=source, stdout=target).returncode == 0
    assert (tmp_path / "out").read_bytes() == content


def test_two_programs_share_the_position_of_a_file(lichen: Lichen, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as target:
        for word in ("one", "two"):
            assert lichen.run("run", "echo", word, stdout=target).returncode == 0
        os.write(target.fileno(), b"three\n")
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\nthree\n"


def test_copies_between_files_go_to_where_the_file_stands(lichen: Lichen, tmp_path: Path) -> None:
    """cat has the kernel copy, which knows the position of neither file by a write of its own."""
    for mode in ("wb", "ab"):
        with open(tmp_path / "out", mode) as target:
            script = "echo one; printf 'two\\n' > /tmp/two; cat /tmp/two /tmp/two; echo three"
            assert shell(lichen, script, stdout=target).returncode == 0
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\ntwo\nthree\n" * 2


def test_a_reader_that_has_enough_ends_the_writer(lichen: Lichen) -> None:
    with lichen.start("run", "--fresh", "cat", "/dev/zero") as running:
        assert running.stdout is not None
        assert running.stdout.read(100_000) == bytes(100_000)
        running.stdout.close()
        assert running.wait(timeout=20) == 128 + signal.SIGPIPE


def test_sockets_and_the_null_device_are_standard_files(lichen: Lichen) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"hello")
        ours.shutdown(socket.SHUT_WR)
        done = lichen.run("run", "--fresh", "tr", "a-z", "A-Z", input=None, stdin=theirs, stdout=theirs)
        assert (done.returncode, ours.recv(100)) == (0, b"HELLO")
    script = "cat; readlink /proc/self/fd/0"
    done = lichen.run("run", "--fresh", "sh", "-c", script, input=None, stdin=subprocess.DEVNULL)
    assert done.stdout == b"/dev/null\n"


def test_a_standard_file_that_the_machine_has_lost_is_told(lichen: Lichen) -> None:
    shell(lichen, "mv /dev/null /dev/other", "--user", "root")
    done = lichen.run("run", "true", input=None, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"the machine's /dev/null, a standard file: No such file or directory" in done.stderr
    assert shell(lichen, "mkdir /dev/null", "--user", "root").returncode == 0
    done = lichen.run("run", "true", input=None, stdin=subprocess.DEVNULL)
    assert (done.returncode, b"the machine's /dev/null" in done.stderr) == (125, True)
    restored = shell(lichen, "rmdir /dev/null; mv /dev/other /dev/null", "--user", "root")
    assert restored.returncode == 0
    assert lichen.run("run", "true", input=None, stdin=subprocess.DEVNULL).returncode == 0


def test_descriptors_that_are_closed_stay_closed(lichen: Lichen) -> None:
    command = lichen.command("run", "--fresh", "sh", "-c", "test -e /proc/self/fd/0 || echo closed")
    script = 'exec "$@" <&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *command],
        check=False,
        capture_output=True,
        env=lichen.environment,
        cwd="/",
    )
    assert (done.stdout, done.stderr) == (b"closed\n", b"")


def test_flags_of_the_callers_files_stay_as_they_are(lichen: Lichen) -> None:
    reading, writing = os.pipe()
    try:
        with lichen.start("run", "--fresh", "cat", stdin=reading, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            os.write(writing, b"x\n")
            assert running.stdout.readline() == b"x\n"
            assert os.get_blocking(reading)
            assert os.get_blocking(writing)
            os.close(writing)
    finally:
        os.close(reading)


# ---- where and as what


def test_the_current_folder_is_the_programs(lichen: Lichen) -> None:
    assert lichen.run("run", "--fresh", "pwd", cwd="/usr/bin").stdout == b"/usr/bin\n"
    assert lichen.run("run", "--fresh", "--cwd", "/usr", "pwd").stdout == b"/usr\n"


def test_a_current_folder_that_the_machine_lacks(lichen: Lichen, tmp_path: Path) -> None:
    for words in ([], ["--cwd", str(tmp_path)]):
        done = lichen.run("run", "--fresh", *words, "pwd", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (125, b"")
        assert f"--share {tmp_path}, or start elsewhere with --cwd".encode() in done.stderr
    assert (
        lichen.run("run", "--fresh", "--share", ".", "pwd", cwd=tmp_path).stdout == f"{tmp_path}\n".encode()
    )
    assert lichen.run("run", "--fresh", "--cwd", "/etc", "pwd", cwd=tmp_path).stdout == b"/etc\n"
    done = lichen.run("run", "--fresh", "--cwd", "/etc/passwd", "pwd")
    assert (done.returncode, done.stderr) == (125, b"lichen: /etc/passwd: Not a directory\n")


def test_a_login_shell_starts_though_the_machine_lacks_its_caller_s_folder(
    lichen: Lichen, tmp_path: Path
) -> None:
    done = lichen.run(input=b"pwd\n", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"/\n")
    assert f"--share {tmp_path}, or start elsewhere with --cwd; starting in /".encode() in done.stderr


def test_a_current_folder_that_is_gone(lichen: Lichen, tmp_path: Path) -> None:
    gone = 'cd "$1"; rmdir "$1"; shift; "$@"'
    command = ["sh", "-c", gone, "sh", str(tmp_path), *lichen.command("run", "--fresh")]
    done = subprocess.run([*command, "pwd"], capture_output=True, env=lichen.environment, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--cwd" in done.stderr


def test_an_empty_environment_stays_so(lichen: Lichen) -> None:
    """Python itself, which the client is, sets LC_CTYPE where the locale is C."""
    command = ["env", "-i", f"LICHEN_HOME={lichen.home}", *lichen.command("run", "--fresh", "env")]
    done = subprocess.run(command, capture_output=True, check=True, cwd="/")
    assert b"LC_CTYPE" not in done.stdout
    assert b"HOME=" in done.stdout


def test_variables_pass(lichen: Lichen) -> None:
    done = shell(
        lichen,
        'echo "$ONE $TWO $THREE"',
        "--fresh",
        "--env",
        "TWO=b c",
        "--env=THREE=",
        variables={"ONE": "a"},
    )
    assert done.stdout == b"a b c \n"


def test_users(lichen: Lichen) -> None:
    assert shell(lichen, "id -u").stdout == f"{os.geteuid()}\n".encode()
    assert shell(lichen, "id -u; echo $HOME $USER", "--user", "root").stdout == b"0\n/root root\n"
    assert shell(lichen, "id -un; echo $LOGNAME", "--user", "daemon").stdout == b"daemon\ndaemon\n"
    done = shell(lichen, "true", "--user", "nobody-at-all")
    assert (done.returncode, b"no user nobody-at-all" in done.stderr) == (125, True)


def test_root_has_a_home_and_passwords_of_the_machines_own(lichen: Lichen) -> None:
    script = "stat -c '%a %U' /root /etc/shadow; grep -v ':[*]:::::::$' /etc/shadow; "
    script += "su daemon -s /bin/sh -c 'id -un; cat /etc/shadow'"
    done = shell(lichen, script, "--fresh", "--user", "root")
    assert done.stdout == b"700 root\n640 root\ndaemon\n", done.stderr
    assert b"/etc/shadow: Permission denied" in done.stderr


def test_what_is_written_stays_in_the_machine(lichen: Lichen) -> None:
    name = f"/var/tmp/lichen-test-{os.getpid()}"
    assert shell(lichen, f"echo private > {name}").returncode == 0
    assert not Path(name).exists()
    assert shell(lichen, f"cat {name}").stdout == b"private\n"
    assert lichen.run("terminate", "default").returncode == 0
    assert shell(lichen, f"cat {name}").stdout == b"private\n"
    assert shell(lichen, f"cat {name}", "--fresh").returncode == 1


def test_shares(lichen: Lichen, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given\n")
    done = shell(lichen, "cat given; echo new > made; id -u > /mnt/share/id", "--share", f"{tmp_path}:/mnt/share",
                 "--cwd", "/mnt/share")  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"given\n")
    assert (tmp_path / "made").read_text() == "new\n"
    assert (tmp_path / "made").stat().st_uid == os.geteuid()
    done = shell(
        lichen, f"cat {tmp_path}/given; echo new > {tmp_path}/more", "--share", f"{tmp_path}:ro", "--fresh"
    )
    assert done.stdout == b"given\n"
    assert done.returncode != 0
    assert not (tmp_path / "more").exists()
    done = shell(lichen, "true", "--share", "/no/such/folder", "--fresh")
    assert (done.returncode, b"/no/such/folder" in done.stderr) == (125, True)


@pytest.mark.parametrize("guest", ["/", "/proc", "/dev/x", "/etc/passwd"])
def test_what_no_share_can_cover(lichen: Lichen, tmp_path: Path, guest: str) -> None:
    done = shell(lichen, "true", "--share", f"{tmp_path}:{guest}", "--cwd", "/")
    assert (done.returncode, guest.encode() in done.stderr, b"kernel" in done.stderr) == (125, True, False)


def test_a_share_that_was_made_anew_on_the_host(lichen: Lichen, tmp_path: Path) -> None:
    """`rm -r build; mkdir build` between two runs on one machine."""
    folder = tmp_path / "build"
    share = ("--share", f"{folder}:/mnt/build", "--cwd", "/mnt/build")
    for name in ("old", "new"):
        folder.mkdir()
        assert shell(lichen, f"touch {name}; ls /mnt/build", *share).stdout == f"{name}\n".encode()
        assert [path.name for path in folder.iterdir()] == [name]
        (folder / name).unlink()
        folder.rmdir()
    assert shell(lichen, "true", *share).returncode == 125


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program(lichen: Lichen, number: int) -> None:
    script = (
        "trap 'echo int; exit 3' INT; trap 'echo term; exit 4' TERM; echo ready; while :; do sleep 0.05; done"
    )
    with lichen.start("run", "--fresh", "--", "sh", "-c", script) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        expected = {signal.SIGINT: (b"int\n", 3), signal.SIGTERM: (b"term\n", 4)}[signal.Signals(number)]
        assert (running.stdout.read(), running.wait(timeout=20)) == expected


def test_a_client_that_dies_takes_its_throw_away_machine_along(lichen: Lichen) -> None:
    with lichen.start("run", "--fresh", "--", "sh", "-c", "echo ready; sleep 1000") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.kill()
    eventually(lambda: lichen.machines() == [])


# ---- what cannot be run


def test_no_such_program(lichen: Lichen, tmp_path: Path) -> None:
    done = lichen.run("run", "--fresh", "no-such-program")
    assert (done.returncode, done.stderr) == (127, b"lichen: no-such-program: no such program\n")
    (tmp_path / "here").write_bytes(Path("/bin/true").read_bytes())
    (tmp_path / "here").chmod(0o755)
    done = lichen.run("run", "--fresh", str(tmp_path / "here"))
    assert done.returncode == 127
    assert f"--share {tmp_path}".encode() in done.stderr


@pytest.mark.parametrize(
    ("content", "mode", "status", "words"),
    [
        (b"", 0o755, 126, b"not a program of Linux (ELF) or Windows (PE)"),
        (b"plain text\n", 0o755, 126, b"not a program of Linux (ELF) or Windows (PE)"),
        (b"\x7fELF\x01\x01\x01 of another kind", 0o755, 126, b"not a Linux program for x86-64"),
        (Path("/bin/true").read_bytes()[:5000], 0o755, 126, b"or a damaged one"),
        (b"MZ of another kind", 0o755, 126, b"Windows"),
        (b"#!/no/such/shell\n", 0o755, 127, b"its interpreter /no/such/shell is missing"),
        (b"#!/bin/sh\necho hi\n", 0o644, 126, b"chmod +x"),
        (None, 0o755, 126, b"is a folder"),
    ],
)
def test_what_is_no_program(
    lichen: Lichen, tmp_path: Path, content: bytes | None, mode: int, status: int, words: bytes
) -> None:
    path = tmp_path / "thing"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    path.chmod(mode)
    done = lichen.run("run", "--fresh", "--share", str(tmp_path), str(path))
    assert (done.returncode, words in done.stderr) == (status, True), done.stderr


@pytest.mark.parametrize(
    "words",
    [[], ["--nonsense", "true"], ["--env", "x", "true"], ["--share", ":x", "true"], ["--user"], ["--machine", "../x", "true"]],
)  # fmt: skip
def test_command_lines_that_make_no_sense(lichen: Lichen, words: list[str]) -> None:
    done = lichen.run("run", *words)
    assert done.returncode in (2, 125)
    assert done.stderr.startswith(b"lichen: ")
    assert b"Traceback" not in done.stderr


def test_a_state_folder_that_cannot_be_used(lichen: Lichen, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = lichen.run("run", "true", variables={"LICHEN_HOME": str(tmp_path / "file")})
    assert (done.returncode, done.stderr.startswith(b"lichen: cannot make ")) == (125, True)
    assert done.stderr.endswith(b"/file is no folder\n")
    (tmp_path / "open" / "machines").mkdir(parents=True)
    (tmp_path / "open" / "machines").chmod(0o777)
    done = lichen.run("run", "true", variables={"LICHEN_HOME": str(tmp_path / "open")})
    assert (done.returncode, b"chmod 700" in done.stderr) == (125, True)


def test_a_full_disk_is_told(lichen: Lichen) -> None:
    def only_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = lichen.run("run", "--fresh", "true", preexec_fn=only_small_files)
    assert done.returncode == 125
    assert b"Traceback" not in done.stderr
    assert b"fresh" not in lichen.run("list").stdout
