"""Admission against the stores themselves, on SQLite and PostgreSQL: who may come in, with what, how many at once."""

import hashlib
import hmac
import json
import threading
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from hotspot.admission.grant import MOST_WAITING, Denial, Reason
from hotspot.admission.session import Record, RecordKind
from hotspot.admission.ticket import Ticket
from hotspot.errors import RequestError
from hotspot.nas import opennds
from hotspot.nas.arrival import Arrival, Stage
from hotspot.people.identity import new_id
from hotspot.settings import Settings, secret_references
from hotspot.store import Store
from hotspot.store.city.revisions import Revision, activate
from hotspot.store.persons import people, vouchers
from hotspot.store.stays import grants, ledger, redemption, sessions
from hotspot.store.stays.redemption import Claim, Redeemed, Spent
from portal.admit import Admitted, admit
from portal.channels.agents import agent_post, authmon
from portal.desk import Desk
from portal.dialects import Visit, arrive
from portal.pages.texts import SERVICE, Terms

NOW = 1_760_000_000  # 15:53 in Jakarta
NIGHT = NOW + 9 * 3600  # 00:53, when taman-kota-1 is closed
TEXT = (Path(__file__).parents[2] / "sites.toml").read_text()
TEXTS = {SERVICE: Terms("1", "id", (), "0" * 64)}
PARK, PARK2, CLINIC = "tk1-gw", "tk2-gw", "serpong1-gw"


@pytest.fixture
def city(store: Store) -> Revision:
    with store.core.write() as connection:
        return activate(connection, TEXT, "test", NOW)


@pytest.fixture
def desk(settings: Settings, store: Store, city: Revision) -> Desk:
    names = [reference.removeprefix("env:") for _, reference in secret_references(city.inventory)]
    known = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    return Desk(replace(settings, environment={**settings.environment, **known}), store, settings.keys())


def arrival(gateway: str, number: int) -> Arrival:
    mac = f"02:00:00:00:00:{number:02x}"
    data = {"uamip": "10.1.0.1", "uamport": "3990", "challenge": "00" * 16}
    if gateway != PARK:
        data = {"hid": f"{number:064x}", "gatewayaddress": "10.210.0.1:2050", "gatewayhash": "x"}
    return Arrival(gateway, Stage.WANTS_IN, mac, "10.1.0.9", data=data)


def a_code(desk: Desk, site: str, plan: str, valid: int = 86400) -> str:
    with desk.store.core.write() as connection:
        made = vouchers.create(
            connection, desk.keys, site=site, plan=plan, count=1, valid=valid, expires_at=NOW + 10**7, now=NOW
        )
    return made[1][0]


def with_code(desk: Desk, city: Revision, gateway: str, number: int, code: str, at: int = NOW) -> Admitted | Denial:
    return admit(desk, city, arrival(gateway, number), TEXTS, {"method": "voucher", "code": code}, at)


def click(desk: Desk, city: Revision, gateway: str, number: int, at: int = NOW) -> Admitted:
    done = admit(desk, city, arrival(gateway, number), TEXTS, {"method": "click-through"}, at)
    assert isinstance(done, Admitted)
    return done


def custom_of(done: Admitted | Denial) -> str:
    assert isinstance(done, Admitted)
    return parse_qs(urlsplit(done.back.url).query)["custom"][0]


def posted(desk: Desk, city: Revision, customs: dict[int, str], at: int, *lines: str) -> list[str]:
    """An agent's post at tk2 with these clients in; the lines of the answer."""
    clients = {
        str(number): {
            "mac": f"02:00:00:00:00:{number:02x}", "token": f"{number:08x}", "state": "Authenticated",
            "session_start": str(at - 5), "custom": custom, "download_this_session": "1", "upload_this_session": "1",
        }
        for number, custom in customs.items()
    }  # fmt: skip
    body = "\n".join(["boot b", "uptime 5000", *lines, "json", json.dumps({"clients": clients})])
    key = opennds.derive(desk.settings.secret("env:TK2_AGENT"), opennds.AGENT_LABEL)
    code = hmac.new(key, f"post|{at}|{body}".encode(), hashlib.sha256).hexdigest()
    return agent_post(desk, city.inventory, PARK2, f"1 {at} {code}\n{body}", at).text.splitlines()[1:]


def test_a_refused_login_does_not_start_a_vouchers_clock(desk: Desk, city: Revision) -> None:
    code = a_code(desk, "taman-kota-1", "umum", valid=3600)
    assert with_code(desk, city, PARK, 1, code, NIGHT) == Denial(Reason.CLOSED, NIGHT - 53 * 60 - 20 + 5 * 3600)
    assert isinstance(with_code(desk, city, PARK, 1, code, NIGHT + 5 * 3600), Admitted)


