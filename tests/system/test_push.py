"""From a blank Debian access point to a guarded network, by the real CLI, over real SSH, proven by real clients.

One bed for the whole module, its tests in order: what is pushed first is what the later ones start from.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from hotspot.nas import opennds
from hotspot.settings import read_env_file
from tests.bed.city import AGENT_KEY, AP, FAS_KEY, GATEWAY, bridged_toml, sites_toml
from tests.bed.net import INTERNET, INTERNET_NAME, PORTAL, PRIVATE, Bed, Client, missing, wait_until

pytestmark = pytest.mark.system

HOTSPOT = Path(sys.executable).with_name("hotspot")
AP_LAN = "10.210.0.1"
DRIFTED = "/etc/nirkabel/dnsmasq.conf"


class City:
    """The bed with an installation on its wan side."""

    def __init__(self, bed: Bed, folder: Path):
        self.bed = bed
        self.state = folder / "state"
        self.sites = folder / "sites.toml"
        self.sites.write_text(sites_toml())

    def hotspot(self, *arguments: str, code: int = 0) -> str:
        """stdout of a command that must end with `code`."""
        done = self.bed.wan.run(str(HOTSPOT), *arguments, HOTSPOT_STATE=str(self.state))
        said = f"hotspot {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, f"{said}\n{self.bed.ap.look()}"
        return done.stdout

    def state_of(self) -> str:
        answer = json.loads(self.hotspot("plan", "--json"))
        return str(answer["access_points"][0]["state"])

    def secret(self, name: str) -> bytes:
        return read_env_file(self.state / "hotspot.env")[name].encode()

    def settled(self) -> None:
        """Waits until openNDS and dnsmasq serve."""
        wait_until(lambda: "client_list_length" in self.bed.ap.run("ndsctl", "json").stdout, "openNDS is up")
        wait_until(lambda: self.bed.ap.run("systemctl", "is-active", "dnsmasq").returncode == 0, "dnsmasq is up")

    def ndsctl(self, *arguments: str) -> str:
        """What ndsctl prints: nothing while another one runs, the agent's for one."""
        printed = [""]

        def said() -> bool:
            printed[0] = self.bed.ap.run("ndsctl", *arguments).stdout
            return bool(printed[0])

        wait_until(said, f"ndsctl {arguments[0]}")
        return printed[0]

    def put_out(self, client: Client) -> None:
        assert "deauthenticated" in self.ndsctl("deauth", client.mac)

    def make_pass(self, client: Client) -> tuple[str, str]:
        """What the portal makes of a redirect: openNDS's `tok`, and a pass."""
        _, redirect, _ = client.get("http://internet.test/")
        sent = b64decode(urlsplit(redirect).query.removeprefix("fas=")).decode()
        hid = dict(part.split("=", 1) for part in sent.split(", ") if "=" in part)["hid"]
        key = opennds.derive(self.secret(AGENT_KEY), opennds.BINAUTH_LABEL)
        limits = {"seconds": 600, "up_kbit": 1000, "down_kbit": 5000, "up_kib": 0, "down_kib": 0}
        custom = opennds.make_pass(key, "ab" * 16, client.mac, hid, **limits)
        return hashlib.sha256(hid.encode() + self.secret(FAS_KEY)).hexdigest(), custom

    def log_in(self, client: Client, *, forged: bool = False) -> tuple[int, str]:
        """What the portal does after a login: sends the phone back to openNDS with a pass."""
        tok, custom = self.make_pass(client)
        if forged:
            custom = custom.replace(".600.", ".60000.")
        back = quote("http://internet.test/", safe="")
        status, target, _ = client.get(f"http://{AP_LAN}:2050/opennds_auth/?tok={tok}&redir={back}&custom={custom}")
        return status, target


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if os.geteuid() != 0 or missing():
        reason = f"needs root and {', '.join(missing()) or 'nothing else'}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("bed")
    with Bed(folder) as bed:
        yield City(bed, folder)


def test_nothing_is_pushed_to_an_access_point_that_was_not_adopted(city: City) -> None:
    city.hotspot("secrets", "create", "--sites", str(city.sites))
    city.hotspot("activate", str(city.sites))
    assert city.hotspot("keys", "create").startswith("ssh-ed25519 ")
    answer = city.hotspot("apply", "--yes", code=1)
    assert f"{AP}: not-adopted" in answer
    assert f"hotspot adopt {AP}" in answer


