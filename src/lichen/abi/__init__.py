"""Guest C as data: record layouts, typed arguments, calling conventions and the declaration of a call."""
