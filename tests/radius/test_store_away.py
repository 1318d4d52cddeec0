"""What the service does when its PostgreSQL goes away while it runs: nobody is answered, and nothing dies."""

import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from pyrad import packet as rp
from sqlalchemy.engine import make_url

from hotspot.identity import new_id
from hotspot.store.keyed import open_keyed
from hotspot.store.revisions import activate
from radius.service import Service
from tests.conftest import settings_in
from tests.doubles.coovachilli import dictionary

NOW = int(time.time())
SECRET = "a secret of the park"
SOURCE = ("10.20.1.2", 40000)


def requests() -> list[bytes]:
    login = rp.AuthPacket(code=1, secret=SECRET.encode(), dict=dictionary(), User_Name=new_id())
    login["User-Password"] = login.PwCrypt("x" * 16)
    login["Calling-Station-Id"] = "02-00-00-00-00-01"
    login.add_message_authenticator()
    start = rp.AcctPacket(secret=SECRET.encode(), dict=dictionary(), Acct_Session_Id="1")
    start["Acct-Status-Type"] = 1
    start["Calling-Station-Id"] = "02-00-00-00-00-01"
    return [bytes(login.RequestPacket()), bytes(start.RequestPacket())]


def alive() -> bytes:
    """Status-Server."""
    status = rp.AuthPacket(code=12, secret=SECRET.encode(), dict=dictionary())
    status.add_message_authenticator()
    return bytes(status.RequestPacket())


def test_a_store_that_goes_away_is_waited_for(
    tmp_path: Path, postgres_url: str, fresh_postgres: Callable[[], str]
) -> None:
    core = fresh_postgres()
    settings = settings_in(tmp_path, HOTSPOT_CORE_URL=core, HOTSPOT_TELEMETRY_URL=fresh_postgres(), TK1_RADIUS=SECRET)
    store, keys = open_keyed(settings)
    with store.core.write() as connection:
        activate(connection, (Path(__file__).parents[2] / "sites.toml").read_text(), "test", NOW)
    service = Service(settings, store, keys)
    login, start = requests()
    answers = service.handle([(login, SOURCE, 0), (start, SOURCE, 1), (alive(), SOURCE, 0)], NOW)
    assert [data[0] for data, _, _ in answers] == [3, 5, 2]

    admin = make_url(postgres_url)
    with psycopg.connect(
        host=str(admin.query["host"]), user=admin.username, dbname=admin.database, autocommit=True
    ) as connection_:
        connection_.execute(f'DROP DATABASE "{make_url(core).database}" WITH (FORCE)')
    time.sleep(1.1)
    again, later = requests()
    assert [data[0] for data, _, _ in service.handle([(again, SOURCE, 0), (later, SOURCE, 1)], NOW + 2)] == [3]
    assert service.handle([(later, SOURCE, 1)], NOW + 3) == [], "tried again, and still not acknowledged"
    assert service.endpoint.drops["tk1-gw", "in-progress"] == 0
    assert service.handle([(alive(), SOURCE, 0)], NOW + 4) == [], "a gateway that asks goes to another node"
    store.close()
