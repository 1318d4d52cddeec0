"""MikroTik's Hotspot: its RADIUS attributes. Its redirect is whatever its login.html says. Pure.

Source: RouterOS documentation, RADIUS client; dictionary.mikrotik.
"""

from collections.abc import Sequence
from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "mikrotik"


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


def redirect(url: str, _mac: str, _login_role: str | None = None) -> attributes.Redirect | None:
    """In a Reject, after which the Hotspot shows its login page; in an Accept it is where people go once in."""
    return attributes.wispr_redirect(url)


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False


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
