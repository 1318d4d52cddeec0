"""Rendered OpenWrt access points: golden files, and that they hold what was meant. Neither uci nor OpenWrt is here: the
files are read by the independent reader and by a shell's quoting; nft, dnsmasq and busybox are the real ones.
"""

import hashlib
import json
import shlex
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controller.desired import Desired
from controller.kinds import render
from controller.kinds.openwrt import posix_zone
from controller.posix.uci import Section, parse
from hotspot.city.inventory import load
from hotspot.errors import ConfigError
from hotspot.nas import opennds
from tests.isolation import FORBIDDEN, alone

from .local import busybox_path
from .rendering import aps_of, changed, differing, file_of, open_secrets, rendered, secrets, staged, text_of

KIND = "openwrt"
CITY = load(text_of(KIND))
APS = aps_of(KIND)


def config(desired: Desired, name: str) -> tuple[Section, ...]:
    return parse(file_of(desired, f"/etc/config/{name}"))


def section(sections: tuple[Section, ...], name: str) -> Section:
    return next(one for one in sections if one.name == name)


def device(sections: tuple[Section, ...], name: str) -> Section:
    return next(one for one in sections if one.type == "device" and one.options["name"] == name)


@pytest.mark.parametrize("ap", APS)
def test_golden(ap: str) -> None:
    assert differing(KIND, ap) == []


@pytest.mark.parametrize("ap", APS)
def test_no_secret_stands_where_others_may_read_it(ap: str) -> None:
    assert open_secrets(CITY, ap) == []


@pytest.mark.parametrize("ap", APS)
def test_a_shell_reads_the_same_words(ap: str) -> None:
    """UCI's quoting of one line is a shell's, so Python's shlex is a second opinion."""
    for file in rendered(CITY, ap).files:
        if not file.path.startswith("/etc/config/"):
            continue
        found: list[tuple[str, str, list[tuple[str, str, str]]]] = []
        for line in file.data.decode().splitlines():
            match shlex.split(line, comments=True):
                case ["config", kind, *names]:
                    found.append((kind, "".join(names), []))
                case [command, key, value]:
                    found[-1][2].append((command, key, value))
                case words:
                    assert words == []
        for one, (kind, name, options) in zip(parse(file.data.decode()), found, strict=True):
            assert (one.type, one.name or "") == (kind, name)
            listed = [
                (command, key, value)
                for key, values in one.options.items()
                for command, parts in [("option", (values,)) if isinstance(values, str) else ("list", values)]
                for value in parts
            ]
            assert listed == options


@pytest.mark.parametrize("ap", APS)
def test_the_real_nft_and_shells_accept_what_is_rendered(ap: str, tmp_path: Path) -> None:
    desired = rendered(CITY, ap)
    staged(desired, tmp_path)
    rules = [check for check in desired.checks if check.startswith("nft ")]
    commands = [f"{alone()} {check}" for check in rules if alone()]
    scripts = [check for check in desired.checks if check.startswith("sh -n")]
    for command in [*commands, *scripts, *(f"busybox {check}" for check in scripts)]:
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    if len(commands) < len(rules):
        pytest.skip(FORBIDDEN)


def test_a_gateway_is_what_the_city_says() -> None:
    desired = rendered(CITY, "gate-1")
    network = config(desired, "network")
    assert device(network, "br-lan").options == {
        "name": "br-lan", "type": "bridge", "ports": ("lan1", "lan2"), "bridge_empty": "1", "ipv6": "0",
    }  # fmt: skip
    assert device(network, "lan1").options["isolate"] == "1"
    guests = section(network, "guests").options
    assert (guests["device"], guests["ipaddr"], guests["netmask"]) == ("br-lan", "10.210.0.1", "255.255.252.0")
    assert section(network, "wan").options == {"device": "wan", "proto": "dhcp", "hostname": "gate-1"}
    [radio, tamu] = config(desired, "wireless")
    assert (radio.options["phy"], radio.options["channel"], radio.options["country"]) == ("phy0", "6", "ID")
    assert (tamu.options["ssid"], tamu.options["encryption"], tamu.options["isolate"]) == ("Wifi Emas", "none", "1")
    assert tamu.options["network"] == "guests"
    leases = section(config(desired, "dhcp"), "guests").options
    assert (leases["start"], leases["limit"]) == ("2", "1021")
    assert "dhcp_option_force" not in leases, "openNDS's own API has no TLS: phones are not told of it (RFC 8908)"
    assert (leases["ra"], leases["dhcpv6"]) == ("disabled", "disabled")
    opennds = section(config(desired, "opennds"), "setup").options
    assert (opennds["faskey"], opennds["binauth"]) == ("env-gate1_fas-0123456789abcdef", "/usr/lib/nirkabel/binauth")
    [dropbear] = config(desired, "dropbear")
    assert (dropbear.options["Port"], dropbear.options["RootPasswordAuth"]) == ("22", "off")


