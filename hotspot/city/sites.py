"""The city as sites.toml describes it: the types, and the rules a single entry must keep.

`hotspot.city.inventory` reads a text into these and checks what several entries must keep together. `docs/sites.md`
explains every key to admins. All sizes, rates and times are exact integers inside: bytes, bit/s, seconds, UTC.
"""

import re
from datetime import date
from functools import cached_property
from ipaddress import IPv4Address, ip_address
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from hotspot.admission.plan import Plan
from hotspot.entry.fields import (
    Address,
    BitsPerSecond,
    CityRegion,
    Endpoint,
    Entry,
    Hours,
    Id,
    Mac,
    Name,
    Origin,
    Region,
    Seconds,
    Secret,
    Span,
    SshAddress,
    SshKey,
    Tags,
    Timezone,
    VillageRegion,
    WhenStoreIsAway,
    split_endpoint,
)
from hotspot.nas.entries import CoovaChilliGateway, Gateway

from .codes import CodesSection
from .hook import ComplaintsSection
from .look import LANGUAGES, Language, Look
from .oidc import OidcSection
from .wifi import Wifi, WifiNetwork, joined

AdmitMethod = Literal["click-through", "voucher", "code", "member", "oidc", "remembered"]
SiteKind = Literal["park", "school", "clinic"]

UserName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]

INDONESIA = ((-11.0, 6.5), (94.5, 141.5))
"""Latitudes and longitudes between which every Indonesian site lies, degrees WGS 84."""


def _each_once(languages: tuple[Language, ...]) -> tuple[Language, ...]:
    if len(set(languages)) < len(languages):
        raise ValueError("names a language twice")
    return languages


class City(Entry):
    name: Name
    region: CityRegion
    timezone: Timezone = "Asia/Jakarta"
    operator: Name
    sla: Annotated[float, Field(strict=True, ge=0, le=100)] = 95.0

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class PortalSection(Entry):
    url: Origin
    addresses: tuple[Address, ...] = ()
    """Its IPv4 addresses as guests reach them; an access point that runs openNDS lets these through before a login."""
    languages: Annotated[tuple[Language, ...], Field(min_length=1), AfterValidator(_each_once)] = LANGUAGES
    """The pages' languages in the order in which they are offered; the first where a browser asks for none of them."""
    remember: Annotated[Seconds, Field(ge=7 * 86400, le=14 * 86400)] = 7 * 86400
    """For how long a device is remembered, at sites that admit by "remembered"."""
    look: Look = Look()


class RetentionSection(Entry):
    """How long after their last use people and devices are more than a random id (`hotspot.rules.retention`)."""

    personal: Annotated[Seconds, Field(ge=35 * 86400)] = 90 * 86400
    school: Annotated[Seconds, Field(ge=35 * 86400)] = 35 * 86400
    """At schools. At least a month, so that a month's report counts no device twice."""


class ProbeSection(Entry):
    """How telemetry decides UP and DOWN (docs/telemetry.md)."""

    interval: Seconds = 60
    timeout: Seconds = 3
    down_after: Annotated[int, Field(strict=True, ge=1, le=100)] = 3
    """Failed probes in a row before an access point counts as DOWN ..."""
    down_for: Seconds = 180
    """... and the seconds they must span."""
    up_after: Annotated[int, Field(strict=True, ge=1, le=100)] = 2
    """Good probes in a row before it counts as UP again."""
    uplink: Endpoint | None = None
    """A TCP endpoint that tells whether the monitor itself is connected; without it the monitor trusts its network."""


class TunnelSection(Entry):
    """The relay to which access points behind somebody else's NAT keep a connection."""

    host: SshAddress
    user: UserName = "nirkabel-tunnel"
    host_key: SshKey

    @property
    def endpoint(self) -> tuple[str, int]:
        return split_endpoint(self.host, 22)


class ControllerSection(Entry):
    user: UserName = "root"
    key: Secret | None = None
    """The SSH private key; without it the one in the state folder."""
    certificate: Secret | None = None
    """The key's certificate, of an authority that access points with OpenSSH trust (TrustedUserCAKeys)."""
    host_ca: SshKey | None = None
    """The authority that signs access points' host keys; one that is adopted must show the pinned key nevertheless."""
    tunnel: TunnelSection | None = None
    confirm: Seconds = 180
    """How long an access point waits for the confirmation before it reverts."""


