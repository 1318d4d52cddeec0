"""Tickets, vouchers, members, attempts: on SQLite and PostgreSQL, also when many come at once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from hotspot.admission.grant import Grant, Limits, Usage
from hotspot.admission.session import Record, RecordKind
from hotspot.admission.ticket import Ticket
from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.limits import attempts
from hotspot.store.persons import consents, people, vouchers
from hotspot.store.schema import consent, identity
from hotspot.store.stays import grants as admission
from hotspot.store.stays import ledger, redemption
from hotspot.store.stays.redemption import Claim, Held, Redeemed, Spent

NOW = 1_795_280_000
ZONE = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What `count` threads that start together return."""
    results: list[Any] = [None] * count
    barrier = threading.Barrier(count)

    def run(i: int) -> None:
        barrier.wait()
        results[i] = work(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def a_grant(store: Store, keys: Keys, mac: str = "02:00:00:00:00:01", **changes: Any) -> Grant:
    with store.core.write() as connection:
        person = changes.pop("person", None) or people.find_or_create(
            connection, keys, PersonKind.MEMBER, new_id(), NOW
        )
        device = people.see_device(connection, keys, mac, NOW)
        values: dict[str, Any] = {
            "id": new_id(), "person": person, "device": device, "site": "park", "gateway": "gw", "plan": "umum",
            "method": "member", "language": "id", "starts_at": NOW, "ends_at": NOW + 3600,
            "limits": Limits(session=3600, idle=900, down=1000, up=None, total=10**12),
        }  # fmt: skip
        grant = Grant(**{**values, **changes})
        admission.add_grant(connection, grant, 1)
    return grant


def a_ticket(store: Store, grant: Grant) -> str:
    ticket = Ticket(new_id(), grant.id, grant.gateway, NOW + 60)
    with store.core.write() as connection:
        admission.add_ticket(connection, ticket)
    return ticket.id


ONE = {"umum": 1}
FIRST = text("SELECT id FROM access_grant WHERE person_id = :person ORDER BY ends_at DESC LIMIT 1")


def redeem(
    store: Store,
    ticket: str,
    authenticator: bytes,
    now: int = NOW,
    gateway: str = "gw",
    devices: dict[str, int] | None = None,
) -> Any:
    with store.core.write() as connection:
        [result] = redemption.redeem(connection, [Claim(ticket, gateway, authenticator)], now, devices)
    return result


def test_a_ticket_carries_its_grant_whole(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    found = redeem(store, a_ticket(store, grant), b"a" * 16)
    assert found == Redeemed(Held.whole(grant), NOW)


def test_of_many_requests_at_once_one_wins(store: Store, keys: Keys) -> None:
    ticket = a_ticket(store, a_grant(store, keys))
    won = at_once(20, lambda i: redeem(store, ticket, bytes([i]) * 16))
    assert sum(isinstance(result, Redeemed) for result in won) == 1
    assert {result.code for result in won if isinstance(result, Spent)} == {"ticket-spent"}


def test_of_many_requests_in_one_batch_one_wins(store: Store, keys: Keys) -> None:
    tickets = [a_ticket(store, a_grant(store, keys)) for _ in range(3)]
    claims = [Claim(ticket, "gw", bytes([i % 5]) * 16) for i in range(10) for ticket in tickets]
    with store.core.write() as connection:
        results = redemption.redeem(connection, claims, NOW)
    for ticket in tickets:
        of_it = [(claim, result) for claim, result in zip(claims, results, strict=True) if claim.ticket == ticket]
        winners = {claim.authenticator for claim, result in of_it if isinstance(result, Redeemed)}
        assert len(winners) == 1
        assert sum(isinstance(result, Redeemed) for _, result in of_it) == 2  # the same request twice


def test_the_same_request_again_gets_the_same_grant_and_time(store: Store, keys: Keys) -> None:
    ticket = a_ticket(store, a_grant(store, keys))
    first = redeem(store, ticket, b"a" * 16)
    assert redeem(store, ticket, b"a" * 16, NOW + 500) == first
    assert redeem(store, ticket, b"b" * 16) == Spent("ticket-spent", "id")


def test_expired_foreign_and_unknown_tickets(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    assert redeem(store, a_ticket(store, grant), b"a" * 16, NOW + 61) == Spent("ticket-expired", "id")
    assert redeem(store, a_ticket(store, grant), b"a" * 16, gateway="other") == Spent("ticket-unknown")
    assert redeem(store, new_id(), b"a" * 16) == Spent("ticket-unknown")
    ticket = a_ticket(store, grant)
    with store.core.write() as connection:
        admission.end_grant(connection, grant.id, NOW)
    assert redeem(store, ticket, b"a" * 16) == Spent("grant-ended", "id")


def test_a_person_is_one_person(store: Store, keys: Keys) -> None:
    def create(_: int) -> str:
        with store.core.write() as connection:
            return people.find_or_create(connection, keys, PersonKind.DEVICE_DAY, "x", NOW)

    assert len(set(at_once(8, create))) == 1

    def see(_: int) -> str:
        with store.core.write() as connection:
            return people.see_device(connection, keys, "02:00:00:00:00:09", NOW)

    devices = set(at_once(8, see))
    assert len(devices) == 1
    with store.core.read() as connection:
        assert people.device_mac(connection, keys, devices.pop()) == "02:00:00:00:00:09"
        sealed = connection.execute(select(identity.c.sealed)).scalars().all()
    assert len(sealed) == 1


def test_members(store: Store, keys: Keys) -> None:
    with store.core.write() as connection:
        person = people.add_member(connection, keys, "Sari  Dewi", "hash", NOW)
        with pytest.raises(RequestError, match="member-exists"):
            people.add_member(connection, keys, "sari dewi", "other", NOW)
        found = people.find_member(connection, keys, " SARI DEWI ")
        assert found == people.Member(person, "hash", disabled=False)
        assert people.find_member(connection, keys, "nobody") is None
        for wrong in ("", "   ", "x" * 65, "a\0b"):
            with pytest.raises(RequestError, match="bad-name"):
                people.add_member(connection, keys, wrong, "hash", NOW)


def test_a_voucher_serves_one_person_for_its_time(store: Store, keys: Keys) -> None:
    with store.core.write() as connection:
        _, [code, other] = vouchers.create(
            connection, keys, site="park", plan="umum", count=2, valid=500, expires_at=NOW + 1000, now=NOW
        )

    def use(at: int, value: str = code, site: str = "park") -> vouchers.Entitlement:
        with store.core.write() as connection:
            return vouchers.use(connection, keys, value, site, at)

    assert len({use(NOW + 999).person for _ in range(3)}) == 1
    assert use(NOW + 1400).until == NOW + 999 + 500
    for wrong, why in (
        ((NOW + 1499, code), "voucher-used-up"),
        ((NOW + 1000, other), "voucher-expired"),
        ((NOW, other, "school"), "voucher-other-site"),
        ((NOW, "00000000000"), "voucher-unknown"),
    ):
        with pytest.raises(RequestError, match=why):
            use(*wrong)


def test_parallel_guesses_all_count(store: Store) -> None:
    def guess(_: int) -> bool:
        with store.core.write() as connection:
            return attempts.take(connection, b"s" * 32, NOW) == 0

    assert sum(at_once(30, guess)) == attempts.DEVICE.count
    with store.core.write() as connection:
        assert attempts.take(connection, b"t" * 32, NOW) == 0
        assert attempts.take(connection, b"s" * 32, NOW + 60) == attempts.DEVICE.window - 60
        assert attempts.take(connection, b"s" * 32, NOW + attempts.DEVICE.window) == 0
        attempts.forget(connection, b"s" * 32)
        assert attempts.take(connection, b"s" * 32, NOW) == 0


def test_consent_is_kept_once_for_each_text(store: Store, keys: Keys) -> None:
    person = a_grant(store, keys).person
    with store.core.write() as connection:
        for sha in ("a" * 64, "a" * 64, "b" * 64):
            consents.record(
                connection,
                person,
                purpose="service",
                text_version="1",
                text_sha256=sha,
                language="id",
                site="park",
                now=NOW,
            )
        assert len(connection.execute(select(consent)).all()) == 2


def use_of(store: Store, person: str, now: int = NOW) -> Usage:
    with store.core.read() as connection:
        return admission.usage(connection, person, now, ZONE)


def record(grant: Grant, session_id: str = "1", **changes: Any) -> Record:
    values: dict[str, Any] = {
        "kind": RecordKind.INTERIM, "gateway": "gw", "acct_session_id": session_id, "device": grant.device,
        "ticket": grant.id, "site": "park", "at": NOW, "seconds": 100, "down": 10, "up": 5,
    }  # fmt: skip
    return Record(**{**values, **changes})


def test_usage_of_a_person_over_devices(store: Store, keys: Keys) -> None:
    one = a_grant(store, keys)
    assert use_of(store, one.person) == Usage(devices=frozenset({one.device}))
    assert use_of(store, one.person, NOW + 300).devices == frozenset()
    two = a_grant(store, keys, "02:00:00:00:00:02", person=one.person)
    with store.core.write() as connection:
        ledger.apply(connection, [record(one), record(two, "2", down=7, kind=RecordKind.STOP, cause="Idle-Timeout")])
    assert use_of(store, one.person) == Usage(seconds=200, bytes=27, devices=frozenset({one.device}))


def test_a_place_is_taken_by_who_gets_in(store: Store, keys: Keys) -> None:
    one = a_grant(store, keys)
    first, two = a_ticket(store, one), a_grant(store, keys, "02:00:00:00:00:02", person=one.person)
    second = a_ticket(store, two)
    assert use_of(store, one.person) == Usage(waiting=frozenset({one.device, two.device}))
    assert isinstance(redeem(store, first, b"a" * 16, devices=ONE), Redeemed)
    assert use_of(store, one.person) == Usage(devices=frozenset({one.device}), waiting=frozenset({two.device}))
    assert redeem(store, second, b"b" * 16, devices=ONE) == Spent("denied.too-many-devices", "id")
    assert isinstance(redeem(store, first, b"a" * 16, devices=ONE), Redeemed), "the same request again"
    with store.core.write() as connection:
        ledger.apply(connection, [record(one, kind=RecordKind.STOP, cause="User-Request")])
    assert isinstance(redeem(store, second, b"c" * 16, devices=ONE), Redeemed), "its ticket was not spent"


@pytest.mark.parametrize("places", [1, 3])
def test_of_many_devices_at_once_as_many_get_in_as_may(store: Store, keys: Keys, places: int) -> None:
    person = a_grant(store, keys).person
    grants = [a_grant(store, keys, f"02:00:00:00:01:{i:02}", person=person, ends_at=NOW + 3000 + i) for i in range(8)]
    with store.core.write() as connection:  # the first one has no ticket, and so is one that was let in
        admission.end_grant(connection, connection.execute(FIRST, {"person": person}).scalar_one(), NOW)
    tickets = [a_ticket(store, grant) for grant in grants]
    half = at_once(4, lambda i: redeem(store, tickets[i], bytes([i]) * 16, devices={"umum": places}))
    with store.core.write() as connection:
        claims = [Claim(ticket, "gw", bytes([i]) * 16) for i, ticket in enumerate(tickets)]
        rest = redemption.redeem(connection, claims[4:], NOW, {"umum": places})
    assert sum(isinstance(one, Redeemed) for one in [*half, *rest]) == places
    assert {one.code for one in [*half, *rest] if isinstance(one, Spent)} == {"denied.too-many-devices"}


def test_who_is_in_by_a_pass_or_a_session_has_a_place(store: Store, keys: Keys) -> None:
    by_pass = a_grant(store, keys)
    other = a_ticket(store, a_grant(store, keys, "02:00:00:00:00:02", person=by_pass.person))
    assert isinstance(redeem(store, other, b"a" * 16, devices=ONE), Spent)
    with store.core.write() as connection:
        ledger.apply(connection, [record(by_pass)])
    assert isinstance(redeem(store, other, b"b" * 16, NOW + 55, devices=ONE), Spent)
    assert isinstance(redeem(store, other, b"b" * 16, NOW + 55), Redeemed), "what was let in before is not asked"


def test_a_session_across_midnight_counts_in_proportion(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    midnight = 1_795_280_400 - (1_795_280_400 + 7 * 3600) % 86400
    with store.core.write() as connection:
        ledger.apply(connection, [record(grant, at=midnight + 25, seconds=100, down=1000, up=0)])
    assert use_of(store, grant.person, midnight + 30).bytes == 250
    assert use_of(store, grant.person, midnight - 10).bytes == 750


def test_what_a_gateway_must_still_fetch(store: Store, keys: Keys) -> None:
    grant = a_grant(store, keys)
    with store.core.write() as connection:
        fetched = replace(grant, id=new_id(), starts_at=NOW + 1, ends_at=NOW + 3601)
        admission.add_grant(connection, fetched, 1, "entry")
        assert admission.waiting(connection, "gw", NOW) == ["entry"]
        assert admission.waiting(connection, "other", NOW) == []
        assert admission.newest_grant(connection, grant.device, "gw", NOW) == fetched
        ids = {(fetched.id, grant.device), (grant.id, grant.device)}
        assert admission.live_grants(connection, "gw", ids, NOW) == ids
        assert admission.live_grants(connection, "gw", {(grant.id, "other device")}, NOW) == set()
        admission.confirm(connection, {fetched.id, grant.id}, NOW)
        assert admission.waiting(connection, "gw", NOW) == []
        admission.end_grant(connection, grant.id, NOW)
        assert admission.live_grants(connection, "gw", ids, NOW) == {(fetched.id, grant.device)}
