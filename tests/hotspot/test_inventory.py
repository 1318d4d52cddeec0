import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.city import inventory
from hotspot.city.inventory import check, dotted, load
from hotspot.entry.fields import split_endpoint
from hotspot.entry.lines import Lines
from hotspot.errors import ConfigError
from hotspot.nas.entries import RadiusGateway

SHARED = 'sources = ["10.20.6.0/28"], secret = "env:PAMULANG_RADIUS"'
EXAMPLE = (Path(__file__).parents[2] / "sites.toml").read_text()


def changed(*pairs: tuple[str, str]) -> str:
    text = EXAMPLE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def faults(text: str) -> list[str]:
    return [str(fault) for fault in check(text).faults]


def line_of(text: str, fragment: str) -> int:
    return next(number for number, line in enumerate(text.split("\n"), 1) if fragment in line)


def test_the_example_city_is_right() -> None:
    city = load(EXAMPLE)
    kinds = [site.kind for site in city.site]
    assert all(kinds.count(kind) >= 2 for kind in ("park", "school", "clinic"))
    assert check(EXAMPLE).warnings == ()
    plan = city.plans["umum"]
    assert (plan.session, plan.data_per_day, plan.down, plan.idle) == (7200, 10**9, 5_000_000, 900)
    assert len([code for code in city.regions if len(code) == 13]) == 54
    assert all(site.region in city.regions for site in city.site)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("refuse", 0), ("admit for 15 minutes", 900), ("admit for 1 minute", 60), ("admit for 24 hours", 86400)],
)
def test_a_site_says_what_happens_while_the_store_is_away(words: str, seconds: int) -> None:
    text = changed(("since = 2026-01-15", f'since = 2026-01-15\nwhen_store_is_away = "{words}"'))
    assert [site.when_store_is_away for site in load(text).site][:2] == [seconds, 0]


