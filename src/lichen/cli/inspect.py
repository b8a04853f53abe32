"""The verbs that look into a machine and at the host: ps, status."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import click

from lichen.cli.asking import CommandError, processes_of, status_of
from lichen.cli.hostcheck import findings
from lichen.cli.tables import show
from lichen.daemon import history, places
from lichen.daemon.logs import printable

if TYPE_CHECKING:
    from lichen.daemon.description import MachineFacts, ProcessFacts

_MOST_NAMED = 8
"""How many missing calls are named."""


def of_machine(command: Callable[[str], None]) -> Callable[..., None]:
    """Give a command the machine that NAME or, as with `run`, --machine says; else the default one."""

    @click.argument("name", required=False)
    @click.option(
        "--machine", default=places.DEFAULT, show_default=True, help="The machine to look at; so does NAME."
    )
    @wraps(command)
    def named(name: str | None, machine: str) -> None:
        command(machine if name is None else name)

    return named


@click.command()
@of_machine
def ps(machine: str) -> None:
    """List the processes of a machine, of both worlds.

    The last line tells what keeps it running.
    """
    told, status = processes_of(machine), status_of(machine)
    if told is None or status is None:
        raise CommandError(f"the machine {machine} does not run")
    titles = ["PID", "PPID", "USER", "WORLD", "STATE", "AGE", "TIME", "COMMAND"]
    show(titles, [_process_row(process) for process in told])
    if "kept" in status:
        click.echo(f"kept running by: {printable('; '.join(status['kept']))}")


def _process_row(process: ProcessFacts) -> list[str]:
    return [
        str(process["id"]),
        str(process["parent"]),
        str(process["user"]),
        process["kind"],
        process["state"],
        duration(process["age"]),
        f"{process['time']:.2f}",
        process["command"],
    ]


def duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@click.command()
@of_machine
def status(machine: str) -> None:
    """Tell what the host allows, what was found on it, and how a machine is doing."""
    lines = [*findings()]
    known = os.path.isdir(places.folder_of(machine))
    told = status_of(machine) if known else None
    folder = places.folder_of(machine)
    past = history.crash(folder) or "stopped" if known else "not made yet"
    lines.append(("machine", f"{machine}: {'running' if told else past}"))
    if told is not None:
        lines += _machine_lines(told)
    lines.append(("state folder", places.home()))
    if known:
        lines.append(("log", places.log_of(places.folder_of(machine))))
    width = max(len(title) for title, _ in lines)
    for title, text in lines:
        click.echo(f"{title:{width}}  {text}")


def _machine_lines(told: MachineFacts) -> list[tuple[str, str]]:
    """What a kernel tells; one of an older Lichen tells less."""
    missing = [name for names in told["missing"].values() for name in sorted(names)]
    more = f" and {len(missing) - _MOST_NAMED} more" * (len(missing) > _MOST_NAMED)
    return [
        ("kernel", f"Lichen {told['version']}, host process {told['pid']}, up {duration(told['uptime'])}"),
        ("placement", f"kernel and guests share core {told['processor']}"),
        ("isolation", f"guests have namespaces of their own: {told['namespaces']}"),
        *([("network", told["network"])] if "network" in told else []),
        *([("published", ", ".join(told["ports"]))] if told.get("ports") else []),
        ("extension", "in use" if told["extension"] else "not in use: pure Python"),
        ("sessions", str(told["sessions"])),
        ("processes", str(told["processes"])),
        *([("kept running by", printable("; ".join(told["kept"])))] if "kept" in told else []),
        ("missing calls", ", ".join(missing[:_MOST_NAMED]) + more or "none that programs asked for"),
        ("kernel errors", f"{told['errors']}, see the log" if told["errors"] else "none"),
    ]
