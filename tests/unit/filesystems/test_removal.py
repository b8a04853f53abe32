"""Removing folders of any depth and shape."""

from __future__ import annotations

import os
from pathlib import Path

from lichen.filesystems.removal import remove_tree
from tests.unit.trees import make_host_tree


def test_everything_goes_and_nothing_else(tmp_path: Path) -> None:
    make_host_tree(
        tmp_path, {"tree/a/b/c": "", "tree/a/d/": "", "tree/link": "->../outside", "outside/x": "kept"}
    )
    os.mkfifo(tmp_path / "tree/a/fifo")
    remove_tree(tmp_path / "tree")
    assert os.listdir(tmp_path) == ["outside"]
    assert (tmp_path / "outside/x").read_text() == "kept"
    remove_tree(tmp_path / "tree")


def test_a_symlink_is_not_entered(tmp_path: Path) -> None:
    make_host_tree(tmp_path, {"outside/x": "kept", "link": "->outside"})
    remove_tree(tmp_path / "link")
    assert (tmp_path / "outside/x").exists()


def test_depth_does_not_matter(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deep", dir_fd=descriptor)
        below = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    top = os.open(tmp_path, os.O_RDONLY)
    remove_tree("deep", top)
    os.close(top)
    assert os.listdir(tmp_path) == []
