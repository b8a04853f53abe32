"""Linux programs on the host's network: a server of the host's loopback is a guest's too, and the other way round."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.programs.conftest import Lichen
from tests.toolchain import host_program


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """A test says nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server on loopback that shows the test's folder."""
    (tmp_path / "page").write_bytes(bytes(range(256)) * 4096)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=tmp_path)) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_git_clones_over_http(lichen: Lichen, server: str, tmp_path: Path) -> None:
    git = host_program("git")
    work = tmp_path / "work"
    nobody = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for identity in ("AUTHOR", "COMMITTER"):
        nobody |= {f"GIT_{identity}_NAME": "A", f"GIT_{identity}_EMAIL": "a@b"}
    subprocess.run([git, "init", "-q", work], check=True)
    (work / "file").write_text("content\n")
    for words in (["add", "file"], ["commit", "-q", "-m", "first"], ["update-server-info"]):
        subprocess.run([git, "-C", work, *words], check=True, env={**os.environ, **nobody})
    script = f"cd /tmp; git clone -q {server}/work/.git copy && cat copy/file && git -C copy log --format=%s"
    done = lichen.run("run", "--network", "host", "--", "bash", "-c", script)
    assert (done.stdout, done.stderr) == (b"content\nfirst\n", b"")


def test_python_reads_a_page(lichen: Lichen, server: str) -> None:
    script = f"import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen('{server}/page').read())"
    assert (
        lichen.run("run", "--network", "host", "--", "python3", "-c", script).stdout
        == bytes(range(256)) * 4096
    )


def test_guests_serve_each_other(lichen: Lichen) -> None:
    reader = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read())"
    script = f"""cd /tmp; echo served > page
        python3 -u -m http.server --bind 127.0.0.1 0 > log 2>&1 &
        until port=$(grep -o 'port [0-9]*' log); do sleep 0.1; done
        python3 -c "{reader}" "http://127.0.0.1:${{port#port }}/page"
        kill $!"""
    assert lichen.run("run", "--network", "host", "--", "bash", "-c", script).stdout == b"b'served\\n'\n"
