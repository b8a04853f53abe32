"""NETLINK_SOCK_DIAG: what `ss` asks of sockets, answered from the machine's own table and never from the host's."""
