"""A stand-in for a gateway that speaks RADIUS over TLS: NOT a real one. Its TLS is Python's, its RADIUS pyrad's; it
does what it is told, also what no real gateway would.
"""

import socket
import ssl
from pathlib import Path
from typing import Any

from pyrad import packet as rp

from .coovachilli import dictionary

SECRET = b"radsec"
DICTIONARY = dictionary()


class RadSecDouble:
    """One connection. Use as a context manager."""

    def __init__(self, port: int, authority: Path, certificate: Path, key: Path, timeout: float = 60):
        context = ssl.create_default_context(cafile=str(authority))
        context.check_hostname = False
        context.load_cert_chain(certificate, key)
        self.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=timeout))

    def __enter__(self) -> "RadSecDouble":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, *packets: bytes) -> None:
        self.sock.sendall(b"".join(packets))

    def receive(self) -> bytes:
        """The next packet; empty when the server has closed the connection."""
        data = b""
        while len(data) < 4 or len(data) < int.from_bytes(data[2:4], "big"):
            wanted = 4 if len(data) < 4 else int.from_bytes(data[2:4], "big")
            try:
                more = self.sock.recv(wanted - len(data))
            except (ssl.SSLError, ConnectionError):
                more = b""
            if not more:
                return b""
            data += more
        return data

    def ask(self, packet: bytes) -> bytes:
        self.send(packet)
        return self.receive()


def access_request(user: str, password: str, mac: str, identifier: int = 1, *, signed: bool = True) -> bytes:
    request = rp.AuthPacket(code=1, id=identifier, secret=SECRET, dict=DICTIONARY, User_Name=user)
    request["User-Password"] = request.PwCrypt(password)
    request["Calling-Station-Id"] = mac
    if signed:
        request.add_message_authenticator()
    return bytes(request.RequestPacket())


def status_server(identifier: int = 1) -> bytes:
    request = rp.AuthPacket(code=12, id=identifier, secret=SECRET, dict=DICTIONARY)
    request.add_message_authenticator()
    return bytes(request.RequestPacket())


def reply(request: bytes, answer: bytes) -> Any:
    """An answer as pyrad reads it, which finds it authentic."""
    asked = rp.Packet(packet=request, secret=SECRET, dict=DICTIONARY)
    read = rp.Packet(packet=answer, secret=SECRET, dict=DICTIONARY)
    assert asked.VerifyReply(read, answer)
    return read
