"""How access points are set up: their radios, the networks that they announce, and what their guests are given.

One table, `wifi`, may stand in the city, in a site and in an access point. One rule joins them: each key counts where
it stands nearest to the access point, whole; lists and tables are not joined. What stands nowhere has its default.
"""

import re
from ipaddress import IPv4Interface, ip_address
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from hotspot.entry.fields import (
    Address,
    BitsPerSecond,
    Destination,
    Device,
    Endpoint,
    Entry,
    HostInterface,
    Id,
    Interface,
    InterfaceName,
    Secret,
    Ssid,
    Url,
)

Band = Literal["2.4", "5"]
Security = Literal[
    "open",
    "owe",
    "wpa2-psk",
    "wpa2-wpa3-psk",
    "wpa3-psk",
    "wpa2-enterprise",
    "wpa2-wpa3-enterprise",
    "wpa3-enterprise",
]

CHANNELS: Final[dict[str, frozenset[int]]] = {
    "2.4": frozenset(range(1, 14)),
    "5": frozenset([*range(36, 65, 4), *range(100, 145, 4), *range(149, 178, 4)]),
}
"""Primary channels of 20 MHz (IEEE 802.11-2020, annex E)."""

INDONESIAN_CHANNELS: Final = frozenset([*range(1, 14), *range(36, 65, 4), *range(149, 166, 4)])
"""Those in 2400-2483.5, 5150-5350 and 5725-5825 MHz (Peraturan Menteri Kominfo 1/2019)."""

MOST_NETWORKS: Final = 8
"""That an access point announces: each costs airtime, and radios do no more (4 to 16)."""

_BLOCKS: Final[dict[int, tuple[int, ...]]] = {
    40: (36, 44, 52, 60, 100, 108, 116, 124, 132, 140, 149, 157, 165, 173),
    80: (36, 52, 100, 116, 132, 149, 165),
    160: (36, 100, 149),
}
"""The lowest primary channel of each block of 5 GHz channels that are joined to one width (annex E, table E-4)."""


