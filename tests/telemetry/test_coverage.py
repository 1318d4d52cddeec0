"""The coverage figures and the data files against golden copies; `UPDATE_GOLDEN=1 pytest` writes them anew."""

import csv
import io
import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from hotspot.errors import ConfigError
from hotspot.escape import for_cell
from telemetry.report.data import COLUMNS, titik_csv, titik_geojson
from telemetry.report.tables import indicators
from telemetry.report.words import Words, report_texts
from telemetry.uptime.coverage import Counts, Coverage, Inputs, Work, cover
from telemetry.uptime.states import Lengths, State, Verdict

from .worlds import JAKARTA, NOVEMBER, SITES_TOML, line_of, november, utc

GOLDEN = Path(__file__).parent.parent / "golden" / "coverage"
HOUR = 3600


def golden(name: str, content: bytes) -> bytes:
    """What a golden file holds: with UPDATE_GOLDEN, the content."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path.read_bytes()


def figures_text(coverage: Coverage) -> bytes:
    words = Words(report_texts(), "id")
    lines = [f"{words('indicator.' + key)}: {achieved}" for key, _, achieved in indicators(coverage, words)]
    for f in coverage.sites:
        s = f.states
        lines.append(f"{f.site.id}: U={s.up} D={s.down} N={s.unknown} X={s.excluded} {f.verdict}")
    for group in [*coverage.districts, *coverage.kinds, *coverage.fundings]:
        lines.append(f"{group.code}: {len(group.sites)} {group.active} {group.passed} {group.states.strict.hundredths}")
    return ("\n".join(lines) + "\n").encode()


def test_golden_files() -> None:
    coverage = cover(november())
    files = {
        "titik.csv": titik_csv(coverage),
        "titik.geojson": titik_geojson(coverage),
        "figures.txt": figures_text(coverage),
    }
    for name, content in files.items():
        assert content == golden(name, content), name


def test_a_sites_states_add_up_to_its_base() -> None:
    bases = {f.site.id: f.states.base for f in cover(november()).sites}
    assert bases["taman-kota-1"] == 30 * 86400
    assert bases["sman-2"] == 30 * 11 * HOUR, "06:00-17:00"


def test_the_worked_example() -> None:
    park, second, school, _, clinic, silent = cover(november()).sites
    # Its two access points are down together from hour 104 to hour 109.
    assert park.states == Lengths(up=(720 - 5) * HOUR, down=5 * HOUR)
    assert [(o.from_at, o.seconds) for o in park.outages] == [(NOVEMBER[0] + 104 * HOUR, 5 * HOUR)]
    assert second.verdict is Verdict.OPEN, "91.66 % strict, but the 60 unknown hours might have been up"
    assert school.states.excluded == 3 * HOUR, "13:00-16:00 WIB, announced on 30 October"
    assert school.states.down == 0, "its two hours of outage fell into the work"
    assert school.unexcluded.down == 2 * HOUR
    assert clinic.verdict is Verdict.FAIL
    assert clinic.states.excluded == 0, "its work was recorded after it had begun"
    assert [o.open for o in clinic.outages] == [False, False, True]
    assert (silent.active, silent.verdict, silent.states.measured.hundredths) == (False, Verdict.OPEN, None)


def test_villages_without_a_site_are_blank_spots() -> None:
    coverage = cover(november())
    assert len(coverage.villages) == 54
    assert sum(not village.sites for village in coverage.villages) == 48
    assert [d.code for d in coverage.districts] == [f"36.74.0{i}" for i in range(1, 8)]


def test_an_open_period_is_cut_and_provisional() -> None:
    coverage = cover(november(generated_at=utc("2026-11-11 17:00")))
    assert coverage.provisional
    assert coverage.cut == utc("2026-11-11 17:00")
    assert {f.states.base for f in coverage.sites if f.site.service_hours is None} == {11 * 86400}
    assert not cover(november()).provisional
    assert not cover(november(generated_at=NOVEMBER[1])).provisional
    assert cover(november(generated_at=NOVEMBER[1] - 1)).provisional


def test_each_site_lives_the_period_in_its_own_zone() -> None:
    text = SITES_TOML.replace('id = "puskesmas-pamulang"', 'id = "puskesmas-pamulang"\ntimezone = "Asia/Jayapura"')
    windows = {f.site.id: f.window for f in cover(november(inventory=text)).sites}
    assert windows["taman-kota-1"] == NOVEMBER
    assert windows["puskesmas-pamulang"] == (NOVEMBER[0] - 2 * HOUR, NOVEMBER[1] - 2 * HOUR)


def test_a_replaced_access_point_leaves_the_sites_history() -> None:
    text = SITES_TOML.replace('  id = "tk2-ap1"', '  id = "tk2-old"\n  until = 2026-11-11').replace(
        '  wifi = { network = "10.210.0.1/22"',
        '  [[site.ap]]\n  id = "tk2-ap1"\n  mac = "02:00:5e:aa:bb:99"\n  address = "10.20.2.9"\n  kind = "debian"\n'
        '  gateway = "tk2-gw"\n  since = 2026-11-13\n  wifi = { network = "10.210.0.1/22"',
    )
    states = {"tk2-old": line_of((0, State.UP)), "tk2-ap1": line_of((0, State.UP))}
    site = cover(november(inventory=text, access_points=states)).sites[1]
    assert site.access_points == 2
    assert site.states == Lengths(up=28 * 86400), "the two days without any access point are no base"


def test_a_site_that_opened_within_the_month() -> None:
    text = SITES_TOML.replace("since = 2026-02-10", "since = 2026-11-21")
    last = cover(november(inventory=text)).sites[-1]
    assert last.states.base == 10 * 86400
    text = SITES_TOML.replace("since = 2026-02-10", "since = 2026-12-01")
    assert len(cover(november(inventory=text)).sites) == 5, "not yet in life: not in the report"


def at(now: int, text: str = SITES_TOML) -> Coverage:
    """The report of the current month in Jakarta, of which nothing is recorded."""
    period = datetime.fromtimestamp(now, JAKARTA).strftime("%Y-%m")
    nothing = {"access_points": {}, "usage": {}, "city_usage": Counts(), "maintenance": (), "complaints": ()}
    return cover(november(period=period, generated_at=now, inventory=text, **nothing))


def test_whoever_is_in_life_is_listed_whatever_the_clock_says(moment: int) -> None:
    coverage = at(moment)
    assert [f.site.id for f in coverage.sites] == [site.id for site in coverage.inventory.site]
    for figures in coverage.sites:
        assert figures.verdict is Verdict.OPEN, "nobody has looked"
        assert figures.states.base == figures.states.unknown
    assert titik_csv(coverage).count(b"\r\n") == 1 + len(coverage.sites)


def test_a_site_that_has_not_been_open_yet_is_listed_and_cannot_be_judged() -> None:
    before, opened = at(utc("2026-10-31 21:11")), at(utc("2026-10-31 23:00") + 1)  # 04:11 and 06:00:01 in Jakarta
    closed = [f for f in before.sites if f.site.service_hours]
    assert [f.site.id for f in closed] == ["sman-2", "smpn-11"]
    assert [(f.states, f.verdict, f.access_points) for f in closed] == [(Lengths(), Verdict.OPEN, 1)] * 2
    assert before.whole.states == Lengths(unknown=4 * (4 * HOUR + 11 * 60))
    assert [f.states.base for f in opened.sites if f.site.service_hours] == [1, 1]
    assert len(opened.sites) == len(before.sites) == 6


def test_a_site_whose_own_month_has_not_begun_is_listed_as_it_stands() -> None:
    """In Jayapura the new month is two hours old; a site in Jakarta's zone still lives the one before."""
    text = SITES_TOML.replace('timezone = "Asia/Jakarta"', 'timezone = "Asia/Jayapura"')
    text = text.replace('id = "sman-2"', 'id = "sman-2"\ntimezone = "Asia/Jakarta"')
    now = utc("2026-10-31 16:00")
    assert [f.window for f in at(now + 2 * HOUR, text).sites][2] == (utc("2026-10-31 17:00"), utc("2026-10-31 18:00"))
    inputs = november(period="2026-11", generated_at=now, inventory=text, access_points={}, usage={})
    found = {f.site.id: f for f in cover(inputs).sites}
    assert len(found) == 6
    assert (found["sman-2"].states, found["sman-2"].verdict) == (Lengths(), Verdict.OPEN)
    gone = text.replace('id = "sman-2"', 'id = "sman-2"\nuntil = 2026-10-15')
    assert len(cover(november(period="2026-11", generated_at=now, inventory=gone)).sites) == 5


