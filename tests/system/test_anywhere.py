"""The bed and its access points from wherever a checkout lies. A whole demo: `tools/anywhere.sh`."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

TOP = Path(__file__).parents[2]
PARTS = ("tools/bed.sh", "tools/pretend.py", "tests/__init__.py", *(f"tests/bed/{name}" for name in (
    "__init__.py", "ap.py", "ap.sh", "net.py", "tools.py", "systemctl.py",
)))  # fmt: skip
"""What a bed is made of, which needs nothing but the distribution's Python."""

BLANK_AP = """
import tempfile
from pathlib import Path
from tests.bed.net import Bed
with tempfile.TemporaryDirectory() as folder, Bed(Path(folder), clients=0) as bed:
    done = bed.ap.run("systemctl", "is-active", "dnsmasq")
    print(done.stdout.strip(), done.returncode, done.stderr, bed.ap.run("ls", "-A", "/root").stdout.strip())
"""
PLACES = {
    "the home of root": "/root/nirkabel",
    "somebody's home": "/home/u/nirkabel",
    "/tmp": "/tmp/place/nirkabel",
    "/run": "/run/nirkabel",
    "/opt": "/opt/nirkabel",
    "/usr": "/usr/local/src/nirkabel",
    "/var/lib": "/var/lib/nirkabel",
    "/mnt": "/mnt/disk/nirkabel",
    "a name with a space, in the home of root": "/root/wifi kota",
    "other characters of a shell": "/opt/it's $HOME & more; [a-z]*",
}


def run_there(place: str, entry: str, parts: Path) -> "subprocess.CompletedProcess[str]":
    """Copies the parts to a place in a file system of its own, and starts an access point by way of `entry`."""
    first = Path("/", *Path(place).parts[1:2])
    above = {Path("/usr"): "/usr/local/src", Path("/var"): "/var/lib"}.get(first, str(first))
    script = 'set -e; mount -t tmpfs t "$1"; mkdir -p "$2"; cp -R "$3/." "$2"; [ "$2" = "$4" ] || ln -s "$2" "$4"'
    script += '; umask 077; exec "$4/tools/bed.sh" /usr/bin/python3 -c "$5"'
    words = (above, place, str(parts), entry, BLANK_AP)
    mounts = ["unshare", "--mount", "--propagation", "private"]
    return subprocess.run(
        [*mounts, "sh", "-c", script, "sh", *words], capture_output=True, text=True, check=False, timeout=120, cwd="/"
    )


@pytest.fixture
def parts() -> Iterator[Path]:
    """In /var/tmp, which nothing is laid over."""
    with tempfile.TemporaryDirectory(prefix="nirkabel-", dir="/var/tmp") as folder:
        for name in PARTS:
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, Path(folder, name))
        yield Path(folder)


@pytest.mark.parametrize("place", PLACES)
def test_an_access_point_starts_from_a_checkout_in(place: str, parts: Path) -> None:
    done = run_there(PLACES[place], PLACES[place], parts)
    assert (done.stdout, done.stderr) == ("inactive 3  .ssh\n", "")


@pytest.mark.parametrize("place", ["/root/nirkabel", "/opt/nirkabel"])
def test_an_access_point_starts_from_a_checkout_behind_a_link_in_tmp(place: str, parts: Path, tmp_path: Path) -> None:
    done = run_there(place, str(tmp_path / "link"), parts)
    assert (done.stdout, done.stderr) == ("inactive 3  .ssh\n", "")
