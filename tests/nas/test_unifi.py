"""The UniFi dialect: what its redirect says, what its controller is told and tells."""

from typing import Any

import pytest

from hotspot.admission.grant import Limits
from hotspot.errors import PeerError, RequestError
from hotspot.nas import unifi
from hotspot.nas.unifi import Kept, Station

QUERY = {"id": "02:AA:00:00:00:41", "ap": "02-00-5E-AA-BB-05", "t": "1760000000", "url": "http://x/", "ssid": "WiFi"}
STATION = {
    "mac": "02:aa:00:00:00:41", "is_guest": True, "authorized": True, "ap_mac": "02:00:5e:aa:bb:05",
    "assoc_time": 1_760_000_000, "uptime": 90, "tx_bytes": 5000, "rx_bytes": 700,
}  # fmt: skip


def test_a_redirect_is_a_hint() -> None:
    assert unifi.recognises(QUERY)
    arrival = unifi.arrive("g", QUERY)
    assert (arrival.mac, arrival.ap_mac, arrival.proven) == ("02:aa:00:00:00:41", "02:00:5e:aa:bb:05", False)
    with pytest.raises(RequestError, match="bad-mac"):
        unifi.arrive("g", {**QUERY, "id": "../../etc"})


def test_limits_are_rounded_up_to_its_units() -> None:
    limits = Limits(session=3601, idle=900, down=5_000_001, up=1000, total=2**20 + 1)
    assert unifi.authorize("m", "a", limits, 3601) == {
        "cmd": "authorize-guest", "mac": "m", "ap_mac": "a", "minutes": 61, "down": 5001, "up": 1, "bytes": 2,
    }  # fmt: skip
    assert unifi.authorize("m", "a", Limits(session=60, idle=900), 1) == {
        "cmd": "authorize-guest", "mac": "m", "ap_mac": "a", "minutes": 1,
    }  # fmt: skip


def test_down_is_what_the_access_point_sent() -> None:
    [station] = unifi.stations([STATION])
    assert (station.down, station.up, station.uptime, station.authorized) == (5000, 700, 90, True)


@pytest.mark.parametrize(
    "entry",
    [{}, None, "x", 5, {"is_guest": True}, {**STATION, "mac": "nobody"}, {**STATION, "tx_bytes": "many"},
     {**STATION, "uptime": [1]}, {**STATION, "is_guest": False}],
)  # fmt: skip
def test_what_cannot_be_read_holds_up_nobody(entry: Any) -> None:
    assert [one.mac for one in unifi.stations([entry, STATION])] == ["02:aa:00:00:00:41"]


def test_counts_fit_into_a_database() -> None:
    [station] = unifi.stations([{**STATION, "tx_bytes": 10**40, "rx_bytes": -5}])
    assert station.down + station.up < 2**63
    assert station.up == 0


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"meta": {}}, {"meta": {"rc": "error", "msg": "api.err.NoPermission"}}, {"meta": "ok"}]
)
def test_an_answer_that_is_not_ok_is_an_error(answer: Any) -> None:
    with pytest.raises(PeerError, match="UniFi controller"):
        unifi.data_of(answer)


def test_what_was_counted_before_the_login_is_not_the_guests() -> None:
    kept = Kept("02:00:5e:aa:bb:05", 100, 5000, 700)
    assert Kept.of(kept.text()) == kept
    same = Station("m", True, "a", 100, 50, 9000, 1000)
    assert kept.used(same) == (4000, 300)
    assert kept.used(Station("m", True, "a", 200, 5, 10, 20)) == (10, 20), "associated anew"
    assert kept.used(Station("m", True, "a", 100, 5, 10, 20)) == (0, 0), "never less than nothing"
