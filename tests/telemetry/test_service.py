"""The commands as an admin runs them, at moments passed in, and the service as a real process; over a state folder of
their own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from hotspot.node.terminal import Node
from hotspot.people.identity import new_id
from hotspot.settings import Settings, create_secrets
from hotspot.store import Store, telemetry_schema
from hotspot.store.city.revisions import activate
from hotspot.store.telemetry import counts
from telemetry.measure.prober import keep
from telemetry.uptime.states import Sample
from tests.node import free_port

from .access_points import Dropbear
from .worlds import inventory_of, text_of

ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith("HOTSPOT_")}
COMMANDS = entry_points(group="hotspot.commands")
WIB = 7 * 3600


def now() -> int:
    return int(time.time())


def laid_out(folder: Path, latest: int, port: int = 1) -> Path:
    """A node with keys, an active city and two minutes of good probes at Taman Kota 1, up to a moment."""
    create_secrets(folder, {}, [])
    with opened(folder) as store:
        with store.core.write() as connection:
            activate(connection, text_of({}, others=port, interval="2s"), "test", latest)
        probe = inventory_of(text_of({})).probe
        with store.telemetry.write() as connection:
            for value in (2, 3):
                counts.add(connection, "node", {("tk1-gw", "dropped:rate"): value}, latest)
        for at in range(latest - 120, latest, 60):
            keep(store, {ap: Sample(at, True) for ap in ("tk1-ap1", "tk1-ap2")}, probe)
    return folder


@pytest.fixture
def state(tmp_path: Path, dropbear: Dropbear) -> Path:
    """The state folder of such a node, now, whose access points answer."""
    return laid_out(tmp_path / "state", now(), dropbear.port)


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    store = Store.open(Settings.load(folder, {}))
    yield store
    store.close()


@dataclass(frozen=True)
class Admin:
    """Who types commands at one moment."""

    state: Path
    now: int

    def hotspot(self, name: str, *arguments: str) -> Result:
        """A command's exit code, stdout and stderr."""
        node = Node(clock=lambda: self.now)
        command = [*arguments, "--state", str(self.state)]
        result = CliRunner().invoke(COMMANDS[name].load(), command, obj=node, catch_exceptions=False)
        if "store" in vars(node):
            node.store.close()
        return result

    def month(self, offset: int = 0) -> str:
        """This month in Jakarta, or one so many months away."""
        today = time.gmtime(self.now + WIB)
        number = today.tm_year * 12 + today.tm_mon - 1 + offset
        return f"{number // 12}-{number % 12 + 1:02d}"

    def local(self, seconds: int) -> str:
        """The clock of Jakarta so many seconds from now."""
        return time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.now + WIB + seconds))


@pytest.fixture
def admin(tmp_path: Path, moment: int) -> Admin:
    """At such a node, at each of the moments."""
    return Admin(laid_out(tmp_path / "state", moment), moment)


# -- commands --------------------------------------------------------------------------------------------------------


def test_a_report_is_made_and_verified(admin: Admin, tmp_path: Path) -> None:
    out = tmp_path / "report"
    made = admin.hotspot("report", "coverage", "--period", admin.month(), "--out", str(out), "--json")
    assert (made.exit_code, made.stderr) == (0, "")
    assert json.loads(made.stdout)["provisional"] is True
    assert json.loads(made.stdout)["sites"] == 6, "also before the schools have opened for the first time in the month"
    checked = admin.hotspot("report", "verify", str(out))
    assert checked.exit_code == 0, checked.stdout
    path = out / "titik.csv"
    path.write_bytes(path.read_bytes().replace(b"Taman Kota 1", b"Taman Kota 9"))
    checked = admin.hotspot("report", "verify", str(out))
    assert checked.exit_code == 1
    assert "BAD  titik.csv" in checked.stdout


