"""The verbs about machines as things that one has: list, start, stop, restart, terminate, shutdown, remove, log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import click

from lichen.boot import servicelog
from lichen.cli.asking import CommandError, end, folder_of, status_of
from lichen.cli.asking import restart as restart_machine
from lichen.cli.asking import start as start_machine
from lichen.cli.tables import show
from lichen.daemon import history, places

_VERBOSE: Final = ("VERSION", "KERNEL", "CORE", "SESSIONS", "PROCESSES", "KEPT RUNNING BY")


@click.command("list")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Also tell the kernel's process, core, sessions, processes, and what keeps it running.",
)
def list_machines(verbose: bool) -> None:
    """List the machines of this user, and how each ended that crashed."""
    places.remove_dead_fresh_machines()
    titles = ["NAME", "STATE", *(_VERBOSE if verbose else ())]
    show(titles, [_row(name, verbose) for name in places.names()])


def _row(name: str, verbose: bool) -> list[str]:
    folder = places.folder_of(name)
    running = places.is_running(folder)
    row = [name, "running" if running else str(history.crash(folder) or "stopped")]
    if not verbose:
        return row
    if not running:
        return [*row, *("-" * len(_VERBOSE))]
    facts = places.facts(folder)
    try:
        told = status_of(name) or {}
    except CommandError:
        told = {"kept": ["its kernel does not answer"]}
    return [
        *row,
        facts.get("version", "?"),
        facts.get("pid", "?"),
        facts.get("processor", "?"),
        str(told.get("sessions", "?")),
        str(told.get("processes", "?")),
        "; ".join(told.get("kept", ["?"])),
    ]


def _ports(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Ports as they are written; a usage error for one that is not."""
    from lichen.daemon.ports import port_of

    for text in values:
        try:
            port_of(text)
        except (ValueError, OSError):
            raise click.BadParameter(f"{text}: [HOSTADDR:]HOST:GUEST[/udp] is needed") from None
    return values


@click.command()
@click.argument("name", default=places.DEFAULT)
@click.option(
    "--root-files", is_flag=True, help="(As root) let the machine show files that only root may read."
)
@click.option(
    "--network",
    type=click.Choice(places.NETWORKS),
    help="The network that the machine is on, now and when it is booted again.",
)
@click.option(
    "--publish",
    "ports",
    multiple=True,
    callback=_ports,
    metavar="[HOSTADDR:]HOST:GUEST[/udp]",
    help="Let this port of the host lead into the machine.",
)
@click.option("--wait", is_flag=True, help="Stay until the machine has ended, as a service manager wants it.")
def start(name: str, root_files: bool, network: str | None, ports: tuple[str, ...], wait: bool) -> None:
    """Have a machine run until it is stopped, also with nothing in it.

    Without this, a machine ends by itself when nothing runs on it any more. One that runs already is not booted again.
    """
    changed, note = start_machine(name, root_files, network or "", ports)
    if note:
        click.echo(note)
    elif not changed:
        click.echo(f"the machine {name} has been started already")
    if wait:
        _wait(name)


def _wait(name: str) -> None:
    """Until the machine has ended; CommandError when it crashed."""
    folder = folder_of(name)
    places.wait_for_end(folder)
    history.seen_dead(folder)
    crash = history.crash(folder)
    if crash is not None:
        raise CommandError(f"the machine {name} {crash}")


@click.command()
@click.argument("name", default=places.DEFAULT)
def stop(name: str) -> None:
    """End a machine cleanly, with time for its programs.

    Its services end first; then all programs are asked to (TERM, CTRL_SHUTDOWN_EVENT), and have five seconds.
    """
    if not end(name, cleanly=True):
        raise CommandError(f"the machine {name} does not run")


@click.command()
@click.argument("name", default=places.DEFAULT)
def restart(name: str) -> None:
    """Stop a machine cleanly, and boot it again.

    One that was started is so again; one that does not run is started.
    """
    if os.path.isdir(places.folder_of(name)) and restart_machine(name):
        return
    _, note = start_machine(name, root_files=False)
    click.echo(note or f"the machine {name} did not run, and has been started")


@click.command()
@click.argument("name", default=places.DEFAULT)
def terminate(name: str) -> None:
    """End a machine at once.

    Its programs get a hang-up and TERM, and two seconds. `stop` gives them more.
    """
    if not end(name):
        raise CommandError(f"the machine {name} does not run")


@click.command()
def shutdown() -> None:
    """End all machines of this user at once."""
    for name in places.names():
        if os.path.isdir(places.folder_of(name)):  # a throw-away one may have gone meanwhile
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
@click.option("-u", "--unit", metavar="UNIT", help="What a service has written, and what was told of it.")
@click.option("--services", is_flag=True, help="The same of all services.")
def log(name: str, lines: int, unit: str | None, services: bool) -> None:
    """Show the end of a machine's log, or of its services'."""
    wants_services = unit is not None or services
    text = list(_lines_of_services(folder_of(name), unit)) if wants_services else _lines_of_kernel(name)
    click.echo("".join(text[-lines:] if lines else []), nl=False)


def _lines_of_kernel(name: str) -> list[str]:
    try:
        with open(places.log_of(folder_of(name)), errors="replace") as file:
            return file.readlines()
    except FileNotFoundError:
        raise CommandError(f"the machine {name} has not run yet") from None


def _lines_of_services(folder: str, unit: str | None) -> Iterator[str]:
    wanted = None if unit is None else unit if "." in unit else f"{unit}.service"
    for line in servicelog.read(places.service_log_of(folder)):
        if wanted in (None, line.unit):
            who = f"{line.identifier or line.unit}[{line.process}]" if line.process else line.unit
            yield f"{line.time} {who}: {line.text}\n"
