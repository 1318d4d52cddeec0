"""`hotspot up` as a process tree on loopback."""

import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.bed.net import wait_until
from tests.node import Node, Service, free_port


def children(pid: int) -> dict[str, int]:
    """The services' processes of a supervisor, by their name."""
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid=,args="], capture_output=True, text=True, check=False)
    found: dict[str, int] = {}
    for line in listed.stdout.splitlines():
        number, _, command = line.strip().partition(" ")
        for name in ("portal", "radius", "telemetry"):
            if f"-m {name}" in command:
                found[name] = int(number)
    return found


def wait_all(service: Service, times: int = 1) -> None:
    """`Node.up` returns at the first service that listens."""

    def listening() -> bool:
        text = "".join(service.lines)
        return all(text.count(f"{name} listening on") >= times for name in ("portal", "radius", "telemetry"))

    wait_until(listening, "all services listen")


def test_the_whole_house_on_one_box(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node.up() as house:
        wait_all(house)
        assert any("revision 1 of Kota Tangerang Selatan: 6 sites" in line for line in house.lines)
        for port, path in ((node.portal_port, "healthz"), (node.telemetry_port, "healthz")):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as answer:
                assert answer.status == 200

        running = children(house.process.pid)
        assert set(running) == {"portal", "radius", "telemetry"}
        for name in running:
            os.kill(running[name], signal.SIGKILL)
        for name in running:
            house.said(f"{name} ended with exit code -9; starting it again")
        wait_all(house, 2)
        again = children(house.process.pid)
        assert set(again) == set(running)
        assert not set(again.values()) & set(running.values())

        good = node.sites.read_text()
        node.put(good.replace('plan = "umum"', 'plan = "umun"'))
        assert "site[0].plan: 'umun' is in no" in house.wait_for("the active revision stays")
        node.put(good.replace('data_per_day = "1 GB"', 'data_per_day = "2 GB"'))
        house.wait_for("revision 2 of Kota Tangerang Selatan")

        workers = [pid for number in again.values() for pid in _descendants(number)]
        assert house.stop(signal.SIGINT) == 0
        assert house.lines[-1] == "stopped\n"
        left = [*again.values(), *workers]  # granian's workers have a helper that notices last
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), "all of them end")


def _descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False)
    direct = [int(number) for number in listed.stdout.split()]
    return direct + [deeper for child in direct for deeper in _descendants(child)]


def test_a_second_one_is_told_who_has_the_state_and_ends(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node.up() as house:
        wait_all(house)
        second = node.call("up", "--sites", str(node.sites))
        assert second.returncode == 1
        assert f"another `hotspot up` (process {house.process.pid}) runs with {tmp_path / 'state'}" in second.stderr
        assert "listening on" not in second.stdout


@pytest.mark.parametrize(
    ("setting", "kind"),
    [
        ("HOTSPOT_PORTAL_LISTEN", socket.SOCK_STREAM),
        ("HOTSPOT_TELEMETRY_LISTEN", socket.SOCK_STREAM),
        ("HOTSPOT_RADIUS_AUTH_LISTEN", socket.SOCK_DGRAM),
        ("HOTSPOT_RADIUS_ACCT_LISTEN", socket.SOCK_DGRAM),
    ],
)
def test_a_used_port_is_said_once_and_ends_it(tmp_path: Path, setting: str, kind: socket.SocketKind) -> None:
    node = Node(tmp_path)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", free_port(kind)))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        node.environment[setting] = f"127.0.0.1:{taken.getsockname()[1]}"
        done = node.call("up", "--sites", str(node.sites))
    assert done.returncode == 1
    assert done.stderr.count(setting) == 1
    assert "starting it again" not in done.stdout + done.stderr


def test_what_only_a_person_can_mend_ends_it(tmp_path: Path) -> None:
    """A service that says at once that its configuration is wrong is not started again for ever."""
    node = Node(tmp_path)
    node.environment["HOTSPOT_RADSEC_CERT"] = str(tmp_path / "none.pem")
    node.environment["HOTSPOT_RADSEC_KEY"] = str(tmp_path / "none.pem")
    node.environment["HOTSPOT_RADSEC_CA"] = str(tmp_path / "none.pem")
    done = node.call("up", "--sites", str(node.sites))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "none.pem" in done.stdout + done.stderr


def test_services_end_with_what_started_them(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node.up() as house:
        wait_all(house)
        running = children(house.process.pid)
        left = [*running.values(), *(pid for number in running.values() for pid in _descendants(number))]
        house.process.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), "all of them end")
    with node.up() as house:
        wait_all(house)


def test_a_change_that_is_seldom_meant_waits_for_an_admin(tmp_path: Path) -> None:
    node = Node(tmp_path)
    good = node.sites.read_text()
    with node.up() as house:
        wait_all(house)
        node.put(good.replace('region = "36.74"', 'region = "36.71"').replace('"36.74.', '"36.71.'))
        house.wait_for("the region was 36.74, and is 36.71 now")
        house.wait_for("revision 1 stays active")
        node.put(good.replace('data_per_day = "1 GB"', 'data_per_day = "2 GB"'))
        house.wait_for("revision 2 of Kota Tangerang Selatan")
        node.put(good.replace('region = "36.74"', 'region = "36.71"').replace('"36.74.', '"36.71.'))
        house.wait_for("revision 2 stays active")
    with node.up() as house:
        house.said("revision 2 stays active")


def test_a_faulty_city_does_not_start(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.sites.write_text(node.sites.read_text().replace('kind = "park"', 'kind = "parc"'))
    done = node.call("up", "--sites", str(node.sites))
    assert done.returncode == 2
    assert "site[0].kind" in done.stderr
    assert "site[1].kind" in done.stderr
    missing = node.call("up", "--sites", str(tmp_path / "none.toml"))
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)


def test_a_first_start_makes_its_own_master_key(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (tmp_path / "state" / "hotspot.env").unlink()
    with node.up() as house:
        assert any("made a master key" in line for line in house.lines)
        assert house.stop() == 0
    environment = tmp_path / "state" / "hotspot.env"
    assert environment.stat().st_mode & 0o777 == 0o600
    assert "HOTSPOT_MASTER_KEY=" in environment.read_text()


def test_a_lost_master_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.activate()
    (tmp_path / "state" / "hotspot.env").unlink()
    done = node.call("up", "--sites", str(node.sites))
    assert done.returncode == 2
    assert "HOTSPOT_MASTER_KEY is not set" in done.stderr