def test_adopting_pins_the_key_that_the_admin_compared(city: City) -> None:
    wrong = "SHA256:" + "A" * 43
    city.hotspot("adopt", AP, "--fingerprint", wrong, code=1)
    city.hotspot("adopt", "no-such-ap", "--yes", code=2)
    shown = subprocess.run(
        ["dropbearkey", "-y", "-f", city.bed.ap.folder / "host_key"], capture_output=True, text=True, check=True
    )
    fingerprint = next(line.split()[1] for line in shown.stdout.splitlines() if line.startswith("Fingerprint"))
    city.hotspot("adopt", AP, "--fingerprint", fingerprint)
    assert "already" in city.hotspot("adopt", AP, "--yes")
    assert "login-refused" in city.hotspot("plan", code=1)
    city.bed.ap.authorize(city.hotspot("keys", "create").strip())
    assert city.state_of() == "new"


def test_a_first_push_that_cuts_the_access_point_off_leaves_it_blank(city: City) -> None:
    """The confirmation is under way while the access point switches: it must not count."""
    city.sites.write_text(sites_toml(network=f"{PORTAL}/24"))
    city.hotspot("activate", str(city.sites))
    said = city.hotspot("apply", "--yes", "--confirm", "4s", code=1)
    assert (
        "unconfirmed" in said or "not confirmed in time" in said
    )  # a slow machine asks once more when it has reverted
    wait_until(lambda: city.bed.wan.run("ping", "-c1", "-W1", city.bed.ap.address).returncode == 0, "it is back")
    wait_until(lambda: city.state_of() == "new", "it is done")
    assert "br-lan" not in city.bed.ap.run("ip", "link").stdout
    assert "nirkabel" not in city.bed.ap.run("nft", "list", "tables").stdout
    assert "opennds" not in city.bed.ap.run("ps", "-e", "-o", "comm=").stdout.split()
    city.sites.write_text(sites_toml())
    city.hotspot("activate", str(city.sites))


def test_a_blank_access_point_is_configured_in_one_push(city: City) -> None:
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    assert city.state_of() == "in-sync"
    assert "in-sync" in city.hotspot("apply", "--yes")
    city.settled()
    for client in city.bed.clients:
        lease = client.dhcp()
        assert (lease.router, lease.dns) == (AP_LAN, AP_LAN)
        assert lease.captive == "", "openNDS's API has no TLS"
        client.known_to_opennds()


def test_a_client_is_sent_to_the_portal(city: City) -> None:
    client = city.bed.clients[0]
    status, redirect, _ = client.get("http://internet.test/x?y=1")
    assert status == 307
    assert redirect.startswith(f"http://portal.test:8000/g/{GATEWAY}?fas=")
    assert client.get("http://internet.test:8080/")[0] == 0
    assert '"captive": true' in client.get("http://status.client/", "-H", "Accept: application/captive+json")[2]


def refuses_all(attempts: Sequence[tuple[Client, str, int]]) -> list[tuple[str, str, int]]:
    """The connections that came about, of those that must not; tried at once, since each waits for a timeout."""
    with ThreadPoolExecutor(len(attempts)) as pool:
        made = pool.map(lambda one: one[0].connects(one[1], one[2]), attempts)
        return [(client.name, host, port) for (client, host, port), yes in zip(attempts, made, strict=True) if yes]


def open_ways(bed: Bed) -> list[object]:
    """What a guest reaches and must not, before and after its login, and what the resolver says wrongly."""
    guest, other = bed.clients
    assert guest.lease is not None
    assert other.lease is not None
    reached: list[object] = [
        *refuses_all(
            [
                (guest, AP_LAN, 22),
                (guest, bed.ap.address, 22),
                (guest, bed.ap.address, 2050),
                (guest, PRIVATE, 8080),
                (guest, other.lease.ip, 9000),
                (other, guest.lease.ip, 9000),
                (guest, f"{other.link_local}%eth0", 9000),
                (other, f"{guest.link_local}%eth0", 9000),
            ]
        )
    ]
    if "the internet" in guest.get(f"http://{PRIVATE}/")[2]:
        reached.append(PRIVATE)
    asked = {server: guest.resolve(server, "internet.test") for server in (AP_LAN, INTERNET, PORTAL)}
    return reached + [(server, said) for server, said in asked.items() if said != INTERNET]  # whoever is asked


def test_a_client_is_isolated_before_its_login(city: City) -> None:
    for client in city.bed.clients:
        client.start(sys.executable, str(Path(__file__).parents[1] / "bed/tools.py"), "listen", "9000")
        wait_until(lambda client=client: client.connects("::1", 9000), "the client listens")  # type: ignore[misc]
    assert open_ways(city.bed) == []


def test_a_forged_pass_is_refused(city: City) -> None:
    client = city.bed.clients[0]
    status, target = city.log_in(client, forged=True)
    assert status == 307
    assert target.startswith("http://portal.test:8000/")
    assert client.get("http://internet.test:8080/")[0] == 0


