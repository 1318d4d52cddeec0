"""Cisco's central web authentication, whole: RADIUS redirects, the portal lets in, a CoA has the controller ask again.

The controller is a double, NOT a Cisco; RADIUS, portal and the carrier of orders are the real ones, in this process.
"""

import secrets
import time
from pathlib import Path
from typing import Any

from pyrad import packet as rp
from sqlalchemy import select

from hotspot.people.identity import new_id
from hotspot.store.city.revisions import activate
from hotspot.store.keyed import open_keyed
from hotspot.store.schema import order
from hotspot.store.stays import orders
from hotspot.store.stays.orders import Channel, OrderState
from portal.app import create
from portal.desk import Desk
from radius.orders import Sender
from radius.service import Service
from tests.conftest import settings_in
from tests.doubles.coovachilli import dictionary
from tests.doubles.nas import CHANGE, NasDouble

from .city import address, text

SECRET = b"the controller's secret"
STAY = "0A14010A0000002B5F3C9D11"


class Controller:
    """What the double sends and hears by itself; its orders are NasDouble's."""

    def __init__(self, service: Service):
        self._service = service

    def ask(self, mac: str, stay: str = STAY) -> tuple[int, dict[str, Any]]:
        """The code and the attributes of the answer to MAC authentication."""
        request: Any = rp.AuthPacket(secret=SECRET, authenticator=secrets.token_bytes(16), dict=dictionary())
        request.code, request.id = rp.AccessRequest, secrets.randbelow(256)
        request["User-Name"], request["Service-Type"] = mac.replace("-", "").lower(), "Call-Check"
        request["Calling-Station-Id"], request["Called-Station-Id"] = mac, "02-00-5e-aa-cc-03:WiFi"
        request["Cisco-AVPair"] = [f"audit-session-id={stay}", "method=mab"]
        request.add_message_authenticator()
        [(answer, *_)] = self._service.handle(
            [(request.RequestPacket(), (address("cisco"), 1645), 0)], int(time.time())
        )
        found: Any = rp.Packet(packet=answer, secret=SECRET, dict=dictionary())
        return found.code, {name: found[name] for name in found.keys() if isinstance(name, str)}


def test_a_phone_logs_in_and_its_controller_is_told(tmp_path: Path) -> None:
    with NasDouble(SECRET) as nas:
        settings = settings_in(tmp_path, CISCO_RADIUS=SECRET.decode())
        store, keys = open_keyed(settings)
        with store.core.write() as connection:
            inventory = activate(connection, text(f', coa = "{nas.address}"'), "test", int(time.time())).inventory
        service = Service(settings, store, keys)
        controller, phone = Controller(service), create(Desk(settings, store, keys)).test_client()
        mac = "02-00-00-00-07-01"

        code, told = controller.ask(mac)
        assert code == rp.AccessAccept
        assert "Session-Timeout" not in told
        [url] = [pair.partition("=")[2] for pair in told["Cisco-AVPair"] if pair.startswith("url-redirect=")]
        door = url.removeprefix("https://wifi.example.go.id") + "&redirect=http://internet.test/"
        for forged in (door.replace("07-01", "07-02"), door.replace(STAY, STAY[::-1])):
            assert phone.get(forged).status_code == 400
        page = phone.get(door)
        assert page.status_code == 200
        form = page.text.partition('name="form" value="')[2].partition('"')[0]
        done = phone.post("/login", data={"form": form, "method": "click-through"})
        assert done.headers["Location"].startswith("https://wifi.example.go.id/s/")

        sender = Sender(settings, store, keys, lambda: inventory)
        deadline = time.monotonic() + 60
        state = ""
        while state != OrderState.DONE:
            assert time.monotonic() < deadline, state
            sender.step()
            with store.core.read() as connection:
                state = connection.execute(select(order.c.state)).scalar_one()
        sender.close()
        heard = nas.heard[0]
        assert {one.data for one in nas.heard} == {heard.data}, "a slow machine may send it twice"
        packet: Any = rp.Packet(packet=heard.data, secret=SECRET, dict=dictionary())
        assert (heard.code, packet["Calling-Station-Id"]) == (CHANGE, [mac])
        assert packet["Cisco-AVPair"] == [
            f"audit-session-id={STAY}", "subscriber:command=reauthenticate", "subscriber:reauthenticate-type=last",
        ]  # fmt: skip

        code, told = controller.ask(mac)
        assert (code, "Cisco-AVPair" in told) == (rp.AccessAccept, False)
        assert 3500 < told["Session-Timeout"][0] <= 3600
        assert "Cisco-AVPair" in controller.ask("02-00-00-00-07-02")[1], "and nobody else is in"
        service.close()
        store.close()


def test_an_order_that_comes_too_late_is_given_up(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    store, keys = open_keyed(settings)
    with store.core.write() as connection:
        made = orders.reauthenticate(connection, "cisco", new_id(), STAY, 1000)
        assert orders.settle(connection, 1299) == 0
        assert orders.waiting(connection, Channel.COA, 1299) == {"cisco"}
        assert orders.settle(connection, 1300) == 1
        assert orders.get(connection, made).state == OrderState.UNANSWERED
        assert orders.claim(connection, keys, Channel.COA, "a node", 1300, gateways=["cisco"]) == []
    store.close()
