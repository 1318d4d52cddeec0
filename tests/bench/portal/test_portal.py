"""The portal's benchmark itself: it measures complete logins, and would notice one that was lost."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

from .ours import Kept, Ours
from .phones import arrive


def test_every_login_that_it_counts_is_in_the_store(tmp_path: Path) -> None:
    ours = Ours(tmp_path, {})
    with ours.filled() as state:
        with ours.serve(state):
            journeys = arrive(ours.port, islice(ours.visitors("voucher"), 96), 16)
            clicks = arrive(ours.port, islice(ours.visitors("click-through"), 96, 160), 16)
            wrong = (replace(one, code="0000-0000-000") for one in islice(ours.visitors("voucher"), 160, 162))
            refused = arrive(ours.port, wrong, 2)
        assert (journeys.done, journeys.requests, journeys.refused) == (96, 192, [])
        assert (clicks.done, clicks.refused) == (64, [])
        assert (refused.done, len(refused.refused)) == (0, 2)
        assert ours.kept(state) == Kept(160, 160, 96, 160)
