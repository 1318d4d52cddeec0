"""One-time codes in the store, on both engines: what may be sent, how many guesses count, when many come at once."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from hotspot.city.codes import CodesSection
from hotspot.errors import RequestError
from hotspot.people.identity import Keys
from hotspot.people.one_time import LIFETIME, TRIES, code, masked, matches
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.persons import challenges
from hotspot.store.persons.challenges import MessageState, Sending

NOW = 1_760_000_000
WIDE = CodesSection(gateway_per_hour=10**6, per_hour=10**6, per_day=10**6)


@pytest.fixture
def keys(settings: Settings) -> Keys:
    return settings.keys()


class Asker:
    def __init__(self, store: Store, keys: Keys, section: CodesSection = WIDE):
        self.store, self.keys, self.section = store, keys, section

    def ask(self, number: int, at: int, *, mac: int = 1, gateway: str = "g1") -> Sending:
        address = f"02:00:00:00:{mac >> 8:02x}:{mac & 255:02x}"
        with self.store.core.write() as connection:
            return challenges.ask(
                connection, self.keys, self.section,
                gateway=gateway, mac=address, number=f"+62812{number:08d}", now=at,
            )  # fmt: skip

    def refused(self, number: int, at: int, *, mac: int = 1, gateway: str = "g1") -> str:
        with pytest.raises(RequestError) as error:
            self.ask(number, at, mac=mac, gateway=gateway)
        return error.value.code


@pytest.fixture
def asker(store: Store, keys: Keys) -> Asker:
    return Asker(store, keys)


def at_once(count: int, act: Callable[[], str]) -> Counter[str]:
    """What `count` simultaneous calls came to."""
    barrier, results = threading.Barrier(count), []

    def go() -> None:
        barrier.wait()
        try:
            results.append(act())
        except RequestError as error:
            results.append(error.code)

    threads = [threading.Thread(target=go) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(results)


def test_a_number_gets_three_in_an_hour_and_five_in_a_day(asker: Asker) -> None:
    for i in range(3):
        asker.ask(7, NOW + 60 * i, mac=i)
    assert asker.refused(7, NOW + 179, mac=9) == "code-wait"
    assert asker.refused(7, NOW + 180, mac=9) == "code-too-many"
    asker.ask(7, NOW + 3600, mac=9)
    asker.ask(7, NOW + 3660, mac=9)
    assert asker.refused(7, NOW + 10_000, mac=10) == "code-too-many"
    asker.ask(7, NOW + 86_400, mac=10)


def test_a_device_gets_three_in_an_hour_for_whatever_numbers(asker: Asker) -> None:
    for number in range(3):
        asker.ask(number, NOW)
    assert asker.refused(4, NOW + 60) == "code-too-many"
    assert asker.refused(4, NOW + 60, gateway="g2") == "code-too-many"
    asker.ask(4, NOW + 60, mac=2)


def test_a_gateway_and_the_city_have_their_budgets(store: Store, keys: Keys) -> None:
    asker = Asker(store, keys, CodesSection(gateway_per_hour=2, per_hour=3, per_day=4, price=350, cost_per_day=1500))
    asker.ask(1, NOW, mac=1)
    sending = asker.ask(2, NOW, mac=2)
    assert asker.refused(3, NOW, mac=3) == "code-busy"
    asker.ask(3, NOW, mac=3, gateway="g2")
    assert asker.refused(4, NOW, mac=4, gateway="g3") == "code-busy"
    asker.ask(4, NOW + 3600, mac=4)
    assert asker.refused(5, NOW + 7200, mac=5) == "code-busy", "four a day"
    asker.section = asker.section.model_copy(update={"per_day": 9})
    assert asker.refused(5, NOW + 7200, mac=5) == "code-busy", "1400 rupiah are spent"
    with store.core.write() as connection:
        challenges.sent(connection, sending.message, MessageState.FAILED)
        assert challenges.spending(connection, NOW + 7200).cost == 1050
    asker.ask(5, NOW + 7200, mac=5)


def test_a_thousand_numbers_stay_within_the_budget(store: Store, keys: Keys) -> None:
    asker = Asker(store, keys, CodesSection(gateway_per_hour=60, per_hour=100, per_day=150, price=350))
    sent = 0
    for i in range(1000):
        try:
            asker.ask(i, NOW + 4 * i, mac=i % 50 + 1000 * (i // 150), gateway=f"g{i % 3}")
        except RequestError:
            continue
        sent += 1
    assert 100 <= sent <= 150
    with store.core.read() as connection:
        assert challenges.spending(connection, NOW + 4000).day == sent


def test_simultaneous_requests_send_one_message(asker: Asker) -> None:
    assert at_once(12, lambda: "sent" if asker.ask(1, NOW) else "") == {"sent": 1, "code-wait": 11}


def test_of_fifty_simultaneous_guesses_five_are_judged(asker: Asker, store: Store, keys: Keys) -> None:
    asker.ask(1, NOW)
    door = challenges.door(keys, "g1", "02:00:00:00:00:01")

    def guess() -> str:
        with store.core.write() as connection:
            challenges.take_try(connection, keys, door, NOW + 1)
        return "judged"

    assert at_once(50, guess) == {"judged": TRIES, "code-locked": 50 - TRIES}


def test_a_number_is_guessed_at_fifteen_times_a_day_however_often_it_asks(
    asker: Asker, store: Store, keys: Keys
) -> None:
    judged = 0
    for round_ in range(4):
        sent_at = NOW + 1300 * round_
        asker.ask(1, sent_at, mac=round_)
        for _ in range(5):
            door = challenges.door(keys, "g1", f"02:00:00:00:00:{round_:02x}")
            try:
                with store.core.write() as connection:
                    challenges.take_try(connection, keys, door, sent_at + 1)
                judged += 1
            except RequestError as error:
                assert error.code == "code-locked"
        if round_ == 2:
            break
    assert judged == 15
    assert asker.refused(1, NOW + 7000, mac=9) == "code-locked"


def test_a_code_is_used_once_and_for_a_while(asker: Asker, store: Store, keys: Keys) -> None:
    asker.ask(1, NOW)
    door = challenges.door(keys, "g1", "02:00:00:00:00:01")
    with store.core.read() as connection:
        known = challenges.pending(connection, keys, door, NOW + LIFETIME - 1)
        assert known
        assert known.number == "+6281200000001"
        assert challenges.pending(connection, keys, door, NOW + LIFETIME) is None
        assert challenges.pending(connection, keys, challenges.door(keys, "g2", "02:00:00:00:00:01"), NOW) is None

    def enter() -> str:
        with store.core.write() as connection:
            challenges.prove(connection, door, known)
        return "in"

    assert at_once(8, enter) == {"in": 1, "code-expired": 7}
    with store.core.read() as connection:
        assert challenges.challenges_asked(connection, NOW - 1, NOW) == (1, 1)


def test_another_number_takes_the_place_of_the_first(asker: Asker, store: Store, keys: Keys) -> None:
    first, second = asker.ask(1, NOW), asker.ask(2, NOW + 1)
    assert first.challenge != second.challenge
    with store.core.read() as connection:
        known = challenges.pending(connection, keys, challenges.door(keys, "g1", "02:00:00:00:00:01"), NOW + 2)
    assert known
    assert (known.challenge, known.number) == (second.challenge, "+6281200000002")


def test_what_no_limit_needs_is_forgotten(asker: Asker, store: Store) -> None:
    asker.ask(1, NOW)
    with store.core.write() as connection:
        challenges.forget_before(connection, NOW + challenges.KEPT - 1)
        assert connection.exec_driver_sql("SELECT count(*) FROM code_challenge").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM code_message").scalar() == 1
        challenges.forget_before(connection, NOW + challenges.KEPT)
        assert connection.exec_driver_sql("SELECT count(*) FROM code_message").scalar() == 0


def test_codes_are_six_digits_of_a_keyed_hash() -> None:
    key = b"k" * 32
    made = {code(key, f"{i:032x}") for i in range(2000)}
    assert all(len(one) == 6 and one.isdigit() for one in made)
    assert len(made) > 1990
    assert {one[0] for one in made} == set("0123456789")
    one = code(key, "0" * 32)
    assert matches(key, "0" * 32, f" {one[:3]}-{one[3:]} ")
    assert not matches(key, "0" * 32, one[:5])
    assert not matches(b"j" * 32, "0" * 32, one)
    assert masked("+6281234567890") == "+62 ••• 890"
