"""Whoever reads `G12` or `015` in the code or the documents finds what it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
RULE = re.compile(r"\bG\d+\b")
RECORD = re.compile(r"(?:\(|, |decisions?[ /])(0\d\d)\b(?=[,).\s-])")


def texts() -> Iterator[tuple[str, str]]:
    """(name, text) of everything that may cite."""
    documents = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    for path in (*documents, *(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        if path != Path(__file__):
            yield str(path.relative_to(ROOT)), path.read_text()


def rules() -> list[str]:
    return re.findall(r"^- \*\*(G\d+)\. ", (DECISIONS / "ground-rules.md").read_text(), re.MULTILINE)


def test_the_ground_rules_are_numbered() -> None:
    assert rules() == [f"G{number}" for number in range(1, len(rules()) + 1)]


def test_every_citation_resolves() -> None:
    records = {path.name[:3] for path in DECISIONS.glob("[0-9]*.md")}
    known = {*rules(), *records}
    cited = {
        (name, each) for name, text in texts() for pattern in (RULE, RECORD) for each in pattern.findall(text)
    }
    assert {each for each in cited if each[1] not in known} == set()
    assert len(cited) > len(records)


def test_records_are_named_as_they_are_numbered() -> None:
    for path in DECISIONS.glob("[0-9]*.md"):
        assert path.read_text().startswith(f"# {path.name[:3]}: ")
