"""What Tab makes of a line, without a machine."""

from __future__ import annotations

import pytest

from lichen.subsystems.nt.console.completion import Completion

NAMES = ["alpha", "alphabet", '"a lot"', "beta"]


def matches(word: str) -> list[str]:
    return [name for name in NAMES if name.strip('"').startswith(word)]


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("type alp", "type alpha"),
        ("be", "beta"),
        ('type "a l', 'type "a lot"'),
        ("type nothing", "type nothing"),
        ("a&be", "a&beta"),
        ("echo x>be", "echo x>beta"),
    ],
)
def test_the_word_at_the_cursor(text: str, completed: str) -> None:
    assert Completion(matches).press(text, len(text), back=False) == (completed, len(completed))


def test_what_is_behind_the_cursor_stays() -> None:
    assert Completion(matches).press("copy be c:", 7, back=False) == ("copy beta c:", 9)


def test_tab_after_tab() -> None:
    completion, seen = Completion(matches), []
    line = "a", 1
    for _ in range(4):
        line = completion.press(*line, back=False)
        seen.append(line[0])
    assert seen == ["alpha", "alphabet", '"a lot"', "alpha"]
    assert completion.press(*line, back=True)[0] == '"a lot"'


def test_back_begins_at_the_end() -> None:
    assert Completion(matches).press("a", 1, back=True)[0] == '"a lot"'


def test_another_line_begins_anew() -> None:
    completion = Completion(matches)
    completion.press("a", 1, back=False)
    assert completion.press("alphab", 6, back=False)[0] == "alphabet"
