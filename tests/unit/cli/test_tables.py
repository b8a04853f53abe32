"""Tables in a pipe: aligned, whole, and not padded behind their last column."""

from __future__ import annotations

import pytest

from lichen.cli import tables


def test_the_last_column_is_as_long_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(["PID", "COMMAND"], [["8", "sh"], ["1200", "x" * 20000]])
    assert capsys.readouterr().out.splitlines() == ["PID   COMMAND", "8     sh", "1200  " + "x" * 20000]


def test_no_rows_are_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(["NAME", "STATE"], [])
    assert capsys.readouterr().out == "NAME  STATE\n"


def test_what_a_program_is_called_makes_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(["PID", "COMMAND"], [["8", "sleep\n12   forged \x1b[31m\udcff"]])
    assert capsys.readouterr().out == "PID  COMMAND\n8    sleep\\n12   forged \\x1b[31m\\udcff\n"
