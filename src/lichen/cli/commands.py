"""The verbs besides `run`, which has a road of its own: this one may take its time to import."""

from __future__ import annotations

import errno
import os
import sys

import click

import lichen
from lichen.cli import demo, inspect, login, machines, windows
from lichen.cli import run as fast_road
from lichen.cli.asking import CommandError
from lichen.cli.client import complain
from lichen.daemon.places import PlaceError
from lichen.daemon.protocol import ProtocolError
from lichen.daemon.starting import StartError

_EPILOG = """\b
Examples:
  lichen                             a login shell on the default machine
  lichen run ls -l /                 one program, with this terminal, pipe or file
  lichen run --fresh -- make test    ... on a throw-away machine
  lichen run cmd.exe /c ver          a Windows program, on the same machine
  lichen ps                          what runs there, and what keeps the machine running
  lichen start                       have the machine run until it is stopped, with nothing in it too
  lichen stop                        end it cleanly; `lichen terminate` does it at once

\b
A machine runs as long as anything in it does, and then a minute longer.
What programs write stays in the machine, but for folders that `--share` shows them.
`lichen run --help` tells the options of `run`.
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lichen.__version__, prog_name="lichen", message="%(prog)s %(version)s")
def group() -> None:
    """Run Linux and Windows programs as processes of one machine."""


@group.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run a program on a machine."""
    context.exit(fast_road.run(list(arguments)))


@group.command()
def calls() -> None:
    """List the system calls of both worlds, and those that are missing."""
    from lichen.cli.reference import reference

    click.echo(reference(), nl=False)


for command in (
    machines.list_machines,
    inspect.ps,
    inspect.status,
    machines.log,
    machines.start,
    machines.stop,
    machines.restart,
    machines.terminate,
    machines.shutdown,
    login.enable,
    login.disable,
    machines.remove,
    windows.windows,
    demo.demo,
):
    group.add_command(command)


def commands(arguments: list[str]) -> int:
    """Carry out a verb; returns the exit status. Whatever goes wrong is told in a sentence."""
    try:
        result = group.main(arguments, prog_name="lichen", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except (CommandError, PlaceError, ProtocolError, StartError) as error:
        complain(str(error))
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read our output has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 0
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
    return 1