def test_every_fault_is_reported_at_once_with_path_and_line() -> None:
    text = changed(
        ('mac = "02:00:5e:aa:bb:02"', 'mac = "02:00:5e:aa:bb:zz"'),
        ('plan = "umum"', 'plan = "umun"'),
        ('uam_secret = "env:TK1_UAM"', 'uam_secret = "hunter2"'),
        ("sla = 98.0", "slo = 98.0"),
        ('data_per_day = "1 GB"', "data_per_day = 1000"),
        ('gateway = "tk2-gw"', 'gateway = "tk3-gw"'),
    )
    found = faults(text)
    expected = [
        ("plans.umum.data_per_day", "data_per_day = 1000", "text in quotes"),
        ("gateway[0].uam_secret", 'uam_secret = "hunter2"', "env:NAME"),
        ("site[0].plan", 'plan = "umun"', "did you mean 'umum'"),
        ("site[0].ap[1].mac", "aa:bb:zz", "no MAC address"),
        ("site[1].ap[0].gateway", 'gateway = "tk3-gw"', "'tk3-gw' is in no [[gateway]]"),
        ("site[2].slo", "slo = 98.0", "did you mean sla?"),
    ]
    assert len(found) == len(expected)
    for fault, (path, fragment, words) in zip(found, expected, strict=True):
        assert fault.startswith(f"line {line_of(text, fragment)}: {path}: ")
        assert words in fault
    assert "hunter2" not in "\n".join(fault for fault in found if "env:NAME" not in fault)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (('id = "tk1-ap2"', 'id = "tk1-ap1"'), "stands already at site[0].ap[0].id"),
        (('mac = "02:00:5e:aa:bb:02"', 'mac = "02-00-5E-AA-BB-01"'), "'02-00-5E-AA-BB-01'"),
        (('region = "36.74.01.1003"', 'region = "36.71.01.1003"'), "is not in the city's region 36.74"),
        (('region = "36.74.01.1003"', 'region = "36.74.01.1999"'), "has no name in [regions]"),
        (("location = [-6.3018, 106.6653]", "location = [106.6653, -6.3018]"), "swapped"),
        (("location = [-6.3018, 106.6653]", "location = [52.5, 13.4]"), "outside Indonesia"),
        (('secret = "env:TK1_RADIUS"', 'secret = "env:TK1_UAM"'), "stands already at"),
        (('sources = ["10.20.6.0/28"]', 'sources = ["10.20.1.4/32"]'), "overlaps 10.20.1.0/28"),
        (('sources = ["10.20.6.0/28"]', 'sources = ["10.20.6.1/28"]'), "host bits"),
        (('sources = ["10.20.6.0/28"], ', ""), "sources and secret go together"),
        (
            (SHARED, "rate = 5"),
            "give sources and secret, or cert",
        ),
        (('coa = "10.20.6.2:3799"', 'coa = "10.20.6.2"'), "no place for orders"),
        (('coa = "10.20.6.2:3799"', 'coa = "tls"'), "coa tls needs certificate"),
        (
            (SHARED, 'certificate = "x"'),
            "needs sources and secret",
        ),
        (('coa = "10.20.6.2:3799"', "rate = 0"), "greater than or equal to 1"),
        (('nas = "mikrotik"', 'nas = "mikrotic"'), "nas must be one of"),
        (
            ('nas = "mikrotik"', 'nas = "mikrotik"\nroles = { umun = "x" }'),
            "gateway[3].roles: 'umun' is in no [plans.…]; did",
        ),
        (('nas = "mikrotik"', 'nas = "mikrotik"\nlogin_role = "x"'), "gateway[3].login_role: unknown key"),
        (("fas_level = 2", "fas_levl = 2"), "gateway[1].fas_levl: unknown key; did you mean fas_level?"),
        (('kind = "school"', 'kind = "scool"'), "must be 'park', 'school' or 'clinic'"),
        (('ap = "sman2-ap1"', 'ap = "tk2-ap1"'), "a gateway on the access point 'tk2-ap1' stands already"),
        (("devices = 2", 'devices = "2"'), "whole number"),
        (("sla = 95.0", "sla = true"), "must be a number"),
        (('network = "10.210.0.1/22"', 'ports = ["eth0"]'), "eth0 cannot be more than one of"),
        (('timezone = "Asia/Jakarta"', 'timezone = "Asia/Jakata"'), "no time zone"),
        (("since = 2026-01-15", "since = 2026-01-15\nuntil = 2026-01-01"), "must be before until"),
        (("since = 2026-01-15", 'since = "15 Jan"'), "date without quotes"),
        (('url = "https://wifi.example.go.id"', 'url = "https://wifi.example.go.id/portal"'), "without a path"),
        (('network = "10.210.0.1/22"', 'network = "10.210.0.0/22"'), "the AP's own address"),
        (("since = 2026-01-15", 'since = 2026-01-15\nwhen_store_is_away = "admit"'), "'admit for 15 minutes'"),
        (("since = 2026-01-15", 'since = 2026-01-15\nwhen_store_is_away = "admit for 25 hours"'), "1 minute to 24"),
        (("since = 2026-01-15", 'since = 2026-01-15\nwhen_store_is_away = "admit for 0 minutes"'), "1 minute to 24"),
        (("since = 2026-01-15", "since = 2026-01-15\nwhen_store_is_away = 900"), "text in quotes"),
        (('name = "WiFi Tangsel"', 'name = "a name of many more than 32 bytes in it"'), "1 to 32 bytes"),
        (('name = "WiFi Tangsel"', 'name = "Tang\\nsel"'), "1 to 32 bytes of printable text"),
        (('id = "guru"', 'id = "tamu"'), "the network id 'tamu' stands already at ssid[0].id"),
        (
            ('ssids = ["tamu", "guru"]', 'ssids = ["tamu", "gurru"]'),
            "site[2].wifi.ssids[1]: 'gurru' is in no [[ssid]]; did",
        ),
        (('name = "Guru SMAN 2"', 'name = "WiFi Tangsel"'), "tamu and guru both announce the name 'WiFi Tangsel'"),
        (
            ('passphrase = "env:GURU_PASSPHRASE"', 'passphrase = "env:TK1_UAM"'),
            "the secret 'env:TK1_UAM' stands already",
        ),
        (('security = "wpa2-wpa3-psk"', 'security = "wpa2-enterprise"'), "'wpa2-enterprise' has no passphrase"),
        (('security = "wpa2-wpa3-psk"\n', ""), "'open' has no passphrase"),
        (("vlan = 30\n", ""), "isolate = false needs a vlan"),
        (('"lapor.go.id"', '"10.20.0.0/16"'), "10.20.0.0/16 would open the management of tk1-ap1, tk1-ap2"),
        (('"lapor.go.id"', '"lapor"'), "neither a host nor a network"),
        (('"lapor.go.id"', '"2001:db8::/32"'), "no IPv4 network"),
        (('band = "5", channel = 44', 'band = "5", channel = 45'), "45 is no channel of 5 GHz"),
        (('band = "2.4", channel = 11', 'band = "2.4", channel = 11, width = 80'), "wider than 40 MHz"),
        (('band = "5", channel = 44', 'band = "5", channel = 144, width = 160'), "144 cannot be 160 MHz wide"),
        (('uplink = "eth0"', 'uplink_gateway = "10.20.0.1"'), "needs an uplink_address beside it"),
        (
            ('uplink = "eth0"', 'uplink_address = "10.20.1.9/24"\nuplink_gateway = "10.20.2.1"'),
            "is not in the network of",
        ),
    ],
)
def test_rules(pair: tuple[str, str], words: str) -> None:
    found = faults(changed(pair))
    assert len(found) >= 1
    assert any(words in fault for fault in found), found


