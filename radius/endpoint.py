"""The protocol's door, without a socket: datagrams in, verified requests or nothing out. Pure but for its memory.

Whom it answers: a source that the inventory names, whose packet parses and is signed, and that does not ask more often
than it may. Everything else is dropped and counted by reason. A retransmission (same source, code, identifier and
Authenticator, RFC 5080 section 2.2.2) gets the same bytes again and never runs a handler twice.
"""

import hmac
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError
from hotspot.nas import RADIUS_DIALECTS, RadiusDialect, software
from hotspot.nas.entries import DEFAULT_RATE, RadiusGateway
from hotspot.settings import MINIMUM_SECRET

from .wire.mmsg import Source
from .wire.packet import PROXY_STATE, Code, Malformed, Packet, build_reply, is_signed, parse, request_authenticator
from .wire.plain import HEADER

TLS: Final = "tls:"
"""What a source over TLS begins with, instead of an address; a gateway's id follows."""
TLS_SECRET: Final = b"radsec"
"""The secret that everybody has over TLS, where another protects the packets (RFC 6614 section 2.3)."""
REMEMBER: Final = 60
"""Seconds for which a request and its reply are known again."""
MOST_SOURCES: Final = 200_000
"""Of which replies are remembered, at most 256 of each code for a source; the most are gateways that take a new port
for each request."""
_MOST_STRANGERS: Final = 16
_BURST: Final = 2
"""Seconds' worth of requests that a gateway may make at once."""
_ACCESS_REQUEST, _ACCOUNTING_REQUEST = int(Code.ACCESS_REQUEST), int(Code.ACCOUNTING_REQUEST)
_STATUS_SERVER: Final = int(Code.STATUS_SERVER)
_VERSION_EVERY: Final = 60
"""Seconds between two looks at what a gateway tells of its software."""
_ZEROES: Final = bytes(16)


@dataclass(frozen=True, slots=True)
class Client:
    """A gateway as RADIUS knows it."""

    gateway: str
    secret: bytes = field(repr=False)
    signed: bool
    dialect: RadiusDialect
    roles: Mapping[str, str] = field(default_factory=dict)
    """Its own names for what the people of a plan may do."""
    login_role: str | None = None
    members: bool = False
    """Whether members may log in at its own page."""
    rate: int = DEFAULT_RATE
    """Requests a second that it may make."""
    routed: bool = False
    """Whether its sessions' addresses are worth knowing."""
    version: str | None = None
    """The attribute in which its kind tells the version of its software."""


class _Exchange:
    """The header of a request, when it came, and its answer once known."""

    __slots__ = ("answer", "at", "header")

    def __init__(self, header: bytes, at: int):
        self.header = header
        self.at = at
        self.answer: bytes | None = None


class Request:
    """A verified request of a known client, waiting for its answer. `local` says which of our sockets it came to: an
    index that the shell chose."""

    __slots__ = ("client", "exchange", "local", "packet", "source")

    def __init__(self, client: Client, packet: Packet, source: Source, local: int, exchange: _Exchange):
        self.exchange = exchange
        self.client = client
        self.packet = packet
        self.source = source
        self.local = local

    def reply(self, code: Code, body: bytes = b"") -> bytes:
        """Access replies are always signed. Accounting-Responses never: what over, no RFC says, and FreeRADIUS and
        others, who sign over zeroes, refuse those that are signed over the request's Authenticator."""
        sign = code is not Code.ACCOUNTING_RESPONSE
        return build_reply(code, self.packet, body, self.client.secret, sign=sign)


_Heard = dict[int, _Exchange]
"""By code and identifier: the last such request of a source. One with another Authenticator takes its place: its
gateway has given up waiting (RFC 5080 section 2.2.2)."""


