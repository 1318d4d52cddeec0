"""Firmware of RouterOS: names of packages, and what speaks against them; no RouterOS is to be had."""

import pytest

from controller.firmware import Firmware, Image
from controller.mikrotik.npk import image_of, obstacle, read_there, refusal
from hotspot.errors import ConfigError, PeerError

RUNS = {"release": "7.15.3", "machine": "arm64", "free_kb": "60000", "packages": "routeros, wifi-qcom"}


def package(name: str, version: str = "7.16.1", machine: str = "arm64") -> Image:
    return image_of(f"{name}-{version}-{machine}.npk", b"x")


BOTH = (package("routeros"), package("wifi-qcom"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("routeros-7.16.1-arm64.npk", ("routeros", "7.16.1", "arm64")),
        ("wifi-qcom-ac-7.20beta4-arm.npk", ("wifi-qcom-ac", "7.20beta4", "arm")),
        ("routeros-7.16.npk", ("routeros", "7.16", "")),
    ],
)
def test_a_package_is_what_its_name_says(name: str, told: tuple[str, str, str]) -> None:
    image = image_of(name, b"")
    assert (image.package, image.version, image.architecture) == told


@pytest.mark.parametrize("name", ["update.npk", "routeros-7.16.1-arm64 (1).npk", "7.16.1.npk"])
def test_a_package_with_another_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is no name of a package"):
        image_of(name, b"")


def test_what_speaks_against_packages() -> None:
    assert obstacle(Firmware(RUNS), BOTH) == ""
    assert "wifi-qcom, too" in obstacle(Firmware(RUNS), BOTH[:1])
    assert "is for arm64, and it is arm" in obstacle(Firmware(RUNS | {"machine": "arm"}), BOTH)
    assert "/system/package/downgrade" in obstacle(Firmware(RUNS | {"release": "7.17"}), BOTH)
    assert "it has room for 0 kB" in obstacle(Firmware(RUNS | {"free_kb": "0"}), BOTH)
    assert obstacle(Firmware({"machine": "x86_64", "free_kb": "9"}), (image_of("routeros-7.16.npk", b""),)) == ""


def test_what_a_router_reads_in_packages_counts() -> None:
    told = "package routeros-7.16.1-arm64.npk 7.16.1 arm64\npackage wifi-qcom-7.16.1-arm64.npk 7.15 arm64\n"
    assert refusal(BOTH, f"{told}nirkabel end\n") == "wifi-qcom-7.16.1-arm64.npk holds 7.15"
    assert refusal(BOTH, f"{told.replace(' 7.15 ', ' 7.16.1 ')}nirkabel end\n") == ""
    with pytest.raises(PeerError, match="no such item"):
        refusal(BOTH, "no such item\n")
    assert read_there(BOTH).count("package-version") == 2
