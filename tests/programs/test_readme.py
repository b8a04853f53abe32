"""The README's sessions, typed as they stand there."""

from __future__ import annotations

import re
import subprocess
from functools import partial
from pathlib import Path

import pytest

from lichen.boot.drives import find_userland
from tests import userlands
from tests.programs.conftest import Lichen, eventually
from tests.programs.terminal import PROMPT, User
from tests.programs.test_own_network import free_port, may_have_namespaces
from tests.toolchain import host_program

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


OF_THE_NETWORK = {
    "curl": b"DOCTYPE",
    "netstat.exe": b" [python3",
    "ip -brief": b" 10.1.0.2/24",
    "list -v": b"started; left running: pid ",
}


def typed_in(title: str) -> list[str]:
    """What the README types below a title."""
    session = README.read_text().partition(f"## {title}\n")[2].partition("```\n")[2].partition("```")[0]
    return [re.sub(r"\s+#.*", "", line.removeprefix("$ ")) for line in session.splitlines()]


def lines() -> list[str]:
    """What the README types into the login shell."""
    typed = typed_in("A session to copy")
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


def test_a_machine_that_stays_and_its_network(lichen: Lichen, own_programs: Path) -> None:
    if find_userland() is None:
        pytest.skip(userlands.MISSING)
    if not may_have_namespaces():
        pytest.skip("the host allows no network namespaces")
    host_program("curl")
    port, command = free_port(), " ".join(lichen.command())
    missing = dict(OF_THE_NETWORK)

    def shows(line: str) -> bool:
        done = subprocess.run(
            ["bash", "-c", line],
            env=lichen.environment,
            cwd="/",
            capture_output=True,
            timeout=50,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), done
        expected = [text for words, text in OF_THE_NETWORK.items() if words in line]
        return all(text in done.stdout for text in expected)

    for line in typed_in("A machine that stays, and its network"):
        typed = line.replace(".venv/bin/lichen", command).replace("8080", str(port))
        eventually(partial(shows, typed))  # a server may not listen yet
        missing = {words: text for words, text in missing.items() if words not in line}
    assert not missing
