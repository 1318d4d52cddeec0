"""The captive portal API (RFC 8908): what phones are told, and that nobody is told what is not known to be theirs."""

import time
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from hotspot.session import RecordKind
from hotspot.settings import Settings
from hotspot.store import Store, ledger
from portal.app import create
from portal.captive import api_uri
from portal.desk import Desk
from tests.conftest import settings_in
from tests.store.city import activated, city
from tests.store.test_admission import a_grant, record

MAC = "02-00-00-00-00-01"


class Phone:
    """What a phone's own software asks, over TLS unless told otherwise."""

    def __init__(self, settings: Settings, store: Store):
        self.now = int(time.time())
        activated(store, self.now, 'data_per_day = "1 GB"')
        self._client = create(Desk(settings, store, settings.keys())).test_client()

    def ask(self, session: str, mac: str = MAC, gateway: str = "gw", **request: Any) -> TestResponse:
        base = {"base_url": "https://wifi.example.go.id", **request}
        return self._client.get(f"/captive/{gateway}/{mac}/{session}", headers={"X-Forwarded-For": "10.1.0.9"}, **base)


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
