"""The captive portal API (RFC 8908): what phones are told, and that nobody is told what is not known to be theirs."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyrad import packet as rp
from werkzeug.test import TestResponse

from hotspot.admission.grant import Grant
from hotspot.admission.session import RecordKind
from hotspot.errors import ConfigError
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import activate
from hotspot.store.limits import attempts
from hotspot.store.stays import ledger
from portal import limits
from portal.app import create
from portal.desk import Desk
from portal.pages.captive import api_uri, budget
from radius.service import ACCOUNTING, Service
from tests.conftest import settings_in
from tests.doubles.coovachilli import dictionary
from tests.store.city import activated, city, text
from tests.store.test_admission import a_grant, record

MAC, AWAY = "02-00-00-00-00-01", "02-00-00-00-00-09"
SECRET = b"the gateway's own secret"


class Phone:
    """What a phone's own software asks, over TLS unless told otherwise."""

    def __init__(self, settings: Settings, store: Store):
        self.now = int(time.time())
        activated(store, self.now, 'data_per_day = "1 GB"')
        self._client = create(Desk(settings, store, settings.keys())).test_client()

    def ask(
        self, session: str, mac: str = MAC, gateway: str = "gw", address: str = "10.1.0.9", **request: Any
    ) -> TestResponse:
        base = {"base_url": "https://wifi.example.go.id", **request}
        return self._client.get(f"/captive/{gateway}/{mac}/{session}", headers={"X-Forwarded-For": address}, **base)


def test_a_phone_learns_whether_it_is_held_back_and_what_is_left(settings: Settings, store: Store) -> None:
    phone = Phone(settings, store)
    held = phone.ask("5e6792ce00000006")
    assert held.content_type == "application/captive+json"
    assert held.headers["Cache-Control"] == "no-store"
    base = "https://wifi.example.go.id/"
    assert held.json == {
        "captive": True, "user-portal-url": f"{base}start", "venue-info-url": base, "can-extend-session": False,
    }  # fmt: skip

    grant = a_grant(store, settings.keys(), starts_at=phone.now, ends_at=phone.now + 3600)
    assert phone.ask("a1").json == held.json, "its gateway has not let it in yet"
    with store.core.write() as connection:
        ledger.apply(connection, [record(grant, "A1", at=phone.now, down=300_000_000, up=100_000_000)])
    found = phone.ask("a1").json or {}
    assert 3595 <= found.pop("seconds-remaining") <= 3600
    assert found == {
        "captive": False, "user-portal-url": base, "venue-info-url": base, "can-extend-session": False,
        "bytes-remaining": 600_000_000,
    }  # fmt: skip
    assert phone.ask("b2").status_code == 404, "somebody who knows only its address"

    with store.core.write() as connection:
        ledger.apply(connection, [record(grant, "A1", at=phone.now, seconds=101, kind=RecordKind.STOP)])
    assert phone.ask("a1").json == held.json
    again = a_grant(store, settings.keys(), starts_at=phone.now, ends_at=phone.now + 60)
    with store.core.write() as connection:
        ledger.apply(connection, [record(again, "b2", at=phone.now, seconds=0)])
    assert (phone.ask("a1").json or {})["captive"] is False, "by the URI of its old session, as its lease has it"


def test_a_phone_without_nat_is_known_by_its_address(settings: Settings, store: Store) -> None:
    now, keys = int(time.time()), settings.keys()
    with store.core.write() as connection:
        activate(
            connection,
            text()
            .replace('uam_secret = "env:DEAF_UAM"', 'login = "http://10.2.0.1/login"\n')
            .replace('id = "deaf"\nnas = "coovachilli"', 'id = "deaf"\nnas = "generic"\nrouted = ["10.2.0.0/22"]'),
            "test",
            now,
        )
    service = Service(replace(settings, environment={**settings.environment, "DEAF": SECRET.decode()}), store, keys)
    client = create(Desk(settings, store, keys)).test_client()

    def ask(address: str) -> TestResponse:
        return client.get("/captive/deaf", base_url="https://wifi.example.go.id", headers={"X-Forwarded-For": address})

    def report(status: str, grant: Grant, session: str, **more: Any) -> None:
        packet: Any = rp.AcctPacket(secret=SECRET, dict=dictionary())
        packet["Acct-Status-Type"], packet["Acct-Session-Id"], packet["Class"] = status, session, grant.id.encode()
        packet["Calling-Station-Id"] = MAC
        for name, value in more.items():
            packet[name.replace("_", "-")] = value
        assert service.handle([(packet.RequestPacket(), ("10.20.2.1", 1813), ACCOUNTING)], now)

    assert (ask("10.2.0.9").json or {})["captive"] is True
    assert ask("198.51.100.7").status_code == 404, "no guest of this gateway"
    mine, other = (a_grant(store, keys, gateway="deaf", starts_at=now, ends_at=now + 600) for _ in range(2))
    report("Start", mine, "a", Framed_IP_Address="10.2.0.9")
    assert (ask("10.2.0.9").json or {})["captive"] is False
    assert (ask("10.2.0.10").json or {})["captive"] is True
    report("Start", other, "b")
    assert ask("10.2.0.10").status_code == 404, "it may be the session whose address nobody knows"
    assert (ask("10.2.0.9").json or {})["captive"] is False
    report("Interim-Update", other, "b", Framed_IP_Address="10.2.0.10")
    assert (ask("10.2.0.10").json or {})["captive"] is False
    report("Stop", mine, "a", Framed_IP_Address="10.2.0.9")
    assert (ask("10.2.0.9").json or {})["captive"] is True
    service.close()


