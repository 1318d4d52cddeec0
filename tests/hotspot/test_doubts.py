"""Slips in sites.toml that pass every type, each with its path and what is wrong."""

from datetime import date
from pathlib import Path

import pytest

from hotspot.city.inventory import check

TEXT = (Path(__file__).parents[2] / "sites.toml").read_text()
TODAY = date(2026, 11, 30)


def faults(*changes: tuple[str, str]) -> list[str]:
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return [f"{fault.path}: {fault.message}" for fault in check(text, TODAY).faults]


def test_the_example_has_none() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changes", "path", "told"),
    [
        ((("sla = 95.0", "sla = 0.95"),), "city.sla", "write 95 "),
        ((('session = "2h"', 'session = "20s"'),), "plans.umum.session", "at least 60 s"),
        ((("since = 2026-", "since = 2062-"),), "site[0].since", "more than two years ahead"),
        ((("since = 2026-", "since = 1926-"),), "site[0].since", "before 2000"),
    ],
)
def test_a_slip_is_named(changes: tuple[tuple[str, str], ...], path: str, told: str) -> None:
    found = faults(*changes)
    assert any(one.startswith(f"{path}: ") and told in one for one in found), found


def test_a_place_in_another_region_is_a_fault_and_a_far_one_is_asked_about() -> None:
    place = TEXT[TEXT.index("location = [") :].partition("\n")[0]
    assert any(
        "site[0].location: lies 6" in one for one in faults((place, "location = [-7.2575, 112.7521]"))
    )  # Surabaya
    checked = check(TEXT.replace(place, "location = [-6.9147, 107.6098]", 1), TODAY)  # Bandung
    assert not checked.faults
    assert any("site[0].location" in str(one) and "is it right?" in one.message for one in checked.warnings)


def test_a_gateway_on_an_access_point_of_another_gateway_is_a_fault() -> None:
    [told] = [one for one in faults(('ap = "sman2-ap1"', 'ap = "tk1-ap1"')) if ".ap: " in one]
    assert "is behind the gateway" in told
    assert "not behind 'sman2-gw'" in told


def test_what_was_activated_stays_right() -> None:
    assert check(TEXT.replace("since = 2026-", "since = 2062-", 1)).faults == ()
