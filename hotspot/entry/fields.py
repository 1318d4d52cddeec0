"""The kinds of values that stand in sites.toml, and what every table of it has in common.

Sizes, rates and times are exact integers inside: bytes, bit/s, seconds. Every fault says how to write it instead.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import date, datetime, time
from ipaddress import IPv4Interface, IPv4Network, IPv6Address, ip_address, ip_network
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from .units import parse_duration, parse_hours, parse_rate, parse_size

_SSH_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


def text_as(parse: Any) -> BeforeValidator:
    """Turns a text, and nothing else, into a value; `parse` raises ValueError."""

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


def _host_interface(text: str) -> str:
    interface = IPv4Interface(text)
    network = interface.network
    if not 8 <= network.prefixlen <= 30 or interface.ip in (network.network_address, network.broadcast_address):
        raise ValueError(f"{text!r}: give an address with its prefix, like '10.20.1.2/24'")
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


class OrdersWay(NamedTuple):
    """How a gateway takes orders. Without an endpoint it is over the TLS connection that it opens itself."""

    over_tls: bool
    endpoint: tuple[str, int] | None


def split_orders(text: str) -> OrdersWay:
    """'10.20.1.2:3799', 'tls:10.20.1.2:2083' or 'tls' alone."""
    if text == "tls":
        return OrdersWay(True, None)
    return OrdersWay(text.startswith("tls:"), split_endpoint(text.removeprefix("tls:")))


def _orders(text: str) -> str:
    try:
        split_orders(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no place for orders; write '10.20.1.2:3799', 'tls:10.20.1.2:2083', or 'tls' for the "
            "connection that the gateway itself opens"
        ) from error
    return text


def certificate_name(text: str) -> str:
    """A name in a certificate as it is compared: in lower case, an address in its usual spelling."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text.lower()


def _ssh_address(text: str) -> str:
    split_endpoint(text, 22)
    return text


def _ssh_key(text: str) -> str:
    kind, _, rest = text.partition(" ")
    base64 = rest.partition(" ")[0]
    try:
        inner = b64decode(base64, validate=True)
    except Base64Error:
        inner = b""
    name = kind.encode()
    if kind not in _SSH_KEYS or not inner.startswith(len(name).to_bytes(4, "big") + name):
        raise ValueError(f'must be an SSH public key, "TYPE BASE64", of the type {", ".join(_SSH_KEYS)}')
    return f"{kind} {base64}"


def _secret(text: str) -> str:
    if re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", text) is None:
        raise ValueError('a secret is never written here; name where it is kept: "env:NAME" or "file:/PATH"')
    return text


def _origin(text: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", text) is None:
        raise ValueError(f"{text!r} must be a scheme and a host without a path, like 'https://wifi.example.go.id'")
    return text


def _when_store_is_away(text: str) -> int:
    match = re.fullmatch(r"admit for (\d{1,4}) (minute|hour)s?", text)
    seconds = int(match[1]) * {"minute": 60, "hour": 3600}[match[2]] if match else 0
    if text != "refuse" and not 60 <= seconds <= 86400:
        raise ValueError(
            f"{text!r} is not understood; write it as 'refuse' or 'admit for 15 minutes' (1 minute to 24 hours)"
        )
    return seconds


def _ssid(text: str) -> str:
    if not 1 <= len(text.encode()) <= 32 or not text.isprintable():
        raise ValueError("an SSID has 1 to 32 bytes of printable text")
    return text


def _destination(text: str) -> str:
    """A network, or a name in lower case with everything below it."""
    if re.fullmatch(r"[0-9./]+|.*:.*", text):
        try:
            return str(IPv4Network(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no IPv4 network; write it as '203.0.113.0/24' ({error})") from error
    label = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    if len(text) > 253 or re.fullmatch(rf"(?:{label}\.)+{label}", text.lower()) is None:
        raise ValueError(f"{text!r} is neither a host nor a network; write 'layanan.example.go.id' or '203.0.113.0/24'")
    return text.lower()


def _tag(text: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", text) is None:
        raise ValueError(f"{text!r} is no tag; write 1 to 32 of a-z, 0-9 and '-', starting with a letter or digit")
    return text


def _each_tag_once(tags: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((tag for tag in tags if tags.count(tag) > 1), None)
    if twice is not None:
        raise ValueError(f"names the tag {twice!r} twice")
    return tags


Bytes = Annotated[int, text_as(parse_size), Field(gt=0, le=10**15)]
BitsPerSecond = Annotated[int, text_as(parse_rate), Field(ge=1000, le=10**12)]
Seconds = Annotated[int, text_as(parse_duration), Field(gt=0, le=366 * 86400)]
Hours = Annotated[tuple[int, int], text_as(parse_hours)]
WhenStoreIsAway = Annotated[int, text_as(_when_store_is_away)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Tags = Annotated[tuple[Annotated[str, text_as(_tag)], ...], AfterValidator(_each_tag_once)]
"""Words by which admins find entries again, each once."""
Mac = Annotated[str, text_as(_mac)]
Secret = Annotated[str, text_as(_secret)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Ssid = Annotated[str, AfterValidator(_ssid)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Origin = Annotated[str, text_as(_origin)]
"""A scheme and a host without a path."""
Network = Annotated[str, text_as(_network)]
Address = Annotated[str, text_as(_address)]
Endpoint = Annotated[str, text_as(_endpoint)]
Orders = Annotated[str, text_as(_orders)]
CertificateName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=r"^[!-~]([ -~]*[!-~])?$"), AfterValidator(certificate_name)
]
SshKey = Annotated[str, text_as(_ssh_key)]
"""An SSH public key, `TYPE BASE64`."""
SshAddress = Annotated[str, text_as(_ssh_address)]
Interface = Annotated[str, text_as(_interface)]
"""An access point's own IPv4 address with its prefix."""
HostInterface = Annotated[str, text_as(_host_interface)]
"""The same in any network that has room for a neighbour."""
Destination = Annotated[str, text_as(_destination)]
Url = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[!-&(-~]*)?$", max_length=250)]
Device = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/+@,-]{1,120}$")]
"""A radio: the name of its interface (Debian, RouterOS), or its phy or its path in /sys (OpenWrt)."""
InterfaceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,15}$")]
Region = Annotated[str, Field(pattern=r"^\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?$")]
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