def test_a_uspot_that_is_not_here_is_told_of_our_radius_and_portal() -> None:
    desired = rendered(CITY, "uspot-1")
    uspot = section(config(desired, "uspot"), "guests").options
    assert uspot["auth_mode"] == "uam"
    assert (uspot["uam_server"], uspot["nasid"]) == ("https://wifi.example.go.id/g/gw-uspot", "gw-uspot")
    assert (uspot["auth_server"], uspot["auth_server2"]) == ("10.1.0.5", "10.1.0.6")
    assert uspot["auth_secret"] == uspot["acct_secret2"] == uspot["das_secret"] == "env-uspot_radius-0123456789abcdef"
    assert (uspot["acct_interval"], uspot["das_port"], uspot["nasmac"]) == ("120", "3799", "02-00-5E-AA-BB-09")
    assert (uspot["session_timeout"], uspot["idle_timeout"]) == ("7200", "900")
    question = json.loads(file_of(desired, "/radius-probe.json"))
    assert question["acct_server"].split(",")[1] == f"10.1.0.6:1813:{uspot['acct_secret2']}"
    assert (question["Acct-Status-Type"], question["NAS-Identifier"]) == (15, uspot["nasid"])
    assert "swapio" not in uspot
    firewall = config(desired, "firewall")
    rules = {str(one.options["name"]): one.options for one in firewall if "name" in one.options}
    assert (rules["guests-admitted"]["ipset"], rules["guests-caught"]["ipset"]) == ("uspot", "!uspot")
    assert rules["open"]["entry"] == ("203.0.113.10", "198.51.100.0/24")
    assert rules["orders"]["dest_port"] == "3799"
    assert not any(one.type == "forwarding" for one in firewall), "only whom uspot has let in goes out"
    [garden] = [one for one in config(desired, "dhcp") if one.type == "ipset"]
    assert garden.options == {"name": ("open",), "family": "4", "domain": ("layanan.example.go.id",)}
    leases = section(config(desired, "dhcp"), "guests").options
    assert leases["dhcp_option_force"] == ("114,https://api.example.go.id/api",)
    assert section(config(desired, "uhttpd"), "uam").options["listen_http"] == ("10.210.0.1:3990",)


def test_a_uspot_needs_our_radius_nodes_and_an_openwrt() -> None:
    city = changed(KIND, ('radius_servers = ["10.1.0.5", "10.1.0.6"]\n', ""))
    with pytest.raises(ConfigError, match=r"wifi\.radius_servers: .*radius_servers = "):
        rendered(city, "uspot-1")
    city = changed(KIND, ('url = "https://wifi', 'url = "http://wifi'))
    with pytest.raises(ConfigError, match=r"portal\.url: .*port 80"):
        rendered(city, "uspot-1")
    city = changed(KIND, ('kind = "openwrt"\n  gateway = "gw-uspot"', 'kind = "debian"\n  gateway = "gw-uspot"'))
    with pytest.raises(ConfigError, match=r"site\[0\]\.ap\[1\]\.kind: .*openwrt"):
        rendered(city, "uspot-1")


def test_networks_have_their_security() -> None:
    wireless = [one for one in config(rendered(CITY, "school-2"), "wireless") if one.type == "wifi-iface"]
    found = {
        one.options["ssid"]: (one.options["encryption"], one.options.get("ieee80211w"), one.options["network"])
        for one in wireless
        if one.options["device"] == "radio0"
    }
    assert found == {
        "Wifi Emas": ("none", None, "guests"),
        "Emas Aman": ("owe", "2", "guests"),
        "Emas Campur": ("sae-mixed", "1", "vlan20"),
        "Emas WPA3": ("sae", "2", "vlan20"),
        "Pegawai": ("wpa2+ccmp", "0", "vlan30"),
        "Dinas": ("wpa3-mixed", "1", "vlan30"),
        "Dinas Ketat": ("wpa3", "2", "vlan31"),
    }
    staff = next(one.options for one in wireless if one.options["ssid"] == "Pegawai")
    assert "isolate" not in staff
    assert (staff["auth_server"], staff["auth_port"]) == ("10.1.0.5", "1812")
    assert staff["auth_secret"] == "env-pegawai_radius-0123456789abcdef"
    assert all(one.options["isolate"] == "1" for one in wireless if one.options["ssid"] != "Pegawai")