def test_a_certificate_names_one_gateway_in_any_spelling() -> None:
    first = ('coa = "10.20.1.2:3799"', 'coa = "tls", certificate = "GW.example"')
    assert faults(changed(first)) == []
    [fault] = faults(
        changed(first, ('coa = "10.20.6.2:3799"', 'certificate = "gw.example", coa = "tls:[2001:db8::1]:2083"'))
    )
    assert "gateway[5].radius.certificate: the certificate's name 'gw.example' stands already" in fault


def test_the_same_mac_twice_is_found_in_any_spelling() -> None:
    found = faults(changed(('mac = "02:00:5e:aa:bb:02"', 'mac = "02:00:5E:AA:BB:01"')))
    assert ["the MAC address" in fault for fault in found] == [True]


@pytest.mark.parametrize("nas", ["uspot", "mikrotik", "aruba", "cisco", "ruckus", "generic"])
def test_every_kind_that_speaks_radius_is_a_radius_gateway(nas: str) -> None:
    uam = '\nuam_secret = "env:OTHER"' if nas == "uspot" else ""
    city = load(
        changed(
            ('nas = "mikrotik"', f'nas = "{nas}"\nroles = {{ sekolah = "pupils" }}{uam}'),
            ('login = "http://10.213.0.1/login"\n', ""),
        )
    )
    gateway = city.find_gateway("smpn11-gw")
    assert isinstance(gateway, RadiusGateway)
    assert gateway.roles == {"sekolah": "pupils"}


def test_exceptions_to_safety_are_shown() -> None:
    text = changed(('secret = "env:TK1_RADIUS"', 'secret = "env:TK1_RADIUS", message_authenticator = false'))
    warnings = [str(warning) for warning in check(text).warnings]
    assert ["CVE-2024-3596" in warning for warning in warnings] == [True]


