"""The export against real servers: Debian's InfluxDB 1.6 behind a rewriter of the one path, and VictoriaMetrics."""

import gzip
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from hotspot.errors import ConfigError, PeerError
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import activate
from hotspot.store.telemetry import observed
from hotspot.store.telemetry.observed import SampleRow
from telemetry import influx
from tests.conftest import settings_in
from tests.node import free_port

from .worlds import SITES_TOML, utc

NOW = int(time.time())
PEERS = Path(__file__).parents[2] / "build" / "peers" / "usr" / "bin"


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:{PEERS}")
    if found is None:
        pytest.skip(f"{name} is not installed; `make test` fetches it")
    return found


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - our own loopback URL
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, response.read()
    except HTTPError as error:
        return error.code, error.read()


@contextmanager
def running(*command: str, ready: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if fetch(ready)[0] < 300:
                    break
            except (URLError, ConnectionError):
                assert time.monotonic() < deadline, f"{command[0]} does not start"
                time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(60)


class Rewriter(BaseHTTPRequestHandler):
    """The path of InfluxDB 2's write on a 1.x server; body, encoding and answer pass through."""

    upstream = ""

    def do_POST(self) -> None:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        target = f"{self.upstream}/write?db={query['bucket']}&precision={query['precision']}"
        status, answer = fetch(target, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def influxdb(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(URL to write to, URL to query) of a running InfluxDB with a database `wifi`."""
    http, rpc = free_port(), free_port()
    folder = tmp_path / "influxdb"
    config = tmp_path / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n[http]\nbind-address = "127.0.0.1:{http}"\n'
    )
    url = f"http://127.0.0.1:{http}"
    with running(program("influxd"), "-config", str(config), ready=f"{url}/ping"):
        fetch(f"{url}/query?q=CREATE+DATABASE+wifi", b"")
        handler = type("Handler", (Rewriter,), {"upstream": url})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}", url
            server.shutdown()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(settings_in(tmp_path))
    with opened.core.write() as connection:
        activate(connection, SITES_TOML, "test", NOW)
    yield opened
    opened.close()


def reaching(tmp_path: Path, url: str, bucket: str = "wifi") -> Settings:
    return settings_in(tmp_path, HOTSPOT_INFLUX_URL=url, HOTSPOT_INFLUX_BUCKET=bucket)


def fill(store: Store, rounds: int, aps: int = 1) -> None:
    rows = [
        SampleRow(NOW - 10_000 + number, f"ap-{ap}" if ap else "tk1-ap1", number % 2 == 0, True, 1234 if ap else None)
        for number in range(rounds)
        for ap in range(aps)
    ]
    with store.telemetry.write() as connection:
        observed.keep_round(connection, rows, [], {})


def mark(store: Store) -> int | None:
    with store.telemetry.read() as connection:
        return observed.watermark(connection, influx.TARGET)


def query(url: str, text: str) -> Any:
    answer = json.loads(fetch(f"{url}/query?db=wifi&epoch=s&q={urllib.parse.quote(text)}")[1])
    return answer["results"][0].get("series", [{}])[0].get("values")


def test_lines() -> None:
    row = SampleRow(1700000000, "a b,c=d", True, False, 321)
    assert influx.line(row, "taman") == (
        "hotspot_probe,ap=a\\ b\\,c\\=d,site=taman up=1i,monitor=0i,rtt_us=321i 1700000000000000000"
    )
    assert influx.line(SampleRow(5, "x", False, True, None), None) == "hotspot_probe,ap=x up=0i,monitor=1i 5000000000"


def test_settings_go_together() -> None:
    assert influx.Influx.of({}) is None
    with pytest.raises(ConfigError, match="HOTSPOT_INFLUX_BUCKET"):
        influx.Influx.of({"HOTSPOT_INFLUX_URL": "http://x"})


def test_every_sample_arrives_once(store: Store, influxdb: tuple[str, str], tmp_path: Path) -> None:
    write, read = influxdb
    fill(store, rounds=1700, aps=7)  # 11,900 lines: the limit cuts rounds in two
    for _ in range(2):
        influx.export(store, reaching(tmp_path, write), NOW)
    assert query(read, "SELECT count(up) FROM hotspot_probe")[0][1] == 11_900
    assert query(read, "SELECT sum(up) FROM hotspot_probe WHERE site = 'taman-kota-1'")[0][1] == 850
    assert query(read, "SELECT max(rtt_us) FROM hotspot_probe WHERE ap = 'ap-3'")[0][1] == 1234
    assert mark(store) == NOW - 10_000 + 1699


def test_what_the_server_refuses_stays_before_the_watermark(
    store: Store, influxdb: tuple[str, str], tmp_path: Path
) -> None:
    write, read = influxdb
    fill(store, rounds=3)
    fetch(f"{read}/write?db=wifi", f"hotspot_probe,ap=tk1-ap1,site=taman-kota-1 up=1.5 {NOW}000000000".encode())
    with pytest.raises(PeerError, match="field type conflict"):
        influx.export(store, reaching(tmp_path, write), NOW)
    assert mark(store) is None
    with pytest.raises(PeerError, match="database not found"):
        influx.export(store, reaching(tmp_path, write, "nowhere"), NOW)
    fetch(f"{read}/query?db=wifi&q=DROP+MEASUREMENT+hotspot_probe", b"")
    influx.export(store, reaching(tmp_path, write), NOW)
    assert query(read, "SELECT count(up) FROM hotspot_probe")[0][1] == 3


def test_a_server_that_is_away_is_said(store: Store, tmp_path: Path) -> None:
    fill(store, rounds=1)
    with pytest.raises(PeerError, match="does not answer"):
        influx.export(store, reaching(tmp_path, f"http://127.0.0.1:{free_port()}"), NOW)
    assert mark(store) is None


def test_victoria_metrics_reads_the_same_lines(store: Store, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    folder = tmp_path / "vm"
    fill(store, rounds=4)
    with running(
        program("victoria-metrics"),
        f"-storageDataPath={folder}",
        f"-httpListenAddr=127.0.0.1:{port}",
        ready=f"{url}/health",
    ):
        influx.export(store, reaching(tmp_path, url), NOW)
        fetch(f"{url}/internal/force_flush")
        start = utc("2020-01-01 00:00")
        text = urllib.parse.quote('{__name__="hotspot_probe_up"}')
        _, body = fetch(f"{url}/api/v1/export?match[]={text}&start={start}&end={NOW + 60}")
    series = json.loads(body)
    assert series["metric"]["site"] == "taman-kota-1"
    assert series["values"] == [1, 0, 1, 0]
