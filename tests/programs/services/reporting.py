"""A service that says when it is ready, who it is, and what it was told to do."""

import os
import signal
import socket
import sys


def tell(text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])


def reload(number: int, frame: object) -> None:
    print("reloaded", flush=True)
    with open("/tmp/reloaded", "w") as file:
        file.write("by a signal\n")
    tell("STATUS=reloaded")


signal.signal(signal.SIGHUP, reload)
print(os.getuid(), os.getcwd(), os.environ["GREETING"], os.environ["RUNTIME_DIRECTORY"], flush=True)
print("<3>something is wrong", file=sys.stderr, flush=True)
tell("READY=1\nSTATUS=at your service")
while True:
    signal.pause()
