"""A bridged access point: its addresses and routes move to the bridge and back, and guests reach the gateway alone. The
pushed script and firewall in a namespace.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.kinds import render
from hotspot.city.inventory import load
from tests.bed.city import AP, bridged_toml

pytestmark = pytest.mark.system


@pytest.fixture
def space() -> Iterator[str]:
    name = f"m{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for device in ("wan0", "lan1", "lan2"):
            sh(name, f"ip link add {device} type veth peer name {device}-far; ip link set {device}-far up")
        sh(name, "ip link set wan0 up; ip link set lo up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def sh(space: str, script: str) -> str:
    done = subprocess.run(
        ["ip", "netns", "exec", space, "sh", "-ec", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def standing(space: str, device: str) -> tuple[set[str], set[str]]:
    """The global IPv4 addresses and the routes of ours on a device."""
    addresses = sh(space, f"ip -4 -o addr show dev {device} scope global").splitlines()
    routes = sh(space, f"ip -4 route show dev {device}").splitlines()
    return (
        {line.split("inet ")[1].split(" brd")[0].split(" scope")[0].strip() for line in addresses},
        {line.replace(" linkdown", "").strip() for line in routes if "proto kernel" not in line},
    )


def pushed(folder: Path, text: str = "") -> Path:
    """The network script of a bridged access point, its firewall where it looks for it."""
    secrets = {"env:STAF": b"a passphrase"}
    files = {file.path: file.data for file in render(load(text or bridged_toml()), AP, secrets).files}
    Path("/etc/nirkabel").mkdir(exist_ok=True)
    Path("/etc/nirkabel/nftables.nft").write_bytes(files["/etc/nirkabel/nftables.nft"])
    script = folder / "net"
    script.write_bytes(files["/usr/local/lib/nirkabel/net"])
    return script


@pytest.mark.parametrize(
    "setup",
    [
        "ip addr add 10.20.1.2/24 dev wan0; ip route add default via 10.20.1.1; ip route add 10.0.0.0/8 via 10.20.1.1",
        "ip addr add 10.20.1.2/24 dev wan0; ip addr add 10.20.1.9/24 dev wan0; ip route add default via 10.20.1.1",
        "ip addr add 10.20.1.2 peer 10.20.1.1/32 dev wan0; ip route add default dev wan0",
    ],
)
def test_nothing_is_lost_on_the_way_to_the_bridge_and_back(space: str, tmp_path: Path, setup: str) -> None:
    script = pushed(tmp_path)
    sh(space, setup)
    before = standing(space, "wan0")
    assert before[1]
    for _ in range(2):
        sh(space, f"sh {script} up")
        assert standing(space, "br-lan") == before
    assert standing(space, "wan0") == (set(), set())
    sh(space, f"sh {script} down")
    assert standing(space, "wan0") == before


def test_a_guest_reaches_the_gateway_and_no_access_points_management(space: str, tmp_path: Path) -> None:
    """Whatever br_netfilter does: on this bridge its hooks are registered after our chains."""
    guest, wired = f"g{space}", f"w{space}"
    for other, device, addresses in (
        (guest, "lan1-far", ("10.199.0.77/24",)),
        (wired, "wan0-far", ("10.199.0.1/24", "10.199.0.2/24")),
    ):
        subprocess.run(["ip", "netns", "add", other], check=True)
        sh(space, f"ip link set {device} netns {other}")
        sh(other, f"ip link set {device} up; " + "; ".join(f"ip addr add {one} dev {device}" for one in addresses))
    try:
        sh(space, f"sh {pushed(tmp_path)} up")
        assert reaches(guest, "10.199.0.1"), "the gateway"
        assert not reaches(guest, "10.199.0.2"), "an address at which sites.toml says that an access point is managed"
    finally:
        for other in (guest, wired):
            subprocess.run(["ip", "netns", "del", other], check=True)


VLAN = """
[[ssid]]
id = "tamu"
name = "Tamu"

[[ssid]]
id = "satu"
name = "Satu"
vlan = 30

[[ssid]]
id = "staf"
name = "Staf"
security = "wpa3-psk"
passphrase = "env:STAF"
vlan = 31
isolate = false
"""


NO_8021Q = """#!/bin/sh
case "$*" in
"link add link "*" type vlan id "*) exec /usr/sbin/ip link add "$6" type veth peer name "$6-far" ;;
*) exec /usr/sbin/ip "$@" ;;
esac
"""


def test_a_network_leads_to_its_vlan_where_a_pair_of_interfaces_stands_for_it(space: str, tmp_path: Path) -> None:
    """This kernel need not know 802.1Q. Wired ports stand for the radio's interfaces, which hostapd would join."""
    radio = '{ device = "lan", band = "5" }'
    text = bridged_toml().replace('ports = ["lan1", "lan2"]', f"radios = [{radio}]").replace("[wifi]", f"{VLAN}[wifi]")
    (tmp_path / "ip").write_text(NO_8021Q)
    (tmp_path / "ip").chmod(0o755)
    script = pushed(tmp_path, text)
    script.write_text(script.read_text().replace("PATH=", f"PATH={tmp_path}:"))
    far, guest, other, staff, mate = made = [f"{letter}{space}" for letter in "fgosu"]
    sh(space, "ip addr add 10.20.1.2/24 dev wan0")
    for name in made:
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        sh(space, f"sh {script} up")
        for number in (30, 31):
            sh(space, f"ip link set vlan{number}-far netns {far}")
            sh(far, f"ip link set vlan{number}-far up; ip addr add 10.{number}.0.1/24 dev vlan{number}-far")
        for name, port, number, host in (
            (guest, "lan-1", 30, 7),
            (other, "lan-1b", 30, 8),
            (staff, "lan-2", 31, 7),
            (mate, "lan-2b", 31, 8),
        ):
            sh(space, f"ip link add {port} type veth peer name eth0 netns {name}")
            sh(space, f"ip link set {port} master br-vlan{number} up")
            sh(name, f"ip link set eth0 up; ip addr add 10.{number}.0.{host}/24 dev eth0")
            bridge = sh(space, f"cat /sys/class/net/br-vlan{number}/address").strip()
            sh(name, f"ip route add 10.20.1.2 dev eth0; ip neigh replace 10.20.1.2 lladdr {bridge} dev eth0")
        assert reaches(guest, "10.30.0.1"), "the gateway of its VLAN"
        assert reaches(staff, "10.31.0.1")
        assert reaches(staff, "10.31.0.8"), "staff are not kept from each other"
        assert not reaches(guest, "10.20.1.2"), "the access point itself"
        assert not reaches(staff, "10.20.1.2")
        sh(space, "nft add element bridge nirkabel guests { lan-1b }")  # as though the radio announced it
        assert not reaches(guest, "10.30.0.8")
        less = pushed(tmp_path, text.replace("vlan = 31\nisolate = false\n", ""))
        sh(space, f"sed -i 's|^PATH=|PATH={tmp_path}:|' {less}; sh {less} up")
        assert "vlan31" not in sh(space, "ip link")
        sh(space, f"sh {less} down")
        assert "vlan" not in sh(space, "ip link")
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=True)


def reaches(space: str, host: str) -> bool:
    """Whether a ping gets an answer."""
    command = ["ip", "netns", "exec", space, "ping", "-c", "3", "-i", "0.3", "-W", "1", host]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
