"""A remembered device: asked for, for days, by cookie and MAC address together, ended by whatever ends the proof."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from hotspot.city.inventory import check
from hotspot.nas.arrival import Arrival, Stage
from hotspot.people.identity import PersonKind
from hotspot.people.password import hashed
from hotspot.rules import erasure
from hotspot.store.city.revisions import activate
from hotspot.store.keyed import open_keyed
from hotspot.store.persons import blocks, consents, members, people, vouchers
from hotspot.store.schema import grant, remembered
from portal.app import create
from portal.desk import Desk
from portal.forms import seal
from tests.conftest import settings_in
from tests.store.city import text

CITY = text(site_plan="luas").replace('"member"]', '"member", "remembered"]')
MINE, OTHERS = "02:00:00:00:00:01", "02:00:00:00:00:02"
DAY, HOST = 86400, "wifi.example.go.id"


class Place:
    """A park with a member and a voucher, and phones that keep cookies or do not."""

    def __init__(self, folder: Path):
        settings = settings_in(folder, UAM="u" * 40, GW="g" * 40)
        store, keys = open_keyed(settings)
        self.desk, self.now = Desk(settings, store, keys), int(time.time())
        with store.core.write() as connection:
            self.inventory = activate(connection, CITY, "test", self.now).inventory
            self.member = people.add_member(connection, keys, "sari", hashed("rahasia sekali"), self.now)
            self.batch, [self.code] = vouchers.create(
                connection, keys, site="park", plan="luas", count=1, valid=DAY, expires_at=self.now + DAY, now=self.now
            )
        self.app = create(self.desk)

    def phone(self) -> FlaskClient:
        return self.app.test_client()

    def post(self, phone: FlaskClient, mac: str, **fields: str) -> TestResponse:
        data = {"uamip": "10.1.0.1", "uamport": "3990", "challenge": "00" * 16}
        form = seal(self.desk.form_key, Arrival("gw", Stage.WANTS_IN, mac, "10.1.0.9", data=data), self.now)
        answer = phone.post("/login?lang=en", data={"form": form, **fields}, base_url=f"https://{HOST}")
        with self.desk.store.core.write() as connection:  # everybody has gone again
            connection.execute(update(grant).values(ends_at=self.now))
        return answer

    def again(self, phone: FlaskClient, mac: str = MINE) -> TestResponse:
        return self.post(phone, mac, method="remembered")

    def by_password(self, phone: FlaskClient, **fields: str) -> TestResponse:
        return self.post(phone, MINE, method="member", name="sari", password="rahasia sekali", **fields)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.desk.store.close()


def test_a_device_comes_in_again_with_one_tap(place: Place) -> None:
    phone = place.phone()
    first = place.post(phone, MINE, switch="en").text
    assert "Remember this device for 7 days" in first
    assert "checked" not in first
    done = place.by_password(phone, remember="1")
    assert done.status_code == 303
    kept = done.headers["Set-Cookie"]
    assert all(word in kept for word in ("device=", "Secure", "HttpOnly", "SameSite=Lax", f"Max-Age={7 * DAY}"))
    door = place.post(phone, MINE, switch="en").text
    assert door.index("Connect again") < door.index("Agree and connect")
    back = place.again(phone)
    assert back.headers["Location"].startswith("http://10.1.0.1:3990/logon?username=")
    with place.desk.store.core.read() as connection:
        methods = connection.execute(grant.select().order_by(grant.c.id)).all()
    assert [(row.person_id, row.method) for row in methods] == [(place.member, "member"), (place.member, "remembered")]


def test_only_who_asked_for_it_and_proved_something_is_remembered(place: Place) -> None:
    unasked, clicked = place.phone(), place.phone()
    assert "Set-Cookie" not in place.by_password(unasked).headers
    assert "Set-Cookie" not in place.post(clicked, MINE, method="click-through", remember="1").headers
    assert place.again(unasked).status_code == 422


def test_neither_the_cookie_nor_the_address_suffices(place: Place) -> None:
    phone, clone = place.phone(), place.phone()
    place.by_password(phone, remember="1")
    assert place.again(phone, OTHERS).status_code == 422, "a stolen cookie"
    assert "Connect again" not in place.post(phone, OTHERS, switch="en").text
    assert place.again(clone).status_code == 422, "a cloned address"
    cookie = phone.get_cookie("device", HOST)
    assert cookie is not None
    clone.set_cookie("device", domain=HOST, value=cookie.value[:-1] + ("0" if cookie.value[-1] != "0" else "1"))
    assert place.again(clone).status_code == 422, "a forged cookie"
    assert place.again(phone).status_code == 303, "and its own phone stays remembered"


def _expired(place: Place, connection: Any) -> None:
    connection.execute(update(remembered).values(expires_at=place.now))


def _erased(place: Place, connection: Any) -> None:
    erasure.ask(connection, place.desk.keys, place.inventory, place.member, "test", place.now)


ENDS: dict[str, Callable[[Place, Any], Any]] = {
    "its time": _expired,
    "a block": lambda place, on: (
        blocks.add(on, blocks.Blocked.PERSON, place.member, place.now + 9, "", "test", place.now),
        blocks.lift(on, place.member, "test", place.now),
    ),
    "a withdrawal": lambda place, on: consents.withdraw(on, [place.member], place.now),
    "another password": lambda place, on: members.set_password(on, place.member, hashed("lebih rahasia")),
    "the member's removal": lambda place, on: members.remove(on, place.member),
    "an erasure": _erased,
}


@pytest.mark.parametrize("end", ENDS)
def test_it_ends_with(place: Place, end: str) -> None:
    phone = place.phone()
    place.by_password(phone, remember="1")
    with place.desk.store.core.write() as connection:
        ENDS[end](place, connection)
    refused = place.again(phone)
    assert (refused.status_code, "no longer remembered" in refused.text) == (422, True)


def test_a_voucher_is_remembered_as_long_as_it_holds(place: Place) -> None:
    phone = place.phone()
    assert place.post(phone, MINE, method="voucher", code=place.code, remember="1").status_code == 303
    assert place.again(phone).status_code == 303
    with place.desk.store.core.read() as connection:
        row = connection.execute(grant.select().where(grant.c.method == "remembered")).one()
        assert (
            people.find(connection, place.desk.keys, PersonKind.VOUCHER, place.code.replace("-", "")) == row.person_id
        )
    with place.desk.store.core.write() as connection:
        vouchers.revoke(connection, place.batch, None, place.now)
    assert place.again(phone).status_code == 422


def test_a_phone_forgets_at_a_tap(place: Place) -> None:
    phone = place.phone()
    place.by_password(phone, remember="1")
    gone = place.post(phone, MINE, method="forget")
    assert (gone.status_code, "Connect again" in gone.text) == (200, False)
    assert phone.get_cookie("device", HOST) is None
    with place.desk.store.core.read() as connection:
        assert connection.execute(remembered.select()).all() == []


def test_where_it_may_stand() -> None:
    alone = CITY.replace('["click-through", "voucher", "member", "remembered"]', '["click-through", "remembered"]')
    assert '"remembered" needs' in str(check(alone).faults)
    school = CITY.replace('kind = "park"', 'kind = "school"')
    assert 'admits by "voucher" alone' in str(check(school).faults)
    long = CITY.replace("[portal]", '[portal]\nremember = "15d"')
    assert "portal.remember" in str(check(long).faults)
    assert check(long.replace("15d", "14d")).faults == ()
