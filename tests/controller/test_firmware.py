"""Firmware upgrades of busybox access points over real dropbear. `sysupgrade` and the restart are stand-ins."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.desired import Desired, File
from controller.firmware import Firmware, image_of, lost, obstacle
from controller.payload import digest, manifest
from tests.bed.openwrt import install

from .fleet import City, Fleet, FleetAp

OLD, NEW = "23.05.5 r24106", "24.10.1 r28597"
BOARD = "glinet,gl-mt3000"


def metadata(version: str = NEW, board: str = BOARD) -> bytes:
    number, revision = version.split()
    told = {
        "metadata_version": "1.1",
        "supported_devices": [board],
        "version": {"dist": "OpenWrt", "version": number, "revision": revision, "board": board},
    }
    return json.dumps(told).encode() + b"FWx0\0\0\0\x01"


def test_an_image_says_what_it_is_or_nothing() -> None:
    image = image_of(os.urandom(300_000) + metadata())
    assert (image.version, image.revision, image.boards) == ("24.10.1", "r28597", (BOARD,))
    for data in (b"", os.urandom(1000), b'{"metadata_version"', b'{"metadata_version": 1, "version": []}'):
        assert image_of(data).version == ""


def test_what_speaks_against_an_upgrade() -> None:
    image = image_of(bytes(100 * 1024) + metadata())
    good = {"sysupgrade": "yes", "board": BOARD, "free_kb": "200", "release": "23.05.5", "revision": "r24106"}
    assert obstacle(Firmware(good), image) == ""
    assert "no sysupgrade" in obstacle(Firmware({}), image)
    assert "it is other,board" in obstacle(Firmware(good | {"board": "other,board"}), image)
    assert "110 kB of memory" in obstacle(Firmware(good | {"free_kb": "110"}), image)
    assert Firmware(good | {"release": "24.10.1", "revision": "r28597"}).runs(image)
    assert not Firmware(good).runs(image)
    assert lost(b"lost /etc/a\nlost the controller's key\n") == ["/etc/a", "the controller's key"]


# -- a fleet -----------------------------------------------------------------------------------------------------

_INIT = """
set -e
root=$1
mount --bind "$root" "$root"
for name in usr/lib usr/lib64; do
	[ ! -d /$name ] || mount --bind /$name "$root/$name"
done
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 t "$root/tmp"
mkdir -p "$root/tmp/sysinfo"
echo 'glinet,gl-mt3000' >"$root/tmp/sysinfo/board_name"
echo 'GL.iNet GL-MT3000' >"$root/tmp/sysinfo/model"
mkdir -p "$root/root/.ssh"
chmod 700 "$root/root" "$root/root/.ssh"
for folder in "$root/etc/dropbear" "$root/root/.ssh"; do
	cp "$2" "$folder/authorized_keys"
	chmod 600 "$folder/authorized_keys"
done
cp "$3" "$root/tmp/host_key"
cat /proc/sys/kernel/random/boot_id >"$root/tmp/boot_id"
mount --bind "$root/tmp/boot_id" "$root/proc/sys/kernel/random/boot_id"
cd "$root"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec chroot . dropbear -F -E -s -r /tmp/host_key -p "127.0.0.1:$4"
"""
_SYSUPGRADE = """#!/bin/sh
# Stands in for OpenWrt's: reads images that begin as the tests', and "restarts" by a new boot id.
case $1 in
-T) head -c 8 "$2" | grep -q STAND-IN || { echo 'Image check failed.'; exit 1; } ;;
-l) cd / && find etc/config etc/dropbear $([ -f /etc/keeps-less ] || echo etc/nirkabel) -type f ;;
*)
	[ ! -f /etc/hangs ] || exit 0
	[ -f /etc/stays ] || sed -i 's/23.05.5/24.10.1/; s/r24106/r28597/' /etc/openwrt_release
	[ ! -f /etc/forgets ] || rm -rf /etc/nirkabel/state
	[ ! -f /etc/resets ] || echo reset >/etc/config/system
	rm -f "$1"
	cat /proc/sys/kernel/random/uuid >/tmp/boot_id
	;;
