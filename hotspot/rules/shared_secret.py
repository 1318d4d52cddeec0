"""Gateways of which RADIUS drops everything, as their secret is another than ours, or as they do not sign. Pure.

It shows nowhere else: RADIUS is silent (RFC 2865 section 3, RFC 3579 section 3.2), the gateway waits, and the phone is
sent back. Anybody who can write a gateway's address can have something dropped; so it counts only where nothing
authentic has come since.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hotspot.nas.entries import RadiusGateway
from hotspot.store.telemetry.counts import Count

GARBLED: Final = "garbled-password"
"""Noted where a ticket's User-Password, read with our secret, is no text. It is answered, with a Reject that its
gateway cannot read either; only a gateway that need not sign gets so far."""
_SECRET: Final = ("dropped:bad-message-authenticator", "dropped:bad-authenticator", GARBLED)
_UNSIGNED: Final = ("dropped:no-message-authenticator",)
_PROOFS: Final = ("access-accept", "accounting-response")
"""Answers that nobody gets without our secret."""
_AUTHENTIC: Final = (
    *_PROOFS, "access-reject", "dropped:rate", "dropped:in-progress", "dropped:not-durable", "dropped:unanswerable",
    "dropped:members-busy", "dropped:accounting-unreadable",
)  # fmt: skip
ENOUGH: Final = 3
"""Requests: a gateway repeats what is not answered."""
_WHERE: Final = {
    "coovachilli": "radiussecret in CoovaChilli's configuration (HS_RADSECRET in /etc/chilli/config or defaults)",
    "uspot": "auth_secret and acct_secret in /etc/config/uspot",
    "mikrotik": "`/radius set [find] secret=...`",
}
_ELSEWHERE: Final = "the shared secret of its RADIUS servers, for authentication and for accounting"


@dataclass(frozen=True)
class Unheard:
    """A gateway of which everything is dropped."""

    signs: bool
    """Whether it signs, with another secret; else it does not, and sites.toml says that it must."""
    requests: int
    """That were dropped for that, over all time and nodes."""
    at: int
    """When the last one was, UTC seconds."""


def unheard(found: Iterable[Count]) -> dict[str, Unheard]:
    """By gateway, those of which everything is dropped."""
    by_gateway: dict[str, list[Count]] = {}
    for one in found:
        if one.gateway:
            by_gateway.setdefault(one.gateway, []).append(one)
    judged = {gateway: _judged(counts) for gateway, counts in by_gateway.items()}
    return {gateway: one for gateway, one in judged.items() if one is not None}


def _judged(counts: list[Count]) -> Unheard | None:
    bad = [one for one in counts if one.outcome in (*_SECRET, *_UNSIGNED)]
    if not bad:
        return None
    newest = max(bad, key=lambda one: one.at)
    proofs = _PROOFS if any(one.outcome == GARBLED and one.at == newest.at for one in bad) else _AUTHENTIC
    proven_at = max((one.at for one in counts if one.outcome in proofs), default=-1)
    requests = sum(one.value for one in bad)
    if requests < ENOUGH or newest.at <= proven_at:
        return None
    return Unheard(newest.outcome in _SECRET, requests, newest.at)


def remedy(gateway: RadiusGateway, *, signs: bool) -> str:
    """What to do about it. Names secrets, and never tells one."""
    if not signs:
        return (
            "its Access-Requests carry no Message-Authenticator: have it sign them, or set "
            f"radius.message_authenticator = false for {gateway.id} in sites.toml and accept what that risks"
        )
    ours = gateway.radius.secret
    nas = getattr(gateway, "nas", "")
    return f"its RADIUS secret is not ours: set {_WHERE.get(nas, _ELSEWHERE)}, to what stands behind {ours}"
