"""The drivers behind the I/O manager: host folders, memory, pipes, devices, terminals, sockets, and trees that are made up."""
