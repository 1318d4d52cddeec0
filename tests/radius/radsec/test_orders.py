"""Orders over TLS, from the command to the gateway and back: FreeRADIUS as a gateway that listens, and a stand-in for
one that takes them over its own connection, since no real one could be had."""

import re
import time
from pathlib import Path
from typing import Any

from pyrad import packet as rp
from sqlalchemy import update

from hotspot.store import schema
from hotspot.store.stays import orders
from hotspot.store.stays.orders import Channel, Kind
from tests.doubles.freeradius import FreeRadius
from tests.doubles.radsec import DICTIONARY, SECRET, RadSecDouble, access_request, reply, status_server
from tests.node import Node, free_port
from tests.radius.test_service import MAC, issue
from tests.store.test_orders import a_session

from .node import Secured


def order(
    node: Node, kind: Kind = Kind.DISCONNECT, *, name: str = "1", user: str = "f", gateway: str = "tk1-gw"
) -> str:
    """The id of an order for a session whose User-Name is 32 times `user`."""
    store, keys = node.store(), node.settings.keys()
    row = a_session(store, keys, name, gateway=gateway, mac=f"02:00:00:00:00:{int(name):02x}")
    with store.core.write() as connection:
        connection.execute(update(schema.session).where(schema.session.c.id == row.id).values(ticket_id=user * 32))
        order_id = orders.add(connection, row, Channel.COA, "admin", int(time.time()), kind)
    store.close()
    return order_id


def outcome(node: Node, order_id: str, *, settled: bool = True, timeout: float = 60) -> tuple[str, str | None]:
    """How an order ended, or with `settled=False` what the first try met."""
    store, deadline = node.store(), time.monotonic() + timeout
    while True:
        with store.core.read() as connection:
            row = orders.get(connection, order_id)
        if row.state != "pending" or (not settled and row.outcome):
            store.close()
            return row.state, row.outcome
        assert time.monotonic() < deadline, (row.state, row.outcome)
        time.sleep(0.05)


def connected(secured: Secured, name: str = "gw1.example") -> RadSecDouble:
    gateway = RadSecDouble(secured.port, secured.authority.file, *secured.authority.issue(name))
    asked = status_server()
    assert reply(asked, gateway.ask(asked)).code == 2
    return gateway


def heard(data: bytes) -> Any:
    """An order as pyrad reads it, which finds it authentic."""
    read = rp.CoAPacket(packet=data, secret=SECRET, dict=DICTIONARY)
    assert read.VerifyCoARequest()
    assert read.verify_message_authenticator()
    return read


def acknowledgement(request: Any) -> bytes:
    return bytes(request.CreateReply().ReplyPacket())


def test_freeradius_takes_orders_over_tls(tmp_path: Path) -> None:
    port = free_port()
    secured = Secured(tmp_path, f"tls:127.0.0.1:{port}")
    certificate, key = secured.authority.issue("gw1.example")
    cases = [
        ("f", Kind.DISCONNECT, ("done", "acknowledged")),
        ("f", Kind.CHANGE, ("done", "acknowledged")),
        ("d", Kind.DISCONNECT, ("refused", "Administratively-Prohibited")),
    ]
    with secured.node.service("radius"):
        early = order(secured.node, name="9")
        assert outcome(secured.node, early, settled=False) == ("pending", "no answer from the gateway")
        tls = (certificate, key, secured.authority.file)
        with FreeRadius(tmp_path, port, SECRET.decode(), tls) as peer:
            for i, (user, kind, expected) in enumerate(cases):
                assert outcome(secured.node, order(secured.node, kind, name=str(i), user=user)) == expected
            assert outcome(secured.node, early) == ("done", "acknowledged"), "it is told what it missed"
    assert peer.text.count("Received CoA-Request") == 1
    told = dict(re.findall(r"^\(\d+\)   ([\w.-]+) = (.*)$", peer.text.split("Received CoA-Request")[1], re.M))
    assert {"Session-Timeout", "Event-Timestamp", "Message-Authenticator", "WISPr-Bandwidth-Max-Down"} <= told.keys()


def test_nothing_is_told_to_another_than_the_gateway(tmp_path: Path) -> None:
    """Who listens at its address has a certificate of the same authority, but of another gateway."""
    port = free_port()
    secured = Secured(tmp_path, f"tls:127.0.0.1:{port}")
    tls = (*secured.authority.issue("gw6.example"), secured.authority.file)
    with secured.node.service("radius") as service, FreeRadius(tmp_path, port, SECRET.decode(), tls) as peer:
        order_id = order(secured.node)
        assert outcome(secured.node, order_id, settled=False) == ("pending", "no answer from the gateway")
        assert "Received Disconnect-Request" not in peer.text
    assert service.said("tls-unknown-certificate", "gw6.example")


def test_a_gateway_takes_orders_over_its_own_connection(tmp_path: Path) -> None:
    secured = Secured(tmp_path, "tls")
    with secured.node.service("radius"):
        early = order(secured.node)
        with connected(secured, "gw6.example") as other, connected(secured) as gateway:
            request = heard(gateway.receive())
            assert (request.code, request["User-Name"]) == (40, ["f" * 32])
            other.send(acknowledgement(request))
            forged = bytearray(acknowledgement(request))
            forged[4] ^= 1
            gateway.send(bytes(forged))
            user, password = issue(secured.node)
            asked = access_request(user, password, MAC)
            assert reply(asked, gateway.ask(asked)).code == 2, "meanwhile everything else goes on"
            assert outcome(secured.node, early, settled=False)[0] == "pending", "neither was an answer"
            late = heard(gateway.receive())
            gateway.send(acknowledgement(late))
            assert outcome(secured.node, early) == ("done", "acknowledged")
            change = order(secured.node, Kind.CHANGE, name="2")
            request = heard(gateway.receive())
            assert request.code == 43
            nak = request.CreateReply()
            nak.code = 45
            nak["Error-Cause"] = 503
            gateway.send(bytes(nak.ReplyPacket()))
            assert outcome(secured.node, change) == ("refused", "Session-Context-Not-Found")
    lines = {line["gateway"]: line["dropped"] for line in secured.node.json("radius", "status")}
    assert lines["tk1-gw"] == {"tls-unexpected": 1}
    assert lines["pamulang-gw"] == {"tls-unexpected": 1}
