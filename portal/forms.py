"""The signed state that a page's form carries: which phone stands at which gateway. No cookie, nothing kept here.

A token is base64url(JSON) "." base64url(HMAC-SHA256). It says who may post the form: the phone that the gateway
described, for a quarter of an hour.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict
from typing import Any, Final

from hotspot.errors import RequestError
from hotspot.nas.arrival import Arrival, Stage

LIFETIME: Final = 900
"""Seconds in which a page's form may be sent."""
_CODE: Final = 16


def _code(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)


def seal(key: bytes, arrival: Arrival, now: int) -> str:
    """The token for a page's form."""
    value = {**asdict(arrival), "data": dict(arrival.data), "at": now}
    body = json.dumps(value, separators=(",", ":")).encode()
    return f"{urlsafe_b64encode(body).decode()}.{urlsafe_b64encode(_code(key, body)).decode()}"


def unseal(key: bytes, token: str, now: int) -> tuple[Arrival, bool]:
    """The arrival in a token, and whether its time has not run out. RequestError("bad-form") for a foreign token."""
    body_text, _, code_text = token.partition(".")
    try:
        body, code = urlsafe_b64decode(body_text), urlsafe_b64decode(code_text)
    except ValueError as error:
        raise RequestError("bad-form") from error
    if not hmac.compare_digest(code, _code(key, body)):
        raise RequestError("bad-form")
    value: dict[str, Any] = json.loads(body)
    at = int(value.pop("at"))
    return Arrival(**{**value, "stage": Stage(value["stage"])}), at > now - LIFETIME


def status_token(key: bytes, grant: str) -> str:
    """The address of a grant's status page: its id and 64 bits of proof."""
    return grant + _code(key, grant.encode()).hex()[:_CODE]


def grant_of_token(key: bytes, token: str) -> str:
    """The grant behind a status page's address. RequestError("not-found")."""
    grant, proof = token[:32], token[32:]
    if not hmac.compare_digest(proof.encode(), _code(key, grant.encode()).hex()[:_CODE].encode()):
        raise RequestError("not-found")
    return grant
