"""Windows sockets: \\Device\\Afd, whose files are sockets of the executive's network that speak Winsock's requests."""
