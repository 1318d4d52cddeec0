"""The single-use credential that carries a grant through RADIUS. Pure.

User-Name is the ticket's id: the second in which it was issued, and 96 random bits. The password is 16 base64url
characters (96 bits) of HMAC-SHA256(ticket key, id | gateway | MAC): it is computed anew by whoever holds the key and
never stored, so CHAP works, and it is short enough for gateways that pass on 16 bytes. A ticket lives 60 seconds and is
redeemed once; the store keeps the Request Authenticator that redeemed it, so that the same request retransmitted, to
any node, gets the same Accept and any other is refused. The password covers the id, and so the issue time: a node whose
store is away can still tell how old a ticket is.
"""

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from hotspot.keyed_hash import hmac_digest

LIFETIME: Final = 60
"""Seconds between the portal's redirect and the gateway's Access-Request."""
PASS_LIFETIME: Final = 300
"""Seconds in which a grant that a gateway without RADIUS must fetch or be shown has to be in force there."""
PASSWORD_LENGTH: Final = 16
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Ticket:
    id: str
    grant: str
    gateway: str
    expires_at: int


def new_id(now: int) -> str:
    """The id of a ticket that is issued at `now` (UTC seconds, which fit until the year 2106)."""
    return f"{now:08x}{secrets.token_hex(12)}"


def issued_at(ticket_id: str) -> int:
    """The UTC second in which a ticket was issued, by its id; the ticket's password proves it."""
    return int(ticket_id[:8], 16)


def is_ticket_id(user_name: str) -> bool:
    """Whether a User-Name can be a ticket's id."""
    return len(user_name) == 2 * 16 and _ID.fullmatch(user_name) is not None  # most others are told by their length


def password(key: bytes, ticket_id: str, gateway: str, mac: str) -> str:
    """The ticket's password for one gateway and one device (`parse_mac` form)."""
    digest = hmac_digest("sha256", key, f"{ticket_id}|{gateway}|{mac}".encode())
    return urlsafe_b64encode(digest).decode()[:PASSWORD_LENGTH]