def test_exclusions_are_capped_for_each_month() -> None:
    work = Work(
        id="c" * 32,
        site="taman-kota-2",
        from_at=NOVEMBER[0],
        to_at=NOVEMBER[0] + 20 * HOUR,
        ticket="T",
        reason="R",
        recorded_at=0,
    )
    assert cover(november(maintenance=(work,))).sites[1].states.excluded == 8 * HOUR


def test_no_site_at_all_gives_no_percentage() -> None:
    head = SITES_TOML[: SITES_TOML.index("# -- gateways")]
    coverage = cover(november(inventory=head, access_points={}, usage={}))
    assert coverage.whole.states.strict.hundredths is None
    assert titik_csv(coverage).decode().strip() == ",".join(COLUMNS)


def test_inputs_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError):
        cover(november(inventory="[city]"))
    with pytest.raises(ConfigError, match="no period"):
        cover(november(period="soon"))


def test_inputs_survive_being_written_down() -> None:
    inputs = november()
    assert Inputs.model_validate_json(inputs.model_dump_json()) == inputs


# -- the data files --------------------------------------------------------------------------------------------------


def test_no_cell_is_a_formula() -> None:
    assert [for_cell(text) for text in ("=1+1", "+62", "-x", "@sum", "\tx", "x=1", "")] == [
        "'=1+1",
        "'+62",
        "'-x",
        "'@sum",
        "'\tx",
        "x=1",
        "",
    ]
    text = SITES_TOML.replace('name = "Taman Kota 1"', 'name = \'=HYPERLINK("http://x","y")\'')
    row = next(csv.DictReader(io.StringIO(titik_csv(cover(november(inventory=text))).decode())))
    assert row["nama_titik"].startswith("'=HYPERLINK")
    assert float(row["latitude"]) == -6.3018, "a number stays a number"


def test_geojson_has_longitude_first() -> None:
    collection = json.loads(titik_geojson(cover(november())))
    assert collection["type"] == "FeatureCollection"
    assert collection["features"][0]["geometry"] == {"type": "Point", "coordinates": [106.6653, -6.3018]}
    assert len(collection["features"]) == 6


def test_the_zone_of_the_example() -> None:
    assert cover(november()).inventory.city.zone == JAKARTA
