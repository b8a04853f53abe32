"""The drivers behind the I/O manager: host folders, memory, pipes, procfs, devices, consoles, sockets."""
