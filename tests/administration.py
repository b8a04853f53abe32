"""The table of what administrators can do from either world: each example in it is typed, and its effect looked at, by a test.

A test says what it shows by `@works(...)`. `python -m tests.administration docs/administration.md` writes the table from what
the tests say, without running them; a test that shows something is not allowed to be skipped (`tests/conftest.py`).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[1]
MARK: Final = "works"
_HEAD: Final = """\
# Administration from either world

One row a task, one column a session, and in a cell what to type there. Every example is typed by a test, which then looks at
the effect from the other world; the link leads to it. An empty cell is not shown to work.

This table is made from the tests: `make reference`.
"""

Session = Literal["linux", "windows"]


class Example(NamedTuple):
    """One line of a session that does a task, and the test that types it."""

    topic: str
    task: str
    session: str
    text: str
    test: str
    """The file, from the root."""


def works(topic: str, task: str, session: Session, example: str) -> pytest.MarkDecorator:
    """Say that a test types `example` in a session of one world for a task, and looks at the effect. All are literals."""
    return getattr(pytest.mark, MARK)(topic, task, session, example)  # type: ignore[no-any-return]


def examples() -> list[Example]:
    """What the tests show, in the order of their files and lines."""
    return [example for path in sorted((ROOT / "tests").rglob("test_*.py")) for example in _examples_of(path)]


def _examples_of(path: Path) -> Iterator[Example]:
    text = path.read_text()
    if f"{MARK}(" not in text:
        return
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: node.lineno):
        if isinstance(call.func, ast.Name) and call.func.id == MARK:
            topic, task, session, example = (ast.literal_eval(argument) for argument in call.args)
            yield Example(topic, task, session, example, path.relative_to(ROOT).as_posix())


def table() -> str:
    """The document."""
    topics: dict[str, dict[str, dict[str, list[Example]]]] = {}
    for example in examples():
        tasks = topics.setdefault(example.topic, {})
        tasks.setdefault(example.task, {}).setdefault(example.session, []).append(example)
    return "\n".join([_HEAD, *(line for topic in sorted(topics) for line in _topic(topic, topics[topic]))])


def _topic(topic: str, tasks: dict[str, dict[str, list[Example]]]) -> Iterator[str]:
    yield f"## {topic}\n"
    yield "| task | from the Linux session | from the Windows session |"
    yield "|---|---|---|"
    for task, sessions in tasks.items():
        cells = (_cell(sessions.get(session, [])) for session in ("linux", "windows"))
        yield f"| {task} | {' | '.join(cells)} |"
    yield ""


def _cell(shown: list[Example]) -> str:
    return "<br>".join(
        f"`{example.text.replace('|', chr(92) + '|')}` ([test](../{example.test}))" for example in shown
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table())