def test_a_pack_can_be_checked_elsewhere(admin: Admin, tmp_path: Path) -> None:
    out = tmp_path / "report"
    made = admin.hotspot("report", "coverage", "--period", admin.month(), "--out", str(out), "--lang", "en", "--json")
    mark = json.loads(made.stdout)["key_fingerprint"]
    elsewhere = Admin(tmp_path / "ministry", admin.now)
    checked = elsewhere.hotspot("report", "verify", str(out))
    assert checked.exit_code == 2
    assert checked.stdout.startswith(f"signed by the key {mark}"), "the signer is named first"
    assert "unchanged" not in checked.stdout
    assert f"compare the key's fingerprint with the sender's: {mark}" in checked.stdout
    grouped = " ".join(mark[at : at + 4] for at in range(0, 64, 4)).upper()
    for written in (mark, grouped):
        assert elsewhere.hotspot("report", "verify", str(out), "--key", written).exit_code == 0
    assert elsewhere.hotspot("report", "verify", str(out), "--key", mark[:16]).exit_code == 2
    assert elsewhere.hotspot("report", "verify", str(out), "--key", "0" * 64).exit_code == 1


@pytest.mark.parametrize(
    ("offset", "message"),
    [(None, "is no period"), (1, "has not begun"), (-2, "ended before the first record")],
)
def test_a_period_without_records_is_refused(admin: Admin, tmp_path: Path, offset: int | None, message: str) -> None:
    period = "2026-13" if offset is None else admin.month(offset)
    made = admin.hotspot("report", "coverage", "--period", period, "--out", str(tmp_path / "x"))
    assert (made.exit_code, made.stdout) == (2, "")
    assert message in made.stderr
    assert not (tmp_path / "x").exists()


def test_an_empty_node_says_what_is_missing(tmp_path: Path) -> None:
    admin = Admin(tmp_path, now())
    made = admin.hotspot("report", "coverage", "--period", admin.month(), "--out", str(tmp_path / "x"))
    assert made.exit_code == 2
    assert "HOTSPOT_MASTER_KEY is not set" in made.stderr
    assert admin.hotspot("site", "list").exit_code == 2
    assert admin.hotspot("report", "verify", str(tmp_path)).exit_code == 2


def test_maintenance_is_announced_listed_and_withdrawn(admin: Admin) -> None:
    def add(start: str, end: str, site: str = "sman-2") -> Result:
        return admin.hotspot(
            *("maintenance", "add", site, "--from", start, "--to", end),
            *("--ticket", "WO-1", "--reason", "Ganti kabel", "--json"),
        )

    added = add(admin.local(3600), admin.local(7200))
    assert added.exit_code == 0, added.stderr
    number = json.loads(added.stdout)["id"]
    assert add(admin.local(-60), admin.local(7200)).exit_code == 2, "it has begun"
    assert add(admin.local(7200), admin.local(3600)).exit_code == 2
    assert add("tomorrow", admin.local(3600)).exit_code == 2
    assert "no site 'sman-3'" in add(admin.local(3600), admin.local(7200), "sman-3").stderr
    listed = json.loads(admin.hotspot("maintenance", "list", "--json").stdout)
    assert [row["id"] for row in listed] == [number]
    assert admin.hotspot("maintenance", "withdraw", "zzz").exit_code == 2
    assert admin.hotspot("maintenance", "withdraw", number[:8]).exit_code == 0
    assert admin.hotspot("maintenance", "withdraw", number[:8]).exit_code == 2
    assert json.loads(admin.hotspot("maintenance", "list", "--json").stdout) == []
    assert len(json.loads(admin.hotspot("maintenance", "list", "--all", "--json").stdout)) == 1


def test_work_that_has_begun_cannot_be_withdrawn(admin: Admin) -> None:
    number = new_id()
    row = {
        "id": number,
        "site": "sman-2",
        "from_at": admin.now - 10,
        "to_at": admin.now + 900,
        "ticket": "T",
        "reason": "R",
        "recorded_by": "test",
        "recorded_at": admin.now - 100,
    }
    with opened(admin.state) as store, store.telemetry.write() as connection:
        connection.execute(telemetry_schema.maintenance.insert().values(**row))
    refused = admin.hotspot("maintenance", "withdraw", number)
    assert refused.exit_code == 2
    assert "has begun" in refused.stderr


