"""Samples for InfluxDB, where a city has one: line protocol, written synchronously, behind a watermark in the store.

The store stays the source of truth; what InfluxDB gets is a copy for its users' dashboards. A batch that it refuses
(4xx) is reported on every turn and the watermark stays, so that nothing is lost in silence; a server that is away is
tried again. Repeated points overwrite each other in InfluxDB, so a batch may arrive twice.

HOTSPOT_INFLUX_URL turns it on; HOTSPOT_INFLUX_BUCKET, HOTSPOT_INFLUX_ORG and HOTSPOT_INFLUX_TOKEN go with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self

import structlog
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from hotspot.errors import ConfigError, PeerError
from hotspot.node.job import Job
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import active
from hotspot.store.telemetry import observed

log = structlog.get_logger()

TARGET: Final = "influx"
BATCH: Final = 5000
"""Lines in one request."""
_TIMEOUT: Final = 10_000
_TURNS: Final = 50
"""Batches in one turn of the job, so that a long backlog does not hold it for ever."""

MEASUREMENT: Final = "hotspot_probe"
FIELDS: Final = ("up", "monitor", "rtt_us")
"""All integers: InfluxDB refuses a field whose type changes, and other servers turn booleans and texts into numbers."""


@dataclass(frozen=True)
class Influx:
    """Where to write."""

    url: str
    bucket: str
    org: str
    token: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """None without HOTSPOT_INFLUX_URL. ConfigError without a bucket to go with it."""
        url = environment.get("HOTSPOT_INFLUX_URL")
        if not url:
            return None
        bucket = environment.get("HOTSPOT_INFLUX_BUCKET")
        if not bucket:
            raise ConfigError("HOTSPOT_INFLUX_URL is set, HOTSPOT_INFLUX_BUCKET is not; name the bucket to write to")
        return cls(url, bucket, environment.get("HOTSPOT_INFLUX_ORG", ""), environment.get("HOTSPOT_INFLUX_TOKEN", ""))


def escaped(tag: str) -> str:
    """A tag's value in line protocol: comma, equals sign and space behind a backslash."""
    return tag.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def line(sample: observed.SampleRow, site: str | None) -> str:
    """One sample in line protocol, its time in nanoseconds as the protocol has it by default."""
    tags = f",ap={escaped(sample.ap)}" + (f",site={escaped(site)}" if site else "")
    values = (int(sample.good), int(sample.monitor), sample.rtt_us)
    fields = ",".join(f"{name}={value}i" for name, value in zip(FIELDS, values, strict=True) if value is not None)
    return f"{MEASUREMENT}{tags} {fields} {sample.at * 10**9}"


def export(store: Store, settings: Settings, now: int) -> None:
    """Writes the samples after the watermark and moves it. PeerError for a server that is away or refuses them."""
    influx = Influx.of(settings.environment)
    if influx is None:
        return
    with store.core.read() as connection:
        revision = active(connection)
    sites = {ap.id: site.id for site, ap in revision.inventory.access_points()} if revision else {}
    with InfluxDBClient(influx.url, influx.token, org=influx.org, timeout=_TIMEOUT, enable_gzip=True) as client:
        for rows in _pending(store, now):
            _write(client, influx, (line(row, sites.get(row.ap)) for row in rows))
            with store.telemetry.write() as connection:
                observed.move_watermark(connection, TARGET, rows[-1].at)
            log.info("exported", target=TARGET, samples=len(rows), until=rows[-1].at)


def _pending(store: Store, now: int) -> Iterator[Sequence[observed.SampleRow]]:
    """Whole rounds after the watermark, about one batch at a time; the watermark must have moved in between."""
    for _ in range(_TURNS):
        with store.telemetry.read() as connection:
            after = observed.watermark(connection, TARGET) or 0
            rows = observed.samples_between(connection, after, now, BATCH)
            if len(rows) == BATCH:  # the limit may have cut a round in two
                rows = observed.samples_between(connection, after, rows[-1].at, None)
        if not rows:
            return
        yield rows


def _write(client: InfluxDBClient, influx: Influx, lines: Iterable[str]) -> None:
    writer = client.write_api(write_options=SYNCHRONOUS)
    try:
        waiting = iter(lines)
        while batch := list(islice(waiting, BATCH)):
            writer.write(influx.bucket, influx.org, "\n".join(batch))
    except ApiException as error:
        raise PeerError(f"InfluxDB at {influx.url} refuses the samples ({error.status}): {error.body}") from error
    except (HTTPError, OSError) as error:
        raise PeerError(f"InfluxDB at {influx.url} does not answer: {error}") from error


EXPORT: Final = Job("influx-export", 60, export)
