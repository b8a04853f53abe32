"""The object manager (NT: Ob): one tree of named objects and the handle tables of the processes."""
