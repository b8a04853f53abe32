"""The network of a machine: sockets, and as values its interfaces, addresses, routes and neighbours (NT: AFD, NSI)."""
