"""What a kernel decides and says while it boots."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from lichen.daemon import diagnosis, places, processor


def error(number: int, filename: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), *((filename,) if filename else ()))


@pytest.mark.parametrize(
    ("problem", "release", "words"),
    [
        (error(errno.ENOSPC, "/x"), "6.1.0", "the disk is full"),
        (error(errno.EROFS, "/x"), "6.1.0", "LICHEN_HOME"),
        (
            error(errno.EINVAL),
            "5.4.0-42-generic",
            "needs Linux 5.9 or newer, and this host runs 5.4.0-42-generic",
        ),
        (error(errno.EPERM), "6.1.0", "--cap-add SYS_PTRACE"),
        (error(errno.EACCES), "6.1.0", "--security-opt seccomp=unconfined"),
        (error(errno.EMFILE), "6.1.0", "its log is /home/log"),
        (KeyError("x"), "6.1.0", "its log is /home/log"),
    ],
)
def test_explanations(
    problem: BaseException, release: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((host[0], host[1], release, host[3], host[4])))
    assert words in diagnosis.explain(problem, "/home")


@pytest.mark.parametrize(
    ("release", "version"),
    [("5.9", (5, 9)), ("6.18.44-x", (6, 18)), ("5.10.0-9-amd64", (5, 10)), ("odd", (0, 0))],
)
def test_host_version(release: str, version: tuple[int, int]) -> None:
    assert diagnosis.host_version(release) == version


def test_the_least_busy_core_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path))
    cores = frozenset((1, 2, 3))
    before, now = {0: 0, 1: 100, 2: 100, 3: 100}, {0: 0, 1: 190, 2: 120, 3: 130}
    assert processor.choose(before, now, cores) == 2
    assert processor.choose({}, {}, cores) == 1
    folder = places.make_folder("other")
    places.write_facts(folder, {"processor": 2})
    assert processor.choose(before, now, cores) == 2
    lock = places.try_lock(folder)
    assert lock is not None
    assert processor.choose(before, now, cores) == 3
    os.close(lock)


def test_busy_ticks_grow() -> None:
    assert processor.allowed() <= set(processor.busy_ticks())
