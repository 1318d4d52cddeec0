"""The signed state that a page's form carries: which phone stands at which gateway. No cookie, nothing kept here.

A token is base64url(JSON) "." base64url(HMAC-SHA256, 128 bits), short because every form of a page carries it. It says
who may post the form: the phone that the gateway described, from where it got the page, for five minutes. Whoever is
slower, or has it from somebody else, is as good as anybody who names that phone: they get a fresh form, and nothing in
it counts as proven.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from hotspot.errors import RequestError
from hotspot.keyed_hash import hmac_digest
from hotspot.nas.arrival import Arrival, Stage

FORM_LIFETIME: Final = 300
"""Seconds in which a page's form may be sent as it is."""
LIFETIME: Final = 900
"""Seconds for which what somebody proved stands in a page's forms."""
_CODE: Final = 16
"""Bytes of a form's code, hex digits of a status page's."""


_as_json: Final[Callable[[object], str]] = json.JSONEncoder(separators=(",", ":")).encode


def _code(key: bytes, body: bytes) -> bytes:
    return hmac_digest("sha256", key, body)


def signed(key: bytes, value: object) -> str:
    """A token that says what can be written as JSON, to whoever has the key."""
    body = _as_json(value).encode()
    return f"{_text(body)}.{_text(_code(key, body)[:_CODE])}"


def read_signed(key: bytes, token: str) -> Any:
    """What a token says. RequestError("bad-form") for a foreign one."""
    body_text, _, code_text = token.partition(".")
    try:
        body, code = _bytes(body_text), _bytes(code_text)
    except ValueError as error:
        raise RequestError("bad-form") from error
    if not hmac.compare_digest(code, _code(key, body)[:_CODE]):
        raise RequestError("bad-form")
    return json.loads(body)


def seal(key: bytes, arrival: Arrival, now: int, sender: str = "") -> str:
    """The token for a page's form, for whoever got it (`pages.sender`). What the gateway said (`message`) is shown once
    and not kept."""
    value = [
        *(arrival.gateway, arrival.stage, arrival.mac, arrival.ip, arrival.ap_mac, int(arrival.proven)),
        *(dict(arrival.data), now, sender),
    ]
    return signed(key, value)


def unseal(key: bytes, token: str, now: int, sender: str = "") -> tuple[Arrival, bool]:
    """The arrival in a token, and whether its time has not run out and it comes back from where it went, if anybody
    knows where that was. RequestError("bad-form") for a foreign token."""
    gateway, stage, mac, ip, ap_mac, proven, data, at, *got = read_signed(key, token)
    arrival = Arrival(gateway, Stage(stage), mac, ip, ap_mac, proven=bool(proven), data=data)
    return arrival, at > now - FORM_LIFETIME and (got or [""])[0] in ("", sender)


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def status_token(key: bytes, grant: str) -> str:
    """The address of a grant's status page: its id and 64 bits of proof."""
    return grant + _code(key, grant.encode()).hex()[:_CODE]


def grant_of_token(key: bytes, token: str) -> str:
    """The grant behind a status page's address. RequestError("not-found")."""
    grant, proof = token[:32], token[32:]
    if not hmac.compare_digest(proof.encode(), _code(key, grant.encode()).hex()[:_CODE].encode()):
        raise RequestError("not-found")
    return grant