def test_two_access_points_at_one_address_are_doubted() -> None:
    text = changed(('address = "10.20.1.3"', 'address = "10.20.1.2"'))
    assert [str(warning) for warning in check(text).warnings] == [
        f"line {line_of(text, 'tk1-ap2') + 2}: site[0].ap[1].address: the SSH address '10.20.1.2' stands already at "
        "site[0].ap[0].address"
    ]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (('network = "10.210.0.1/22"', 'network = "10.20.2.1/24"'), "holds tk2-ap1's own SSH address"),
        (
            ('band = "5", channel = 44', 'band = "5", channel = 100'),
            "channel 100 is not open to everybody in Indonesia",
        ),
    ],
)
def test_doubtful_settings_are_shown(pair: tuple[str, str], words: str) -> None:
    warnings = [str(warning) for warning in check(changed(pair)).warnings]
    assert [words in warning for warning in warnings] == [True]


def test_text_that_is_no_toml_names_its_line() -> None:
    assert faults("[city]\nname = \n")[0].startswith("line 2: not TOML")
    with pytest.raises(ConfigError, match="portal: this key is missing"):
        load('[city]\nname = "X"\n')


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400))
def test_any_text_is_an_inventory_or_faults(text: str) -> None:
    checked = check(text)
    assert (checked.inventory is None) == bool(checked.faults)


VALUES = st.recursive(
    st.sampled_from(
        ["1", '"x"', "true", "2026-01-15", "1.5", '"2h"', '"env:X"', '"10.0.0.0/8"', '"02:00:5e:aa:bb:01"']
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=4,
)
LINES = st.one_of(
    st.sampled_from(
        [
            "[city]",
            "[portal]",
            "[plans.a]",
            "[[gateway]]",
            "[[site]]",
            "[[site.ap]]",
            "[regions]",
            "[probe]",
            "[controller]",
        ]
    ),
    st.tuples(
        st.sampled_from(
            [
                "id",
                "name",
                "region",
                "mac",
                "plan",
                "nas",
                "radius",
                "radius.secret",
                "radius.sources",
                "uam_secret",
                "gateway",
                "ap",
                "site",
                "location",
                "since",
                "admit",
                "url",
                "session",
                '"36.74"',
                "address",
                "kind",
            ]
        ),
        VALUES,
    ).map(lambda pair: f"{pair[0]} = {pair[1]}"),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=14).map("\n".join))
def test_any_city_like_text_is_an_inventory_or_faults_with_lines_of_it(text: str) -> None:
    checked = check(text)
    assert (checked.inventory is None) == bool(checked.faults)
    assert all(0 <= fault.line <= text.count("\n") + 1 for fault in checked.faults)


def test_lines_of_nested_tables() -> None:
    text = '[[a]]\nx = 1\n[[a.b]]\ny = [\n  1,\n]\n[[a]]\n[[a.b]]\n[[a.b]]\n"q.r" = """\nz = 1\n"""\nw.v = 2\n'
    lines = Lines(text)
    assert lines.of(("a", 0, "x")) == 2
    assert lines.of(("a", 0, "b", 0, "y")) == 4
    assert lines.of(("a", 1, "b", 1, "q.r")) == 10
    assert lines.of(("a", 1, "b", 1, "w", "v")) == 13
    assert lines.of(("a", 1, "b", 1, "unknown")) == 9
    assert lines.of(("z",)) == 0
    assert dotted(("site", 2, "ap", 0, "mac")) == "site[2].ap[0].mac"
    assert dotted(("regions", "36.74")) == 'regions."36.74"'


def test_endpoints() -> None:
    assert split_endpoint("10.20.1.2:3799") == ("10.20.1.2", 3799)
    assert split_endpoint("[2001:db8::1]:3799") == ("2001:db8::1", 3799)
    assert split_endpoint("2001:db8::1", 22) == ("2001:db8::1", 22)
    for wrong in ("10.20.1.2", "host:22", "10.20.1.2:0", "10.20.1.2:99999", "10.20.1.2:x"):
        with pytest.raises(ValueError, match=r"."):
            split_endpoint(wrong)


