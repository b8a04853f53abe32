"""The `lichen` command: `run` takes the fast road, which imports no CLI library (DECISIONS 31)."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command that the arguments ask for; returns its exit status."""
    from lichen.cli.run import run

    if sys.argv[1:2] == ["run"]:
        return run(sys.argv[2:])
    print("usage: lichen run [OPTION...] [--] PROGRAM [ARG...]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
