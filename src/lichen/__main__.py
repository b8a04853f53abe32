"""The `lichen` command: `run` and the bare `lichen` take the fast road, which imports no CLI library (DECISIONS 31)."""

from __future__ import annotations

import sys


def main() -> int:
    """Carry out the command line; returns the exit status."""
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


if __name__ == "__main__":
    sys.exit(main())