esac
"""
CARRIED = Desired((File("/etc/config/system", b"config system\n"), File("/etc/nirkabel/nftables.nft", b"flush\n")))


@dataclass
class BusyboxFleet(Fleet):
    """Access points whose tools are busybox's and whose configuration of ours is laid out by the test."""

    def begin(self, ap: FleetAp, host_key: Path) -> None:
        root = self.folder / ap.name / "root"
        if not root.exists():
            install(root)
            self._lay_out(root)
        (self.folder / "init.sh").write_text(_INIT)
        files = (self.folder / "init.sh", root, self.folder / "authorized_keys", host_key)
        command = ["unshare", "-m", "--propagation", "private", "sh", *map(str, files), str(ap.port)]
        with (self.folder / "log").open("ab") as log:
            ap.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @staticmethod
    def _lay_out(root: Path) -> None:
        for folder in ("etc/dropbear", "etc/nirkabel/state", "etc/config"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for file in CARRIED.files:
            (root / file.path[1:]).write_bytes(file.data)
            (root / file.path[1:]).chmod(file.mode)
        text = manifest(CARRIED)
        (root / "etc/nirkabel/state/current").write_text(f"tx 00\ndeadline 0\nboot x\ndigest {digest(text)}\n{text}")
        release = "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='23.05.5'\nDISTRIB_REVISION='r24106'\n"
        (root / "etc/openwrt_release").write_text(release)
        (root / "sbin/sysupgrade").write_text(_SYSUPGRADE)
        (root / "sbin/sysupgrade").chmod(0o755)

    def sites_toml(self, *, revision: int = 1) -> str:
        return super().sites_toml(revision=revision).replace('kind = "debian"', 'kind = "openwrt"')


COUNT = 8


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = City(tmp_path_factory.mktemp("firmware"), COUNT, fleet=BusyboxFleet)
    yield one
    one.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "sysupgrade.bin"
    path.write_bytes(b"STAND-IN" + os.urandom(200_000) + metadata())
    return path


def mark(city: City, number: int, name: str) -> Path:
    """Has the stand-in behave otherwise on one access point."""
    path = city.fleet.folder / f"ap-{number}" / "root/etc" / name
    path.touch()
    return path


def ends(city: City, *arguments: str, code: int = 0) -> dict[str, tuple[str, str]]:
    answer = json.loads(city.run("firmware", *arguments, "--json", code=code))
    return {one["ap"]: (one["outcome"], one["detail"]) for one in answer}


def left_over(city: City) -> list[str]:
    return [
        ap.name
        for ap in city.fleet.aps
        if ap.path(f"{city.fleet.folder}/{ap.name}/root/tmp/nirkabel-firmware.bin").exists()
    ]


def test_whether_an_image_fits_with_a_stand_in_sysupgrade(city: City, image: Path, tmp_path: Path) -> None:
    assert ends(city, "check", "ap-0", "ap-1") == {"ap-0": ("done", OLD), "ap-1": ("done", OLD)}
    assert ends(city, "check", "ap-0", "--image", str(image)) == {"ap-0": ("done", f"takes {NEW}; it runs {OLD}")}
    other = tmp_path / "other.bin"
    other.write_bytes(b"STAND-IN" + metadata(board="other,board"))
    assert "it is glinet,gl-mt3000" in ends(city, "check", "ap-0", "--image", str(other), code=1)["ap-0"][1]
    other.write_bytes(b"nonsense")
    outcome, why = ends(city, "check", "ap-0", "--image", str(other), code=1)["ap-0"]
    assert (outcome, "sysupgrade refuses it: Image check failed." in why) == ("invalid", True)
    less = mark(city, 0, "keeps-less")
    outcome, why = ends(city, "check", "ap-0", "--image", str(image), code=1)["ap-0"]
    less.unlink()
    assert (outcome, why) == (
        "invalid",
        "the upgrade would lose /etc/nirkabel/nftables.nft, /etc/nirkabel/state/current",
    )
    assert left_over(city) == []
    done = city.call("firmware", "check", "ap-0", "--image", str(image), "--sha256", "0" * 64)
    assert (done.returncode, "has the SHA-256" in done.stderr) == (2, True)


def test_an_upgrade_keeps_what_it_carries_with_a_stand_in_sysupgrade(city: City, image: Path) -> None:
    assert "would be flashed" in city.run("firmware", "upgrade", "ap-0", "--image", str(image), "--dry-run")
    assert city.call("firmware", "upgrade", "ap-0", "--image", str(image)).returncode == 1, "nobody said yes"
    found = ends(city, "upgrade", "ap-0", "ap-1", "--image", str(image), "--yes")
    assert found == dict.fromkeys(("ap-0", "ap-1"), ("applied", f"{OLD} -> {NEW}"))
    again = ends(city, "upgrade", "ap-0", "--image", str(image), "--yes")
    assert again == {"ap-0": ("in-sync", f"it runs {NEW} already")}
    assert left_over(city) == []
    assert "firmware.end  applied" in city.run("audit", "list", "ap-0", "--last", "3")


@pytest.mark.parametrize(
    ("number", "how", "said"),
    [
        (2, "stays", f"it is back with {OLD}, not with {NEW}"),
        (3, "forgets", f"it is back with {NEW}, without its configuration"),
        (4, "resets", f"it is back with {NEW}, but these files changed: /etc/config/system"),
        (5, "hangs", "not back after 5 s: it has not restarted"),
    ],
)
def test_one_that_does_not_come_back_right_halts_the_run_with_a_stand_in_sysupgrade(
    city: City, image: Path, number: int, how: str, said: str
) -> None:
    mark(city, number, how)
    found = ends(city, "upgrade", f"ap-{number}", "ap-7", "--image", str(image), "--yes", "--wait", "5s", code=1)
    assert found[f"ap-{number}"] == ("failed", said)
    assert found["ap-7"] == ("skipped", f"not touched: the canary ap-{number} failed")
    assert ends(city, "check", "ap-7") == {"ap-7": ("done", OLD)}


def test_an_image_that_was_changed_on_its_way_is_not_flashed(city: City, image: Path) -> None:
    """The access point's own sum decides: here its `sha256sum` tells another of everything that is large."""
    program = city.fleet.folder / "ap-6/root/bin/sha256sum"
    program.unlink()
    program.write_text("""#!/bin/sh
cat "$@" >/tmp/summed.$$
[ "$(wc -c </tmp/summed.$$)" -gt 200000 ] && echo x >>/tmp/summed.$$
busybox sha256sum </tmp/summed.$$
rm /tmp/summed.$$
""")
    program.chmod(0o755)
    found = ends(city, "upgrade", "ap-6", "--image", str(image), "--yes", code=1)
    assert found == {"ap-6": ("failed", "what arrived is not what was sent")}
    assert ends(city, "check", "ap-6") == {"ap-6": ("done", OLD)}
    assert left_over(city) == []