class _Bucket:
    """How many requests a gateway may still make: a token for each, filled up with the seconds."""

    __slots__ = ("at", "left")

    def __init__(self, left: int, at: int):
        self.left = left
        self.at = at

    def take(self, rate: int, now: int) -> bool:
        if now > self.at:
            self.left = min(_BURST * rate, self.left + (now - self.at) * rate)
            self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Clients:
    """Who may speak: networks and certificates to clients, for one inventory."""

    def __init__(self, inventory: Inventory, secret: Callable[[str], bytes]):
        self._networks: dict[tuple[int, int], dict[int, Client]] = {}
        """Of an address's bits and a network's length: its first bits, and whose it is. No two gateways share one."""
        self._by_source: dict[str, Client | None] = {}
        self._by_certificate: dict[str, Client] = {}
        self.unusable: list[tuple[str, str]] = []
        """(gateway, why) for those whose secret this node does not have."""
        self.guessable: list[str] = []
        """Gateways whose secret is so short that who overhears them can find it by trying."""
        for gateway in inventory.gateway:
            if not isinstance(gateway, RadiusGateway):
                continue
            radius, dialect, version = gateway.radius, RADIUS_DIALECTS[gateway.nas], software.attribute(gateway.nas)
            if radius.certificate:
                self._by_certificate[radius.certificate] = _client(gateway, dialect, version, TLS_SECRET)
            if radius.secret is None:
                continue
            try:
                shared = secret(radius.secret)
            except ConfigError as error:
                self.unusable.append((gateway.id, str(error)))
                continue
            if len(shared) < MINIMUM_SECRET:
                self.guessable.append(gateway.id)
            client = _client(gateway, dialect, version, shared)
            for source in radius.sources:
                network = ip_network(source)
                bits, length = network.max_prefixlen, network.prefixlen
                first = int(network.network_address) >> (bits - length)
                self._networks.setdefault((bits, length), {})[first] = client
        self._over_tls = {TLS + client.gateway: client for client in self._by_certificate.values()}

    def named(self, names: frozenset[str]) -> Client | None:
        """The client that a certificate's names belong to; None also where they belong to more than one."""
        found = [client for name, client in self._by_certificate.items() if name in names]
        return found[0] if len(found) == 1 else None

    def of(self, host: str) -> Client | None:
        """The client that a source belongs to: an address, or over TLS `tls:` and the gateway's id."""
        if host not in self._by_source:
            if len(self._by_source) > 10_000:
                self._by_source.clear()
            self._by_source[host] = self._find(host)
        return self._by_source[host]

    def _find(self, host: str) -> Client | None:
        if host.startswith(TLS):
            return self._over_tls.get(host)
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        value = int(address)
        for (bits, length), clients in self._networks.items():
            if bits == address.max_prefixlen and (found := clients.get(value >> (bits - length))) is not None:
                return found
        return None


def _client(gateway: RadiusGateway, dialect: RadiusDialect, version: str | None, secret: bytes) -> Client:
    return Client(
        gateway=gateway.id,
        secret=secret,
        signed=gateway.radius.message_authenticator,
        dialect=dialect,
        roles=gateway.roles,
        login_role=getattr(gateway, "login_role", None),
        members=gateway.radius.members,
        rate=gateway.radius.rate,
        routed=bool(gateway.routed),
        version=version,
    )


UNPLACED: Final = "unplaced"
"""Noted where no site can be told."""