class AccessPoint(Span):
    id: Id
    mac: Mac
    address: SshAddress
    kind: Literal["debian", "openwrt", "routeros"]
    user: UserName | None = None
    """Who logs in there; without it `controller.user`."""
    tunnel: Annotated[int, Field(strict=True, ge=1024, le=65535)] | None = None
    """The port on which the relay (`controller.tunnel`) listens for it, where somebody else's NAT stands before it."""
    gateway: Id
    tags: Tags = ()
    """Words by which admins choose access points, beside those of its site."""
    wifi: Wifi | None = None
    """What is particular to it (`hotspot.city.wifi`)."""

    @cached_property
    def endpoint(self) -> tuple[str, int]:
        """Where the controller reaches it over SSH."""
        return split_endpoint(self.address, 22)


def _location(value: tuple[float, float]) -> tuple[float, float]:
    (south, north), (west, east) = INDONESIA
    latitude, longitude = value
    if south <= latitude <= north and west <= longitude <= east:
        return value
    if south <= longitude <= north and west <= latitude <= east:
        raise ValueError(f"latitude and longitude are swapped; write [{longitude}, {latitude}]")
    raise ValueError(f"[{latitude}, {longitude}] lies outside Indonesia; write [latitude, longitude] in degrees")


class Site(Span):
    id: Id
    name: Name
    kind: SiteKind
    address: Name | None = None
    region: VillageRegion
    district: Id | None = None
    """What admins call its district (kecamatan) when they choose access points."""
    tags: Tags = ()
    location: Annotated[tuple[float, float], AfterValidator(_location)]
    since: date
    timezone: Timezone | None = None
    plan: Id
    admit: Annotated[tuple[AdmitMethod, ...], Field(min_length=1)]
    look: Look | None = None
    """What its pages show otherwise than those of the city."""
    sla: Annotated[float, Field(strict=True, ge=0, le=100)] | None = None
    when_store_is_away: WhenStoreIsAway = 0
    """Seconds for which RADIUS admits a fresh ticket that it cannot look up; 0 refuses it."""
    service_hours: Hours | None = None
    """The hours of a day that count for its uptime; without them all of it."""
    funding: Name
    backhaul: Name | None = None
    bandwidth: BitsPerSecond | None = None
    drift: Literal["repair", "report"] = "report"
    """What `hotspot reconcile` does about files that somebody changed on its access points."""
    wifi: Wifi | None = None
    """What is particular to its access points (`hotspot.city.wifi`)."""
    ap: tuple[AccessPoint, ...] = ()


