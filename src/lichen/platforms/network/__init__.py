"""A network namespace of the host for one machine: who makes sockets in it, and its way out."""