def test_which_site_a_request_is_of() -> None:
    city = load(EXAMPLE)
    park = city.site_of("tk1-gw", "02:00:5e:aa:bb:02")
    assert park is not None
    assert park.id == "taman-kota-1"
    assert city.site_of("tk1-gw", None) == park
    assert city.site_of("nowhere", None) is None


def test_who_may_send_orders_needs_an_address_to_send_them_to() -> None:
    text = changed((', coa = "10.20.1.2:3799"', ', coa_from = ["10.20.0.5"]'))
    assert any("over UDP; give coa, the address where it listens" in fault for fault in faults(text))
    text = changed(('coa = "10.20.1.2:3799"', 'coa = "10.20.1.2:3799", coa_from = ["park"]'))
    assert any("gateway[0].radius.coa_from" in fault and "no IP address" in fault for fault in faults(text))


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("http://api.example.go.id/x", "over TLS alone"),
        ("https://10.1.0.1/x", "must name a host"),
        ("https://wifi.example.go.id/captive/x", "cannot tell the phones"),
        ("https://api.example.go.id/x", ""),
    ],
)
def test_a_captive_portal_api_is_one_that_phones_ask(uri: str, fault: str) -> None:
    found = faults(changed(("[wifi]\n", f'[wifi]\ncaptive_api = "{uri}"\n')))
    assert bool(found) == bool(fault)
    assert all(fault in one for one in found)


def test_ten_thousand_gateways_are_read_in_no_time() -> None:
    """Work grows with the gateways, not with their pairs: twice as many take about twice as long."""

    def gateways(count: int) -> list[tuple[tuple[str | int, ...], dict[str, Any]]]:
        return [
            (("gateway", i), {"radius": {"sources": [f"10.{i // 65536}.{i // 256 % 256}.{i % 256}/32"]}})
            for i in range(count)
        ]

    compared = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal compared
        compared += event == "call" and frame.f_code.co_name == "overlaps"

    for size in (1000, 2000):
        compared = 0
        sys.setprofile(count)
        try:
            assert list(inventory._sources(gateways(size))) == []
        finally:
            sys.setprofile(None)
        assert compared <= size


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 255), st.integers(22, 32)), max_size=12))
def test_every_source_that_overlaps_anothers_is_named(parts: list[tuple[int, int, int]]) -> None:
    nets = [(gateway, ip_network(f"10.0.{low % 4}.{low}/{length}", strict=False)) for gateway, low, length in parts]
    placed: list[Any] = [(("gateway", gateway), {"radius": {"sources": [str(net)]}}) for gateway, net in nets]
    clash = any(a[0] != b[0] and a[1].overlaps(b[1]) for i, a in enumerate(nets) for b in nets[:i])
    assert bool(list(inventory._sources(placed))) == clash


def test_a_city_of_wrong_references_costs_no_more_than_its_size() -> None:
    text = EXAMPLE + "".join(
        SITE_OF_NOWHERE.format(number=number, high=number // 250, low=number % 250) for number in range(60)
    )
    hints = [fault for fault in check(text).faults if "is in no [[gateway]]" in fault.message]
    assert len(hints) == 60
    assert sum("did you mean" in fault.message for fault in hints) == 20, "each takes a look at every name"


SITE_OF_NOWHERE = """
[[site]]
id = "far{number}"
name = "Taman {number}"
kind = "park"
location = [-6.3, 106.7]
region = "36.74.01.1001"
plan = "umum"
funding = "APBD"
admit = ["click-through"]
since = 2026-01-01

  [[site.ap]]
  id = "far{number}-ap"
  mac = "02:10:00:00:{high:02x}:{low:02x}"
  address = "10.99.{high}.{low}"
  kind = "debian"
  gateway = "tk1-gww"
"""
