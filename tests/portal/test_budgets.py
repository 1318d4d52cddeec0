"""Nothing that one sender can empty is shared: vouchers, devices and messages under somebody who sends in masses."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from hotspot.city.codes import CodesSection
from hotspot.errors import RequestError
from hotspot.people.identity import Keys
from hotspot.people.voucher import new_code
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import activate
from hotspot.store.keyed import open_keyed
from hotspot.store.limits import exits
from hotspot.store.persons import challenges, vouchers
from hotspot.store.schema import code_hour, message
from hotspot.store.stays.redemption import Claim, Redeemed, redeem
from portal.app import create
from portal.desk import Desk
from tests.conftest import settings_in
from tests.store import city

PARK, FAR = "198.51.100.7", "203.0.113.9"
VICTIM = "02:00:5E:77:00:01"


@dataclass
class Place:
    """A portal in this process; a proxy on this machine says where phones come from."""

    store: Store
    keys: Keys
    phone: FlaskClient

    def door(self, mac: str, sender: str) -> str:
        """The form of a login page at a gateway that signs nothing."""
        page = self.phone.get(f"/g/gw?from=opnsense&mac={quote(mac)}&ip=10.1.0.9", headers={"X-Forwarded-For": sender})
        assert page.status_code == 200
        return page.text.partition('name="form" value="')[2].partition('"')[0]

    def post(self, mac: str, sender: str, **fields: str) -> int:
        form = {"form": self.door(mac, sender), **fields}
        return self.phone.post("/login", data=form, headers={"X-Forwarded-For": sender}).status_code


def made_up() -> str:
    return ":".join(["02", *(f"{secrets.randbelow(256):02X}" for _ in range(5))])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    settings = settings_in(tmp_path)
    store, keys = open_keyed(settings)
    text = city.text("devices = 1").replace(
        'nas = "coovachilli"\nradius = { sources = ["10.20.1.0/28"], secret = "env:GW", coa = "10.20.1.2:3799" }\n'
        'uam_secret = "env:UAM"',
        'nas = "opnsense"\nradius = { sources = ["10.20.1.0/28"], secret = "env:GW" }\nlogin = "http://10.1.0.1:8000/"',
    )
    text = text.replace('"voucher", "member"]', '"voucher", "member", "code"]')
    with store.core.write() as connection:
        activate(connection, text, "test", 1)
    yield Place(store, keys, create(Desk(settings, store, keys)).test_client())
    store.close()


def cards(place: Place, count: int) -> list[str]:
    now = int(time.time())
    with place.store.core.write() as connection:
        _, made = vouchers.create(
            connection, place.keys, site="park", plan="umum", count=count, valid=86400, expires_at=now + 86400, now=now
        )
    return made


def test_a_school_behind_one_address_gets_in_under_guesses_beside_it(place: Place) -> None:
    """900 pupils with right vouchers in ten minutes, while somebody behind the same address guesses."""
    pupils, statuses, guessed = cards(place, 900), Counter[int](), Counter[int]()
    stop, lock = threading.Event(), threading.Lock()

    def guess() -> None:
        while not stop.is_set():
            status = place.post(made_up(), PARK, method="voucher", code=new_code())
            with lock:
                guessed[status] += 1

    guessing = threading.Thread(target=guess)
    guessing.start()
    for code in pupils:
        statuses[place.post(made_up(), PARK, method="voucher", code=code)] += 1
    stop.set()
    guessing.join()
    assert statuses == {303: 900}
    assert guessed[429] > guessed[422] > 0, "the guesser is held back"


def test_thirty_posts_in_a_victims_address_lock_only_their_sender(place: Place) -> None:
    far = [place.post(VICTIM, FAR, method="voucher", code=new_code()) for _ in range(30)]
    assert far == [422] * 10 + [429] * 20
    clicks = [place.post(VICTIM, FAR, method="click-through") for _ in range(31)]
    assert clicks == [303] * 30 + [429]
    assert place.post(VICTIM, FAR, method="code", number="0812 0000 0001") == 200
    [code] = cards(place, 1)
    assert place.post(VICTIM, PARK, method="voucher", code=code) == 303
    assert place.post(VICTIM, PARK, method="click-through") == 303
    assert place.post(VICTIM, PARK, method="code", number="0812 0000 0002") == 200


def test_a_64_locks_nobody_else_out(place: Place) -> None:
    """Whoever has a /64 has 2^64 addresses, and one budget."""
    clicks = Counter(
        place.post(made_up(), f"2001:db8:1:2:{turn:x}::{turn:x}", method="click-through") for turn in range(200)
    )
    assert clicks[303] == 120, "half of what is left to senders that the gateway does not know"
    assert place.post(made_up(), "2001:db8:1:3::1", method="click-through") == 303
    assert place.post(made_up(), PARK, method="click-through") == 303


def test_one_sender_does_not_spend_the_citys_messages(place: Place) -> None:
    sent = Counter(place.post(made_up(), FAR, method="code", number=f"0812{turn:08d}") for turn in range(1, 61))
    assert sent == {200: 10, 503: 50}


def test_a_redeemed_ticket_teaches_where_a_gateways_phones_are(place: Place) -> None:
    now = int(time.time())
    assert place.post(VICTIM, PARK, method="click-through") == 303
    learned = exits.mark(place.keys, "gw", PARK)
    with place.store.core.write() as connection:
        ticket = connection.exec_driver_sql("SELECT id FROM ticket").scalar_one()
        assert not exits.is_learned(connection, learned, now)
        [done] = redeem(connection, [Claim(ticket, "gw", bytes(16))], now)
        assert isinstance(done, Redeemed)
        assert exits.is_learned(connection, learned, now + exits.KEPT - 1)
        assert not exits.is_learned(connection, learned, now + exits.KEPT)
        assert not exits.is_learned(connection, exits.mark(place.keys, "deaf", PARK), now), "at that gateway"


# -- messages, in the store on both engines ------------------------------------------------------------------------

NOW = 1_760_000_000
SECTION = CodesSection(gateway_per_hour=60, per_hour=300)


class Asker:
    """Asks for codes, each time for another number with another device."""

    def __init__(self, store: Store, keys: Keys):
        self.store, self.keys, self.number = store, keys, 0

    def ask(self, gateway: str, sender: str, *, signed: bool, at: int = NOW) -> bool:
        self.number += 1
        try:
            with self.store.core.write() as connection:
                challenges.ask(
                    connection, self.keys, SECTION, gateway=gateway, mac=made_up(), number=f"+62812{self.number:08d}",
                    now=at, sender=sender, signed=signed,
                )  # fmt: skip
        except RequestError as error:
            assert error.code == "code-busy"
            return False
        return True

    def many(self, count: int, gateway: str, sender: str, *, signed: bool, at: int = NOW) -> int:
        return sum(self.ask(gateway, sender, signed=signed, at=at) for _ in range(count))

    def learn(self, gateway: str, sender: str) -> None:
        with self.store.core.write() as connection:
            exits.learn(connection, [exits.mark(self.keys, gateway, sender)], NOW)

    def enter(self, gateway: str) -> None:
        """All codes of a gateway are entered."""
        with self.store.core.write() as connection:
            connection.execute(update(message).where(message.c.gateway == gateway).values(proven=True))


@pytest.fixture
def asker(store: Store, settings: Settings) -> Asker:
    return Asker(store, settings.keys())


def test_what_a_sender_and_a_gateway_have(asker: Asker) -> None:
    assert asker.many(30, "g1", FAR, signed=True) == challenges.SENDER_PER_HOUR
    assert asker.many(5, "g2", FAR, signed=True) == 0, "at all gateways together"
    asker.learn("g1", PARK)
    assert asker.many(70, "g1", PARK, signed=True) == challenges.GATEWAY_AT_LEAST, "whatever the others have spent"
    with asker.store.core.write() as connection:
        for hour in range(5):
            connection.execute(insert(code_hour).values(gateway="g1", at=NOW - 3600 * hour, entered=25))
    assert asker.many(70, "g1", PARK, signed=True) == 30, "twice what it usually needs, 50"


def test_gateways_that_sign_nothing_have_two_fifths_of_the_hour(asker: Asker) -> None:
    spent = sum(asker.many(12, f"g{turn}", f"198.51.100.{turn}", signed=False) for turn in range(20))
    assert spent == 120
    assert asker.many(5, "signed", "192.0.2.1", signed=True) == 5


def test_three_tenths_are_kept_for_gateways_whose_codes_are_entered(asker: Asker) -> None:
    assert asker.many(10, "good", "192.0.2.1", signed=True) == 10
    asker.enter("good")
    spent = sum(asker.many(12, f"g{turn}", f"198.51.100.{turn}", signed=True) for turn in range(30))
    assert spent == 200, "210 with what the good one has sent"
    asker.learn("good", "192.0.2.2")
    assert asker.many(30, "good", "192.0.2.2", signed=True) == 15, "while more than two fifths are entered"
    assert asker.many(5, "g99", "192.0.2.99", signed=True) == 0


def test_what_a_gateway_needs_is_learnt_from_codes_that_are_entered(asker: Asker) -> None:
    assert asker.ask("g1", PARK, signed=True)
    with asker.store.core.write() as connection:
        door = connection.exec_driver_sql("SELECT door FROM code_challenge").scalar_one()
        awaited = challenges.take_try(connection, asker.keys, bytes(door), NOW)
        challenges.prove(connection, bytes(door), awaited)
        assert connection.exec_driver_sql("SELECT gateway, entered FROM code_hour").all() == [("g1", 1)]