def test_of_simultaneous_logins_only_as_many_devices_as_the_plan_allows(desk: Desk, city: Revision) -> None:
    code = a_code(desk, "taman-kota-1", "puskesmas")
    results: list[Admitted | Denial] = []
    barrier = threading.Barrier(6)

    def go(number: int) -> None:
        barrier.wait()
        results.append(with_code(desk, city, PARK, number, code))

    threads = [threading.Thread(target=go, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tickets = [result.back.ticket for result in results if isinstance(result, Admitted)]
    assert len(tickets) == 6, "none of them is in yet"
    in_turn = [redeemed(desk, city, ticket.id) for ticket in tickets if ticket is not None]
    assert [isinstance(result, Redeemed) for result in in_turn] == [True] + 5 * [False]
    assert with_code(desk, city, PARK, 7, code) == Denial(Reason.TOO_MANY_DEVICES)


def redeemed(desk: Desk, city: Revision, ticket: str) -> Redeemed | Spent:
    """What a gateway of the park is told of a ticket."""
    devices = {name: plan.devices for name, plan in city.inventory.plans.items()}
    with desk.store.core.write() as connection:
        [result] = redemption.redeem(connection, [Claim(ticket, PARK, ticket.encode()[:16])], NOW, devices)
    return result


def test_one_code_does_not_fill_the_store_with_devices_on_their_way(desk: Desk, city: Revision) -> None:
    code = a_code(desk, "taman-kota-1", "puskesmas")
    handed = [isinstance(with_code(desk, city, PARK, number, code), Admitted) for number in range(20)]
    assert sum(handed) == 1 + MOST_WAITING
    assert isinstance(with_code(desk, city, PARK, 99, code, NOW + 61), Admitted), "those have never arrived"


def test_passes_cannot_be_hoarded(desk: Desk, city: Revision) -> None:
    code = a_code(desk, "taman-kota-2", "puskesmas")
    first = custom_of(with_code(desk, city, PARK2, 1, code))
    assert with_code(desk, city, PARK2, 2, code, NOW + 299) == Denial(Reason.TOO_MANY_DEVICES)
    second = custom_of(with_code(desk, city, PARK2, 2, code, NOW + 300))
    grant = opennds.pass_grant(first)
    assert posted(desk, city, {1: first, 2: second}, NOW + 310) == ["ok", f"deauth - 02:00:00:00:00:01 {grant}"]
    assert posted(desk, city, {2: second}, NOW + 4000) == ["ok"], "once in, a pass holds as long as its grant"


def test_a_pass_keeps_only_its_own_phone_in(desk: Desk, city: Revision) -> None:
    done = click(desk, city, PARK2, 1)
    custom = custom_of(done)
    answer = posted(desk, city, {0x66: custom}, NOW + 20)
    assert answer == ["ok", f"deauth - 02:00:00:00:00:66 {done.grant.id}"]
    with desk.store.core.read() as connection:
        assert not grants.confirmed(connection, done.grant.id)


def test_a_session_whose_stop_was_lost_is_over_with_its_grant(desk: Desk, city: Revision) -> None:
    code = a_code(desk, "taman-kota-1", "puskesmas")
    done = with_code(desk, city, PARK, 1, code, NOW - 5 * 3600)
    assert isinstance(done, Admitted)
    ticket = Ticket(new_id(), done.grant.id, PARK, NOW)
    start = NOW - 5 * 3600 + 5
    with desk.store.core.write() as connection:
        grants.add_ticket(connection, ticket)
        ledger.apply(
            connection, [Record(RecordKind.START, PARK, "s1", done.grant.device, ticket.id, "taman-kota-1", start)]
        )
    assert with_code(desk, city, PARK, 2, code, done.grant.ends_at - 61) == Denial(Reason.TOO_MANY_DEVICES)
    assert isinstance(with_code(desk, city, PARK, 2, code, done.grant.ends_at + 1), Admitted)


def test_an_impatient_phone_does_not_hold_up_the_others(desk: Desk, city: Revision) -> None:
    """Level 3: authmon reads four at a time."""
    for clicks in range(6):
        click(desk, city, CLINIC, 1, NOW + clicks)
    assert authmon(desk, city.inventory, CLINIC, "view", NOW + 9).count(" ") == 1
    for number in range(2, 8):
        click(desk, city, CLINIC, number, NOW + 10)
    polls = [set(authmon(desk, city.inventory, CLINIC, "view", NOW + 10 + 5 * i).split()[1:]) for i in range(4)]
    assert all(len(poll) == 4 for poll in polls)
    assert len(set.union(*polls)) == 7


def test_a_router_whose_clock_steps_charges_nobody(desk: Desk, city: Revision) -> None:
    done = click(desk, city, PARK2, 1)
    custom = custom_of(done)
    posted(desk, city, {1: custom}, NOW + 100)
    end = f"event timeout_deauth 02:00:00:00:00:01 9 9 {NOW - 36000} {NOW + 110} 00000001 {custom}"
    posted(desk, city, {}, NOW + 120, end)
    with desk.store.core.read() as connection:
        rows = sessions.listed(connection, running=False)
    assert max(row.seconds for row in rows) <= 120


def test_a_line_that_cannot_be_read_holds_up_nothing(desk: Desk, city: Revision) -> None:
    custom = custom_of(click(desk, city, PARK2, 1))
    huge = f"event client_deauth 02:00:00:00:00:01 {2**64} 5 1 2 84ed4062 -"
    assert posted(desk, city, {1: custom}, NOW + 10, huge, "event nonsense", "done", "uptime x") == ["ok"]
    with desk.store.core.read() as connection:
        assert len(sessions.listed(connection, running=False)) == 2


@pytest.mark.parametrize("address", ["198.51.100.7:80", "10.212.0.1:2050", "10.210.0.1", "999.1.1.1:1"])
def test_a_level_1_phone_cannot_choose_where_it_is_sent(desk: Desk, city: Revision, address: str) -> None:
    text = f"hid={'0' * 64}, clientip=1.1.1.1, clientmac=02:00:00:00:00:01, gatewayaddress={address}"
    query = {"fas": b64encode(text.encode()).decode()}
    with pytest.raises(RequestError, match="bad-signature"):
        arrive(desk, city.inventory, "sman2-gw" if address.startswith("10.210") else PARK2, Visit("", query))


def test_devices_are_only_remembered_at_a_login(desk: Desk) -> None:
    with desk.store.core.read() as connection:
        assert people.find_device(connection, desk.keys, "02:00:00:00:00:01") is None
