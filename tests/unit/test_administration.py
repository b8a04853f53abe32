"""docs/administration.md says what the tests show."""

from __future__ import annotations

from tests import administration


def test_document_is_current() -> None:
    document = administration.ROOT / "docs" / "administration.md"
    assert document.read_text() == administration.table(), "run `make reference`"


def test_each_example_is_said_once() -> None:
    said = [(each.session, each.text) for each in administration.examples()]
    assert sorted(set(said)) == sorted(said)
    assert {session for session, _ in said} <= {"linux", "windows"}
