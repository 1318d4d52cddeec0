"""Cisco's wireless controllers: bandwidth contracts and ACL names of AireOS, central web authentication. Pure.

Local web authentication (LWA): the controller sends phones to the portal with `switch_url` and takes a form there.
Central web authentication (CWA): RADIUS answers an unknown MAC address with the portal's address, in which it signs
what it heard; when the phone has logged in, a CoA-Request has the controller ask RADIUS about it anew.

Source: the controllers' web authentication guide (external login page: `buttonClicked`, `statusCode`);
dictionary.airespace and the controllers' QoS documentation (contracts in kbit/s, "data" is TCP and "real time" is UDP,
each with an average and a burst); central web authentication: Access-Accept for an unknown MAC address with the AVPairs
url-redirect-acl and url-redirect; Change of Authorization for it with the AVPairs audit-session-id and
subscriber:command=reauthenticate.
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from hotspot.admission.grant import Limits
from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from . import attributes, posted
from .arrival import Arrival, Stage
from .posted import Login

NAME: Final = "cisco"

_CONTRACTS: Final = (
    "Data-Bandwidth-Average",
    "Real-Time-Bandwidth-Average",
    "Data-Bandwidth-Burst",
    "Real-Time-Bandwidth-Burst",
)


# -- the redirect ------------------------------------------------------------------------------------------------

_AUDIT: Final = "audit-session-id="
_AUDIT_SESSION: Final = re.compile(r"[0-9A-Za-z]{1,64}")
_CODE: Final = 24
"""Hex digits: an AVPair must hold it all."""
_REFUSED: Final = frozenset("345")
"""statusCode: the name is in use, the phone is excluded, the credentials are wrong. 1 is "logged in already"."""


def recognises(query: Mapping[str, str]) -> bool:
    return {"switch_url", "client_mac"} <= query.keys()


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect for local web authentication describes."""
    found = posted.described(gateway, query, mac="client_mac", ap="ap_mac")
    code = query.get("statusCode", "")
    if code == "1":
        return replace(found, stage=Stage.ADMITTED)
    return replace(found, stage=Stage.REFUSED) if code in _REFUSED else found


def central(gateway: str, mac: str, session: str, ap_mac: str | None, key: bytes) -> str:
    """The parameters by which RADIUS tells the portal, beside `mac`, who was redirected: `session` is what the
    controller calls it (audit-session-id). A hash over all of it says that nobody else wrote them."""
    code = hmac.digest(key, f"{gateway}|{mac}|{session}|{ap_mac or ''}".encode(), "sha256").hex()[:_CODE]
    named = {"session": session, "ap": ap_mac or "", "code": code}
    return "".join(f"&{name}={quote(value, safe='')}" for name, value in named.items() if value)


def recognises_central(query: Mapping[str, str]) -> bool:
    return {"mac", "session", "code"} <= query.keys()


def arrive_central(gateway: str, query: Mapping[str, str], key: bytes) -> Arrival:
    """The phone that RADIUS has had redirected. RequestError("bad-signature") where it has not."""
    mac, session, ap_mac = parse_mac(query["mac"]), query["session"], query.get("ap") or None
    expected = hmac.digest(key, f"{gateway}|{mac}|{session}|{ap_mac or ''}".encode(), "sha256").hex()[:_CODE]
    if not hmac.compare_digest(query["code"].encode(), expected.encode()):
        raise RequestError("bad-signature", gateway)
    return Arrival(gateway, Stage.WANTS_IN, mac, "", ap_mac, mark=expected, data={"session": session})


def log_in(login: str, _arrival: Arrival, user_name: str, password: str, landing: str) -> Login:
    """`login` is the virtual interface's `https://wlc.example/login.html`."""
    fields = {
        "username": user_name,
        "password": password,
        "buttonClicked": "4",
        "redirect_url": landing,
        "err_flag": "0",
    }
    return Login(login, fields)


# -- RADIUS ------------------------------------------------------------------------------------------------------


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. All contracts of a direction are set: one left out is unlimited."""
    found = [*attributes.common(limits), *attributes.named("Airespace-ACL-Name", role)]
    for rate, direction in ((limits.down, ""), (limits.up, "-Upstream")):
        if rate is not None:
            found += [(f"Airespace-{name}-Contract{direction}", attributes.kilo(rate)) for name in _CONTRACTS]
    return found


def redirect(stranger: attributes.Stranger) -> attributes.Redirect | None:
    """An Accept with the name of the ACL that sends the device's web traffic to the URL; None without such an ACL.

    Controllers append `&redirect=…` to the URL whatever it is, so it must have a query.
    """
    if stranger.login_role is None:
        return None
    pair = f"url-redirect={stranger.door}{_asked(stranger)}"
    if len(pair) > attributes.LONGEST_TEXT:
        return None
    named = f"url-redirect-acl={stranger.login_role}"
    return attributes.Redirect(True, [("Cisco-AVPair", named), ("Cisco-AVPair", pair)])


def _asked(stranger: attributes.Stranger) -> str:
    """What the portal is to know of the request, to have the controller told when the device has logged in."""
    pairs = (value.decode("ascii", "replace") for value in stranger.heard("Cisco-AVPair"))
    session = next((pair.removeprefix(_AUDIT) for pair in pairs if pair.startswith(_AUDIT)), "")
    if _AUDIT_SESSION.fullmatch(session) is None:
        return ""
    return central(stranger.gateway, stranger.mac, session, stranger.ap_mac, stranger.key)


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
change = accept


def disconnect(user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
    """As the others', with the Service-Type (1, Login) that AireOS asks for."""
    return [*attributes.session_names(user_name, acct_session_id, mac), ("Service-Type", "1")]


def reauthenticate(session: str, mac: str) -> Sequence[tuple[str, str]]:
    """What has the controller ask RADIUS anew about a device, in a CoA-Request."""
    pairs = (f"audit-session-id={session}", "subscriber:command=reauthenticate", "subscriber:reauthenticate-type=last")
    return [("Calling-Station-Id", attributes.hyphens(mac)), *(("Cisco-AVPair", pair) for pair in pairs)]
