"""Packages from a pool: they come as they are known, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lichen.cli.asking import CommandError
from lichen.cli.debian import PINNED, Pinned, Pool

CONTENT = bytes(range(256)) * 1000


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "pool/w").mkdir(parents=True)
    (tmp_path / "pool/w/wine_1~2.deb").write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "pool")))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def known(sha256: str) -> dict[str, Pinned]:
    return {"wine": Pinned("w/wine_1~2.deb", len(CONTENT), 0, sha256)}


RIGHT = known(hashlib.sha256(CONTENT).hexdigest())


def test_what_is_known_comes_whole(pool: str, tmp_path: Path) -> None:
    told: list[int] = []
    assert Pool(tmp_path, RIGHT, [pool]).download("wine", told.append).read_bytes() == CONTENT
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)


def test_the_next_pool_is_asked_for_what_the_first_has_not(pool: str, tmp_path: Path) -> None:
    assert Pool(tmp_path, RIGHT, [pool + "gone/", pool]).download("wine", lambda size: None).is_file()


def test_what_is_not_known_is_refused(pool: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="damaged"):
        Pool(tmp_path, known("0" * 64), [pool]).download("wine", lambda size: None)


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="lichen windows --from"):
        Pool(tmp_path, RIGHT, ["http://127.0.0.1:1/"]).download("wine", lambda size: None)


def test_what_is_pinned_can_be_compared() -> None:
    for package in PINNED.values():
        assert len(bytes.fromhex(package.sha256)) == 32
        assert package.path.endswith(".deb")
