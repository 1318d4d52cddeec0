from hypothesis import given
from hypothesis import strategies as st

from hotspot.city.inventory import load
from hotspot.city.wifi import CHANNELS, Radio, Wifi, block, joined

from .test_inventory import EXAMPLE, changed

KEYS = st.fixed_dictionaries(
    {},
    optional={
        "country": st.sampled_from(["ID", "SG"]),
        "ssids": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "bridge": st.booleans(),
        "family_safe": st.booleans(),
        "down": st.sampled_from(["1 Mbit/s", "2 Mbit/s"]),
        "radios": st.lists(st.just({"device": "wlan0", "band": "5"}), max_size=1),
    },
)


@given(st.lists(KEYS, max_size=3))
def test_each_key_counts_where_it_stands_nearest(tables: list[dict[str, object]]) -> None:
    levels = [Wifi.model_validate(table) for table in tables]
    nearest: dict[str, object] = {}
    for table in tables:
        nearest |= table
    assert joined(*levels) == Wifi.model_validate(nearest)
    assert joined(None, *levels, None) == joined(*levels)


def test_a_default_that_is_told_counts_as_told() -> None:
    assert joined(Wifi(bridge=True), Wifi(bridge=False)).bridge is False
    assert joined(Wifi(ports=("lan1",)), Wifi(ports=())).ports == ()


def test_settings_of_the_example_city() -> None:
    city = load(EXAMPLE)
    school, ap = next(found for found in city.access_points() if found[1].id == "sman2-ap1")
    wifi = city.wifi_of(school, ap)
    assert (wifi.network, wifi.down, wifi.country) == ("10.212.0.1/22", 100_000_000, "ID")
    assert [one.id for one in city.networks_of(school, ap)] == ["tamu", "guru"]
    assert city.resolvers(school, ap) == ("1.1.1.3", "1.0.0.3"), "a school asks the family-safe servers"
    park, other = city.access_points()[0]
    assert [one.id for one in city.networks_of(park, other)] == ["tamu"]
    assert city.resolvers(park, other) == ("9.9.9.9", "149.112.112.112")


def test_whether_family_safe_servers_are_asked_can_be_told() -> None:
    city = load(changed(('wifi = { ssids = ["tamu", "guru"],', "wifi = { family_safe = false,")))
    school, ap = next(found for found in city.access_points() if found[1].id == "sman2-ap1")
    assert city.resolvers(school, ap) == ("9.9.9.9", "149.112.112.112")


def test_a_city_without_networks_announces_an_open_one() -> None:
    text = changed(('ssids = ["tamu"]', ""), ('wifi = { ssids = ["tamu", "guru"], ', "wifi = { "))
    start, end = text.index("[[ssid]]"), text.index("# every access point")
    city = load(text[:start] + text[end:])
    networks = city.networks_of(*city.access_points()[0])
    assert [(one.name, one.security, one.isolate) for one in networks] == [("WiFi Gratis", "open", True)]


def test_wide_channels_are_those_of_the_standard() -> None:
    """IEEE 802.11-2020, annex E: every 80 MHz channel's four and every 160 MHz channel's eight primary channels."""
    assert [block(channel, 80) for channel in (36, 48, 52, 64, 149, 161)] == [36, 36, 52, 52, 149, 149]
    assert [block(channel, 160) for channel in (36, 64, 100, 128)] == [36, 36, 100, 100]
    assert [block(channel, 40) for channel in (36, 40, 149, 153)] == [36, 36, 149, 149]
    assert block(144, 160) is None
    for width in (40, 80, 160):
        for channel in sorted(CHANNELS["5"]):
            low = block(channel, width)
            assert low is None or low <= channel <= low + width // 5 - 4
    assert Radio(device="x", band="5", channel=36, width=80)
