"""The city as sites.toml describes it: the types, and the rules a single entry must keep.

`hotspot.inventory` reads a text into these and checks what several entries must keep together. `docs/sites.md` explains
every key to admins. All sizes, rates and times are exact integers inside: bytes, bit/s, seconds, UTC.
"""

import re
from datetime import date, datetime, time
from ipaddress import IPv4Interface, IPv6Address, ip_address, ip_network
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from .errors import RequestError
from .identity import parse_mac
from .units import parse_duration, parse_hours, parse_rate, parse_size

AdmitMethod = Literal["click-through", "voucher", "member"]
SiteKind = Literal["park", "school", "clinic"]

INDONESIA = ((-11.0, 6.5), (94.5, 141.5))
"""Latitudes and longitudes between which every Indonesian site lies, degrees WGS 84."""


def _text(parse: Any) -> BeforeValidator:
    def convert(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError("must be a text in quotes")  # noqa: TRY004 - pydantic reports ValueErrors
        return parse(value)

    return BeforeValidator(convert)


def _mac(text: str) -> str:
    try:
        return parse_mac(text)
    except RequestError as error:
        raise ValueError(f"{text!r} is no MAC address; write it as '02:00:5e:aa:bb:01'") from error


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone; use Asia/Jakarta, Asia/Pontianak, Asia/Makassar or Asia/Jayapura")
    return name


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no network; write it as '10.20.1.0/28' ({error})") from error


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no IP address") from error


def _interface(text: str) -> str:
    interface = IPv4Interface(text)
    if not 16 <= interface.network.prefixlen <= 29 or interface.ip == interface.network.network_address:
        raise ValueError(f"{text!r}: give the AP's own address and a prefix of /16 to /29, like '10.210.0.1/24'")
    return str(interface)


def split_endpoint(text: str, default_port: int | None = None) -> tuple[str, int]:
    """('10.20.1.2', 3799) from '10.20.1.2:3799', '[2001:db8::1]:3799' or, with a default port, an address alone."""
    match = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:]+)(?::(\d{1,5}))?", text)
    if match is None and default_port is not None and text.count(":") > 1:
        return str(IPv6Address(text)), default_port
    host = (match[1] or match[3]) if match else ""
    port = int((match[2] or match[4]) or default_port or 0) if match else 0
    if not host or not 0 < port < 65536:
        raise ValueError(f"{text!r} is no address with a port; write it as '10.20.1.2:3799'")
    return str(ip_address(host)), port


def _endpoint(text: str) -> str:
    split_endpoint(text)
    return text


def _ssh_address(text: str) -> str:
    split_endpoint(text, 22)
    return text


def _secret(text: str) -> str:
    if re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", text) is None:
        raise ValueError('a secret is never written here; name where it is kept: "env:NAME" or "file:/PATH"')
    return text


