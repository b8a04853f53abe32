"""The README's session, typed as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen
from tests.programs.terminal import PROMPT, User

README = Path(__file__).parents[2] / "README.md"
SHOWN = {
    "echo hi": b"HI",
    "ls /etc": b"passwd",
    "ps -ef": b"cmd.exe",
    "kill -9": b"137",
    "reg.exe add": b"successfully",
    "type C:": b"note",
}
"""What shows behind the lines with these words."""


def lines() -> list[str]:
    """What the README types into the login shell."""
    session = (
        README.read_text().partition("## A session to copy")[2].partition("```\n")[2].partition("```")[0]
    )
    typed = [re.sub(r"\s+#.*", "", line.removeprefix("$ ")) for line in session.splitlines()]
    assert typed[0].endswith("lichen")
    return typed[1 : typed.index("exit")]


def test_session(lichen: Lichen) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    # what a login shell reads sets PS1 anew
    lichen.environment["PROMPT_COMMAND"] = f"PS1='{PROMPT.decode()}'"
    user = User(lichen)
    try:
        user.sees(PROMPT)
        for line in lines():
            shown = user.commands(line.encode())
            assert b"not found" not in shown
            for words, expected in SHOWN.items():
                assert words not in line or expected in shown
        user.types(b"exit\r")
        assert user.ends() == 0
    finally:
        user.close()
