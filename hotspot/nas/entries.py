"""The gateways of sites.toml: each kind with what we must know of it, and the rules a single entry must keep."""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from hotspot.entry.fields import (
    Address,
    CertificateName,
    Entry,
    Id,
    Name,
    Network,
    Orders,
    OrdersWay,
    Origin,
    Seconds,
    Secret,
    Span,
    split_orders,
)

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


class OpnsenseGateway(_PostedGateway):
    nas: Literal["opnsense"]


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

    @property
    def account(self) -> tuple[str, Secret | None]:
        """As whom the portal speaks to the controller: a name, and where its password is."""
        return self.user, self.password

    @model_validator(mode="after")
    def _one_way(self) -> "RuckusGateway":
        if (self.controller is None) != (self.password is None):
            raise ValueError("controller and password go together: a SmartZone is told with its password")
        if self.controller and self.login:
            raise ValueError("give login for a ZoneDirector or controller for a SmartZone, not both")
        return self


class OmadaGateway(_ToldGateway):
    nas: Literal["omada"]

    @property
    def account(self) -> tuple[str, Secret | None]:
        """It asks nobody who they are."""
        return "", None


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
    | OpnsenseGateway
    | PfsenseGateway
    | GenericGateway
    | UnifiGateway,
    Field(discriminator="nas"),
]