def test_a_valid_pass_admits_and_isolation_holds(city: City) -> None:
    client = city.bed.clients[0]
    assert city.log_in(client) == (307, "http://internet.test/")
    assert client.get("http://internet.test/")[2] == "the internet\n"
    assert client.get("http://internet.test:8080/")[0] == 200
    found = json.loads(city.ndsctl("json"))["clients"][client.mac]
    assert (found["download_rate_limit_threshold"], found["upload_rate_limit_threshold"]) == ("5000", "1000")
    assert int(found["session_end"]) - int(found["session_start"]) == 600
    assert open_ways(city.bed) == []


def test_loading_the_firewall_again_puts_nobody_out(city: City) -> None:
    assert city.bed.ap.run("systemctl", "restart", "nirkabel-net").returncode == 0
    assert city.bed.clients[0].get("http://internet.test:8080/")[0] == 200


def test_whom_opennds_puts_out_is_out(city: City) -> None:
    client = city.bed.clients[0]
    city.put_out(client)
    assert client.get("http://internet.test:8080/")[0] == 0
    spools = "cat /run/nirkabel/spool /run/nirkabel/agent/sending"  # the agent moves one to the other
    wait_until(lambda: "event ndsctl_deauth" in city.bed.ap.run("sh", "-c", spools).stdout, "the agent is told")


def test_whom_opennds_admits_without_a_pass_reaches_nothing(city: City) -> None:
    """openNDS admits when its BinAuth script fails or is not asked; the gate in our firewall does not."""
    client, script = city.bed.clients[1], "/usr/local/lib/nirkabel/binauth"
    city.bed.ap.run("mv", script, f"{script}.away")
    status, _ = city.log_in(client, forged=True)
    city.bed.ap.run("mv", f"{script}.away", script)
    found = json.loads(city.ndsctl("json"))["clients"][client.mac]
    assert (status, found["state"]) == (307, "Authenticated"), "openNDS denies now: the gate can be simplified"
    assert client.get("http://internet.test:8080/")[0] == 0
    city.put_out(client)


def test_an_admission_by_ndsctl_with_a_pass_opens_the_gate(city: City) -> None:
    """As authmon admits at level 3: BinAuth is not asked, only told."""
    client = city.bed.clients[1]
    _, custom = city.make_pass(client)
    assert "authenticated" in city.ndsctl("auth", client.mac, "10", "0", "0", "0", "0", custom)
    assert client.get("http://internet.test:8080/")[0] == 200
    city.put_out(client)
    assert client.get("http://internet.test:8080/")[0] == 0


def test_the_walled_garden_is_open_before_a_login_and_rates_are_kept(city: City) -> None:
    client = city.bed.clients[0]
    (city.bed.folder / "web" / "big").write_bytes(bytes(4_000_000))
    assert client.get(f"http://{PRIVATE}:8080/")[0] == 0
    garden = f'walled_garden = ["{INTERNET_NAME}", "{PRIVATE}/32"]\ndown = "8 Mbit/s"\n'
    city.sites.write_text(sites_toml().replace("[wifi]\n", f"[wifi]\n{garden}"))
    city.hotspot("activate", str(city.sites))
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    city.settled()
    assert client.get(f"http://{INTERNET}:8080/")[0] == 0, "nobody has asked for its name yet"
    assert client.resolve(AP_LAN, INTERNET_NAME) == INTERNET
    for url in (f"http://{INTERNET_NAME}/", f"http://{INTERNET_NAME}:8080/", f"http://{PRIVATE}:8080/"):
        assert client.get(url)[2] == "the internet\n"
    assert client.get("http://198.51.100.7/")[0] == 307, "the rest of the internet waits for the login"
    started = time.monotonic()
    assert client.get(f"http://{INTERNET_NAME}/big", "-m", "40", "-o", "/dev/null")[0] == 200
    assert time.monotonic() - started > 2, "4 MB at 1 MB/s, of which the first comes at once"
    city.sites.write_text(sites_toml())
    city.hotspot("activate", str(city.sites))
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    city.settled()
    assert client.get(f"http://{INTERNET_NAME}:8080/")[0] == 0


def test_drift_is_seen_and_repaired(city: City) -> None:
    city.bed.ap.run("sh", "-c", f"echo server=203.0.113.10 >>{DRIFTED}")
    plan = city.hotspot("plan", "--diff")
    assert f"{AP}: drifted" in plan
    assert "-server=203.0.113.10" in plan
    assert plan == city.hotspot("render", AP, "--diff")
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    assert "203.0.113.10" not in city.bed.ap.read(DRIFTED)
    assert "-server=203.0.113.10" in city.hotspot("audit", "list", AP, "--last", "1", "--diff")
    assert city.state_of() == "in-sync"