def test_a_bridged_access_point_is_reached_on_its_bridge() -> None:
    network = config(rendered(CITY, "school-2"), "network")
    assert device(network, "br-lan").options["ports"] == ("wan", "lan1")
    assert section(network, "wan").options["device"] == "br-lan"
    assert section(network, "guests").options == {"device": "br-lan", "proto": "none"}
    assert device(network, "vlan20").options["vid"] == "20"


@pytest.mark.parametrize("name", ["Béd's $(x)`' #1 \\", "'", "''", '"', "a;b", "#", "\\'", "☕' or 1=1"])
def test_any_ssid_survives(name: str) -> None:
    city = changed(KIND, ('name = "Wifi Emas"', f"name = {toml(name)}"))
    wireless = config(rendered(city, "gate-1"), "wireless")
    assert wireless[1].options["ssid"] == name


@pytest.mark.parametrize("passphrase", ['it\'s "#1" \\ ;', "''''''''", "$(reboot)`x`"])
def test_any_passphrase_survives(passphrase: str) -> None:
    values = {**secrets(CITY, "school-1"), "env:RAHASIA": passphrase.encode()}
    wireless = config(render(CITY, "school-1", values), "wireless")
    assert section(wireless, "radio0_1").options["key"] == passphrase


@pytest.mark.parametrize(
    "passphrase", ["short", "x" * 64, "eight\nlong", "kata sandi é", " rahasia sekali", "rahasia sekali "]
)
def test_a_passphrase_that_cannot_be_is_refused_by_its_path(passphrase: str) -> None:
    values = {**secrets(CITY, "school-1"), "env:RAHASIA": passphrase.encode()}
    with pytest.raises(ConfigError, match=r"ssid\[1\]\.passphrase: .*8 to 63") as caught:
        render(CITY, "school-1", values)
    assert passphrase not in str(caught.value)


def test_a_school_asks_the_family_safe_servers() -> None:
    dnsmasq = section(config(rendered(CITY, "school-1"), "dhcp"), "main").options
    assert dnsmasq["server"] == ("1.1.1.3", "1.0.0.3")
    city = changed(KIND, ('family_resolvers = ["1.1.1.3", "1.0.0.3"]\n', ""))
    with pytest.raises(ConfigError, match=r"wifi\.family_resolvers: .*family_resolvers = "):
        rendered(city, "school-1")


def test_the_binauth_script_runs_with_nothing_but_busybox(tmp_path: Path) -> None:
    mac, token = "02:00:00:00:00:01", "2de1e020"
    limits = {"seconds": 600, "up_kbit": 1000, "down_kbit": 5000, "up_kib": 0, "down_kib": 0}
    key = opennds.derive(secrets(CITY, "gate-1")["env:GATE1_AGENT"], opennds.BINAUTH_LABEL)
    custom = opennds.make_pass(key, "ab" * 16, mac, hashlib.sha256(token.encode()).hexdigest(), **limits)
    text = file_of(rendered(CITY, "gate-1"), "/usr/lib/nirkabel/binauth")
    script, nft = tmp_path / "binauth", tmp_path / "nft"
    script.write_text(text.replace("/tmp/run/nirkabel", f"{tmp_path}/run").replace("/usr/sbin/nft", str(nft)))
    nft.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/log\n')
    nft.chmod(0o755)
    tools = busybox_path(tmp_path / "bin")

    def run(*arguments: str) -> str:
        command = [f"{tools}/sh", str(script), *arguments]
        done = subprocess.run(command, env={"PATH": tools}, capture_output=True, text=True, timeout=120, check=True)
        assert done.stderr == ""
        return done.stdout.strip()

    assert run("auth_client", mac, "r", "ua", "10.210.0.9", token, custom) == "600 1000 5000 0 0"
    assert run("auth_client", mac, "r", "ua", "10.210.0.9", token, custom.replace(".600.", ".60000.")) == ""
    run("client_auth", mac, "0", "0", "1", "2", token, custom)
    assert f"add element inet nirkabel admitted {{ {mac} timeout 600s }}" in (tmp_path / "log").read_text()
    assert (tmp_path / "run/spool").read_text() == f"event client_auth {mac} 0 0 1 2 {token} {custom}\n"


def test_time_zones_as_posix_writes_them() -> None:
    zones = {
        "Asia/Jakarta": "WIB-7",
        "Asia/Makassar": "WITA-8",
        "Asia/Jayapura": "WIT-9",
        "Asia/Kolkata": "<+0530>-5:30",
    }
    assert {name: posix_zone(ZoneInfo(name)) for name in zones} == zones
    assert posix_zone(ZoneInfo("America/Lima")) == "<-0500>5"


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
