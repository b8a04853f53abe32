"""What a kernel logs is bounded."""

from __future__ import annotations

import io
import logging

from lichen.daemon.logs import BoundedHandler


def test_a_log_ends_when_it_is_long_enough() -> None:
    handler = BoundedHandler(200)
    handler.stream = io.StringIO()
    for _ in range(50):
        handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "again and again", (), None))
    text = handler.stream.getvalue()
    assert text.count("again and again") < 6
    assert text.endswith("no more is logged: this is too much already\n")


def test_a_guests_name_makes_no_line_of_its_own() -> None:
    handler = BoundedHandler(2000)
    handler.stream = io.StringIO()
    name = "x\n2026-01-01 INFO forged\x1b[2J\udcff"
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "restart by %s", (name,), None))
    assert handler.stream.getvalue().count("\n") == 1
    assert handler.stream.getvalue().endswith("restart by x\\n2026-01-01 INFO forged\\x1b[2J\\udcff\n")