def test_the_sites_are_listed(admin: Admin) -> None:
    sites = {row["site"]: row for row in json.loads(admin.hotspot("site", "list", "--json").stdout)}
    assert len(sites) == 6
    assert sites["taman-kota-1"]["state"] == "up"
    assert sites["taman-kota-1"]["access_points"] == {"tk1-ap1": True, "tk1-ap2": True}
    assert sites["sman-2"]["state"] == "unknown"
    assert "taman-kota-1" in admin.hotspot("site", "list").stdout


# -- the service -----------------------------------------------------------------------------------------------------


@contextmanager
def service(state: Path, **environ: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "telemetry", "--state", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRON, "HOTSPOT_TELEMETRY_LISTEN": address, **environ},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"telemetry listening on http://{address}\n"
        yield f"http://{address}", process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def metrics(url: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(get(f"{url}/metrics")[1])
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def test_the_service_probes_shows_and_stops(state: Path) -> None:
    with service(state) as (url, process):
        until(lambda: metrics(url).get(("hotspot_ap_up", "sman2-ap1", "sman-2")) == 1)
        found = metrics(url)
        assert found["hotspot_radius_packets_total", "tk1-gw", "node", "dropped:rate"] == 5
        assert found["hotspot_site_available", "sman-2"] == 1
        assert found["hotspot_sessions_active", "sman-2"] == 0
        assert found[("hotspot_telemetry_last_sample_timestamp_seconds",)] >= now() - 30
        code, page = get(f"{url}/", **{"Accept-Language": "en-GB,en;q=0.8,id;q=0.5"})
        assert code == 200
        assert "Uptime this month" in page
        assert "Taman Kota 1" in page
        assert 'lang="id"' in get(f"{url}/")[1]
        assert "Ketersediaan bulan ini" in get(f"{url}/?lang=id", **{"Accept-Language": "en"})[1]
        assert get(f"{url}/?lang=%3Cscript%3E")[0] == 200
        assert get(f"{url}/healthz") == (200, '{"alive":true}\n')
        assert get(f"{url}/readyz") == (200, '{"ready":true,"revision":1}\n')
        assert get(f"{url}/nothing")[0] == 404
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert all(json.loads(line) for line in errors.splitlines()), "every line of the log is JSON"


def test_the_service_waits_for_its_first_inventory(tmp_path: Path, dropbear: Dropbear) -> None:
    create_secrets(tmp_path, {}, [])
    with service(tmp_path) as (url, process):
        assert get(f"{url}/healthz")[0] == 200
        assert get(f"{url}/readyz")[0] == 503
        code, page = get(f"{url}/")
        assert code == 503
        assert "hotspot activate" in page
        assert ("hotspot_build_info", "0.1.0") in metrics(url)
        with opened(tmp_path) as store, store.core.write() as connection:
            activate(connection, text_of({}, others=dropbear.port, interval="1s"), "test", now())
        until(lambda: ("hotspot_site_available", "sman-2") in metrics(url))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_a_prober_that_dies_ends_the_service(state: Path) -> None:
    with service(state) as (url, process):
        until(lambda: ("hotspot_ap_up", "sman2-ap1", "sman-2") in metrics(url))
        with opened(state) as store, store.telemetry.write() as connection:
            connection.execute(telemetry_schema.tracker.update().values(state="not what a tracker is"))
        _, errors = process.communicate(timeout=60)
        assert process.returncode not in (0, None)
        assert "JSONDecodeError" in errors


def test_a_worker_dies_with_its_supervisor(state: Path) -> None:
    with service(state) as (url, process):
        assert get(f"{url}/healthz")[0] == 200
        process.kill()
        process.wait(60)
        host, port = url.removeprefix("http://").split(":")

        def free() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((host, int(port))) != 0

        until(free)
