"""Rendered Debian access points: golden files, and what the real programs say about them.

`UPDATE_GOLDEN=1 pytest tests/controller/test_render.py` writes the golden files anew; read the difference before
you commit it.
"""

import os
import subprocess
from pathlib import Path

import pytest

from controller.desired import Desired
from controller.kinds import render, secrets_of
from controller.payload import manifest
from hotspot.errors import ConfigError
from hotspot.inventory import load
from hotspot.sites import Inventory

GOLDEN = Path(__file__).parents[1] / "golden/debian"
CITY = load((GOLDEN / "sites.toml").read_text())
APS = [ap.id for _, ap in CITY.access_points()]


def secrets(inventory: Inventory, ap: str) -> dict[str, bytes]:
    """Fixed values, so that golden files can be compared."""
    return {name: name.lower().replace(":", "-").encode() + b"-0123456789abcdef" for name in secrets_of(inventory, ap)}


def rendered(ap: str, inventory: Inventory = CITY) -> Desired:
    return render(inventory, ap, secrets(inventory, ap))


def changed(**replaced: tuple[str, str]) -> Inventory:
    text = (GOLDEN / "sites.toml").read_text()
    for old, new in replaced.values():
        assert old in text
        text = text.replace(old, new)
    return load(text)


@pytest.mark.parametrize("ap", APS)
def test_golden(ap: str) -> None:
    desired = rendered(ap)
    expected = {f"files{file.path}": file.data for file in desired.files} | {"manifest": manifest(desired).encode()}
    folder = GOLDEN / ap
    if os.environ.get("UPDATE_GOLDEN"):
        for old in folder.rglob("*"):
            if old.is_file():
                old.unlink()
        for name, data in expected.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert sorted(found) == sorted(expected)
    for name, data in expected.items():
        assert found[name] == data, f"{ap}: {name} differs from its golden file"


@pytest.mark.parametrize("ap", APS)
def test_the_real_programs_accept_what_is_rendered(ap: str, tmp_path: Path) -> None:
    desired = rendered(ap)
    for file in desired.files:
        path = tmp_path / file.path[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    for check in desired.checks:
        command = f"unshare -n {check}" if check.startswith("nft ") else check
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{check}: {done.stdout}{done.stderr}"
    for script in (tmp_path / "usr/local/lib/nirkabel").rglob("*"):
        if script.is_file():
            subprocess.run(["busybox", "sh", "-n", str(script)], check=True)


def test_any_ssid_survives() -> None:
    name = "Béd's $(x)`' #1 \\"
    city = changed(ssid=('name = "Wifi Emas"', f"name = '''{name}'''"))
    text = next(file.data for file in rendered("radio-only", city).files if "hostapd-" in file.path).decode()
    line = next(line for line in text.splitlines() if line.startswith("ssid2="))
    assert bytes.fromhex(line.removeprefix("ssid2=")).decode() == name
    assert "utf8_ssid=1" in text


def test_a_missing_address_of_the_portal_is_named_with_its_remedy() -> None:
    city = changed(addresses=('addresses = ["203.0.113.10"]\n', ""))
    with pytest.raises(ConfigError, match=r"portal\.addresses: .*addresses = "):
        rendered("gate-1", city)


def test_level_three_needs_https() -> None:
    city = changed(url=('url = "https://wifi.example.go.id"', 'url = "http://wifi.example.go.id"'))
    with pytest.raises(ConfigError, match=r"portal\.url: .*https"):
        rendered("gate-3", city)


def test_an_access_point_with_a_gateway_cannot_bridge_its_uplink() -> None:
    city = changed(debian=('network = "10.210.0.1/22"', 'network = "10.210.0.1/22", bridge = true'))
    with pytest.raises(ConfigError, match=r"site\[0\]\.ap\[0\]\.wifi\.bridge"):
        rendered("gate-1", city)


@pytest.mark.parametrize("key", [b"short", b"a b c d e f g h i j k", b"$(reboot)$(reboot)", b"x" * 65])
def test_a_fas_key_that_a_shell_could_misread_is_refused(key: bytes) -> None:
    values = {**secrets(CITY, "gate-1"), "env:GATE1_FAS": key}
    with pytest.raises(ConfigError, match="16 to 64") as caught:
        render(CITY, "gate-1", values)
    assert key.decode() not in str(caught.value)


def test_no_secret_stands_where_others_may_read_it() -> None:
    for ap in APS:
        for file in rendered(ap).files:
            for value in secrets(CITY, ap).values():
                assert value not in file.data or file.mode == 0o600
            if b"inner=" in file.data:
                assert file.mode == 0o700
