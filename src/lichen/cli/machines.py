"""The verbs about machines as things that one has: list, terminate, shutdown, remove, log."""

from __future__ import annotations

import os

import click

from lichen.cli.asking import CommandError, ask, end, folder_of
from lichen.cli.tables import show
from lichen.daemon import places


@click.command("list")
@click.option(
    "-v", "--verbose", is_flag=True, help="Also tell the kernel's process, core, sessions and processes."
)
def list_machines(verbose: bool) -> None:
    """List the machines of this user."""
    places.remove_dead_fresh_machines()
    titles = ["NAME", "STATE", *(["VERSION", "KERNEL", "CORE", "SESSIONS", "PROCESSES"] if verbose else [])]
    show(titles, [_row(name, verbose) for name in places.names()])


def _row(name: str, verbose: bool) -> list[str]:
    folder = places.folder_of(name)
    running = places.is_running(folder)
    row = [name, "running" if running else "stopped"]
    if not verbose:
        return row
    if not running:
        return [*row, *"-----"]
    facts = places.facts(folder)
    told = ask(name, "status") or {}
    return [
        *row,
        facts.get("version", "?"),
        facts.get("pid", "?"),
        facts.get("processor", "?"),
        str(told.get("sessions", "?")),
        str(told.get("processes", "?")),
    ]


@click.command()
@click.argument("name")
def terminate(name: str) -> None:
    """End one machine: its programs get a hang-up, and two seconds."""
    if not end(name):
        raise CommandError(f"the machine {name} does not run")


@click.command()
def shutdown() -> None:
    """End all machines of this user."""
    for name in places.names():
        if os.path.isdir(places.folder_of(name)):
            end(name)


@click.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete a machine that does not run, with everything that was written in it."""
    if not places.remove_if_dead(folder_of(name)):
        raise CommandError(f"the machine {name} runs: end it first with `lichen terminate {name}`")


@click.command()
@click.argument("name", default=places.DEFAULT)
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many lines."
)
def log(name: str, lines: int) -> None:
    """Show the end of a machine's log."""
    try:
        with open(places.log_of(folder_of(name)), errors="replace") as file:
            text = file.readlines()
    except FileNotFoundError:
        raise CommandError(f"the machine {name} has not run yet") from None
    click.echo("".join(text[-lines:] if lines else []), nl=False)
