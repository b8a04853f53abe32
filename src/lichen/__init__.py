"""Lichen: one user-space kernel that runs unmodified Linux and Windows programs as processes of a machine."""

__version__ = "0.1.0"
