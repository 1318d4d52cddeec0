"""Small probes for a client's namespace: `connect HOST PORT SECONDS`, `resolve SERVER NAME`, `listen PORT`."""

import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final


def connect(host: str, port: str, seconds: str) -> str:
    try:
        with socket.create_connection((host, int(port)), timeout=float(seconds)):
            return "yes"
    except OSError:
        return "no"


def _answer(sock: socket.socket, query: bytes, server: str) -> bytes:
    """What comes to a question that is repeated, as every resolver repeats it; empty where nothing does."""
    for seconds in (1, 2, 4, 8):
        sock.settimeout(seconds)
        with suppress(OSError):
            sock.sendto(query, (server, 53))
            return sock.recv(1500)
    return b""


def resolve(server: str, name: str) -> str:
    """Asks for an A record over UDP (RFC 1035) and returns the first address of the answer."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack(">6H", 0x4E52, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        answer = _answer(sock, query, server)
    if not answer or struct.unpack(">H", answer[6:8])[0] == 0:
        return ""
    return socket.inet_ntoa(answer[-4:])


def listen(port: str) -> str:
    """Accepts on every address until it is killed."""
    with socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            server.accept()[0].close()


PROBES: Final[dict[str, Callable[..., str]]] = {"connect": connect, "resolve": resolve, "listen": listen}

if __name__ == "__main__":
    print(PROBES[sys.argv[1]](*sys.argv[2:]))
