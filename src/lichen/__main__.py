"""The `lichen` command: `run` and the bare `lichen` take the fast road, which imports no CLI library (G31)."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NoReturn

_HARMLESS: Final = ("UNBUFFERED", "DONTWRITEBYTECODE", "HASHSEED", "NOUSERSITE", "STARTUP")
"""What containers like to set; to start again takes half of the time that a start takes."""


def main() -> int:
    """Carry out the command line; returns the exit status."""
    if not sys.flags.isolated and any(map(_concerns_python, os.environ)):
        _start_again()
    arguments = sys.argv[1:]
    try:
        if not arguments or arguments[0] == "run":
            from lichen.cli import run

            return run.run(arguments[1:]) if arguments else run.shell()
        from lichen.cli.commands import commands

        return commands(arguments)
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        print(f"lichen: the package {error.name} is missing: `make setup` installs it", file=sys.stderr)
        return 1


def _concerns_python(name: str) -> bool:
    """Whether a variable is one of those that change what Python does, in a way that concerns us."""
    return name.startswith("PYTHON") and name[6:7].isalpha() and name[6:] not in _HARMLESS


def _start_again() -> NoReturn:
    """Be started in isolation: what the user says to Python is for programs on the machine, which get it as it is."""
    from lichen.cli.variables import of_caller

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = f"import sys; sys.path.append({folder!r}); from lichen.__main__ import main; sys.exit(main())"
    os.execve(sys.executable, [sys.executable, "-I", "-c", code, *sys.argv[1:]], of_caller())


if __name__ == "__main__":
    sys.exit(main())
