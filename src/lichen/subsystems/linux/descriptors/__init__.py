"""Kinds of open files that only Linux programs know, and how a call gives new files to its caller."""