def _url(text: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", text) is None:
        raise ValueError(f"{text!r} must be a scheme and a host without a path, like 'https://wifi.example.go.id'")
    return text


def _ssid(text: str) -> str:
    if not 1 <= len(text.encode()) <= 32 or not text.isprintable():
        raise ValueError("an SSID has 1 to 32 bytes of printable text")
    return text


def _when_store_is_away(text: str) -> int:
    match = re.fullmatch(r"admit for (\d{1,4}) (minute|hour)s?", text)
    seconds = int(match[1]) * {"minute": 60, "hour": 3600}[match[2]] if match else 0
    if text != "refuse" and not 60 <= seconds <= 86400:
        raise ValueError(
            f"{text!r} is not understood; write it as 'refuse' or 'admit for 15 minutes' (1 minute to 24 hours)"
        )
    return seconds


Bytes = Annotated[int, _text(parse_size), Field(gt=0, le=10**15)]
BitsPerSecond = Annotated[int, _text(parse_rate), Field(ge=1000, le=10**12)]
Seconds = Annotated[int, _text(parse_duration), Field(gt=0, le=366 * 86400)]
Hours = Annotated[tuple[int, int], _text(parse_hours)]
WhenStoreIsAway = Annotated[int, _text(_when_store_is_away)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Mac = Annotated[str, _text(_mac)]
Secret = Annotated[str, _text(_secret)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Ssid = Annotated[str, AfterValidator(_ssid)]
Network = Annotated[str, _text(_network)]
Address = Annotated[str, _text(_address)]
Endpoint = Annotated[str, _text(_endpoint)]
InterfaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,15}$")]
CityRegion = Annotated[str, Field(pattern=r"^\d\d\.\d\d$")]
VillageRegion = Annotated[str, Field(pattern=r"^\d\d\.\d\d\.\d\d\.\d{4}$")]


class Entry(BaseModel):
    """Every table of sites.toml: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    timezone: Annotated[str, AfterValidator(_timezone)] = "Asia/Jakarta"
    operator: Name
    sla: Annotated[float, Field(strict=True, ge=0, le=100)] = 95.0

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class PortalSection(Entry):
    url: Annotated[str, _text(_url)]
    addresses: tuple[Address, ...] = ()
    """Its IPv4 addresses as guests reach them; an access point that runs openNDS lets these through before a login."""
    resolvers: tuple[Address, ...] = ()
    """Upstream DNS servers that the access points ask."""


class WifiSection(Entry):
    ssid: Ssid = "WiFi Gratis"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "ID"


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


class ControllerSection(Entry):
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "root"
    key: Secret | None = None
    """The SSH private key; without it the one in the state folder."""
    confirm: Seconds = 180
    """How long an access point waits for the confirmation before it reverts."""


class Plan(Entry):
    """What a class of people may use."""

    session: Seconds
    time_per_day: Seconds | None = None
    data_per_day: Bytes | None = None
    down: BitsPerSecond | None = None
    up: BitsPerSecond | None = None
    devices: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    idle: Seconds = 900
    hours: Hours | None = None


class RadiusClient(Entry):
    """How a gateway speaks RADIUS to us."""

    sources: Annotated[tuple[Network, ...], Field(min_length=1)]
    secret: Secret
    coa: Endpoint | None = None
    message_authenticator: Annotated[bool, Field(strict=True)] = True
    """Whether Access-Requests must carry a valid Message-Authenticator (CVE-2024-3596)."""
    interim: Seconds = 300


class _Gateway(Span):
    id: Id
    name: Name | None = None


class CoovaChilliGateway(_Gateway):
    nas: Literal["coovachilli"]
    radius: RadiusClient
    uam_secret: Secret
    uamserver: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    """The URL exactly as the gateway has it, where it differs from `<portal.url>/g/<id>`."""


class OpenndsGateway(_Gateway):
    nas: Literal["opennds"]
    fas_level: Literal[1, 2, 3] = 1
    fas_key: Secret
    agent_key: Secret
    agent_interval: Annotated[Seconds, Field(le=300)] = 10
    """How often its agent tells what openNDS counts and asks whom to put out."""
    ap: Id | None = None
    """The access point that runs it; the controller writes its configuration there."""


class MikrotikGateway(_Gateway):
    nas: Literal["mikrotik"]
    radius: RadiusClient


Gateway = Annotated[CoovaChilliGateway | OpenndsGateway | MikrotikGateway, Field(discriminator="nas")]


class Radio(Entry):
    interface: InterfaceName = "wlan0"
    band: Literal["2.4", "5"] = "2.4"
    channel: Annotated[int, Field(strict=True, ge=0, le=196)] = 0
    """0 lets hostapd choose."""


class DebianAccessPoint(Entry):
    """What the controller needs to write a Debian access point."""

    uplink: InterfaceName = "eth0"
    ports: tuple[InterfaceName, ...] = ()
    """Wired ports that guests are joined through, beside the radio."""
    bridge: Annotated[bool, Field(strict=True)] = False
    """Whether the uplink joins the guests' bridge: their gateway stands behind it, not on this access point."""
    radio: Radio | None = None
    network: Annotated[str, _text(_interface)] = "10.210.0.1/22"
    """The guests' network with the AP's own address in it."""

    @model_validator(mode="after")
    def _interfaces_differ(self) -> "DebianAccessPoint":
        names = [self.uplink, *self.ports, *([self.radio.interface] if self.radio else [])]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"{twice} cannot be more than one of uplink, ports and radio.interface")
        return self


class AccessPoint(Span):
    id: Id
    mac: Mac
    address: Annotated[str, _text(_ssh_address)]
    kind: Literal["debian"]
    gateway: Id
    ssid: Ssid | None = None
    debian: DebianAccessPoint = DebianAccessPoint()

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
    location: Annotated[tuple[float, float], AfterValidator(_location)]
    since: date
    timezone: Annotated[str, AfterValidator(_timezone)] | None = None
    plan: Id
    admit: Annotated[tuple[AdmitMethod, ...], Field(min_length=1)]
    sla: Annotated[float, Field(strict=True, ge=0, le=100)] | None = None
    when_store_is_away: WhenStoreIsAway = 0
    """Seconds for which RADIUS admits a fresh ticket that it cannot look up; 0 refuses it."""
    service_hours: Hours | None = None
    """The hours of a day that count for its uptime; without them all of it."""
    funding: Name
    backhaul: Name | None = None
    bandwidth: BitsPerSecond | None = None
    ap: tuple[AccessPoint, ...] = ()


class Inventory(Entry):
    """One city, whole: the parsed text of a revision."""

    city: City
    portal: PortalSection
    wifi: WifiSection = WifiSection()
    probe: ProbeSection = ProbeSection()
    controller: ControllerSection = ControllerSection()
    plans: Annotated[dict[Id, Plan], Field(min_length=1)]
    gateway: tuple[Gateway, ...] = ()
    site: tuple[Site, ...] = ()
    regions: dict[Annotated[str, Field(pattern=r"^\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?$")], Name] = {}
    """Names of region codes (Kemendagri), for reports."""

    def find_gateway(self, gateway_id: str) -> Gateway | None:
        return next((gateway for gateway in self.gateway if gateway.id == gateway_id), None)

    def find_site(self, site_id: str) -> Site | None:
        return next((site for site in self.site if site.id == site_id), None)

    def access_points(self) -> list[tuple[Site, AccessPoint]]:
        return [(site, ap) for site in self.site for ap in site.ap]

    def is_alive(self, site: Site, ap: AccessPoint, now: int) -> bool:
        """Whether an access point and its site are in life at `now`."""
        spans = (entry.span(self.zone(site)) for entry in (site, ap))
        return all((start is None or start <= now) and (end is None or now < end) for start, end in spans)

    def find_ap(self, ap_id: str) -> tuple[Site, AccessPoint] | None:
        return next(((site, ap) for site, ap in self.access_points() if ap.id == ap_id), None)

    def sites_of_gateway(self, gateway_id: str) -> list[Site]:
        """The sites whose access points hang on a gateway, in the order of the text."""
        return [site for site in self.site if any(ap.gateway == gateway_id for ap in site.ap)]

    def site_of(self, gateway_id: str, ap_mac: str | None) -> Site | None:
        """The site of a request: that of the access point named by its MAC, else the gateway's only or first one."""
        sites = self.sites_of_gateway(gateway_id)
        named = [site for site in sites if any(ap.mac == ap_mac for ap in site.ap)]
        return next(iter(named or sites), None)

    def zone(self, site: Site) -> ZoneInfo:
        return ZoneInfo(site.timezone or self.city.timezone)

    def sla(self, site: Site) -> float:
        return self.city.sla if site.sla is None else site.sla

    def uam_url(self, gateway_id: str) -> str:
        """The portal's URL for the phones of one gateway."""
        gateway = self.find_gateway(gateway_id)
        if isinstance(gateway, CoovaChilliGateway) and gateway.uamserver:
            return gateway.uamserver
        return f"{self.portal.url}/g/{gateway_id}"
