"""Programs of both worlds on one machine: pipes, processes, arguments, variables, folders and files are the same things."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen, bash
from tests.toolchain import Toolchain, host_program

SOURCES = Path(__file__).parent / "windows"
PROGRAMS: dict[str, tuple[str, ...]] = {
    "arguments": ("-municode",),
    **dict.fromkeys(
        ("capture", "crash", "filter", "hold", "identify", "peek", "sleeper", "start", "surrogates"), ()
    ),
}
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def shell(machine: Lichen, windows_c: Toolchain) -> Shell:
    """Have a shell run a script that finds the test programs as variables: $filter, $start, $hold, ..."""
    programs = {name: windows_c.compile(SOURCES / f"{name}.c", *flags) for name, flags in PROGRAMS.items()}
    variables = {name: str(path) for name, path in programs.items()}
    return partial(_run, machine, windows_c.folder, variables)


def _run(
    machine: Lichen, folder: Path, variables: dict[str, str], script: str, **more: object
) -> subprocess.CompletedProcess[bytes]:
    return bash(machine, script, folder, variables=variables, **more)


# ---- pipes and redirections


def test_a_filter_in_the_middle_of_a_pipe(shell: Shell) -> None:
    done = shell("printf 'one\\ntwo\\n' | $filter upper | rev | $filter | sort; echo ${PIPESTATUS[*]}")
    assert (done.stdout, done.stderr) == (b"ENO\nOWT\n0 0 0 0 0\n", b"")


def test_redirections(shell: Shell) -> None:
    script = """cd /tmp; echo first > in; $filter upper < in > out; $filter <<< second >> out
        cmd.exe /c 'echo to out& echo to err>&2' >> out 2> err; cat out err
        cmd.exe /c 'echo out& echo err>&2' 2>&1 | sort; cmd.exe /c 'type Z:\\no\\such\\file' 2> /dev/null; echo $?"""
    lines = shell(script).stdout.splitlines()
    assert lines == [b"FIRST", b"second", b"to out", b"to err", b"err", b"out", b"1"]


def test_windows_redirections_to_files_of_both_kinds(shell: Shell) -> None:
    script = """cmd.exe /c 'echo a> Z:\\tmp\\w.txt& ls /tmp/w.txt>> Z:\\tmp\\w.txt& sort < Z:\\tmp\\w.txt > C:\\users\\s.txt'
        cat /mnt/c/users/s.txt"""
    assert shell(script).stdout.split() == [b"/tmp/w.txt", b"a"]


def test_command_substitution(shell: Shell) -> None:
    done = shell('name=$(hostname.exe); echo "[${name%$\'\\r\'}]"; echo "[$(uname -n)]"')
    first, second = done.stdout.decode().split()
    assert first.lower() == second.lower()


def test_a_windows_reader_that_has_enough_ends_a_linux_writer(shell: Shell) -> None:
    assert shell("yes | cmd.exe /c 'exit 3'; echo ${PIPESTATUS[*]}").stdout == b"141 3\n"


def test_a_linux_reader_that_has_enough_ends_a_windows_writer(shell: Shell) -> None:
    assert shell("cat /dev/zero | $filter | head -c 5 | od -An -c").stdout.split() == [b"\\0"] * 5


def test_windows_programs_look_into_linux_pipes(shell: Shell) -> None:
    script = "{ sleep 0.1; printf four; sleep 0.3; printf five5; } | $peek"
    assert shell(script).stdout.split() == [b"1", b"1", b"4:fou=four", b"5:fiv=five5", b"1"]
    done = shell("$peek", input=b"of the host")  # whose pipes tell only how much there is
    assert done.stdout.split(b" ", 2)[2].strip() == b"11:=of the host 1"


def test_100_megabytes_pass_unharmed(shell: Shell, tmp_path: Path) -> None:
    digest, piece = hashlib.sha256(), bytearray(1 << 20)
    with open(tmp_path / "data", "wb") as data:
        for number in range(100):
            piece[:] = hashlib.shake_128(bytes([number])).digest(1 << 20)
            digest.update(piece)
            data.write(piece)
    with open(tmp_path / "data", "rb") as data:
        done = shell("$filter | cat | $filter | sha256sum", input=None, stdin=data)
    assert done.stdout.split()[0].decode() == digest.hexdigest()


# ---- processes


def test_one_id(shell: Shell) -> None:
    shown, known = shell("$identify & wait; echo $!").stdout.split()
    assert shown == known
    script = "$sleeper > /dev/null & sleep 0.3; ps -o pid=,comm= -p $!; echo $!; taskkill.exe /F /PID $! > /dev/null"
    pid, name, started = shell(script).stdout.split()
    assert (pid, name[:8]) == (started, b"sleeper-")


def test_taskkill_ends_a_linux_process_and_its_shell_sees_that(shell: Shell) -> None:
    script = "sleep 60 & taskkill.exe /PID $! /F > /dev/null; wait $!; echo $?; kill -0 $! 2>&1 | grep -c 'No such'"
    assert shell(script).stdout.split() == [b"137", b"1"]


def test_pkill_and_pgrep_find_windows_programs_by_name(shell: Shell) -> None:
    script = "$sleeper >/dev/null & sleep 0.3; pgrep sleeper- | grep -cx $!; pkill sleeper-; wait $!; echo $?"
    assert shell(script).stdout.split() == [b"1", b"143"]


def test_wait_tells_the_end_of_each_of_many(shell: Shell) -> None:
    script = """for code in 3 5 7; do
            cmd.exe /c "exit $code" & all="$all $!"
            sh -c "exit $((code + 1))" & all="$all $!"
        done
        for job in $all; do wait $job; echo $?; done"""
    assert shell(script).stdout.split() == [b"3", b"4", b"5", b"6", b"7", b"8"]


def test_codes_that_linux_cannot_tell(shell: Shell) -> None:
    done = shell("for code in 256 257 -1; do cmd.exe /c exit $code; echo $?; done")
    assert done.stdout.split() == [b"255", b"1", b"255"]
    done = shell("cmd.exe /v:on /c 'cmd.exe /c exit 70000& echo !errorlevel!'; echo $?")
    assert done.stdout.split() == [b"70000", b"112"]


def test_threads_memory_and_times_of_windows_programs(shell: Shell) -> None:
    script = """$start $sleeper > /dev/null & sleep 0.5
        ps -eo comm=,rss=,etimes=,stat=,args= | grep ^[^b].*[s]leeper-; ps -eLf | grep -c [s]leeper-
        top -b -n1 | grep -c sleeper-; kill $(pgrep sleeper-)"""
    lines = shell(script).stdout.decode().splitlines()
    *processes, threads, shown = lines
    assert len(processes) == 2
    for line in processes:
        _, size, seconds, state, *command = line.split()
        assert int(size) > 1000
        assert int(seconds) < 30
        assert state[0] == "S"
        assert command
    assert (int(threads), int(shown)) >= (2, 1)


def test_pstree_shows_both_kinds(shell: Shell) -> None:
    host_program("pstree", "psmisc")
    script = "$start $start 'Z:\\usr\\bin\\sleep' 60 & sleep 0.7; pstree -A $$; pkill sleep"
    assert "---sleep" in shell(script).stdout.decode()


def test_processor_time_of_a_windows_program(shell: Shell) -> None:
    """However long the host takes to give it a second: it is asked for again and again."""
    script = """
        cmd.exe /c 'for /l %i in (1,0,2) do @rem' &
        for turn in $(seq 200); do
            used=$(ps -o cputimes= -p $!)
            [ "$used" -ge 1 ] && break
            sleep 0.1
        done
        kill -9 $!; wait $! 2>&-; echo $used $?
    """
    used, status = shell(script).stdout.split()
    assert int(used) >= 1, "a program that computes uses time"
    assert status == b"137"


def test_a_crash_is_told_as_its_world_tells_it(shell: Shell) -> None:
    done = shell("$crash; echo $?")
    assert done.stdout == b"139\n"
    assert b"Segmentation fault" in done.stderr
    assert b".exe+0x" in done.stderr
    assert shell('$capture "$crash"').stdout == b"0 bytes, exit code 3221225477\n"
    assert shell("$capture 'Z:\\usr\\bin\\sh -c \"kill -SEGV $$\"'").stdout == b"0 bytes, exit code 139\n"


# ---- nesting

AWKWARD = [
    "a b",
    'c"d',
    "e\\",
    'f\\\\"g',
    "",
    "*",
    "tab\there",
    "ü€😀",
    "%PATH%",
    "it's",
    "&|<>^",
    "x\\ y\\\\",
    "-",
    "\\\\server\\share\\",
]


@pytest.mark.parametrize(
    "through",
    [
        "$arguments",
        "$start 'Z:\\usr\\bin\\printf' '[%s]'",
        "$start $arguments",
        "$start 'Z:\\usr\\bin\\env' A=b $arguments",
        "env A=b $start 'Z:\\usr\\bin\\env' $start 'Z:\\usr\\bin\\env' $arguments",
        "$start $start 'Z:\\usr\\bin\\env' $start 'Z:\\usr\\bin\\printf' '[%s]'",
    ],
)
def test_arguments_stay_as_they_are(shell: Shell, through: str) -> None:
    quoted = " ".join("'" + argument.replace("'", "'\\''") + "'" for argument in AWKWARD)
    assert shell(f"{through} {quoted}").stdout.decode() == "".join(f"[{argument}]" for argument in AWKWARD)


def test_linux_programs_find_themselves_by_their_name(shell: Shell) -> None:
    script = """cd /usr; ln -s /bin/sh '/tmp/Other name'; for name in 'Z:\\usr\\bin\\sh' 'bin\\sh' sh 'z:\\TMP\\Other name'
        do $start "$name" -c 'echo "$0"'; done; rm '/tmp/Other name'"""
    assert shell(script).stdout.decode().splitlines() == ["/usr/bin/sh", "bin/sh", "sh", "/tmp/Other name"]


def test_the_current_folder_goes_along(shell: Shell) -> None:
    script = """cd /usr/lib; $start pwd; $start $start 'Z:\\usr\\bin\\env' $start cmd.exe /c cd
        cd /mnt/c/users; $start 'Z:\\usr\\bin\\env' cmd.exe /c cd; cmd.exe /c 'cd ..& cd Windows& pwd'"""
    lines = shell(script).stdout.decode().split()
    assert lines == ["/usr/lib", "Z:\\usr\\lib", "C:\\users", "/mnt/c/windows"]


def test_variables_go_along(shell: Shell) -> None:
    script = "X='a=b ü%' $start 'Z:\\usr\\bin\\env' Y=$'two\\nlines' $start 'Z:\\usr\\bin\\sh' -c 'echo \"$X\"; echo \"$Y\"'"
    assert shell(script).stdout.decode() == "a=b ü%\ntwo\nlines\n"
    assert shell("cmd.exe /c 'set Z=from windows& printenv Z'").stdout == b"from windows\n"


def test_who_one_is_and_where_ones_files_are(shell: Shell) -> None:
    script = """whoami.exe | tr -d '\\r' | cut -d'\\' -f2; id -un
        cmd.exe /c 'echo x> %APPDATA%\\mine& echo y> %LOCALAPPDATA%\\mine'
        cat /mnt/c/users/$USER/AppData/*/mine; stat -c %U /mnt/c/users/$USER/AppData/Local/mine"""
    windows, linux, *contents, owner = shell(script).stdout.decode().split()
    assert windows == linux == owner
    assert contents == ["y", "x"]


def test_half_a_surrogate_pair(shell: Shell, machine: Lichen) -> None:
    """As a file's name it is refused; Linux programs get it as WTF-8."""
    assert shell("$surrogates").stdout.split() == b"1 ed a0 81 2d ed b0 80".split()
    assert "Traceback" not in machine.log()


def test_path_goes_along(shell: Shell) -> None:
    script = "PATH=/usr/sbin:$PATH $start 'Z:\\usr\\bin\\printenv' PATH | tr : '\\n'"
    folders = shell(script).stdout.decode().split()
    assert folders[0] == "/mnt/c/windows/system32"
    assert {"/usr/sbin", "/usr/bin"} < set(folders)


@pytest.mark.parametrize(("program", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_exit_codes_pass_all_worlds(shell: Shell, program: str, code: int) -> None:
    assert (
        shell(f"$start $start 'Z:\\usr\\bin\\env' $start 'Z:\\usr\\bin\\sh' -c '{program}'").returncode
        == code
    )


# ---- files


def test_programs_that_windows_programs_make_may_be_run(shell: Shell) -> None:
    """Also on Linux' drive, where other files they make may not; a linker renames its output when it is whole."""
    script = """cd /tmp; cat $identify > plain; cmd.exe /c 'copy plain made.exe& copy plain made.txt& copy plain half'
        stat -c %A made.exe made.txt; ./made.exe | wc -l; cmd.exe /c 'ren half half.exe'; ./half.exe | wc -l
        umask 027; cmd.exe /c 'echo x> only.exe'; stat -c %A only.exe; rm plain made.* half.exe only.exe"""
    assert shell(script).stdout.split() == b"-rwxr-xr-x -rw-r--r-- 1 1 -rwxr-x---".split()


@pytest.mark.parametrize(("folder", "runs"), [("/tmp", True), ("/mnt/c/users", False)])
def test_windows_runs_windows_programs_that_linux_did_not_mark(shell: Shell, folder: str, runs: bool) -> None:
    """As archives leave them on Linux' drive; on Windows' own the mode counts, and for Linux programs always."""
    script = f"""cd {folder}; cat $identify > unmarked.exe; cat /bin/true > linux.exe; chmod 644 *.exe
        for program in unmarked linux; do cmd.exe /c $program.exe > /dev/null 2>&1; echo $?; done
        ./unmarked.exe 2> /dev/null; echo $?; rm *.exe"""
    unmarked, linux, by_linux = shell(script).stdout.split()
    assert (unmarked == b"0", linux == b"0", by_linux) == (runs, False, b"126")


@pytest.mark.parametrize(("linux", "windows"), [("/mnt/c/users", "C:\\users"), ("/tmp", "Z:\\tmp")])
class TestNames:
    """Names keep their case, and Windows finds them case-blind."""

    def test_case(self, shell: Shell, linux: str, windows: str) -> None:
        script = f"""cd {linux}; echo content > MixedCase.Txt; cmd.exe /c 'type {windows}\\MIXEDcase.tXT'
            cmd.exe /c 'dir /b {windows}\\mixed*'; cmd.exe /c 'echo more>> {windows}\\mixedcase.txt'; ls | grep -i mixed
            cat MixedCase.Txt; cat mixedcase.txt 2>&- || echo no; rm MixedCase.Txt"""
        lines = shell(script).stdout.split()
        assert lines == [b"content", b"MixedCase.Txt", b"MixedCase.Txt", b"content", b"more", b"no"]

    def test_rename_of_case_only(self, shell: Shell, linux: str, windows: str) -> None:
        script = (
            f"cd {linux}; touch lower; cmd.exe /c 'ren {windows}\\lower LOWER'; ls | grep -i lower; rm LOWER"
        )
        assert shell(script).stdout.split() == [b"LOWER"]

    def test_two_files_that_differ_in_case(self, shell: Shell, linux: str, windows: str) -> None:
        script = f"""cd {linux}; echo small > two; echo large > TWO; cmd.exe /c 'type {windows}\\two& type {windows}\\TWO'
            rm two TWO"""
        assert shell(script).stdout.split() == [b"small", b"large"]

    def test_rename_and_delete(self, shell: Shell, linux: str, windows: str) -> None:
        script = f"""cd {linux}; mkdir -p folder; echo x > folder/one
            cmd.exe /c 'ren {windows}\\FOLDER\\one two& mkdir {windows}\\folder\\sub'; ls folder
            mv folder/two folder/three; cmd.exe /c 'type {windows}\\folder\\three& del {windows}\\folder\\THREE'; ls folder
            cmd.exe /c 'rmdir /s /q {windows}\\folder'; ls -d folder 2>&- || echo gone"""
        assert shell(script).stdout.split() == [b"sub", b"two", b"x", b"sub", b"gone"]

    def test_names_of_all_languages(self, shell: Shell, linux: str, windows: str) -> None:
        script = f"""cd {linux}; echo x > 'Größe 大😀.txt'; cmd.exe /c 'type "{windows}\\GRÖßE 大😀.TXT"' || true
            cmd.exe /c 'copy {windows}\\gr*.txt {windows}\\copy.txt' > /dev/null; cat copy.txt; rm copy.txt Gr*"""
        assert b"x" in shell(script).stdout.split()


HELD = """echo content > {linux}/held; exec 3> >($hold '{windows}\\held' {access} {share} > /tmp/answer)
    until [ -s /tmp/answer ]; do sleep 0.02; done; cat /tmp/answer; {{ {action}; }} 2>&1; echo $?; exec 3>&-; wait $!
    rm -f {linux}/held {linux}/moved /tmp/answer"""


@pytest.mark.parametrize(
    ("access", "share", "action", "denied"),
    [
        ("r", "r", "read -r x < held", False),
        ("r", "r", "echo y > held", True),
        ("r", "w", "read -r x < held", True),
        ("w", "x", "read -r x < held", True),
        ("r", "rw", "echo y >> held", False),
        ("r", "rw", "rm held", True),
        ("r", "rwd", "rm held", False),
        ("r", "rw", "mv held moved", True),
        ("r", "rwd", "mv held moved", False),
    ],
)
@pytest.mark.parametrize(("linux", "windows"), [("/mnt/c/users", "C:\\users"), ("/tmp", "Z:\\tmp")])
def test_what_windows_denies(
    shell: Shell, linux: str, windows: str, access: str, share: str, action: str, denied: bool
) -> None:
    """A file that a Windows program holds: its word counts for Linux programs on C:, and not on Z: (G23)."""
    script = HELD.format(
        linux=linux, windows=windows, access=access, share=share, action=f"cd {linux}; {action}"
    )
    opened, *words, status = shell(script).stdout.decode().splitlines()
    assert opened == "0"
    assert ("Permission denied" in " ".join(words), status != "0") == (
        (denied,) * 2 if linux != "/tmp" else (False,) * 2
    )


@pytest.mark.parametrize(
    ("mode", "access", "share", "error"),
    [
        ("<", "r", "r", b"0"),
        ("<", "r", "x", b"32"),
        ("<", "r", "w", b"32"),
        ("<", "w", "r", b"0"),
        (">>", "r", "r", b"32"),
        (">>", "r", "w", b"0"),
        (">>", "d", "rw", b"0"),
    ],
)
@pytest.mark.parametrize(("linux", "windows"), [("/mnt/c/users", "C:\\users"), ("/tmp", "Z:\\tmp")])
def test_what_linux_has_open_counts_for_windows(
    shell: Shell, linux: str, windows: str, mode: str, access: str, share: str, error: bytes
) -> None:
    """A Linux program denies nobody anything, but a Windows one cannot deny what is going on already."""
    script = f"touch {linux}/busy; exec 3{mode} {linux}/busy; $hold '{windows}\\busy' {access} {share}; rm {linux}/busy"
    assert shell(script, input=b"").stdout.split() == [error]
