"""The portal's regular work."""

from structlog.testing import capture_logs

from hotspot.city.codes import CodesSection
from hotspot.errors import RequestError
from hotspot.people.one_time import LIFETIME
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import challenges
from portal.jobs import watch_codes

NOW = 1_760_000_000
SECTION = CodesSection(gateway_per_hour=1000, per_hour=1000, per_day=1000)


def asked(store: Store, settings: Settings, count: int, entered: int) -> None:
    keys = settings.keys()
    for i in range(count):
        mac = f"02:00:00:00:01:{i:02x}"
        with store.core.write() as connection:
            challenges.ask(connection, keys, SECTION, gateway="g", mac=mac, number=f"+62812000000{i:02d}", now=NOW + i)
            if i < entered:
                door = challenges.door(keys, "g", mac)
                challenges.prove(connection, door, challenges.take_try(connection, keys, door, NOW + i))


def warned(store: Store, settings: Settings, at: int) -> list[tuple[int, int]]:
    with capture_logs() as logs:
        watch_codes(store, settings, at)
    return [(entry["asked"], entry["entered"]) for entry in logs if entry["event"] == "codes not entered"]


def test_codes_that_nobody_enters_are_told(store: Store, settings: Settings) -> None:
    asked(store, settings, 30, 11)
    assert warned(store, settings, NOW + LIFETIME) == [], "most of them may still be entered"
    assert warned(store, settings, NOW + LIFETIME + 60) == [(30, 11)]
    assert warned(store, settings, NOW + 2 * 3600) == [], "long ago"


def test_codes_that_most_enter_are_as_usual(store: Store, settings: Settings) -> None:
    asked(store, settings, 30, 12)
    assert warned(store, settings, NOW + LIFETIME + 60) == []


def test_the_limits_that_they_ran_into_do_not_count(store: Store, settings: Settings) -> None:
    asked(store, settings, 5, 0)
    for _ in range(50):
        try:
            asked(store, settings, 1, 0)
        except RequestError:
            continue
    assert warned(store, settings, NOW + LIFETIME + 60) == []
