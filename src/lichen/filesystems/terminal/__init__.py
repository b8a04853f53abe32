"""Terminals: the line discipline, pseudo terminals, and what a client of the machine was started with."""
