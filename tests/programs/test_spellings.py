"""Names that only one world can write, and names that only one world tells apart: on the machine and in a share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lichen.subsystems.nt.spelling import for_windows
from tests.programs.conftest import Lichen

Run = Callable[[str], list[str]]
FORBIDDEN = [
    *(
        "a:b",
        "back\\slash",
        "trail.",
        "space ",
        "con",
        "aux.txt",
        "COM1",
        "star*",
        "what?",
        '"quoted"',
        "<|>",
    ),
    *("...", "line\nbreak", "private\uf03a", "nul.x.y", "con .txt", "\\", "plain"),
]


@pytest.fixture(params=["share", "machine"])
def run(machine: Lichen, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Have a shell run a script in an empty folder, of the host or of the machine; its lines."""
    folder = tmp_path / "shared"
    folder.mkdir()
    share = ("--share", f"{folder}:{folder}")
    place = folder if request.param == "share" else Path("/tmp/own")

    def run(script: str) -> list[str]:
        script = f"mkdir -p {place}; cd {place}; {script}"
        done = machine.run("run", *share, "--", "bash", "-c", script)
        assert done.stderr == b""
        return done.stdout.decode().replace("\r", "").splitlines()

    yield run
    assert run("ls -A; cd ..; rm -rf own") == []


def quoted(names: list[str]) -> str:
    return " ".join(
        "$'" + name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'" for name in names
    )


def test_every_name_is_listed_opened_and_deleted(run: Run) -> None:
    script = f"""for name in {quoted(FORBIDDEN)}; do echo x > "$name"; cmd.exe /c type "$(wslpath -w "$name")"; done
        cmd.exe /u /c "dir /b" | iconv -f utf-16le -t utf-8; cmd.exe /c "del /q *"; ls -A"""
    lines = run(script)
    assert lines[: len(FORBIDDEN)] == ["x"] * len(FORBIDDEN)
    assert sorted(lines[len(FORBIDDEN) :]) == sorted(map(for_windows, FORBIDDEN))


def test_folders_of_such_names_go_with_what_is_in_them(run: Run) -> None:
    script = f"""mkdir tree beside; echo kept > beside/file; cd tree
        for name in {quoted(FORBIDDEN)}; do mkdir "$name"; echo x > "$name/file"; done; echo y > '\\beside\\file'
        cd ..; cmd.exe /c "rd /s /q tree"; ls; cat beside/file; rm -r beside"""
    assert run(script) == ["beside", "kept"]


def test_a_name_is_no_path(run: Run) -> None:
    script = r"""mkdir d; echo other > other; echo x > 'd\other'; echo y > '..\other'; mkdir 'd\d'; echo z > 'd\d/in'
        cmd.exe /c 'del /q d\*'; cat other; cmd.exe /c 'for %f in (*other) do @type "%f"'; ls d
        cmd.exe /c 'for /d %d in (*) do @rd /s /q "%d"'; ls; rm '..\other' *other"""
    assert run(script) == ["other", "y", "x", "other", "d\\other", "other"]


def test_what_windows_makes_is_what_linux_means(run: Run) -> None:
    script = r"""cmd.exe /c "echo 1 > a$(printf '\357\200\272')b"; cat a:b; cmd.exe /c "ren a$(printf '\357\200\272')b x&del x"
        cmd.exe /c 'echo 2 > "c?d"' 2>&1 | grep -v '^.$'; cmd.exe /c "mkdir e$(printf '\357\200\252')"; rmdir 'e*'"""
    assert [line.strip() for line in run(script)] == ["1", "Invalid name."]


@pytest.mark.parametrize(
    "path", ["/tmp/a:b/c?d", "/tmp/plain", "/x/con/aux.c/y.", "/a\\b/ c ", "/p\uf03aq", "/co\uf06e"]
)
def test_wslpath_and_the_kernel_agree(machine: Lichen, path: str) -> None:
    windows = "Z:\\" + "\\".join(map(for_windows, path.strip("/").split("/")))
    script = 'wslpath -w "$1"; wslpath -u "$2"; wslpath -m "$1"; WSLENV=P/p P=$1 cmd.exe /u /c "echo %P%"|iconv -f utf-16le'
    done = machine.run("run", "--", "bash", "-c", script, "-", path, windows)
    lines = done.stdout.decode().replace("\r", "").splitlines()
    assert lines == [windows, path, windows.replace("\\", "/"), windows]


@pytest.mark.parametrize("name", ["Alpha.txt", "alpha.TXT"])
def test_the_exact_name_is_meant_first(run: Run, name: str) -> None:
    script = f"""echo first > Alpha.txt; echo second > alpha.TXT; cmd.exe /c "type {name} & dir /b {name}"
        cmd.exe /c "ren {name} {name.upper()} & dir /b"; cmd.exe /c "ren {name.upper()} {name}"
        cmd.exe /c "del {name}"; ls; cmd.exe /c "del ALPHA.txt" """
    other = {"Alpha.txt": "alpha.TXT", "alpha.TXT": "Alpha.txt"}[name]
    text = "first" if name == "Alpha.txt" else "second"
    lines = run(script)
    assert (lines[:2], sorted(lines[2:4]), lines[4:]) == ([text, name], sorted(["ALPHA.TXT", other]), [other])


def test_wildcards_mean_both(run: Run) -> None:
    script = 'touch Alpha.txt alpha.TXT beta; cmd.exe /c "dir /b alpha*" | sort; cmd.exe /c "del /q alpha.*"; ls; rm beta'
    assert run(script) == ["Alpha.txt", "alpha.TXT", "beta"]
