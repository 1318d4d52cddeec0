"""pyrad's own server, answering MAC authentication from a dictionary: `pyrad_server.py PORT USERS`.

The file USERS has each gateway's shared secret in its first line, then a name and a password in each.
"""

import sys
from pathlib import Path
from typing import Any

from pyrad import packet
from pyrad.dictionary import Dictionary
from pyrad.server import RemoteHost, Server

import radius.wire.dictionary

from .city import GATEWAY


class BenchServer(Server):  # type: ignore[misc]
    users: dict[str, str]

    def HandleAuthPacket(self, pkt: Any) -> None:  # noqa: N802 - pyrad's name
        name = pkt["User-Name"][0]
        reply = self.CreateReplyPacket(pkt)
        if self.users.get(name) == pkt.PwDecrypt(pkt["User-Password"][0]):
            reply.code = packet.AccessAccept
            reply["Session-Timeout"] = 7200
            reply["Idle-Timeout"] = 900
            reply["Acct-Interim-Interval"] = 300
            reply["WISPr-Bandwidth-Max-Down"] = 5_000_000
            reply["WISPr-Bandwidth-Max-Up"] = 2_000_000
            reply["CoovaChilli-Max-Total-Octets"] = 10**9
            reply["CoovaChilli-Max-Total-Gigawords"] = 0
            reply["Class"] = name.encode()
        else:
            reply.code = packet.AccessReject
        reply.add_message_authenticator()
        self.SendReplyPacket(pkt.fd, reply)


def main() -> None:
    secrets, *users = Path(sys.argv[2]).read_text().splitlines()
    names = Dictionary(str(Path(radius.wire.dictionary.__file__).parent / "dictionary"))
    known = zip(GATEWAY, secrets.split(), strict=True)
    hosts = {gateway.address: RemoteHost(gateway.address, secret.encode(), gateway.id) for gateway, secret in known}
    server = BenchServer(
        addresses=["127.0.0.1"],
        authport=int(sys.argv[1]),
        hosts=hosts,
        dict=names,
        acct_enabled=False,
        enforce_ma=True,
    )
    server.users = dict(line.split() for line in users)
    print("listening", flush=True)
    server.Run()


if __name__ == "__main__":
    main()
