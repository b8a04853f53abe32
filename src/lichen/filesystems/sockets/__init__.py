"""Sockets: those between programs of the machine, and those to the world, which stand on sockets of the host."""
