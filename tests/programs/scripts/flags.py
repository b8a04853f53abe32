"""Start a Windows program on files whose flags a Linux program has set, and print what became of both."""

import fcntl
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import time

program = sys.argv[1]
PIECE = b"x" * 3000


def set_flags(descriptor: int, flags: int) -> None:
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | flags)


def reader(name: str, theirs: int, ours: int) -> None:
    """The program reads what comes late and in pieces."""
    set_flags(theirs, os.O_NONBLOCK)
    running = subprocess.Popen([program, "read"], stdin=theirs, stdout=subprocess.PIPE)
    for _ in range(3):
        time.sleep(0.1)
        os.write(ours, PIECE)
    os.close(ours)
    kept = fcntl.fcntl(theirs, fcntl.F_GETFL) & os.O_NONBLOCK != 0
    print(name, running.communicate()[0].decode().strip(), kept)


def writer(name: str, theirs: int, ours: int, size: int) -> None:
    """The program writes more than there is room for."""
    set_flags(theirs, os.O_NONBLOCK)
    running = subprocess.Popen([program, "write", str(size)], stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    time.sleep(0.2)
    total = 0
    while total < size and (data := os.read(ours, 10000)):
        total += len(data)
    print(name, total, running.communicate()[1].decode().strip())


def broken() -> None:
    """Nobody reads, from the start or in the middle."""
    for later in (False, True):
        ours, theirs = os.pipe()
        if not later:
            os.close(ours)
        running = subprocess.Popen([program, "write", "100000"], stdout=theirs, stderr=subprocess.PIPE)
        os.close(theirs)
        if later:
            os.read(ours, 1)
            time.sleep(0.1)
            os.close(ours)
        print("broken", running.communicate()[1].decode().strip())


def driven() -> None:
    """The program is the owner of a file that sends SIGIO."""
    ours, theirs = (end.detach() for end in socket.socketpair())

    def own() -> None:
        fcntl.fcntl(theirs, fcntl.F_SETOWN, os.getpid())
        set_flags(theirs, os.O_ASYNC)

    running = subprocess.Popen([program, "read"], stdin=theirs, stdout=subprocess.PIPE, preexec_fn=own)  # noqa: PLW1509
    time.sleep(0.2)
    os.write(ours, PIECE)
    os.close(ours)
    print("driven", running.communicate()[0].decode().strip(), running.returncode)


def appended() -> None:
    with open("/tmp/log", "wb") as file:
        file.write(b"start ")
    theirs = os.open("/tmp/log", os.O_WRONLY | os.O_APPEND)
    running = subprocess.run([program, "at"], stdout=theirs, stderr=subprocess.PIPE, check=False)
    with open("/tmp/log", "rb") as file:
        print("appended", file.read().decode(), running.stderr.decode().strip())


def terminal() -> None:
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    set_flags(theirs, os.O_NONBLOCK)
    running = subprocess.Popen([program, "write", "30000"], stdout=theirs, stderr=subprocess.PIPE)
    time.sleep(0.2)
    os.set_blocking(ours, False)
    while running.poll() is None:
        try:
            os.read(ours, 1000)
        except BlockingIOError:
            time.sleep(0.01)
    print("terminal", running.communicate()[1].decode().strip())


signal.alarm(40)
reader("pipe", *os.pipe())
one, other = (end.detach() for end in socket.socketpair())
reader("socket", one, other)
ours, theirs = os.pipe()
writer("pipe", theirs, ours, 300000)
one, other = (end.detach() for end in socket.socketpair())
writer("socket", one, other, 1000000)
broken()
driven()
appended()
terminal()
teller = 'python3 -c "import fcntl; print(fcntl.fcntl(1, 3) & 0o2003)"'
os.chdir("/tmp")
given = subprocess.run([program, "give", "cat", teller], stdout=subprocess.PIPE, check=False)
with open("/tmp/appended", "rb") as file:
    print("given", given.stdout.decode().strip(), file.read().decode().strip())
