"""A redirect or a form that somebody else has got hold of is worth nothing; whoever types slowly is led on."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from hotspot.nas.arrival import Arrival, Stage
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import activate
from hotspot.store.keyed import open_keyed
from hotspot.store.limits import arrivals
from hotspot.store.limits.arrivals import First
from hotspot.store.persons import vouchers
from portal.app import create
from portal.desk import Desk
from portal.dialects import OPEN_WEB
from portal.forms import FORM_LIFETIME, seal
from portal.freshness import Freshness
from tests.conftest import settings_in
from tests.store import city

PARK, FAR = "198.51.100.7", "203.0.113.9"
SECRET = "uam secret of the tests"
NOW = 1_760_000_000
PORTAL = "https://wifi.example.go.id"


@dataclass
class Place:
    store: Store
    keys: Keys
    phone: FlaskClient

    def redirect(self, challenge: str, res: str = "notyet") -> str:
        """What CoovaChilli writes, with nothing in it that tells when."""
        # reference: coova-chilli 1.9 src/redir.c, bstring_buildurl
        query = (
            f"res={res}&uamip=10.1.0.1&uamport=3990&challenge={challenge}&called=02-00-5E-AA-BB-01"
            "&mac=02-00-00-00-00-01&ip=10.1.0.2&nasid=gw&sessionid=1&userurl=http%3a%2f%2finternet.test%2f"
        )
        md = hashlib.md5(f"{PORTAL}/g/gw?{query}{SECRET}".encode()).hexdigest().upper()
        return f"/g/gw?{query}&md={md}"

    def seen(self, path: str, at: int, sender: str = PARK) -> None:
        """Some process of some node has seen a redirect."""
        mark = self.keys.index("arrival", f"gw|{path.rpartition('=')[2].lower()}")
        with self.store.core.write() as connection:
            arrivals.keep(connection, [First(mark, at, self.keys.index("sender", sender))])

    def get(self, path: str, sender: str = PARK) -> str:
        return self.phone.get(path, headers={"X-Forwarded-For": sender}, follow_redirects=True).text

    def post(self, sender: str = PARK, headers: dict[str, str] | None = None, **fields: str) -> tuple[int, str]:
        said = {"X-Forwarded-For": sender, **(headers or {})}
        answer = self.phone.post("/login", data=fields, headers=said)
        return answer.status_code, answer.text

    def code(self) -> str:
        now = int(time.time())
        with self.store.core.write() as connection:
            _, [made] = vouchers.create(
                connection, self.keys, site="park", plan="umum", count=1, valid=86400, expires_at=now + 86400, now=now
            )
        return made


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    settings = settings_in(tmp_path, UAM=SECRET)
    store, keys = open_keyed(settings)
    text = city.text().replace('"voucher", "member"]', '"voucher", "member", "code", "remembered"]')
    with store.core.write() as connection:
        activate(connection, text, "test", 1)
    yield Place(store, keys, create(Desk(settings, store, keys)).test_client())
    store.close()


def form_of(page: str) -> str:
    return page.partition('name="form" value="')[2].partition('"')[0]


HAVE = 'value="code-have"'
"""On pages for those whom no gateway has just sent."""


def test_a_redirect_is_of_its_gateway_for_five_minutes_and_for_one_sender(place: Place) -> None:
    now, fresh, old, captured = int(time.time()), *(place.redirect(digit * 32) for digit in "abc")
    assert HAVE not in place.get(fresh)
    assert HAVE not in place.get(fresh), "loaded again"
    place.seen(old, now - FORM_LIFETIME)
    assert HAVE in place.get(old), "as what anybody can write"
    place.seen(captured, now - 10)
    assert HAVE in place.get(captured, FAR), "somebody else has it"
    assert HAVE not in place.get(captured), "and whose it is does not care"


@pytest.mark.parametrize("res", ["already", "success"])
def test_an_overheard_redirect_leads_to_no_status_page(place: Place, res: str) -> None:
    code = place.code()
    form = form_of(place.get(place.redirect("d" * 32)))
    assert place.post(form=form, method="voucher", code=code)[0] == 303
    with place.store.core.write() as connection:
        connection.exec_driver_sql("UPDATE ticket SET redeemed_at = expires_at")
    overheard = place.redirect("e" * 32, res)
    assert "Sisa waktu" in place.get(overheard)
    again = place.redirect("f" * 32, res)
    place.seen(again, int(time.time()) - FORM_LIFETIME)
    for path, sender in ((again, PARK), (overheard, FAR)):
        page = place.get(path, sender)
        assert ("Anda tersambung" in page, "Sisa waktu" in page, "/logout" in page) == (True, False, False)


def test_all_processes_know_what_one_has_seen(store: Store, settings: Settings) -> None:
    keys = settings.keys()
    one, other = Freshness(store, keys), Freshness(store, keys)
    arrival = Arrival("gw", Stage.WANTS_IN, "02:00:00:00:00:01", "10.1.0.2", mark="md")
    assert one.judged(arrival, PARK, NOW).proven
    one.bring()
    one.bring()
    assert other.judged(arrival, PARK, NOW + FORM_LIFETIME - 1).proven
    assert not other.judged(arrival, PARK, NOW + FORM_LIFETIME).proven
    assert not other.judged(arrival, FAR, NOW + 1).proven
    other.bring()
    assert other.judged(replace(arrival, gateway="another"), PARK, NOW + 400).proven, "that is another redirect"
    assert not one.judged(replace(arrival, proven=False), PARK, NOW).proven
    with store.core.write() as connection:
        arrivals.forget_before(connection, NOW + arrivals.KEPT)
        assert connection.exec_driver_sql("SELECT count(*) FROM arrival_seen").scalar() == 0


def test_whoever_types_slowly_finds_what_they_typed(place: Place) -> None:
    code, now = place.code(), int(time.time())
    arrival = Arrival(
        "gw", Stage.WANTS_IN, "02:00:00:00:00:01", "10.1.0.2",
        data={"uamip": "10.1.0.1", "uamport": "3990", "challenge": "ab" * 16},
    )  # fmt: skip
    key = place.keys.derive("portal form")
    slow = seal(key, arrival, now - FORM_LIFETIME, PARK)
    status, page = place.post(form=slow, method="voucher", code=code, remember="on")
    assert (status, "lebih dari 5 menit" in page) == (200, True)
    assert f'value="{code}"' in page
    assert "checked" in page
    with place.store.core.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM access_grant").scalar() == 0
    status, page = place.post(form=slow, method="member", name="sari dewi", password="rahasia sekali")
    assert 'value="sari dewi"' in page
    assert "rahasia sekali" not in page
    status, page = place.post(form=slow, method="code", otp="123 456")
    assert 'value="123 456"' in page
    assert place.post(form=form_of(page), method="voucher", code=code)[0] == 303, "and goes on from there"


def test_a_form_from_elsewhere_is_worth_a_fresh_one(place: Place) -> None:
    code = place.code()
    captured = form_of(place.get(place.redirect("1" * 32)))
    status, page = place.post(FAR, form=captured, method="voucher", code=code)
    assert (status, f'value="{code}"' in page, HAVE in page) == (200, True, True)
    assert place.post(form=captured, method="voucher", code=code)[0] == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "null"}, 303),
        ({"Origin": PORTAL}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "https://evil.example"}, 400),
        ({"Origin": "https://wifi.example.go.id.evil.example"}, 400),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
    ],
)
def test_another_sites_page_sends_no_form(place: Place, headers: dict[str, str], status: int) -> None:
    form = form_of(place.get(place.redirect("2" * 32)))
    assert place.post(headers=headers, form=form, method="click-through")[0] == status


@pytest.mark.parametrize("path", ["/privacy/member", "/privacy/erase", "/report", "/s/0/logout", "/oidc/confirm"])
def test_nor_does_any_other_door_take_it(place: Place, path: str) -> None:
    answer = place.phone.post(path, data={"form": "x"}, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, "Formulir ini tidak dapat dipakai" in answer.text) == (400, True)


def test_the_log_names_the_gateway_that_was_refused(place: Place) -> None:
    with capture_logs() as lines:
        assert place.phone.get("/g/gw?res=notyet&uamip=1&uamport=2&ssid=%ff").status_code == 400
    assert [(line["reason"], line["gateway"]) for line in lines if line["event"] == "refused"] == [
        ("bad-signature", "gw")
    ]


def test_whoever_arrives_without_a_word_is_led_on(place: Place) -> None:
    page = place.phone.get("/g/gw")
    assert (page.status_code, f'href="{OPEN_WEB}"' in page.text) == (200, True)
    assert place.phone.get("/g/nowhere").status_code == 404


def test_gateways_and_agents_are_no_browsers(place: Place) -> None:
    for path in ("/agent/gw", "/hooks/complaint", "/g/agent"):
        assert place.phone.post(path, data="x", headers={"Origin": "https://evil.example"}).status_code != 400
