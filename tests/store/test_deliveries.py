"""Deliveries to a complaint system, and logins at an OpenID provider, as both engines keep them."""

import pytest

from hotspot.errors import RequestError
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import complaints, deliveries, sign_ins

NOW = 1_760_000_000


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


def test_a_delivery_is_due_until_it_was_taken(store: Store, keys: Keys) -> None:
    with store.core.write() as connection:
        number = complaints.add(
            connection, keys, site="park", category="slow", text="x", contact="", language="id", now=NOW
        )
        deliveries.add(connection, number, "complaint.created", NOW)
    with store.core.write() as connection:
        assert deliveries.due(connection, keys, NOW - 1) == []
        [(row, one)] = deliveries.due(connection, keys, NOW)
        assert one.number == number
        assert deliveries.failed(connection, row, "away" * 100, NOW) == 60
        assert deliveries.due(connection, keys, NOW + 59) == []
        [(row, _)] = deliveries.due(connection, keys, NOW + 60)
        assert (row.attempts, len(row.outcome)) == (1, 200)
        deliveries.taken(connection, row.id, "answered 200", NOW + 60)
        assert deliveries.due(connection, keys, NOW + 10**6) == []
        assert deliveries.again(connection, None, NOW) == 0
        [row] = deliveries.sent(connection)
        assert (row.attempts, row.finished_at, row.outcome) == (2, NOW + 60, "answered 200")


def test_a_call_is_heard_once(store: Store) -> None:
    with store.core.write() as connection:
        assert [deliveries.hear(connection, key, "A", NOW) for key in ("a", "a", "b" * 500)] == [True, False, True]
        assert deliveries.sent(connection) == []
        deliveries.forget_heard(connection, NOW + 1)
        assert deliveries.hear(connection, "a", "A", NOW + 1)


def test_a_login_comes_back_once_and_in_time(store: Store, keys: Keys) -> None:
    with store.core.write() as connection:
        login = sign_ins.begin(connection, keys, "arrival", "su", NOW)
        with pytest.raises(RequestError, match="oidc-again"):
            sign_ins.come_back(connection, keys, login, NOW, NOW + 900)
        found = sign_ins.come_back(connection, keys, login, NOW - 1, NOW + 5)
        assert (found.arrival, found.language, found.grant) == ("arrival", "su", None)
        with pytest.raises(RequestError, match="oidc-again"):
            sign_ins.come_back(connection, keys, login, NOW - 1, NOW + 5)
        assert sign_ins.get(connection, keys, login) == found


def test_a_proof_waits_at_its_door_and_is_good_once(store: Store, keys: Keys) -> None:
    mac = "02:00:5e:aa:bb:01"
    with store.core.write() as connection:
        id_ = sign_ins.begin(connection, keys, "arrival", "id", NOW, grant="g" * 32)
        login = sign_ins.of_grant(connection, keys, "g" * 32)
        assert login.id == id_
        sign_ins.prove(connection, keys, login, "gw", mac, "secret proof", NOW + 9)
        assert sign_ins.proven(connection, keys, "gw2", mac, NOW) is None
        assert sign_ins.proven(connection, keys, "gw", mac, NOW + 9) is None, "too long ago"
        assert sign_ins.proven(connection, keys, "gw", mac, NOW) == (login, "secret proof")
        sign_ins.use_proof(connection, login)
        assert sign_ins.proven(connection, keys, "gw", mac, NOW) is None
        with pytest.raises(RequestError, match="oidc-again"):
            sign_ins.use_proof(connection, login)
        sign_ins.forget_before(connection, NOW + 1)
        with pytest.raises(RequestError, match="oidc-again"):
            sign_ins.get(connection, keys, login.id)
