"""The protocol's door, without a socket: datagrams in, verified requests or nothing out. Pure but for its memory.

Whom it answers: a source that the inventory names, whose packet parses and is signed. Everything else is dropped and
counted by reason. A retransmission (same source, code, identifier and Authenticator, RFC 5080 section 2.2.2) gets the
same bytes again and never runs a handler twice.
"""

import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from hotspot.errors import ConfigError
from hotspot.nas import RADIUS_DIALECTS, RadiusDialect
from hotspot.sites import CoovaChilliGateway, Inventory, MikrotikGateway

from .packet import Code, Malformed, Packet, build_reply, is_signed, parse, request_authenticator

Source = tuple[str, int]

REMEMBER: Final = 30
"""Seconds for which replies are kept for retransmissions."""
MOST_REMEMBERED: Final = 50_000


@dataclass(frozen=True)
class Client:
    """A gateway as RADIUS knows it."""

    gateway: str
    secret: bytes = field(repr=False)
    signed: bool
    dialect: RadiusDialect


@dataclass(frozen=True)
class Request:
    """A verified request of a known client, waiting for its answer."""

    client: Client
    packet: Packet
    source: Source
    local: int
    """Which of our sockets it came to: an index that the shell chose."""

    def reply(self, code: Code, body: bytes = b"") -> bytes:
        """Access replies are always signed; Accounting-Responses where the request was."""
        sign = code is not Code.ACCOUNTING_RESPONSE or self.packet.get("Message-Authenticator") is not None
        return build_reply(code, self.packet, body, self.client.secret, sign=sign)


class Clients:
    """Who may speak: networks to clients, for one inventory."""

    def __init__(self, inventory: Inventory, secret: Callable[[str], bytes]):
        self._networks: list[tuple[object, Client]] = []
        self._by_source: dict[str, Client | None] = {}
        self.unusable: list[tuple[str, str]] = []
        """(gateway, why) for those whose secret this node does not have."""
        for gateway in inventory.gateway:
            if not isinstance(gateway, CoovaChilliGateway | MikrotikGateway):
                continue
            radius = gateway.radius
            try:
                shared = secret(radius.secret)
            except ConfigError as error:
                self.unusable.append((gateway.id, str(error)))
                continue
            client = Client(gateway.id, shared, radius.message_authenticator, RADIUS_DIALECTS[gateway.nas])
            self._networks += [(ip_network(source), client) for source in radius.sources]

    def of(self, host: str) -> Client | None:
        """The client that a source address belongs to."""
        if host not in self._by_source:
            if len(self._by_source) > 10_000:
                self._by_source.clear()
            self._by_source[host] = self._find(host)
        return self._by_source[host]

    def _find(self, host: str) -> Client | None:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return next((client for network, client in self._networks if address in network), None)  # type: ignore[operator]


class Endpoint:
    """One process's memory of what it has answered and dropped."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._replies: OrderedDict[tuple[Source, int, int, bytes], tuple[int, bytes | None]] = OrderedDict()

    def receive(self, data: bytes, source: Source, local: int, clients: Clients, now: int) -> Request | bytes | None:
        """A request to be answered; the bytes of an answer already given; or None for what is dropped."""
        try:
            client, packet = _admit(data, clients.of(source[0]))
        except Malformed as error:
            self.dropped[str(error)] += 1
            return None
        self._forget(now)
        key = (source, packet.code, packet.identifier, packet.authenticator)
        if key in self._replies:
            answer = self._replies[key][1]
            self.dropped["in-progress"] += answer is None
            return answer
        self._replies[key] = (now, None)
        return Request(client, packet, source, local)

    def answered(self, request: Request, reply: bytes | None) -> None:
        """Remembers a reply; None forgets the request, so that its retransmission is handled anew."""
        packet = request.packet
        key = (request.source, packet.code, packet.identifier, packet.authenticator)
        if reply is None:
            self._replies.pop(key, None)
        elif key in self._replies:
            self._replies[key] = (self._replies[key][0], reply)

    def _forget(self, now: int) -> None:
        while self._replies:
            key, (since, _) = next(iter(self._replies.items()))
            if since > now - REMEMBER and len(self._replies) < MOST_REMEMBERED:
                return
            del self._replies[key]


def _admit(data: bytes, client: Client | None) -> tuple[Client, Packet]:
    """A datagram as an authentic packet of a known client. Malformed names why it is dropped without an answer."""
    if client is None:
        raise Malformed("unknown-source")
    packet = parse(data)
    if packet.code == Code.ACCESS_REQUEST:
        signed = is_signed(packet, client.secret, packet.authenticator)
        # Without the attribute, a Proxy-State is the room that the forgery of CVE-2024-3596 needs.
        if signed is None and (client.signed or packet.get("Proxy-State") is not None):
            raise Malformed("no-message-authenticator")
    elif packet.code == Code.ACCOUNTING_REQUEST:
        signed = is_signed(packet, client.secret, bytes(16))
        if not hmac.compare_digest(packet.authenticator, request_authenticator(packet, client.secret)):
            raise Malformed("bad-authenticator")
    else:
        raise Malformed("code")
    if signed is False:
        raise Malformed("bad-message-authenticator")
    return client, packet