def test_what_is_not_known_to_be_a_phones_is_not_answered(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    phone = Phone(settings, Store.open(settings))
    assert phone.ask("a1").status_code == 200
    over_http = {"session": "a1", "base_url": "http://wifi.example.go.id"}
    others = ({"gateway": "agent"}, {"gateway": "nowhere"}, {"mac": "02-00"}, {"session": "x" * 65})
    for asked in (over_http, *({"session": "a1", **other} for other in others)):
        assert phone.ask(**asked).status_code == 404, asked


def test_only_gateways_that_name_each_phone_are_told_of_it() -> None:
    inventory = city()
    assert api_uri(inventory, "gw") == "https://wifi.example.go.id/captive/gw/%{m}/%{s}"
    assert api_uri(inventory, "agent") is None
    plain = inventory.portal.model_copy(update={"url": "http://wifi.example.go.id"})
    assert api_uri(inventory.model_copy(update={"portal": plain}), "gw") is None


# -- how often somebody may ask about phones that are not shown to be theirs ----------------------------------------


def spend(phone: Phone, store: Store, settings: Settings, whose: str, value: str, but: int = 0) -> None:
    """Uses up a budget but for so many questions."""
    limit = budget(settings.portal_strangers)[whose]
    who = limits.subject(settings.keys(), "captive", whose, value)
    with store.core.write() as connection:
        for _ in range(limit.count - but):
            attempts.take(connection, who, phone.now, limit)


@pytest.mark.parametrize(
    ("whose", "value"), [("device", "02:00:00:00:00:09"), ("address", "10.1.0.9"), ("gateway", "gw")]
)
def test_over_the_limit_nobody_learns_whether_a_phone_is_in(
    settings: Settings, store: Store, whose: str, value: str
) -> None:
    settings = replace(settings, portal_strangers=40)
    phone = Phone(settings, store)
    grant = a_grant(store, settings.keys(), starts_at=phone.now, ends_at=phone.now + 3600)
    with store.core.write() as connection:
        ledger.apply(connection, [record(grant, "a1", at=phone.now)])
    spend(phone, store, settings, whose, value, but=1)
    assert phone.ask("x", AWAY).status_code == 200, "the last that is told"
    held, inside = phone.ask("x", AWAY), phone.ask("x")
    assert (held.status_code, held.data, dict(held.headers)) == (404, inside.data, dict(inside.headers))
    assert (phone.ask("a1").json or {})["captive"] is False, "whose session it is"


def test_an_ipv6_sender_has_its_whole_network(settings: Settings, store: Store) -> None:
    settings = replace(settings, portal_strangers=40)
    phone = Phone(settings, store)
    spend(phone, store, settings, "address", "2001:db8:0:7::/64")
    asked = [phone.ask("x", address=f"2001:db8:0:{end}").status_code for end in ("7::1", "7:8:9:a:b", "8::1")]
    assert asked == [404, 404, 200]


def test_a_budget_that_is_no_number_is_refused(tmp_path: Path) -> None:
    assert settings_in(tmp_path).portal_strangers == 600
    with pytest.raises(ConfigError, match="HOTSPOT_PORTAL_STRANGERS: '0' is not a number between 1 and 1000000"):
        settings_in(tmp_path, HOTSPOT_PORTAL_STRANGERS="0")
