"""Rendered Debian access points: golden files, and what the real programs say about them."""

import subprocess
from pathlib import Path

import pytest

from controller.kinds import render
from hotspot.city.inventory import load
from hotspot.errors import ConfigError
from tests.isolation import FORBIDDEN, alone

from .rendering import aps_of, changed, differing, file_of, open_secrets, rendered, secrets, staged, text_of

KIND = "debian"
CITY = load(text_of(KIND))
APS = aps_of(KIND)


@pytest.mark.parametrize("ap", APS)
def test_golden(ap: str) -> None:
    assert differing(KIND, ap) == []


@pytest.mark.parametrize("ap", APS)
def test_the_real_programs_accept_what_is_rendered(ap: str, tmp_path: Path) -> None:
    desired = rendered(CITY, ap)
    staged(desired, tmp_path)
    checks = [check for check in desired.checks if alone() or not check.startswith("nft ")]
    for check in checks:
        command = f"{alone()} {check}" if check.startswith("nft ") else check
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{check}: {done.stdout}{done.stderr}"
    for script in (tmp_path / "usr/local/lib/nirkabel").rglob("*"):
        if script.is_file():
            subprocess.run(["busybox", "sh", "-n", str(script)], check=True)
    if len(checks) < len(desired.checks):
        pytest.skip(FORBIDDEN)


def test_any_ssid_survives() -> None:
    name = "Béd's $(x)`' #1 \\"
    city = changed(KIND, ('name = "Wifi Emas"', f"name = '''{name}'''"))
    text = file_of(rendered(city, "radio-only"), "/hostapd-0.conf")
    line = next(line for line in text.splitlines() if line.startswith("ssid2="))
    assert bytes.fromhex(line.removeprefix("ssid2=")).decode() == name
    assert "utf8_ssid=1" in text


def test_a_missing_address_of_the_portal_is_named_with_its_remedy() -> None:
    city = changed(KIND, ('addresses = ["203.0.113.10"]\n', ""))
    with pytest.raises(ConfigError, match=r"portal\.addresses: .*addresses = "):
        rendered(city, "gate-1")


def test_level_three_needs_https() -> None:
    city = changed(KIND, ('url = "https://wifi.example.go.id"', 'url = "http://wifi.example.go.id"'))
    with pytest.raises(ConfigError, match=r"portal\.url: .*https"):
        rendered(city, "gate-3")


def test_an_access_point_with_a_gateway_cannot_bridge_its_uplink() -> None:
    city = changed(KIND, ('network = "10.210.0.1/22"', 'network = "10.210.0.1/22", bridge = true'))
    with pytest.raises(ConfigError, match=r"site\[0\]\.ap\[0\]\.wifi\.bridge"):
        rendered(city, "gate-1")


@pytest.mark.parametrize("key", [b"short", b"a b c d e f g h i j k", b"$(reboot)$(reboot)", b"x" * 65])
def test_a_fas_key_that_a_shell_could_misread_is_refused(key: bytes) -> None:
    values = {**secrets(CITY, "gate-1"), "env:GATE1_FAS": key}
    with pytest.raises(ConfigError, match="16 to 64") as caught:
        render(CITY, "gate-1", values)
    assert key.decode() not in str(caught.value)


@pytest.mark.parametrize("ap", APS)
def test_no_secret_stands_where_others_may_read_it(ap: str) -> None:
    assert open_secrets(CITY, ap) == []