class Inventory(Entry):
    """One city, whole: the parsed text of a revision."""

    city: City
    portal: PortalSection
    codes: CodesSection = CodesSection()
    oidc: OidcSection | None = None
    complaints: ComplaintsSection = ComplaintsSection()
    retention: RetentionSection = RetentionSection()
    wifi: Wifi = Wifi()
    ssid: tuple[WifiNetwork, ...] = (WifiNetwork(id="wifi-gratis", name="WiFi Gratis"),)
    probe: ProbeSection = ProbeSection()
    controller: ControllerSection = ControllerSection()
    plans: Annotated[dict[Id, Plan], Field(min_length=1)]
    gateway: tuple[Gateway, ...] = ()
    site: tuple[Site, ...] = ()
    regions: dict[Region, Name] = Field(default_factory=dict)
    """Names of region codes (Kemendagri), for reports."""

    @cached_property
    def _wifi(self) -> dict[tuple[int, int, tuple[str, ...]], Wifi]:
        """What `wifi_of` has joined, by who they are that have settings of their own, and what is open there."""
        return {}

    @cached_property
    def _gateway_by_id(self) -> dict[str, Gateway]:
        return {gateway.id: gateway for gateway in reversed(self.gateway)}

    @cached_property
    def _site_by_id(self) -> dict[str, Site]:
        return {site.id: site for site in reversed(self.site)}

    @cached_property
    def _sites_by_gateway(self) -> dict[str, list[Site]]:
        found: dict[str, list[Site]] = {}
        for site in self.site:
            for gateway in dict.fromkeys(ap.gateway for ap in site.ap if ap.gateway):
                found.setdefault(gateway, []).append(site)
        return found

    def find_gateway(self, gateway_id: str) -> Gateway | None:
        return self._gateway_by_id.get(gateway_id)

    def find_site(self, site_id: str) -> Site | None:
        return self._site_by_id.get(site_id)

    def access_points(self) -> list[tuple[Site, AccessPoint]]:
        return [(site, ap) for site in self.site for ap in site.ap]

    def is_alive(self, site: Site, ap: AccessPoint, now: int) -> bool:
        """Whether an access point and its site are in life at `now`."""
        spans = (entry.span(self.zone(site)) for entry in (site, ap))
        return all((start is None or start <= now) and (end is None or now < end) for start, end in spans)

    @cached_property
    def ap_by_id(self) -> dict[str, tuple[Site, AccessPoint]]:
        return {ap.id: (site, ap) for site, ap in self.access_points()}

    def find_ap(self, ap_id: str) -> tuple[Site, AccessPoint] | None:
        return self.ap_by_id.get(ap_id)

    @cached_property
    def management(self) -> tuple[str, ...]:
        """The IPv4 addresses at which the controller reaches access points, in order, each once."""
        hosts = {ip_address(ap.endpoint[0]) for _, ap in self.access_points()}
        reached = [host for host in hosts if isinstance(host, IPv4Address) and not host.is_loopback]
        return tuple(str(host) for host in sorted(reached))

    def sites_of_gateway(self, gateway_id: str) -> list[Site]:
        """The sites whose access points hang on a gateway, in the order of the text."""
        return self._sites_by_gateway.get(gateway_id, [])

    def site_of(self, gateway_id: str, ap_mac: str | None) -> Site | None:
        """The site of a request: that of the access point named by its MAC, else the gateway's only or first one."""
        sites = self.sites_of_gateway(gateway_id)
        if len(sites) > 1:
            named = (site for site in sites if any(ap.mac == ap_mac for ap in site.ap))
            return next(named, sites[0])
        return sites[0] if sites else None

    def wifi_of(self, site: Site, ap: AccessPoint) -> Wifi:
        """How one access point is set up; the same for all that have no settings of their own."""
        opened = tuple(self._open_hosts(site))
        key = (id(site.wifi), id(ap.wifi), opened)
        found = self._wifi.get(key)
        if found is None:
            wifi = joined(self.wifi, site.wifi, ap.wifi)
            garden = tuple(dict.fromkeys((*wifi.walled_garden, *opened)))
            found = self._wifi[key] = wifi.model_copy(update={"walled_garden": garden})
        return found

    def networks_of(self, site: Site, ap: AccessPoint) -> tuple[WifiNetwork, ...]:
        """The networks that an access point announces, in the order in which they are told."""
        return self.announced(self.wifi_of(site, ap))

    def announced(self, wifi: Wifi) -> tuple[WifiNetwork, ...]:
        """The same, where it is known how the access point is set up."""
        ids = wifi.ssids
        return self.ssid if ids is None else tuple(one for name in ids for one in self.ssid if one.id == name)

    def resolvers(self, site: Site, ap: AccessPoint) -> tuple[str, ...]:
        """The DNS servers that an access point asks for its guests; empty where none are named."""
        wifi = self.wifi_of(site, ap)
        family = site.kind == "school" if wifi.family_safe is None else wifi.family_safe
        return wifi.family_resolvers if family else wifi.resolvers

    def district_names(self, site: Site) -> tuple[str, ...]:
        """By what a site's district is chosen: its name in lower case with hyphens, where it has one, and its code."""
        code = site.region[:8]
        named = site.district or re.sub(r"[^a-z0-9]+", "-", self.regions.get(code, "").lower()).strip("-")
        return (named, code) if named else (code,)

    def zone(self, site: Site) -> ZoneInfo:
        return ZoneInfo(site.timezone or self.city.timezone)

    def sla(self, site: Site) -> float:
        return self.city.sla if site.sla is None else site.sla

    def look(self, site: Site | None) -> Look:
        """What a site's pages look like."""
        return self.portal.look.with_(site.look if site else None)

    def garden(self, gateway_id: str) -> list[str]:
        """The hosts that a gateway should let through before a login, for the links and logins of its sites' pages."""
        return sorted({host for site in self.sites_of_gateway(gateway_id) for host in self._open_hosts(site)})

    def _open_hosts(self, site: Site) -> list[str]:
        linked = [host for link in self.look(site).links for host in link.garden]
        return [*linked, *(self.oidc.garden if self.oidc and "oidc" in site.admit else ())]

    def uam_url(self, gateway_id: str) -> str:
        """The portal's URL for the phones of one gateway."""
        gateway = self.find_gateway(gateway_id)
        if isinstance(gateway, CoovaChilliGateway) and gateway.uamserver:
            return gateway.uamserver
        return f"{self.portal.url}/g/{gateway_id}"
