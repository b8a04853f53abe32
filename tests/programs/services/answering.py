"""A service that is started when somebody comes to its socket: it answers those who wait, and ends."""

import os
import socket

assert int(os.environ["LISTEN_PID"]) == os.getpid()
with open("/run/answering.starts", "a") as starts:
    starts.write("once\n")
for number in range(3, 3 + int(os.environ["LISTEN_FDS"])):
    listener = socket.socket(fileno=number)
    listener.settimeout(0.2)
    try:
        while True:
            client, _ = listener.accept()
            client.sendall(os.environ["LISTEN_FDNAMES"].encode() + b" " + client.recv(100))
            client.close()
    except TimeoutError:
        continue
