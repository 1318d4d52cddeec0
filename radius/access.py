"""Access-Request: what is asked, and the answers. Pure decisions; `radius.service` asks the store in between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from hotspot.admission import ticket
from hotspot.admission.grant import Grant, Limits
from hotspot.errors import RequestError
from hotspot.nas import RadiusDialect
from hotspot.nas.attributes import Stranger
from hotspot.people.identity import parse_mac
from hotspot.people.password import LONGEST_PASSWORD
from hotspot.store.persons.people import normal_name
from hotspot.store.stays.redemption import Claim, Held, Redeemed

from .accounting import called, station
from .endpoint import Request
from .wire import mschap
from .wire.dictionary import encode, number
from .wire.packet import VENDOR_SPECIFIC, Code, Packet, password_matches, reveal_password

_USER_NAME = number("User-Name")[1]
_USER_PASSWORD, _CHAP_PASSWORD = number("User-Password")[1], number("CHAP-Password")[1]
_SERVICE_TYPE = number("Service-Type")[1]
_CALLED = number("Called-Station-Id")[1]
_CALL_CHECK = (10).to_bytes(4, "big")
_ENCRYPTION_ALLOWED, _RC4_128 = 1, 4


@dataclass(slots=True, eq=False)
class Login:
    """A request that proves possession of a ticket's password; whether the ticket still counts, the store knows."""

    claim: Claim
    request: Request
    proof: mschap.Proof | None = None
    """What MS-CHAPv2 wants to hear in return."""


class Station:
    """MAC authentication: a device asks without anything that proves who uses it."""

    __slots__ = ("mac", "request")

    def __init__(self, mac: str, request: Request):
        self.mac = mac
        self.request = request


@dataclass(slots=True, eq=False, repr=False)
class Member:
    """Somebody at a gateway's own page who says that they are a member."""

    name: str
    """As `people.normal_name` has it."""
    password: str
    mac: str
    request: Request


@dataclass(slots=True, eq=False)
class Refusal:
    """`code` is the key of its text in the catalogues."""

    code: str
    request: Request
    language: str = "id"
    values: Mapping[str, str] = field(default_factory=dict)
    garbled: bool = False
    """Whether what should be a password is no text: it was hidden with another secret than ours."""


def read(request: Request, ticket_key: bytes) -> Login | Station | Member | Refusal:
    """Who asks. A ticket's password binds it to this gateway and to the MAC that the gateway sees."""
    packet = request.packet
    user_name = packet.first.get(_USER_NAME, b"")
    name = user_name.decode("ascii", "replace")
    try:
        mac = station(packet)
    except RequestError:
        return Refusal("no-calling-station", request)
    if ticket.is_ticket_id(name):
        return _login(request, name, ticket.password(ticket_key, name, request.client.gateway, mac))
    if packet.first.get(_SERVICE_TYPE) == _CALL_CHECK or _is_mac(name, mac):
        return Station(mac, request)
    if request.client.members and user_name:
        return _member(request, user_name, mac)
    return Refusal("unknown-user", request)


def _login(request: Request, name: str, expected: str) -> Login | Refusal:
    """A ticket, if the request proves its password by PAP, CHAP or MS-CHAPv2."""
    packet = request.packet
    claim = Claim(name, request.client.gateway, packet.authenticator)
    if _USER_PASSWORD in packet.first or _CHAP_PASSWORD in packet.first:
        if password_matches(packet, request.client.secret, expected.encode()):
            return Login(claim, request)
    elif (proof := _mschap(packet, name.encode(), expected)) is not None:
        return Login(claim, request, proof)
    return Refusal("wrong-password", request, garbled=_is_garbled(packet, request.client.secret))


def _is_garbled(packet: Packet, secret: bytes) -> bool:
    """Whether a ticket's password cannot be what a phone was given, which is ASCII: that of a wrong guess is text."""
    hidden = packet.first.get(_USER_PASSWORD)
    clear = None if hidden is None else reveal_password(hidden, secret, packet.authenticator)
    return clear is not None and not (clear.isascii() and clear.decode("ascii", "replace").isprintable())


def _mschap(packet: Packet, user_name: bytes, expected: str) -> mschap.Proof | None:
    challenge, response = packet.get("MS-CHAP-Challenge"), packet.get("MS-CHAP2-Response")
    if challenge is None or response is None:
        return None
    return mschap.verify(user_name, expected, challenge, response)


