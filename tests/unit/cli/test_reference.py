"""docs/calls.md says what the declarations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from lichen.abi.declare import Row
from lichen.cli import reference
from lichen.cli.commands import commands

DOCUMENT = Path(__file__).parents[3] / "docs" / "calls.md"


def test_document_is_current() -> None:
    assert DOCUMENT.read_text() == reference.reference(), "run `make reference`"


def test_rows_of_each_kind() -> None:
    lines = reference.reference().splitlines()
    assert "| 39 | `getpid()` | The id of the calling process. |" in lines
    assert "| 24 | `sched_yield` | *host* |" in lines
    assert any(line.startswith("| 202 | `futex(") and line.endswith("the others] |") for line in lines)
    assert any(line.startswith("Missing (ENOSYS): ") and " 334 rseq," in line for line in lines)
    assert any(line.startswith("| `NtClose(") for line in lines)


def test_a_bar_does_not_end_a_cell() -> None:
    row = Row(1, "call", "call(value: A | None)", "no | either", "One | two.")
    assert reference._line(row, numbered=True) == (
        "| 1 | `call(value: A \\| None)` | One \\| two. [no \\| either] |"
    )


def test_writes_a_file(tmp_path: Path) -> None:
    reference.main([str(tmp_path / "calls.md")])
    assert (tmp_path / "calls.md").read_text() == reference.reference()


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert commands(["calls"]) == 0
    assert capsys.readouterr().out == reference.reference()
