"""Selectors of access points, over the example city."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.selectors import candidates, select
from hotspot.city.inventory import check, load
from hotspot.errors import ConfigError

EXAMPLE = (Path(__file__).parents[2] / "sites.toml").read_text()
PARKS, SCHOOLS = EXAMPLE.split("# -- schools", 1)
EXAMPLE = "".join((PARKS, "# -- schools", SCHOOLS.replace('kind = "debian"', 'kind = "openwrt"', 1)))
CITY = load(EXAMPLE)
NOW = 1_790_000_000  # September 2026
EVERYWHERE = [ap.id for site, ap in CITY.access_points() if CITY.is_alive(site, ap, NOW)]


def those(site_kind: str = "", kind: str = "", district: str = "") -> list[str]:
    return [
        ap.id
        for site, ap in CITY.access_points()
        if (not site_kind or site.kind == site_kind)
        and (not kind or ap.kind == kind)
        and site.region.startswith(district)
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), EVERYWHERE),
        (("tk2-ap1",), ["tk2-ap1"]),
        (("tk2-ap1", "tk1-ap1", "tk2-ap1"), ["tk2-ap1", "tk1-ap1"]),
        (("tk?-ap1",), ["tk1-ap1", "tk2-ap1"]),
        (("site:taman-kota-1",), ["tk1-ap1", "tk1-ap2"]),
        (("site:taman-*",), ["tk1-ap1", "tk1-ap2", "tk2-ap1"]),
        (("kind:school",), those(site_kind="school")),
        (("kind:openwrt",), those(kind="openwrt")),
        (("kind:openwrt,kind:school",), those("school", "openwrt")),
        (("district:serpong",), those(district="36.74.01")),
        (("district:36.74.01",), those(district="36.74.01")),
        (("tag:canary",), ["tk1-ap1", "tk1-ap2"]),
        (("tag:canary,not:tk1-ap2",), ["tk1-ap1"]),
        (("not:tag:canary",), [ap for ap in EVERYWHERE if not ap.startswith("tk1-")]),
        (("site:taman-kota-2", "tag:canary,tk1-*"), ["tk2-ap1", "tk1-ap1", "tk1-ap2"]),
    ],
)
def test_words_widen_and_commas_narrow(words: tuple[str, ...], expected: list[str]) -> None:
    assert expected, "a case that means nobody shows nothing"
    assert select(CITY, words, NOW) == expected


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tk2-ap2", "no such access point: tk2-ap2; did you mean tk"),
        ("site:taman-kota-9", "no such site: taman-kota-9; did you mean taman-kota-"),
        (
            "kind:openwtr",
            "no such kind: openwtr; did you mean openwrt?; the active revision has clinic, debian, openwrt",
        ),
        ("tag:cannary", "no such tag: cannary; did you mean canary?"),
        ("tag:zz*", "no such tag: zz*; the active revision has canary"),
        ("district:menteng", "no such district: menteng"),
        ("colour:red", "there is no selector colour:; there are site:, kind:, district:, tag:"),
        ("tk1-ap1,nobody", "no such access point: nobody"),
        ("tk1-ap1,kind:school", "'tk1-ap1,kind:school' means no access point that is in life"),
        ("", "no such access point: "),
    ],
)
def test_a_word_that_means_nobody_is_named_with_what_there_is(word: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        select(CITY, (word,), NOW)
    assert said in str(caught.value)


def test_every_wrong_word_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        select(CITY, ("tk1-ap1", "tag:no", "nobody"), NOW)
    assert [fault.message.split(";")[0] for fault in caught.value.faults] == [
        "no such access point: nobody",
        "no such tag: no",
    ]


def test_only_a_plain_name_reaches_what_has_ended() -> None:
    ended = load(EXAMPLE.replace('id = "tk1-ap2"', 'id = "tk1-ap2"\n  since = 2026-02-01\n  until = 2026-03-01'))
    assert select(ended, ("tk1-ap2",), NOW) == ["tk1-ap2"]
    assert select(ended, ("tk1-*", "site:taman-kota-1"), NOW) == ["tk1-ap1"]
    assert "tk1-ap2" not in select(ended, (), NOW)
    with pytest.raises(ConfigError, match="in life"):
        select(ended, ("tk1-ap2,tag:canary",), NOW)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=3))
def test_any_words_mean_access_points_or_are_refused(words: list[str]) -> None:
    try:
        assert set(select(CITY, words, NOW)) <= set(CITY.ap_by_id)
    except ConfigError as error:
        assert error.faults


def test_a_shell_is_told_what_a_word_may_become() -> None:
    assert candidates(CITY, "tk1") == ["tk1-ap1", "tk1-ap2"]
    assert candidates(CITY, "kind:s") == ["kind:school"]
    assert candidates(CITY, "kind:school,not:tag:") == ["kind:school,not:tag:canary"]
    assert "site:taman-kota-1" in candidates(CITY, "")
    assert all(select(CITY, (word,), NOW) for word in candidates(CITY, ""))


def test_a_district_is_called_one_thing() -> None:
    def faults(first: str, second: str) -> list[str]:
        text = EXAMPLE.replace('region = "36.74.01.1003"', f'region = "36.74.01.1003"\ndistrict = "{first}"', 1)
        text = text.replace('region = "36.74.07.1001"', f'region = "36.74.07.1001"\ndistrict = "{second}"', 1)
        return [str(fault) for fault in check(text).faults]

    assert faults("serpong", "setu") == []
    [fault] = faults("serpong", "serpong")
    assert fault.endswith("site[1].district: serpong is 36.74.01 at site[0], and 36.74.07 here")


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ('["Canary"]', "site[0].tags[0]: 'Canary' is no tag; write 1 to 32 of a-z"),
        ('["a", "a"]', "site[0].tags: names the tag 'a' twice"),
        ('"canary"', "site[0].tags: must be a list"),
        ("[1]", "site[0].tags[0]: must be a text in quotes"),
    ],
)
def test_tags_that_cannot_be_are_faults(tags: str, said: str) -> None:
    text = EXAMPLE.replace('tags = ["canary"]', f"tags = {tags}", 1)
    assert any(said in str(fault) for fault in check(text).faults)
