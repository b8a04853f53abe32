"""Tables on the user's terminal, which stay whole when they go to a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from lichen.daemon.logs import printable


def show(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text below their titles; in a terminal what is too long is cut to fit.

    Programs choose their names and arguments: what would end a line or control the terminal is shown by its escape.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _write([titles, *rows])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, emoji=False).print(table)


def _write(rows: Sequence[Sequence[str]]) -> None:
    """Columns two blanks apart; the last one is as long as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for *cells, last in rows:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        print(*padded, last, sep="  ")