def test_a_diff_shows_no_secret(city: City) -> None:
    city.bed.ap.run("sh", "-c", "sed -i 's/^faskey.*/faskey an-older-secret-key/' /etc/opennds/opennds.conf")
    plan = city.hotspot("plan", "--diff")
    assert "only secrets or permissions differ" in plan
    for secret in ("an-older-secret-key", city.secret(FAS_KEY).decode(), city.secret(AGENT_KEY).decode()):
        assert secret not in plan
    city.hotspot("apply", "--yes", "--confirm", "120s")


def test_a_configuration_that_cuts_the_access_point_off_reverts_by_itself(city: City) -> None:
    """The next revision gives the guests' bridge the controller's own address: no answer finds its way back."""
    before = city.bed.ap.read("/etc/nirkabel/dnsmasq.conf")
    city.sites.write_text(sites_toml(network=f"{PORTAL}/24"))
    city.hotspot("activate", str(city.sites))
    answer = city.hotspot("apply", "--yes", "--confirm", "5s", code=1)
    assert f"{AP}: " in answer
    assert "applied" not in answer
    city.sites.write_text(sites_toml())
    city.hotspot("activate", str(city.sites))
    wait_until(lambda: city.bed.wan.run("ping", "-c1", "-W1", city.bed.ap.address).returncode == 0, "it is back")
    assert city.bed.ap.read("/etc/nirkabel/dnsmasq.conf") == before
    assert city.state_of() == "in-sync"


def test_an_access_point_that_lost_its_link_reverts_by_itself(city: City) -> None:
    city.sites.write_text(sites_toml(network="10.211.0.1/24"))
    city.hotspot("activate", str(city.sites))
    process = city.bed.wan.start(
        str(HOTSPOT), "apply", "--yes", "--confirm", "6s", HOTSPOT_STATE=str(city.state), log=city.state / "log"
    )
    wait_until(lambda: city.bed.ap.run("test", "-f", "/var/lib/nirkabel/pending").returncode == 0, "it is armed")
    city.bed.ap.cut()
    assert process.wait(120) == 1
    wait_until(lambda: city.bed.ap.run("test", "-f", "/var/lib/nirkabel/pending").returncode == 1, "it reverted")
    wait_until(lambda: city.bed.ap.run("test", "-f", "/var/lib/nirkabel/rolling").returncode == 1, "it is done")
    city.bed.ap.mend()
    again = ("ping", "-c", "1", "-W", "1", city.bed.ap.address)  # the neighbour entry of a lost link lingers a moment
    wait_until(lambda: city.bed.wan.run(*again).returncode == 0, "the link is back")
    assert "10.210.0.1" in city.bed.ap.read("/etc/nirkabel/dnsmasq.conf")
    assert city.state_of() == "changed"
    assert any(word in (city.state / "log").read_text() for word in ("unconfirmed", "timeout", "broken-off"))


def test_an_access_point_becomes_a_bridge_to_a_gateway_behind_it(city: City) -> None:
    """Everything that made it a gateway goes, its own address moves, and guests reach the gateway and nothing else."""
    bed = city.bed
    city.sites.write_text(bridged_toml())
    city.hotspot("activate", str(city.sites))
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    assert city.state_of() == "in-sync"
    assert bed.ap.run("systemctl", "is-active", "opennds").returncode != 0
    assert f"{bed.ap.address}/24" in bed.ap.run("ip", "-br", "addr", "show", "br-lan").stdout
    for number, client in enumerate(bed.clients, 50):
        client.ip("-4", "addr", "flush", "dev", "eth0")
        client.ip("addr", "add", f"10.199.0.{number}/24", "dev", "eth0")
    guest, other = bed.clients
    assert guest.connects(PRIVATE, 8080, seconds=20), "what stands behind the uplink is the gateway's to guard"
    inside = [(bed.ap.address, 22), ("10.199.0.51", 9000), (f"{other.link_local}%eth0", 9000)]
    assert refuses_all([(guest, host, port) for host, port in inside]) == []
    assert bed.ap.run("/usr/local/lib/nirkabel/net", "up").returncode == 0
    city.sites.write_text(sites_toml())
    city.hotspot("activate", str(city.sites))
    assert "applied" in city.hotspot("apply", "--yes", "--confirm", "120s")
    assert f"{bed.ap.address}/24" in bed.ap.run("ip", "-br", "addr", "show", "wan0").stdout
    city.settled()
    assert guest.dhcp().router == AP_LAN


def test_another_host_key_is_never_logged_in_to(city: City) -> None:
    ap = city.bed.ap
    ap.close()
    (ap.folder / "host_key").unlink()
    ap.start()
    assert "wrong-host-key" in city.hotspot("plan", code=1)
    city.hotspot("adopt", AP, "--yes", code=1)
    city.hotspot("adopt", AP, "--yes", "--replace")
    assert "login-refused" in city.hotspot("plan", code=1), "the new installation knows no key yet"
