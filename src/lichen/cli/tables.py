"""Tables on the user's terminal, which stay whole when they go to a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

_WIDE = 10_000


def show(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text below their titles; in a terminal the last column is cut to fit."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*row)
    console = Console(
        highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else _WIDE
    )
    console.print(table)
