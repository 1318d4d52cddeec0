"""What each kind of gateway is told: the units, directions and halves in which they differ."""

import pytest

from hotspot.admission.grant import Limits
from hotspot.nas import RADIUS_DIALECTS
from hotspot.nas.attributes import LONGEST_TEXT, Stranger

LIMITS = Limits(session=600, idle=900, down=5_000_000, up=2_000_000, total=5 * 2**30 + 7, interim=30)
COMMON = {"Session-Timeout": 600, "Idle-Timeout": 900, "Acct-Interim-Interval": 30}
WISPR = {"WISPr-Bandwidth-Max-Down": 5_000_000, "WISPr-Bandwidth-Max-Up": 2_000_000}
QUOTA = {"CoovaChilli-Max-Total-Octets": 2**30 + 7, "CoovaChilli-Max-Total-Gigawords": 1}

ACCEPTS: dict[str, dict[str, int | str]] = {
    "coovachilli": {
        **COMMON,
        "Acct-Interim-Interval": 60,
        "Filter-Id": "guest",
        **WISPR,
        "CoovaChilli-Bandwidth-Max-Down": 5_000,
        "CoovaChilli-Bandwidth-Max-Up": 2_000,
        **QUOTA,
    },
    "uspot": {**COMMON, **WISPR, **QUOTA},
    "mikrotik": {
        **COMMON,
        "Mikrotik-Group": "guest",
        **WISPR,
        "Mikrotik-Rate-Limit": "2000k/5000k",
        "Mikrotik-Total-Limit": 2**30 + 7,
        "Mikrotik-Total-Limit-Gigawords": 1,
    },
    "aruba": {**COMMON, "Aruba-User-Role": "guest"},
    "cisco": {
        **COMMON,
        "Airespace-ACL-Name": "guest",
        "Airespace-Data-Bandwidth-Average-Contract": 5_000,
        "Airespace-Real-Time-Bandwidth-Average-Contract": 5_000,
        "Airespace-Data-Bandwidth-Burst-Contract": 5_000,
        "Airespace-Real-Time-Bandwidth-Burst-Contract": 5_000,
        "Airespace-Data-Bandwidth-Average-Contract-Upstream": 2_000,
        "Airespace-Real-Time-Bandwidth-Average-Contract-Upstream": 2_000,
        "Airespace-Data-Bandwidth-Burst-Contract-Upstream": 2_000,
        "Airespace-Real-Time-Bandwidth-Burst-Contract-Upstream": 2_000,
    },
    "ruckus": {**COMMON, "Ruckus-User-Groups": "guest", **WISPR},
    **{
        kind: {**COMMON, "Filter-Id": "guest", **WISPR}
        for kind in ("cambium", "generic", "meraki", "omada", "opnsense", "pfsense")
    },
}
KINDS = sorted(RADIUS_DIALECTS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_limits_in_each_kinds_units(kind: str) -> None:
    found = RADIUS_DIALECTS[kind].accept(LIMITS, "guest")
    assert dict(found) == ACCEPTS[kind]
    assert len(found) == len(dict(found))


@pytest.mark.parametrize("kind", KINDS)
def test_no_limit_is_no_attribute(kind: str) -> None:
    found = RADIUS_DIALECTS[kind].accept(Limits(session=600, idle=900))
    assert [name for name, _ in found] == ["Session-Timeout", "Idle-Timeout", "Acct-Interim-Interval"]


@pytest.mark.parametrize("kind", ["coovachilli", "mikrotik", "cisco"])
def test_the_lowest_rate_does_not_become_zero_which_is_no_limit(kind: str) -> None:
    found = RADIUS_DIALECTS[kind].accept(Limits(session=600, idle=900, down=1, up=1))
    assert 0 not in dict(found).values()
    assert dict(found).get("Mikrotik-Rate-Limit", "1k/1k") == "1k/1k"


def test_a_rate_of_one_direction_leaves_the_other_unlimited() -> None:
    only_down = Limits(session=60, idle=60, down=512_000)
    assert dict(RADIUS_DIALECTS["mikrotik"].accept(only_down))["Mikrotik-Rate-Limit"] == "0/512k"
    for kind in KINDS:
        assert not [name for name, _ in RADIUS_DIALECTS[kind].accept(only_down) if "Up" in name]


def test_a_rate_beyond_what_wispr_can_say_is_the_most_that_it_can() -> None:
    found = dict(RADIUS_DIALECTS["generic"].accept(Limits(session=60, idle=60, down=10**10)))
    assert found["WISPr-Bandwidth-Max-Down"] == 2**32 - 1


@pytest.mark.parametrize(
    ("kind", "octets"), [("coovachilli", "CoovaChilli-Max-Total-Octets"), ("uspot", "CoovaChilli-Max-Total-Octets"),
                         ("mikrotik", "Mikrotik-Total-Limit")],
)  # fmt: skip
@pytest.mark.parametrize("total", [1, 2**32 - 1, 2**32, 2**40 + 1])
def test_a_quota_is_octets_and_gigawords_always(kind: str, octets: str, total: int) -> None:
    found = dict(RADIUS_DIALECTS[kind].accept(Limits(session=60, idle=60, total=total)))
    low, high = found[octets], found[f"{octets.removesuffix('-Octets')}-Gigawords"]
    assert isinstance(low, int)
    assert isinstance(high, int)
    assert 0 <= low < 2**32
    assert low + high * 2**32 == total


@pytest.mark.parametrize("kind", KINDS)
def test_counters_are_the_gateways_view_but_for_coovachilli(kind: str) -> None:
    """Input is what the gateway received: the client's upload. (down, up) from (10 received, 20 sent)."""
    assert RADIUS_DIALECTS[kind].client_counters(1, 10, 20) == (20, 10)
    assert RADIUS_DIALECTS[kind].client_counters(None, 10, 20) == ((10, 20) if kind == "coovachilli" else (20, 10))


URL, MAC = "https://wifi.example.go.id/g/gw", "02:00:5e:aa:bb:01"


def stranger(login_role: str | None = None, url: str = URL) -> Stranger:
    return Stranger(url, MAC, "gw", login_role=login_role)


@pytest.mark.parametrize("kind", KINDS)
def test_an_accept_lets_no_unknown_device_in(kind: str) -> None:
    """Only Cisco and Aruba are accepted, and then into what their admins named for it."""
    found = RADIUS_DIALECTS[kind].redirect(stranger("LOGIN"))
    assert (found is not None and found.accept) == (kind in ("aruba", "cisco"))
    if found is not None:
        assert found.accept == any("LOGIN" in str(value) for _, value in found.attributes)
    without = RADIUS_DIALECTS[kind].redirect(stranger())
    assert without is None or not without.accept


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"cisco", "aruba", "generic"}))
def test_a_gateway_that_redirects_by_itself_is_told_nothing(kind: str) -> None:
    """CoovaChilli keeps an address from a Reject, and uses it after the first login."""
    for role in (None, "LOGIN"):
        assert RADIUS_DIALECTS[kind].redirect(stranger(role)) is None