def block(channel: int, width: int) -> int | None:
    """The lowest channel of the 5 GHz block that a wide channel takes up; None where there is none."""
    return next((low for low in _BLOCKS[width] if low <= channel < low + width // 5), None)


class SsidRadius(Entry):
    """Who decides about the people of an enterprise network."""

    servers: Annotated[tuple[Endpoint, ...], Field(min_length=1, max_length=4)]
    accounting: Annotated[tuple[Endpoint, ...], Field(max_length=4)] = ()
    secret: Secret


class WifiNetwork(Entry):
    """One `[[ssid]]`: a network that access points announce."""

    id: Id
    name: Ssid
    security: Security = "open"
    passphrase: Secret | None = None
    radius: SsidRadius | None = None
    vlan: Annotated[int, Field(strict=True, ge=1, le=4094)] | None = None
    """The VLAN of the uplink that its people are in; without it they are guests of the access point's own network."""
    isolate: Annotated[bool, Field(strict=True)] = True
    """Whether its people are guests: kept from each other, from access points, and without IPv6."""
    bands: tuple[Band, ...] = ()
    """The bands that announce it; all without it."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for key, needed in (
            ("passphrase", self.security.endswith("-psk")),
            ("radius", self.security.endswith("-enterprise")),
        ):
            given = getattr(self, key) is not None
            if given != needed:
                verb = "needs" if needed else "has no"
                raise ValueError(f"{self.security!r} {verb} {key}")
        if not self.isolate and self.vlan is None:
            raise ValueError("isolate = false needs a vlan: people on the access point's own network are always apart")
        if not self.isolate and self.security in ("open", "owe"):
            raise ValueError(f"isolate = false needs a passphrase or radius: anybody may join {self.security!r}")
        return self


class Radio(Entry):
    """One radio of an access point."""

    device: Device
    band: Band
    channel: Annotated[int, Field(strict=True, ge=0, le=196)] = 0
    """0 lets the access point choose."""
    width: Literal[20, 40, 80, 160] = 20
    """MHz."""
    power: Annotated[int, Field(strict=True, ge=1, le=36)] | None = None
    """dBm; without it what the country allows."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.channel and self.channel not in CHANNELS[self.band]:
            raise ValueError(f"{self.channel} is no channel of {self.band} GHz")
        if self.band == "2.4" and self.width > 40:
            raise ValueError("2.4 GHz has no channel wider than 40 MHz")
        if self.band == "5" and self.width > 20 and self.channel and block(self.channel, self.width) is None:
            raise ValueError(f"channel {self.channel} cannot be {self.width} MHz wide")
        return self


def _captive_api(uri: str) -> str:
    """RFC 8908 section 4, RFC 8910 section 2: over TLS, and no literal address, for which no certificate is checked."""
    parts = urlsplit(uri)
    if parts.scheme != "https":
        raise ValueError("phones ask it over TLS alone; write https://, or leave it out")
    if re.search(r"[a-z]", parts.hostname or "") is None or ":" in (parts.hostname or ""):
        raise ValueError("it must name a host: phones check its certificate by the name")
    return uri


class Wifi(Entry):
    """What the table `wifi` may say; the defaults are those of an access point of which nothing is said."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "ID"
    ssids: tuple[Id, ...] | None = None
    """The networks that are announced; every `[[ssid]]` without it."""
    radios: tuple[Radio, ...] = ()
    uplink: InterfaceName = "eth0"
    ports: tuple[InterfaceName, ...] = ()
    """Wired ports that guests are joined through, beside the radios."""
    bridge: Annotated[bool, Field(strict=True)] = False
    """Whether the uplink joins the guests' bridge: their gateway stands behind it, not on this access point."""
    network: Interface = "10.210.0.1/22"
    """The guests' network with the access point's own address in it."""
    uplink_address: HostInterface | None = None
    """The access point's address on its uplink; without it the uplink asks by DHCP, or (Debian) stays as it is."""
    uplink_gateway: Address | None = None
    ssh_port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    """Where its SSH server listens; without it the port of its `address`."""
    resolvers: tuple[Address, ...] = ()
    """The DNS servers that access points ask for their guests."""
    family_resolvers: tuple[Address, ...] = ()
    """Those that leave out what is not for children."""
    family_safe: Annotated[bool, Field(strict=True)] | None = None
    """Whether the latter are asked; without it at schools only."""
    walled_garden: tuple[Destination, ...] = ()
    """What guests reach before they log in, beside the portal."""
    down: BitsPerSecond | None = None
    """What all guests of an access point together may receive, and send."""
    up: BitsPerSecond | None = None
    radius_servers: tuple[Address, ...] = ()
    """Our RADIUS nodes as access points reach them, for gateways that run on these."""
    captive_api: Annotated[Url, AfterValidator(_captive_api)] | None = None
    """What phones are told by DHCP (RFC 8910), where the gateway has no captive portal API of its own."""

    @property
    def garden_networks(self) -> tuple[str, ...]:
        return tuple(one for one in self.walled_garden if "/" in one)

    @property
    def garden_names(self) -> tuple[str, ...]:
        """Names that are open with everything below them."""
        return tuple(one for one in self.walled_garden if "/" not in one)

    def faults(self) -> list[tuple[str, str]]:
        """(key, what is wrong) of keys that do not go together, wherever each of them stands."""
        found: list[tuple[str, str]] = []
        names = [self.uplink, *self.ports, *(radio.device for radio in self.radios)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            found.append(("uplink", f"{twice} cannot be more than one of uplink, ports and the radios' devices"))
        if self.uplink_gateway is not None:
            own = IPv4Interface(self.uplink_address) if self.uplink_address else None
            if own is None:
                found.append(("uplink_gateway", "needs an uplink_address beside it"))
            elif ip_address(self.uplink_gateway) not in own.network:
                found.append(("uplink_gateway", f"{self.uplink_gateway} is not in the network of {own}"))
        return found


def joined(*levels: Wifi | None) -> Wifi:
    """The settings of an access point from those of the city, its site and itself, in this order."""
    values = {key: getattr(level, key) for level in levels if level is not None for key in level.model_fields_set}
    return Wifi.model_construct(set(values), **values)