class Endpoint:
    """One process's memory of what it has answered and dropped."""

    def __init__(self) -> None:
        self.drops: Counter[tuple[str, str]] = Counter()
        """How often, by gateway and reason; the gateway is empty for unknown sources."""
        self.answers: Counter[tuple[str, int]] = Counter()
        """How often, by gateway and code."""
        self.noted: Counter[tuple[str, str]] = Counter()
        """How often something was odd about what was answered, by gateway and what."""
        self.admitted: Counter[str] = Counter()
        """How many were let in by a ticket, by site."""
        self.skews: dict[str, int] = {}
        """Seconds by which each gateway's clock is ahead, as it last told the time."""
        self.versions: dict[str, str] = {}
        """What each gateway last told of its software."""
        self._versions_due: dict[str, int] = {}
        """When each is asked again what it tells: it is in every packet, and changes once a year."""
        self._heard: dict[Source, _Heard] = {}
        self._older: dict[Source, _Heard] = {}
        """Sources that have been silent since the last turn; the next one forgets them."""
        self._turned_at = 0
        self._buckets: dict[str, _Bucket] = {}
        self._strangers: set[str] = set()

    def strangers(self) -> list[str]:
        """Some of the unknown sources since this was last asked."""
        found, self._strangers = self._strangers, set()
        return sorted(found)

    def receive(self, data: bytes, source: Source, local: int, clients: Clients, now: int) -> Request | bytes | None:
        """A request to be answered; the bytes of an answer already given; or None for what is dropped."""
        client = clients.of(source[0])
        if client is None:
            self.drops["", "unknown-source"] += 1
            if len(self._strangers) < _MOST_STRANGERS:
                self._strangers.add(source[0])
            return None
        try:
            packet = _admit(data, client)
        except Malformed as error:
            self.drops[client.gateway, str(error)] += 1
            return None
        heard = self._heard.get(source)
        if heard is None:
            heard = self._heard[source] = self._older.pop(source, {})
        header = data[:HEADER]
        place = header[0] << 8 | header[1]
        known = heard.get(place)
        if known is not None and known.header == header and now - known.at < REMEMBER:
            if known.answer is None:
                self.drops[client.gateway, "in-progress"] += 1
            return known.answer
        # Only authentic requests that cost work count: who forges a gateway's address cannot use up what is its own.
        bucket = self._buckets.get(client.gateway) or self._buckets.setdefault(
            client.gateway, _Bucket(_BURST * client.rate, now)
        )
        if not bucket.take(client.rate, now):
            self.drops[client.gateway, "rate"] += 1
            return None
        if client.version is not None and now >= self._versions_due.get(client.gateway, 0):
            self._note_version(packet, client.gateway, client.version, now)
        exchange = heard[place] = _Exchange(header, now)
        return Request(client, packet, source, local, exchange)

    def _note_version(self, packet: Packet, gateway: str, attribute: str, now: int) -> None:
        """Believed only where the packet proves the secret: an Access-Request does by its Message-Authenticator."""
        if packet.code == _ACCESS_REQUEST and not packet.signed_at:
            return
        told = packet.text(attribute)
        if told:
            self.versions[gateway] = told[: software.LONGEST]
            self._versions_due[gateway] = now + _VERSION_EVERY

    def answered(self, request: Request, reply: bytes | None) -> None:
        """Remembers a reply; None forgets the request, so that its retransmission is handled anew."""
        if reply is None:
            request.exchange.header = b""
        else:
            self.answers[request.client.gateway, reply[0]] += 1
            request.exchange.answer = reply

    def forget(self, now: int) -> None:
        """Lets go of the replies to gateways that are silent; once for each batch."""
        if now - self._turned_at >= REMEMBER or len(self._heard) >= MOST_SOURCES // 2:
            self._older, self._heard, self._turned_at = self._heard, {}, now


def _admit(data: bytes, client: Client) -> Packet:
    """A datagram as an authentic packet of a client. Malformed names why it is dropped without an answer."""
    packet = parse(data)
    secret = client.secret
    if packet.code == _ACCESS_REQUEST:
        signed = is_signed(packet, secret, packet.authenticator)
        # Without the attribute, a Proxy-State is the room that the forgery of CVE-2024-3596 needs.
        if signed is None and (client.signed or PROXY_STATE in packet.first):
            raise Malformed("no-message-authenticator")
    elif packet.code == _ACCOUNTING_REQUEST:
        signed = is_signed(packet, secret, _ZEROES)
        if not hmac.compare_digest(packet.authenticator, request_authenticator(packet, secret)):
            raise Malformed("bad-authenticator")
    elif packet.code == _STATUS_SERVER:
        signed = is_signed(packet, secret, packet.authenticator)
        if signed is None:  # RFC 5997 section 3: whoever could ask without it could make us talk to anybody
            raise Malformed("no-message-authenticator")
    else:
        raise Malformed("code")
    if signed is False:
        raise Malformed("bad-message-authenticator")
    return packet
