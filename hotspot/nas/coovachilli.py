"""CoovaChilli and what speaks like it (Cradlepoint, mostly uspot): the UAM redirect, the logon call, RADIUS. Pure.

Source: coova-chilli src/redir.c (bstring_buildurl, redir_getreq, redir_reply), src/chilli.c (acct_req); vectors in
tests/nas.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from hotspot.admission.grant import Limits
from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from . import attributes
from .arrival import Arrival, Stage
from .lack import Lack

NAME: Final = "coovachilli"

CLIENT_KEY: Final = "%{m}/%{s}"
"""What its option `captiveportalapi_uri` replaces by a phone's MAC address and its session's Acct-Session-Id."""

VERSION: Final = "CoovaChilli-Version"
"""In every Access- and Accounting-Request (1.6 to 1.9, src/radius.c, radius_default_pack)."""
CAPTIVE_API: Final = "captive API"
LACKS: Final = (
    Lack(
        (1, 9),
        CAPTIVE_API,
        "it hands captiveportalapi_uri on as it stands, with %{m} and %{s} in it, so phones ask for an address that is "
        "nobody's",
        "leave captiveportalapi_uri out, or bring the gateway to CoovaChilli 1.9",
    ),
)
"""Read in 1.8 and 1.9, src/dhcp.c; seen in 1.8."""

_ESCAPE: Final = re.compile("%[0-9A-F]{2}")
_STAGES: Final = {
    "notyet": Stage.WANTS_IN,
    "splash": Stage.WANTS_IN,
    "challenge": Stage.WANTS_IN,
    "failed": Stage.REFUSED,
    "reject": Stage.REFUSED,  # uspot's word
    "success": Stage.ADMITTED,
    "already": Stage.ADMITTED,
    "logoff": Stage.LEFT,
}


def recognises(query: Mapping[str, str]) -> bool:
    return {"res", "uamip", "uamport"} <= query.keys()


def arrive(gateway: str, url: str, query: Mapping[str, str], secret: bytes) -> Arrival:
    """The phone that a UAM redirect describes.

    `url` is the whole URL as the gateway wrote it, its escapes untouched: `md`, the last parameter, is the upper-case
    hex MD5 of everything before it followed by the UAM secret. RequestError("bad-signature") where it is not.
    """
    signed, _, md = url.rpartition("&md=")
    if not signed or not (_is_of(signed, md, secret) or _is_of(_as_written(signed), md, secret)):
        raise RequestError("bad-signature", gateway)
    stage = _STAGES.get(query["res"])
    if stage is None:
        raise RequestError("bad-request", f"res={query['res'][:20]}")
    if re.fullmatch(r"[0-9.]{7,15}", query["uamip"]) is None or re.fullmatch(r"\d{1,5}", query["uamport"]) is None:
        raise RequestError("bad-request", "uamip or uamport")
    data = {name: query[name] for name in ("uamip", "uamport", "challenge") if name in query}
    return Arrival(
        gateway=gateway,
        stage=stage,
        mac=parse_mac(query.get("mac", "")),
        ip=query.get("ip", ""),
        ap_mac=_mac_or_none(query.get("called", "")),
        message=query.get("reply", ""),
        unanswered=query.get("reason") == "timeout",
        mark=md.lower(),
        data=data,
    )


def _is_of(signed: str, md: str, secret: bytes) -> bool:
    # the portal reads a query as Latin-1, so that every byte of it is there
    raw = signed.encode("latin-1") if signed.isascii() or max(signed) <= "\xff" else signed.encode()
    expected = hashlib.md5(raw + secret, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(md.lower().encode(), expected.encode())


def _as_written(url: str) -> str:
    """With its escapes in lower case, as CoovaChilli writes them: libsoup, and so GNOME's own window for captive
    portals, sends them in upper case."""
    return _ESCAPE.sub(lambda found: found[0].lower(), url)


def _mac_or_none(text: str) -> str | None:
    try:
        return parse_mac(text)
    except RequestError:
        return None  # `called` is whatever the option nasmac says


def chap_response(challenge: str, secret: bytes, password: str, ident: int = 0) -> str:
    """The `response` of a logon: MD5(ident | password | MD5(challenge | secret)), lower-case hex."""
    try:
        raw = bytes.fromhex(challenge)
    except ValueError as error:
        raise RequestError("bad-request", "challenge") from error
    secured = hashlib.md5(raw + secret, usedforsecurity=False).digest()
    return hashlib.md5(bytes([ident]) + password.encode() + secured, usedforsecurity=False).hexdigest()


def hand_back(arrival: Arrival, user_name: str, password: str, secret: bytes) -> str:
    """The URL at which the phone logs on with a ticket. RequestError("expired") without a challenge."""
    challenge = arrival.data.get("challenge")
    if not challenge:
        raise RequestError("expired", "no challenge")
    response = chap_response(challenge, secret, password)
    return f"{origin(arrival)}/logon?username={quote(user_name)}&response={response}"


def log_off(arrival_data: Mapping[str, str]) -> str | None:
    """The URL at which a phone logs itself off."""
    if not {"uamip", "uamport"} <= arrival_data.keys():
        return None
    return f"http://{arrival_data['uamip']}:{arrival_data['uamport']}/logoff"


def prelogin(arrival: Arrival) -> str:
    """The URL that sends the phone back here with a new challenge."""
    return f"{origin(arrival)}/prelogin"


def origin(arrival: Arrival) -> str:
    """Where the gateway listens for phones."""
    return f"http://{arrival.data['uamip']}:{arrival.data['uamport']}"


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. Intervals below a minute make CoovaChilli send none, so they are raised to 60.

    Its own rate attributes are kbit/s and stronger than WISPr's, which the builds without them read. Its scripts are
    given the Filter-Id.
    """
    kept = [
        (name, max(60, value) if name == "Acct-Interim-Interval" and isinstance(value, int) else value)
        for name, value in attributes.common(limits)
    ]
    rates = (("CoovaChilli-Bandwidth-Max-Down", limits.down), ("CoovaChilli-Bandwidth-Max-Up", limits.up))
    own = [(name, attributes.kilo(rate)) for name, rate in rates if rate is not None]
    data = attributes.quota(limits, "CoovaChilli-Max-Total-Octets", "CoovaChilli-Max-Total-Gigawords")
    return [*kept, *attributes.named("Filter-Id", role), *attributes.wispr(limits), *own, *data]


redirect = attributes.redirects_itself


def client_counters(view_point: int | None, received: int, sent: int) -> tuple[int, int]:
    """(down, up) of the client from Acct-Input and Acct-Output octets.

    CoovaChilli-Acct-View-Point 2, the default of its builds, counts as the client sees it: Input is what it received.
    1 is RFC 2866's view from the gateway.
    """
    return (sent, received) if view_point == 1 else (received, sent)


BARE_ORDERS: Final = False
reauthenticate = attributes.asked_once
change = accept
"""A limit that is left out falls back to none (src/chilli.c, config_radius_session)."""


def disconnect(user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
    """Without User-Name it stays silent; after MAC authentication that is the MAC address as it writes it."""
    return attributes.session_names(user_name or attributes.hyphens(mac), acct_session_id, mac)
