"""Rendered RouterOS access points: golden files, and what an independent reader says; no RouterOS is to be had."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.diff import masked
from controller.mikrotik.routeros import Command, flat, parse, quoted
from hotspot.city.inventory import load
from hotspot.errors import ConfigError
from tests.doubles.routeros import RouterosDouble
from tests.node import free_port

from .rendering import aps_of, changed, differing, file_of, open_secrets, rendered, text_of
from .test_commands import hotspot, written

KIND = "routeros"
CITY = load(text_of(KIND))
APS = aps_of(KIND)


def script(ap: str) -> list[Command]:
    return list(flat(parse(file_of(rendered(CITY, ap), "/nirkabel.rsc"))))


def added(ap: str, menu: str) -> list[dict[str, str]]:
    return [dict(one.values) for one in script(ap) if one.menu == menu and one.verb == "add"]


@pytest.mark.parametrize("ap", APS)
def test_golden(ap: str) -> None:
    assert differing(KIND, ap) == []


@pytest.mark.parametrize("ap", APS)
def test_no_secret_stands_where_others_may_read_it(ap: str) -> None:
    assert open_secrets(CITY, ap) == []


@pytest.mark.parametrize("ap", APS)
def test_every_import_takes_away_first_what_it_adds_by_the_reader_alone(ap: str) -> None:
    """What makes it idempotent: nothing is added that a removal before it does not find again."""
    taken: list[tuple[str, dict[str, str]]] = []
    for one in script(ap):
        if one.verb == "remove":
            assert one.find, "a removal that finds everything"
            assert any(value.startswith("nirkabel") for value in one.find.values())
            taken.append((one.menu, dict(one.find)))
        elif one.verb == "add":
            found = [find for menu, find in taken if menu == one.menu and find.items() <= one.values.items()]
            assert found, f"line {one.line}: nothing removes {one.menu} {dict(one.values)}"


@pytest.mark.parametrize("ap", APS)
def test_nothing_but_what_is_ours_and_named_singletons_is_touched(ap: str) -> None:
    singletons = {"/system/identity", "/system/clock", "/ip/dns", "/radius/incoming", "/interface/wifi"}
    for one in script(ap):
        assert one.verb in ("add", "remove", "set", ":do")
        if one.verb == "set":
            assert one.menu in singletons
            assert (one.menu == "/interface/wifi") == (one.find is not None)


def test_guests_reach_the_portal_and_no_private_network_by_the_order_of_the_rules() -> None:
    rules = added("gate-1", "/ip/firewall/raw")
    actions = [
        (one["action"], one.get("dst-address") or one.get("dst-address-list") or one.get("dst-port")) for one in rules
    ]
    assert all(one["in-interface"] == "nirkabel" for one in rules)
    assert actions.index(("accept", "203.0.113.10")) < actions.index(("drop", "nirkabel-private"))
    assert actions[-1] == ("drop", "nirkabel-private")
    assert ("drop", "10.20.6.2") in actions, "no management address of any access point"
    assert ("drop", "853") in actions
    private = {one["address"] for one in added("gate-1", "/ip/firewall/address-list")}
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"} <= private
    filters = [one for one in added("gate-1", "/interface/bridge/filter") if one["in-bridge"] == "nirkabel"]
    assert {"chain": "forward", "in-bridge": "nirkabel", "action": "drop", "comment": "nirkabel"} in filters
    assert [one["mac-protocol"] for one in filters if one["chain"] == "input"] == ["ipv6"]


def test_people_of_an_isolated_vlan_reach_their_vlan_alone_by_the_order_of_the_rules() -> None:
    rules = [one for one in added("radio-only", "/interface/bridge/filter") if one["in-bridge"] == "br-vlan40"]
    forward = [(one["action"], one.get("in-interface"), one.get("out-interface")) for one in rules[2:]]
    assert forward == [("accept", "vlan40", None), ("accept", None, "vlan40"), ("drop", None, None)]
    assert all(one["mac-protocol"] == "ipv6" and one["action"] == "drop" for one in rules[:2])
    assert not [one for one in added("radio-only", "/interface/bridge/filter") if one["in-bridge"] == "br-vlan30"]


def test_any_ssid_and_the_security_of_each_network_survive() -> None:
    set_up = [one for one in script("gate-1") if one.menu == "/interface/wifi" and one.verb == "set"]
    radios = {dict(one.find or {})["default-name"]: dict(one.values) for one in set_up}
    assert radios["wifi1"]["configuration.ssid"] == 'Wifi "Emas" $1 [x] é\\'
    assert radios["wifi1"]["security.authentication-types"] == ""
    assert (radios["wifi1"]["channel.frequency"], radios["wifi2"]["channel.frequency"]) == (
        "5180",
        "2437",
    )
    [virtual] = added("gate-1", "/interface/wifi")
    assert virtual["security.authentication-types"] == "wpa2-psk,wpa3-psk"
    assert virtual["security.passphrase"] == "env-guru-0123456789abcdef"
    assert (virtual["datapath.bridge"], virtual["datapath.client-isolation"]) == ("br-vlan30", "no")
    services = [(one["service"], one["address"]) for one in added("radio-only", "/radius")]
    assert services == [("wireless", "10.1.0.5"), ("wireless", "10.1.0.6")]
    assert added("bare", "/interface/wifi") == []


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ((('radius_servers = ["203.0.113.11", "203.0.113.12"]\n', ""),), r"wifi\.radius_servers: .*radius_servers = "),
        ((('login = "http://login.wifi.test/login"\n', ""),), r"gateway\[0\]\.login: "),
        ((('network = "10.211.0.1/24"', "bridge = true"),), r"site\[0\]\.ap\[0\]\.wifi\.bridge: .*vlan"),
        ((('uplink = "ether1"', 'uplink = "ether1"\ncountry = "SG"'),), r"wifi\.country: SG is not known"),
        ((('ap = "gate-1"\n', ""),), r"wifi\.ssids: .*without a vlan"),
    ],
)
def test_what_cannot_be_rendered_is_named_with_its_remedy(pairs: tuple[tuple[str, str], ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        rendered(changed(KIND, *pairs), "gate-1")


def test_a_gateway_runs_only_where_it_can() -> None:
    city = changed(KIND, ('kind = "routeros"\n  gateway = "gate-gw"', 'kind = "debian"\n  gateway = "gate-gw"'))
    with pytest.raises(
        ConfigError, match=r"site\[0\]\.ap\[0\]\.kind: gateway gate-gw is mikrotik, which runs on routeros"
    ):
        rendered(city, "gate-1")


# -- the reader --------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    [one] = parse(f"/menu\nadd name={quoted(text)} comment=x\n")
    assert one.values == {"name": text, "comment": "x"}


@given(st.text())
def test_any_script_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except ConfigError as error:
        assert all(fault.line > 0 for fault in error.faults)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('/a\nadd name="$x"', "line 2: '\\$' in a text must be escaped"),
        ('/a\nadd name="[/system/reboot]"', "line 2: '\\[' in a text must be escaped"),
        ('/a\nadd name="open', "line 2: a text does not end"),
        ('/a\nadd name="\\q"', "line 2: \\\\q is no escape"),
        ("add name=x", "line 1: a command before any menu"),
        ("/a\nadd name=x name=y", "line 2: name stands twice"),
        ("/a\nremove [:len x]", "line 2: only \\[find"),
        ("/a\n:do { add }", "line 2: a :do needs its on-error"),
        ("/a\n:do { add on-error={ }", "line 2: '{' is not understood"),
        ("/a\nadd x; remove", "line 2: '; remove' is left over"),
        ("/A b", "is no menu"),
    ],
)
def test_what_the_reader_refuses(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text)


def test_no_value_has_a_control_character() -> None:
    for text in ("a\nb", "\x00", "\x7f"):
        with pytest.raises(ConfigError):
            quoted(text)


# -- the commands ------------------------------------------------------------------------------------------------


def test_secrets_of_the_script_are_masked() -> None:
    [file] = [one for one in rendered(CITY, "gate-1").files if one.path == "/nirkabel.rsc"]
    shown = masked(file.data.decode(), file.masks)
    assert "secret=[secret]" in shown
    assert re.search(r'(secret|passphrase)="', shown) is None


def test_a_double_is_adopted_and_configured_by_the_commands(tmp_path: Path) -> None:
    line = hotspot(tmp_path, "keys", "create").stdout
    router = RouterosDouble(line, free_port())
    try:
        text = text_of(KIND).replace('"10.20.6.2"', f'"127.0.0.1:{router.port}"\n  user = "nirkabel"')
        sites = written(tmp_path, text)
        hotspot(tmp_path, "secrets", "create", "--sites", sites)
        assert hotspot(tmp_path, "activate", sites).returncode == 0
        assert "is pinned" in hotspot(tmp_path, "adopt", "gate-1", "--yes").stdout
        done = hotspot(tmp_path, "apply", "gate-1", "--yes", "--json")
        [one] = json.loads(done.stdout)["access_points"]
        assert (one["outcome"], router.named("/ip/hotspot")) == ("applied", ["nirkabel"])
        assert router.users == {"nirkabel"}
        [said] = json.loads(hotspot(tmp_path, "status", "gate-1", "--json").stdout)
        assert (said["facts"]["system"], said["carries"], said["differs"]) == (
            "RouterOS 7.15.3 (stable)", "revision 1", []
        )  # fmt: skip
        images = [tmp_path / f"{name}-7.16.1-arm64.npk" for name in ("routeros", "wifi-qcom")]
        for image in images:
            image.write_bytes(b"npk 7.16.1 arm64")
        given = [word for image in images for word in ("--image", str(image))]
        done = hotspot(tmp_path, "firmware", "upgrade", "gate-1", *given, "--yes", "--wait", "30s")
        assert "gate-1: applied: 7.15.3 -> 7.16.1" in done.stdout
        hotspot(tmp_path, "backup", "gate-1", "--to", str(tmp_path / "kept"))
        [kept] = (tmp_path / "kept").iterdir()
        router.items["/ip/pool"] = []
        assert "1 of 1 as wanted" in hotspot(tmp_path, "restore", "gate-1", str(kept), "--yes").stdout
        assert (router.restarts, router.named("/ip/pool")) == (2, ["nirkabel"])
    finally:
        router.close()