def test_redirects() -> None:
    cisco = RADIUS_DIALECTS["cisco"].redirect(stranger("LOGIN"))
    assert cisco is not None
    assert cisco.attributes == [
        ("Cisco-AVPair", "url-redirect-acl=LOGIN"),
        ("Cisco-AVPair", f"url-redirect={URL}?mac=02-00-5E-AA-BB-01"),
    ]
    aruba = RADIUS_DIALECTS["aruba"].redirect(stranger("login"))
    assert aruba is not None
    assert aruba.attributes == [
        ("Aruba-User-Role", "login"),
        ("Aruba-Captive-Portal-URL", f"{URL}?mac=02-00-5E-AA-BB-01"),
    ]
    other = RADIUS_DIALECTS["generic"].redirect(stranger())
    assert other is not None
    assert other.attributes == [("WISPr-Redirection-URL", URL)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_url_that_does_not_fit_is_not_cut(kind: str) -> None:
    for length in (LONGEST_TEXT, LONGEST_TEXT + 1):
        found = RADIUS_DIALECTS[kind].redirect(stranger("LOGIN", "x" * length))
        assert found is None or all(len(str(value)) <= LONGEST_TEXT for _, value in found.attributes)
    assert found is None


@pytest.mark.parametrize("kind", KINDS)
def test_only_ciscos_are_told_to_ask_again(kind: str) -> None:
    if kind == "cisco":
        assert ("Calling-Station-Id", "02-00-5E-AA-BB-01") in RADIUS_DIALECTS[kind].reauthenticate("5e67", MAC)
    else:
        with pytest.raises(ValueError, match="cannot be told"):
            RADIUS_DIALECTS[kind].reauthenticate("5e67", MAC)


@pytest.mark.parametrize("kind", KINDS)
def test_how_a_session_is_named_in_an_order(kind: str) -> None:
    named = dict(RADIUS_DIALECTS[kind].disconnect("user", "5e67", MAC))
    assert (named["User-Name"], named["Acct-Session-Id"]) == ("user", "5e67")
    mac = {"mikrotik": "02:00:5E:AA:BB:01", "uspot": None}.get(kind, "02-00-5E-AA-BB-01")
    assert named.get("Calling-Station-Id") == mac


def test_a_change_tells_limits_that_are_no_more_to_kinds_that_keep_what_is_left_out() -> None:
    """RFC 5176 section 3.6, note 3. CoovaChilli and uspot do otherwise: tests/radius/test_coa.py."""
    free = Limits(session=3600, idle=900)
    mikrotik = dict(RADIUS_DIALECTS["mikrotik"].change(free))
    assert (mikrotik["Mikrotik-Rate-Limit"], mikrotik["Mikrotik-Total-Limit"]) == ("0/0", 0)
    assert dict(RADIUS_DIALECTS["mikrotik"].accept(free)).keys() < mikrotik.keys()
    for kind in ("generic", "ruckus"):
        told = dict(RADIUS_DIALECTS[kind].change(free))
        assert told["WISPr-Bandwidth-Max-Down"] == told["WISPr-Bandwidth-Max-Up"] == 2**32 - 1
    slow = Limits(session=3600, idle=900, down=1_000_000, up=500_000, total=10**9)
    for kind in ("generic", "ruckus", "mikrotik", "coovachilli"):
        dialect = RADIUS_DIALECTS[kind]
        assert dict(dialect.change(slow, "guests")) == dict(dialect.accept(slow, "guests"))
