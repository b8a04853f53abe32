"""The verbs besides `run`."""

from __future__ import annotations


def commands(arguments: list[str]) -> int:
    """Carry out a verb; returns the exit status."""
    raise NotImplementedError
