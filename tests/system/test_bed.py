"""The bed itself: what every test with real peers relies on."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

BED = Path(__file__).parents[2] / "tools" / "bed.sh"


def inside(script: str) -> "subprocess.CompletedProcess[str]":
    """A script in a bed of its own."""
    return subprocess.run([str(BED), "sh", "-c", script], capture_output=True, text=True, check=False, timeout=120)


def test_it_runs_a_command_as_root_and_hands_its_exit_code_through() -> None:
    done = inside("id -u; exit 3")
    assert (done.stdout, done.returncode) == ("0\n", 3)


def test_its_network_has_nothing_but_a_loopback_that_is_up() -> None:
    links = inside("ip -o link").stdout.splitlines()
    assert len(links) == 1
    assert "lo: <LOOPBACK,UP" in links[0]


def test_networks_can_be_built_in_it() -> None:
    steps = (
        "ip netns add phone",
        "ip link add up0 type veth peer name eth0 netns phone",
        "ip link add lan type bridge",
        "ip link set up0 master lan",
        "ip netns exec phone nft add table ip guests",
        "ip netns exec phone sysctl -qw net.ipv4.ip_forward=1",
    )
    done = inside(" && ".join(steps))
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_that_happens_in_it_is_seen_outside(tmp_path: Path) -> None:
    mark = f"nirkabel-{os.getpid()}"
    done = inside(f"touch /run/{mark} /tmp/{mark} /etc/{mark}; (trap '' HUP TERM; exec sleep 4321) & exit 0")
    assert done.returncode == 0
    assert not any(Path(folder, mark).exists() for folder in ("/run", "/tmp", "/etc"))
    assert subprocess.run(["pgrep", "-fx", "sleep 4321"], check=False, capture_output=True).returncode == 1


def test_the_programs_of_the_peers_are_there() -> None:
    names = (
        "ip nft iptables pgrep dnsmasq udhcpc opennds iw curl php dropbear ssh-keygen hostapd radclient ping chromium"
    )
    assert inside(f"for name in {names}; do command -v $name >/dev/null || echo $name; done").stdout == ""
