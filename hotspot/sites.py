"""The city as sites.toml describes it: the types, and the rules a single entry must keep.

`hotspot.inventory` reads a text into these and checks what several entries must keep together. `docs/sites.md` explains
every key to admins. All sizes, rates and times are exact integers inside: bytes, bit/s, seconds, UTC.
"""

import re
from datetime import date, datetime, time
from functools import cached_property
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from .codes import CodesSection
from .fields import (
    Address,
    BitsPerSecond,
    Bytes,
    CertificateName,
    CityRegion,
    Endpoint,
    Entry,
    Hours,
    Id,
    Mac,
    Name,
    Network,
    Orders,
    OrdersWay,
    Origin,
    Region,
    Seconds,
    Secret,
    SshAddress,
    SshKey,
    Tags,
    Timezone,
    VillageRegion,
    WhenStoreIsAway,
    split_endpoint,
    split_orders,
)
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


class Span(Entry):
    """An entry with a life: from the start of `since` until the start of `until`, days in the site's time zone."""

    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "Span":
        if self.since and self.until and not self.since < self.until:
            raise ValueError(f"since ({self.since}) must be before until ({self.until})")
        return self

    def span(self, zone: ZoneInfo) -> tuple[int | None, int | None]:
        """Its life as UTC seconds, None where it is open."""

        def start(day: date | None) -> int | None:
            return int(datetime.combine(day, time(), zone).timestamp()) if day else None

        return start(self.since), start(self.until)


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
    """How long after their last use people and devices are more than a random id (`hotspot.store.retention`)."""

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


class Plan(Entry):
    """What a class of people may use."""

    name: Name | None = None
    """What the pages call it."""
    session: Seconds
    time_per_day: Seconds | None = None
    data_per_day: Bytes | None = None
    down: BitsPerSecond | None = None
    up: BitsPerSecond | None = None
    devices: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    idle: Seconds = 900
    hours: Hours | None = None


DEFAULT_RATE = 1000


class RadiusClient(Entry):
    """How a gateway speaks RADIUS to us."""

    sources: tuple[Network, ...] = ()
    secret: Secret | None = None
    certificate: CertificateName | None = None
    """What its certificate calls it, over TLS (RFC 6614): a common name, or a DNS name, address or URI beside it."""
    coa: Orders | None = None
    coa_from: tuple[Address, ...] = ()
    """The nodes' addresses that it takes orders from over UDP; any node's where there are none."""
    message_authenticator: Annotated[bool, Field(strict=True)] = True
    """Whether Access-Requests must carry a valid Message-Authenticator (CVE-2024-3596)."""
    interim: Seconds = 300
    rate: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = DEFAULT_RATE
    """Requests a second that each of our processes takes from it; far above what a gateway needs."""
    members: Annotated[bool, Field(strict=True)] = False
    """Whether members may log in at the gateway's own page, with their passwords in Access-Requests (PAP)."""

    @property
    def orders(self) -> OrdersWay | None:
        """How it takes orders."""
        return split_orders(self.coa) if self.coa else None

    @model_validator(mode="after")
    def _speaks(self) -> "RadiusClient":
        if bool(self.sources) != (self.secret is not None):
            raise ValueError("sources and secret go together: whoever sends from there must know it")
        if not self.sources and self.certificate is None:
            raise ValueError("give sources and secret, or certificate for a gateway that comes over TLS")
        way = self.orders
        if way and (self.certificate if way.over_tls else self.secret) is None:
            raise ValueError(f"coa {self.coa} needs {'certificate' if way.over_tls else 'sources and secret'}")
        if self.coa_from and (way is None or way.over_tls):
            raise ValueError("coa_from says who may send to coa over UDP; give coa, the address where it listens")
        return self


class _Gateway(Span):
    id: Id
    name: Name | None = None


class RadiusGateway(_Gateway):
    """A gateway that asks us over RADIUS whom to let in, and how far."""

    radius: RadiusClient
    roles: dict[Id, Name] = Field(default_factory=dict)
    """The gateway's own names for what the people of a plan may do, by the plan's id."""
    routed: tuple[Network, ...] = ()
    """The guests' networks, where their addresses reach the portal without NAT and its accounting tells them."""

    def routes(self, address: str) -> bool:
        """Whether an address is one of its guests' as the portal sees them."""
        return any(ip_address(address) in ip_network(network) for network in self.routed)


class CoovaChilliGateway(RadiusGateway):
    nas: Literal["coovachilli", "uspot"]
    uam_secret: Secret
    uamserver: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    """The URL exactly as the gateway has it, where it differs from `<portal.url>/g/<id>`."""
    ap: Id | None = None
    """The access point that runs it; the controller writes uspot's configuration there."""

    @model_validator(mode="after")
    def _written(self) -> "CoovaChilliGateway":
        if self.ap and (self.nas != "uspot" or self.radius.secret is None):
            raise ValueError("only a uspot with a RADIUS secret is configured here; leave ap out")
        return self


