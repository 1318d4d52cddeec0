"""MikroTik's Hotspot: the pages that send phones to the portal, the login call, RADIUS attributes. Pure.

A Hotspot shows what stands in its html-directory. `pages` makes a set that shows nothing: each page redirects, by the
HTTP status and Location header that a page may set, to the portal with what the Hotspot knows (`$(mac)`, `$(chap-id)`).
Nothing of it is signed, so it is a hint: what counts is the Calling-Station-Id that RADIUS sees, to which the ticket is
bound, and a phone is sent back to the address in the inventory alone.

Source: RouterOS documentation, "Hotspot customisation" (pages, variables, HTTP-CHAP) and RADIUS; dictionary.mikrotik.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

from hotspot.admission.grant import Limits
from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from . import attributes
from .arrival import Arrival, Stage, tells_silence

NAME: Final = "mikrotik"

_OCTALS = re.compile(r"(\\[0-3][0-7]{2})+")

# -- the Hotspot's pages -----------------------------------------------------------------------------------------

_CHAP: Final = "chap-id=$(chap-id)&chap-challenge=$(chap-challenge)"
_REDIRECT: Final = """\
$(if http-status == 302)WiFi$(endif)
$(if http-header == "Location"){url}$(endif)
<!doctype html>
<html lang="id">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={escaped}">
<title>WiFi</title>
</head>
<body>
<p><a href="{escaped}">Lanjut ke halaman WiFi</a></p>
</body>
</html>
"""
_API: Final = """\
$(if http-header == "Content-Type")application/captive+json$(endif)
{{
"captive": $(if logged-in == 'yes')false$(else)true$(endif),
$(if logged-in == 'yes')
$(if session-time-left-secs != 0)"seconds-remaining": $(session-time-left-secs),$(endif)
$(if remain-bytes-total)"bytes-remaining": $(remain-bytes-total),$(endif)
$(endif)
"can-extend-session": true,
"venue-info-url": "{venue}",
"user-portal-url": "{portal}"
}}
"""


def pages(door: str, start: str, venue: str) -> dict[str, str]:
    """The files of a Hotspot's html-directory by their names.

    `door` is the portal's URL for this gateway. `start` is where a phone that does not come from the Hotspot begins,
    `venue` what tells about the place; a captive portal API (RFC 8908) needs both with https, else it is left out.
    """

    def redirect(url: str) -> str:
        return _REDIRECT.format(url=url, escaped=url.replace("&", "&amp;"))

    who = "mac=$(mac-esc)&ip=$(ip-esc)"
    login = f"stage=login&left=$(var-esc)&{who}&{_CHAP}&error=$(error-esc)"
    made = {
        "login.html": redirect(f"{door}?{login}"),
        "alogin.html": redirect("$(link-redirect)"),
        "redirect.html": redirect("$(link-redirect)"),
        "status.html": redirect(f"{door}?stage=already&{who}"),
        "logout.html": redirect("$(link-login-only)?var=1"),  # by way of login.html, for a new challenge
        "error.html": redirect(f"{door}?stage=login&{who}&error=$(error-esc)"),
    }
    if start.startswith("https://"):
        made["api.json"] = _API.format(portal=start, venue=venue)
    return made


# -- the redirect ------------------------------------------------------------------------------------------------


def recognises(query: Mapping[str, str]) -> bool:
    return {"stage", "mac"} <= query.keys()


def arrive(gateway: str, raw: str, query: Mapping[str, str]) -> Arrival:
    """The phone that our pages describe. `raw` is the query as it came: a challenge is bytes, not text."""
    error = query.get("error", "")[:200]
    if query["stage"] == "already":
        stage = Stage.ADMITTED
    elif error:
        stage = Stage.REFUSED
    else:
        stage = Stage.LEFT if query.get("left") else Stage.WANTS_IN
    sent = dict(parse_qsl(raw, keep_blank_values=True, encoding="latin-1"))
    return Arrival(
        gateway=gateway,
        stage=stage,
        mac=parse_mac(query["mac"]),
        ip=query.get("ip", ""),
        message=error,
        unanswered=tells_silence(error),
        proven=False,
        data={name: sent[name] for name in ("chap-id", "chap-challenge") if name in sent},
    )


def unescaped(text: str) -> bytes:
    """The bytes of `$(chap-id)` or `$(chap-challenge)`: all of them octal escapes (`\\371`), or themselves."""
    if _OCTALS.fullmatch(text):
        return bytes(int(text[i + 1 : i + 4], 8) for i in range(0, len(text), 4))
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise RequestError("bad-request", "chap") from error


def chap_response(chap_id: str, chap_challenge: str, password: str) -> str:
    """The `password` of a login by HTTP-CHAP: MD5(chap-id | password | chap-challenge), lower-case hex (RFC 1994)."""
    ident, challenge = unescaped(chap_id), unescaped(chap_challenge)
    if len(ident) != 1 or not challenge:
        raise RequestError("expired", "chap-id")
    return hashlib.md5(ident + password.encode() + challenge, usedforsecurity=False).hexdigest()


def hand_back(login: str, arrival: Arrival, user_name: str, password: str, landing: str) -> str:
    """The URL at which the phone logs in with a ticket; `landing` is where the Hotspot sends it afterwards.

    With an empty chap-id the Hotspot takes the password as it is (HTTP-PAP): a ticket's, for this phone alone, once.
    RequestError("expired") where the phone comes from a page without a challenge.
    """
    if "chap-id" not in arrival.data:
        raise RequestError("expired", "chap-id")
    chap_id, challenge = arrival.data["chap-id"], arrival.data.get("chap-challenge", "")
    proof = chap_response(chap_id, challenge, password) if chap_id else password
    values = {"username": user_name, "password": proof, "dst": landing, "popup": "false"}
    return f"{login}?{urlencode(values)}"


def log_off(login: str) -> str:
    """The URL at which a phone logs itself off."""
    return f"{login.removesuffix('/login')}/logout"


# -- RADIUS ------------------------------------------------------------------------------------------------------


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept; Rate-Limit is stronger than WISPr's, which are sent for the older versions.

    Mikrotik-Group names the Hotspot's user profile. Filter-Id would be a chain of its firewall.
    """
    found = [*attributes.common(limits), *attributes.named("Mikrotik-Group", role), *attributes.wispr(limits)]
    if limits.down is not None or limits.up is not None:
        # rx/tx of the router: rx is what it receives from the client, the client's upload.
        found.append(("Mikrotik-Rate-Limit", f"{_k(limits.up)}/{_k(limits.down)}"))
    return [*found, *attributes.quota(limits, "Mikrotik-Total-Limit", "Mikrotik-Total-Limit-Gigawords")]


def _k(rate: int | None) -> str:
    """A rate in RouterOS's spelling; 0 is unlimited."""
    return "0" if rate is None else f"{attributes.kilo(rate)}k"


redirect = attributes.redirects_itself
client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
reauthenticate = attributes.asked_once


def change(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """What a CoA-Request leaves out stays as it is, so limits that are no more are told too: 0 is none."""
    found = accept(limits, role)
    if limits.down is None and limits.up is None:
        found.append(("Mikrotik-Rate-Limit", "0/0"))
    if limits.total is None:
        found += [("Mikrotik-Total-Limit", 0), ("Mikrotik-Total-Limit-Gigawords", 0)]
    return found


def disconnect(user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
    """As the others', but the MAC address as RouterOS writes it."""
    return [
        ("User-Name", user_name),
        ("Acct-Session-Id", acct_session_id),
        ("Calling-Station-Id", mac.upper()),
    ]
