"""Comes to the sockets of a service that does not run yet, and prints what it answers."""

import socket

for family, address in (
    (socket.AF_UNIX, "/run/answering/socket"),
    (socket.AF_INET, ("127.0.0.1", 7654)),
    (socket.AF_UNIX, "/run/answering/socket"),
):
    with socket.socket(family) as client:
        client.connect(address)
        client.sendall(b"hello")
        print(client.recv(100).decode())