def _member(request: Request, user_name: bytes, mac: str) -> Member | Refusal:
    """A member's name and password. What is kept of a password, argon2id, can answer nothing but the password."""
    packet = request.packet
    hidden = packet.first.get(_USER_PASSWORD)
    if hidden is None:
        return Refusal("member-needs-pap", request)
    clear = reveal_password(hidden, request.client.secret, packet.authenticator)
    try:
        name, password = normal_name(user_name.decode()), (clear or b"").decode()
    except (RequestError, UnicodeDecodeError):
        return Refusal("member-wrong", request)
    if not 0 < len(password) <= LONGEST_PASSWORD:
        return Refusal("member-wrong", request)
    return Member(name, password, mac, request)


def _is_mac(user_name: str, mac: str) -> bool:
    """Whether a User-Name is the calling station's address, in any of the vendors' spellings."""
    if not 12 <= len(user_name) <= 17:
        return False
    try:
        return parse_mac(user_name) == mac
    except RequestError:
        return False


def accept(login: Login, redeemed: Redeemed) -> bytes:
    """The Access-Accept: the limits as this gateway understands them, and the ticket as Class.

    What is left is counted from the first redemption, so that a retransmission answered by another node reads the same.
    """
    held = redeemed.held
    returned = b"" if login.proof is None else _returned(login.request, login.proof)
    return _accepted(login.request, held, redeemed.at, held.left, login.claim.ticket, returned)


def resume(request: Request, held: Held, now: int) -> bytes:
    """The Access-Accept by which a device goes on under its grant. Class names the grant: there is no ticket."""
    left = None if held.left is None else max(1, held.left)
    return _accepted(request, held, now, left, held.grant)


def admit(request: Request, grant: Grant) -> bytes:
    """The Access-Accept for somebody who was given a grant by this request, or by the same one before."""
    return _accepted(request, Held.whole(grant), grant.starts_at, grant.limits.total, grant.id)


def _accepted(request: Request, held: Held, at: int, total: int | None, name: str, returned: bytes = b"") -> bytes:
    client = request.client
    left = max(1, held.ends_at - at)  # what remains, however little: a ticket may come a minute after its grant
    role = client.roles.get(held.plan) if client.roles else None
    told = _told(client.dialect, role, left, held.idle, held.down, held.up, total, held.interim)
    return request.reply(Code.ACCESS_ACCEPT, told + encode("Class", name.encode()) + returned)


@lru_cache(maxsize=8192)
def _told(
    dialect: RadiusDialect,
    role: str | None,
    session: int,
    idle: int,
    down: int | None,
    up: int | None,
    total: int | None,
    interim: int,
) -> bytes:
    """Limits as one kind of gateway understands them. People of one plan who come in at once share them."""
    limits = Limits(session, idle, down, up, total, interim)
    return b"".join([encode(name, value) for name, value in dialect.accept(limits, role)])


def _returned(request: Request, proof: mschap.Proof) -> bytes:
    """MS-CHAP2-Success, and the keys for a gateway that encrypts (RFC 2548 sections 2.3.3 and 2.4)."""
    secret, authenticator = request.client.secret, request.packet.authenticator
    return b"".join(
        [
            encode("MS-CHAP2-Success", proof.success),
            encode("MS-MPPE-Send-Key", mschap.hide_key(proof.send_key, secret, authenticator, 1)),
            encode("MS-MPPE-Recv-Key", mschap.hide_key(proof.receive_key, secret, authenticator, 2)),
            encode("MS-MPPE-Encryption-Policy", _ENCRYPTION_ALLOWED),
            encode("MS-MPPE-Encryption-Types", _RC4_128),
        ]
    )


def reject(request: Request, message: str, further: bytes = b"") -> bytes:
    """The Access-Reject with a Reply-Message for the person, then `further` attributes."""
    body = encode("Reply-Message", message.encode()[:250].decode(errors="ignore")) + further
    if VENDOR_SPECIFIC in request.packet.first:
        response = request.packet.get("MS-CHAP2-Response")
        if response:
            body += encode("MS-CHAP-Error", mschap.failure(response, message))
    return request.reply(Code.ACCESS_REJECT, body)


def redirect(station: Station, url: str, message: str, key: bytes) -> bytes:
    """What the gateway of a device that must log in first is told: where the portal is, in its own way."""
    client, packet = station.request.client, station.request.packet
    ap_mac = called(packet.first.get(_CALLED, b""))
    stranger = Stranger(url, station.mac, client.gateway, ap_mac, client.login_role, packet.all, key)
    found = client.dialect.redirect(stranger)
    if found is None:
        return reject(station.request, message)
    attributes = b"".join([encode(name, value) for name, value in found.attributes])
    if found.accept:
        return station.request.reply(Code.ACCESS_ACCEPT, attributes)
    return reject(station.request, message, attributes)
