"""Signed calls between us and the city's complaint system: the table [complaints] of sites.toml, and the signature.

Each call carries `Nirkabel-Signature: t=TIME,v1=HMAC`: UTC seconds and, in hex, HMAC-SHA256 over `TIME.BODY`. So what
is signed cannot be changed, and not be said again later. Each direction has a secret of its own.
"""

import hashlib
import hmac
import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, model_validator

from hotspot.entry.fields import Entry, Secret, Url
from hotspot.errors import RequestError

HEADER: Final = "Nirkabel-Signature"
TOLERANCE: Final = 300
"""Seconds by which the clocks of both sides may differ."""
_FORM: Final = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def _https(url: str) -> str:
    if url.startswith("http:") and re.match(r"http://(127\.|\[::1\]|localhost[:/])", f"{url}/") is None:
        raise ValueError("what people report would travel in clear text; take https, or a program on this machine")
    return url


class ComplaintsSection(Entry):
    """Where reported faults are forwarded to; nowhere without `url`."""

    url: Annotated[Url, AfterValidator(_https)] | None = None
    secret: Secret | None = None
    """What we sign calls to `url` with."""
    inbound: Secret | None = None
    """What the other side signs its calls with; without it none is taken."""
    contact: Annotated[bool, Field(strict=True)] = False
    """Whether the contact that somebody left is forwarded too."""

    @model_validator(mode="after")
    def _signed(self) -> "ComplaintsSection":
        if (self.url is None) != (self.secret is None):
            raise ValueError("url and secret go together: calls to url are signed with secret")
        return self


def signature(secret: bytes, body: bytes, now: int) -> str:
    """The value of the header."""
    return f"t={now},v1={_mac(secret, body, now)}"


def _mac(secret: bytes, body: bytes, at: int) -> str:
    return hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def verify(secret: bytes, header: str, body: bytes, now: int) -> None:
    """RequestError("bad-signature") unless whoever has the secret signed this body just now."""
    found = _FORM.fullmatch(header)
    if found is None:
        raise RequestError("bad-signature", "form")
    at = int(found[1])
    if not hmac.compare_digest(found[2], _mac(secret, body, at)):
        raise RequestError("bad-signature")
    if abs(now - at) > TOLERANCE:
        raise RequestError("bad-signature", "time")
