"""/metrics in Prometheus's text format. Labels name access points and sites, never a person or a device."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from hotspot import __version__
from hotspot.store.telemetry.alarms import Alarm
from hotspot.store.telemetry.counts import Count
from telemetry.uptime.overview import Overview
from telemetry.uptime.states import State

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class _Counted(Collector):
    """Counts that other processes made."""

    def __init__(self, name: str, text: str, counted: Sequence[Count]):
        self._name = name
        self._text = text
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._text, labels=["node", "gateway", "outcome"])
        for count in self._counted:
            family.add_metric([count.node, count.gateway, count.outcome], count.value)
        yield family


def exposition(
    found: Overview | None,
    radius: Sequence[Count] = (),
    portal: Sequence[Count] = (),
    alarms: Mapping[str, Alarm] = MappingProxyType({}),
) -> bytes:
    """The present as metrics. What is not known has no sample: an alert on absence tells it from 0."""
    registry = CollectorRegistry()
    text = "RADIUS packets by what became of them; the gateway is empty for unknown sources."
    registry.register(_Counted("hotspot_radius_packets", text, radius))
    registry.register(_Counted("hotspot_portal_forms", "Login forms by what became of them.", portal))
    text = "1 for a gateway of which RADIUS drops everything: another secret, or it does not sign."
    unheard = Gauge("hotspot_radius_gateway_unheard", text, ["gateway"], registry=registry)
    for gateway in alarms:
        unheard.labels(gateway).set(1)
    build = Gauge("hotspot_build_info", "The running version.", ["version"], registry=registry)
    build.labels(__version__).set(1)
    if found is None:
        return generate_latest(registry)
    last = Gauge(
        "hotspot_telemetry_last_sample_timestamp_seconds", "When access points were last probed.", registry=registry
    )
    last.set(found.last_sample_at or 0)
    ap_up = Gauge(
        "hotspot_ap_up", "1 while the access point answers, 0 while it is down.", ["ap", "site"], registry=registry
    )
    available = Gauge(
        "hotspot_site_available",
        "1 while an access point of the site is up, 0 while none is.",
        ["site"],
        registry=registry,
    )
    active = Gauge("hotspot_sessions_active", "Running sessions of the site.", ["site"], registry=registry)
    for site in found.sites:
        for ap, up in site.access_points.items():
            if up is not None:
                ap_up.labels(ap, site.site.id).set(up)
        if site.state in {State.UP, State.DOWN}:
            available.labels(site.site.id).set(site.state is State.UP)
        active.labels(site.site.id).set(site.sessions)
    return generate_latest(registry)
