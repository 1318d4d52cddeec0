"""An access point behind somebody else's NAT: its tunnel to a real sshd is the only way in, with ssh and with dropbear.

Debian's is kept by a stand-in for systemd, OpenWrt's by one for procd.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.ap import BlankAp
from tests.bed.city import AP, bridged_toml
from tests.bed.net import PORTAL, Bed, missing, wait_until
from tests.bed.openwrt import BlankOpenwrt

from .test_push import City

pytestmark = pytest.mark.long

RELAY, LISTENS = 2222, 22001
KINDS: dict[str, type[BlankAp]] = {"debian": BlankAp, "openwrt": BlankOpenwrt}


class Relay:
    """sshd on the wan side, for the lines that are in its authorized_keys."""

    def __init__(self, bed: Bed, folder: Path):
        folder.mkdir()
        self.folder = folder
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host")], check=True)
        self.host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        (folder / "authorized_keys").touch()
        (folder / "config").write_text(
            f"Port {RELAY}\nListenAddress {PORTAL}\nHostKey {folder / 'host'}\nUsePAM no\nPidFile none\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nStrictModes no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.process = bed.wan.start("/usr/sbin/sshd", "-D", "-f", str(folder / "config"))

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(params=list(KINDS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, City, Relay]]:
    if os.geteuid() != 0 or missing():
        pytest.fail(f"needs root and {', '.join(missing()) or 'nothing else'}")
    with Bed(tmp_path, kind=KINDS[request.param]) as bed:
        relay = Relay(bed, tmp_path / "relay")
        try:
            yield request.param, City(bed, tmp_path), relay
        finally:
            relay.close()


def toml(kind: str, relay: Relay, address: str) -> str:
    wifi = 'uplink = "wan0"'
    if kind == "openwrt":
        wifi += ', uplink_address = "10.199.0.2/24", uplink_gateway = "10.199.0.1"'
    text = (
        bridged_toml().replace(", bridge = true", "").replace('kind = "debian"', f'kind = "{kind}"\ntunnel = {LISTENS}')
    )
    text = text.replace('"10.199.0.2"', f'"{address}"').replace('uplink = "wan0"', wifi)
    section = f'tunnel = {{ host = "{PORTAL}:{RELAY}", user = "root", host_key = "{relay.host_key}" }}\n'
    return text.replace("[controller]\n", f"[controller]\n{section}")


def test_the_tunnel_is_the_only_way_in(place: tuple[str, City, Relay]) -> None:
    kind, city, relay = place
    ap = city.bed.ap
    city.sites.write_text(toml(kind, relay, ap.address))
    city.hotspot("secrets", "create", "--sites", str(city.sites))
    city.hotspot("activate", str(city.sites))
    ap.authorize(city.hotspot("keys", "create").strip())
    (relay.folder / "authorized_keys").write_text(city.hotspot("keys", "tunnels"))
    city.hotspot("adopt", AP, "--yes")
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    listens = ("ss", "-Hlnt", f"src 127.0.0.1 and sport = :{LISTENS}")
    wait_until(lambda: bool(city.bed.wan.run(*listens).stdout), "the relay listens for it")

    ap.run(
        "nft", "add table inet nat_of_others; add chain inet nat_of_others in { type filter hook input priority -300; }"
    )
    ap.run("nft", 'add rule inet nat_of_others in iifname "wan0" ct state new drop')
    assert "unreachable" in city.hotspot("plan", code=1), "NAT"
    city.sites.write_text(toml(kind, relay, f"127.0.0.1:{LISTENS}"))
    city.hotspot("activate", str(city.sites))
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s") or city.state_of() == "in-sync"
    assert city.state_of() == "in-sync"

    # its key opens nothing but its own port
    ssh, through = "ssh -F none -o BatchMode=yes -o UserKnownHostsFile=/etc/nirkabel/tunnel_hosts", "-W"
    if kind == "openwrt":
        ssh, through = "env HOME=/tmp/run/nirkabel/tunnel dbclient", "-B"
    ssh += f" -i /etc/nirkabel/tunnel_key -p {RELAY} -o ExitOnForwardFailure=yes"
    to = f"root@{PORTAL}"
    attempts = [
        ap.run("sh", "-c", f"{ssh} {arguments} </dev/null")
        for arguments in (
            f"-N -R 127.0.0.1:{LISTENS + 1}:127.0.0.1:22 {to}",
            f"{to} echo in",
            f"{through} {PORTAL}:{RELAY} {to}",
        )
    ]
    assert attempts[0].returncode != 0
    assert [one.stdout for one in attempts] == [""] * 3
