"""Fixtures of the tests that need no guest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lichen.executive.registry_file import RegistryFile


@pytest.fixture(autouse=True)
def _registries_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine closes its registry, but most tests have none that ends; newer Pythons warn of open databases."""
    make, made = RegistryFile.__init__, list[RegistryFile]()

    def noted(file: RegistryFile, path: Path | None) -> None:
        made.append(file)
        make(file, path)

    monkeypatch.setattr(RegistryFile, "__init__", noted)
    yield
    for file in made:
        if hasattr(file, "_reading"):  # it could be opened
            file.close()
