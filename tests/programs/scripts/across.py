"""Linux' end of conversations with a Windows program: `across.py PROGRAM FOLDER`, for each kind of socket each way."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path

LONG = 200000
SIZE = struct.Struct("<i")
PROGRAM, FOLDER = sys.argv[1], sys.argv[2]


class Poller:
    """A socket that does not wait, and an epoll that does."""

    def __init__(self, one: socket.socket) -> None:
        self.one, self.epoll = one, select.epoll()
        one.setblocking(False)

    def wait(self, events: int) -> None:
        self.epoll.register(self.one, events)
        assert self.epoll.poll(10), "nothing came"
        self.epoll.unregister(self.one)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            self.wait(select.EPOLLIN)
            part = self.one.recv(size - len(data))
            if not part:
                break
            data += part
        return data

    def send(self, data: bytes) -> None:
        while data:
            self.wait(select.EPOLLOUT)
            data = data[self.one.send(data) :]

    def message(self) -> bytes:
        head = self.receive(SIZE.size)
        return self.receive(*SIZE.unpack(head)) if head else b""

    def tell(self, data: bytes) -> None:
        self.send(SIZE.pack(len(data)) + data)


def peer(one: socket.socket) -> tuple[int, int, int]:
    return struct.unpack("3i", one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))


def windows(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, text=True)


def windows_path(path: str) -> str:
    return subprocess.run(["wslpath", "-w", path], capture_output=True, text=True, check=True).stdout.strip()


def linux_serves(family: int, way: str, host: str) -> None:
    with socket.socket(family) as server:
        if family == socket.AF_UNIX:
            server.bind(host)
            where = [windows_path(host)]
        else:
            server.bind((host, 0))
            where = [host, str(server.getsockname()[1])]
        server.listen()
        asking = windows("ask", way, *where)
        one, _ = server.accept()
    with one:
        if family == socket.AF_UNIX:
            process, uid, _ = peer(one)
            print("linux sees", process == asking.pid, uid == os.getuid(), Path(f"/proc/{process}").exists())
            os.unlink(host)
        poller, count = Poller(one), 0
        while question := poller.message():
            poller.tell(question[::-1])
            count += 1
    print(f"linux answered {count}")
    lines = asking.communicate()[0].replace("\r", "").splitlines()
    print(*(line.replace(f"peer {os.getpid()}", "peer is linux") for line in lines), sep="\n")
    assert asking.returncode == 0, asking.returncode


def windows_serves(family: int, way: str, host: str) -> None:
    where = [windows_path(FOLDER) + "\\" + Path(host).name] if family == socket.AF_UNIX else [host, "0"]
    serving = windows("serve", way, *where)
    assert serving.stdout is not None
    _, port, _, process = serving.stdout.readline().split()
    with socket.socket(family) as one:
        one.connect(host if family == socket.AF_UNIX else (host, int(port)))
        if family == socket.AF_UNIX:
            print("linux sees", peer(one)[0] == int(process) == serving.pid, Path(host).is_socket())
        poller = Poller(one)
        right = []
        for size in (5, 1000, LONG):
            question = bytes(each * 7 + size & 0xFF for each in range(size))
            poller.tell(question)
            right.append(poller.message() == question[::-1])
        print("linux asks:", *right)
    for line in serving.communicate()[0].replace("\r", "").splitlines():
        print(line.replace(f"peer {os.getpid()}", "peer is linux"))
    assert serving.returncode == 0, serving.returncode
    if family == socket.AF_UNIX:
        subprocess.run(["cmd.exe", "/c", "del", *where], check=True)
        print("deleted", not Path(host).exists())


for way in ("poll", "port"):
    for family, host in (
        (socket.AF_INET, "127.0.0.1"),
        (socket.AF_INET6, "::1"),
        (socket.AF_UNIX, f"{FOLDER}/local"),
    ):
        print(way, family.name)
        linux_serves(family, way, host)
        windows_serves(family, way, host)
