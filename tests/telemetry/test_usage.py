from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from telemetry.uptime.usage import Usage, Use, by_site, usage


def use(
    start: int, end: int, *, person: str | None = "p", device: str = "d", site: str = "park", amount: int = 100
) -> Use:
    return Use(site, person, device, start, end, amount, amount, amount)


def test_a_session_across_the_edge_is_split() -> None:
    uses = [use(0, 100, amount=99)]
    assert usage(uses, (0, 50)) == Usage(1, 1, 1, 49, 49, 49)
    assert usage(uses, (50, 100)) == Usage(0, 1, 1, 50, 50, 50)


def test_people_and_devices_are_counted_once() -> None:
    uses = [use(0, 10), use(20, 30, device="e"), use(40, 50, person=None, device="f"), use(500, 600, person="q")]
    counted = usage(uses, (0, 100))
    assert (counted.sessions, counted.persons, counted.devices) == (3, 1, 3)


def test_sessions_go_to_their_site() -> None:
    grouped = by_site([use(0, 1), use(0, 1, site="school"), use(2, 3)])
    assert {site: len(uses) for site, uses in grouped.items()} == {"park": 2, "school": 1}


@given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 500), st.integers(0, 10**12)), max_size=8),
    st.lists(st.integers(0, 1600), min_size=1, max_size=5),
)
def test_windows_that_adjoin_add_up(sessions: list[tuple[int, int, int]], cuts: list[int]) -> None:
    uses = [use(start, start + span, amount=amount) for start, span, amount in sessions]
    edges = [0, *sorted(cuts), 1600]
    parts = [usage(uses, window) for window in pairwise(edges)]
    whole = usage(uses, (0, 1600))
    assert sum(part.sessions for part in parts) == whole.sessions == len(uses)
    assert sum(part.down for part in parts) == whole.down == sum(amount for _, _, amount in sessions)
