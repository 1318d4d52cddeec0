"""MikroTik's Hotspot: its RADIUS attributes. Its redirect is whatever its login.html says. Pure.

Source: RouterOS documentation, RADIUS client; dictionary.mikrotik.
"""

from collections.abc import Sequence
from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "mikrotik"


def accept(limits: Limits) -> attributes.Attributes:
    """The limits of an Access-Accept; Rate-Limit is stronger than WISPr's, which are sent for the older versions."""
    return [*attributes.common(limits), *attributes.wispr(limits), *attributes.mikrotik(limits)]


def client_counters(_view_point: int | None, received: int, sent: int) -> tuple[int, int]:
    """(down, up) of the client: RFC 2866's view, Input is what the router received from it."""
    return sent, received


def disconnect(user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
    return [
        ("User-Name", user_name),
        ("Acct-Session-Id", acct_session_id),
        ("Calling-Station-Id", mac.upper()),
    ]