class OpenndsGateway(_Gateway):
    nas: Literal["opennds"]
    fas_level: Literal[1, 2, 3] = 1
    fas_key: Secret
    agent_key: Secret
    agent_interval: Annotated[Seconds, Field(le=300)] = 10
    """How often its agent tells what openNDS counts and asks whom to put out."""
    ap: Id | None = None
    """The access point that runs it; the controller writes its configuration there."""


class MikrotikGateway(RadiusGateway):
    nas: Literal["mikrotik"]
    login: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?/login$")] | None = None
    """Its Hotspot's login address as guests reach it; without it the portal does not serve this gateway's phones."""
    ap: Id | None = None
    """The RouterOS access point that runs it; the controller writes its configuration."""


LoginAddress = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]*)?$")]


class _PostedGateway(RadiusGateway):
    """Its phones log in with a form at the gateway."""

    login: LoginAddress | None = None
    """The form's address as guests reach it; without it the portal does not serve this gateway's phones."""


class ArubaGateway(_PostedGateway):
    nas: Literal["aruba"]
    login_role: Name | None = None
    """Its role of devices that have not logged in, whose captive portal profile takes the URL from RADIUS."""


class CiscoGateway(_PostedGateway):
    nas: Literal["cisco"]
    login_role: Name | None = None
    """Its ACL that says which traffic of devices that have not logged in goes to the portal."""


class CambiumGateway(_PostedGateway):
    """Without `login` the access point takes the form at the private address that its redirect names."""

    nas: Literal["cambium"]


class MerakiGateway(RadiusGateway):
    nas: Literal["meraki"]


class MerakiClickGateway(_Gateway):
    """A click-through splash page: its cloud lets in whoever asks, for a time, and tells nobody."""

    nas: Literal["meraki-click"]


class PfsenseGateway(_PostedGateway):
    nas: Literal["pfsense"]


class GenericGateway(_PostedGateway):
    nas: Literal["generic"]


def _over_tls(origin: str) -> str:
    if origin.startswith("http:") and re.match(r"http://(127\.|\[::1\]|localhost:)", origin) is None:
        raise ValueError("its password would travel in clear text; take https")
    return origin


Fingerprint = Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")]


class _ToldGateway(RadiusGateway):
    """Its controller is told by the portal who logs in, and asks over RADIUS then."""

    controller: Annotated[Origin, AfterValidator(_over_tls)] | None = None
    """Where the portal reaches the controller."""
    fingerprint: Fingerprint | None = None
    """SHA-256 of the controller's certificate; without it an authority that this node trusts must have signed it."""


class RuckusGateway(_ToldGateway, _PostedGateway):
    """A ZoneDirector or Unleashed with `login`; a SmartZone with `controller`, `user` and `password`."""

    nas: Literal["ruckus"]
    user: Name = "api"
    """Whom the northbound portal interface knows."""
    password: Secret | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "RuckusGateway":
        if (self.controller is None) != (self.password is None):
            raise ValueError("controller and password go together: a SmartZone is told with its password")
        if self.controller and self.login:
            raise ValueError("give login for a ZoneDirector or controller for a SmartZone, not both")
        return self


class OmadaGateway(_ToldGateway):
    nas: Literal["omada"]


class UnifiGateway(_Gateway):
    nas: Literal["unifi"]
    controller: Annotated[Origin, AfterValidator(_over_tls)]
    """Where the portal reaches the controller."""
    console: Annotated[bool, Field(strict=True)] = False
    """Whether it is part of a UniFi OS console, which serves it below /proxy/network."""
    controller_site: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = "default"
    """What the controller calls the place in its URLs."""
    user: Name
    password: Secret
    fingerprint: Fingerprint | None = None
    """SHA-256 of the controller's certificate; without it an authority that this node trusts must have signed it."""
    poll: Annotated[Seconds, Field(le=300)] = 15
    """How often its guests are counted, and those without a grant put out."""


Gateway = Annotated[
    CoovaChilliGateway
    | OpenndsGateway
    | MikrotikGateway
    | ArubaGateway
    | CiscoGateway
    | RuckusGateway
    | CambiumGateway
    | MerakiGateway
    | MerakiClickGateway
    | OmadaGateway
    | PfsenseGateway
    | GenericGateway
    | UnifiGateway,
    Field(discriminator="nas"),
]


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
    """What is particular to it (`hotspot.wifi`)."""

    @property
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
    """What is particular to its access points (`hotspot.wifi`)."""
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
        named = [site for site in sites if any(ap.mac == ap_mac for ap in site.ap)]
        return next(iter(named or sites), None)

    def wifi_of(self, site: Site, ap: AccessPoint) -> Wifi:
        """How one access point is set up."""
        wifi = joined(self.wifi, site.wifi, ap.wifi)
        garden = tuple(dict.fromkeys((*wifi.walled_garden, *self._open_hosts(site))))
        return wifi.model_copy(update={"walled_garden": garden})

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
