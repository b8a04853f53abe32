"""Client of a Windows program's servers, then server of a Windows client; the argument is Node's program."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import urllib.request


def send_all(stream: socket.socket, data: bytes) -> None:
    stream.sendall(data)
    stream.shutdown(socket.SHUT_WR)


node = sys.argv[1]
with subprocess.Popen(
    [node, "sockets.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
) as server:
    assert server.stdin is not None
    assert server.stdout is not None
    web, echo, datagrams = map(int, server.stdout.readline().split())
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/path", data=b"y" * 300000) as answer:
        print(answer.read().decode())
    sent, received = os.urandom(1 << 20), b""
    with socket.create_connection(("::1", echo)) as stream:
        sender = threading.Thread(target=send_all, args=(stream, sent))
        sender.start()
        while piece := stream.recv(1 << 16):
            received += piece
        sender.join()
    print("the echo is", "whole" if received == sent else "not whole")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"datagram", ("127.0.0.1", datagrams))
        print(one.recv(100).decode())
    server.stdin.close()
    print("server ended with", server.wait())


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from linux for " + self.path.encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as own:
    threading.Thread(target=own.serve_forever, daemon=True).start()
    script = f"fetch('http://localhost:{own.server_port}/other').then((a) => a.text()).then(console.log)"
    print(subprocess.run([node, "-e", script], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
    own.shutdown()
