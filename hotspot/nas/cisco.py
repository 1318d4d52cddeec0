"""Cisco's wireless controllers: bandwidth contracts and ACL names of AireOS, central web authentication. Pure.

Source: dictionary.airespace and the controllers' QoS documentation (contracts in kbit/s, "data" is TCP and "real time"
is UDP, each with an average and a burst); central web authentication: Access-Accept for an unknown MAC address with the
AVPairs url-redirect-acl and url-redirect.
"""

from collections.abc import Sequence
from typing import Final

from ..grant import Limits
from . import attributes

NAME: Final = "cisco"

_CONTRACTS: Final = (
    "Data-Bandwidth-Average",
    "Real-Time-Bandwidth-Average",
    "Data-Bandwidth-Burst",
    "Real-Time-Bandwidth-Burst",
)


def accept(limits: Limits, role: str | None = None) -> attributes.Attributes:
    """The limits of an Access-Accept. All contracts of a direction are set: one left out is unlimited."""
    found = [*attributes.common(limits), *attributes.named("Airespace-ACL-Name", role)]
    for rate, direction in ((limits.down, ""), (limits.up, "-Upstream")):
        if rate is not None:
            found += [(f"Airespace-{name}-Contract{direction}", attributes.kilo(rate)) for name in _CONTRACTS]
    return found


def redirect(url: str, mac: str, login_role: str | None = None) -> attributes.Redirect | None:
    """An Accept with the name of the ACL that sends the device's web traffic to the URL; None without such an ACL.

    Controllers append `&redirect=…` to the URL whatever it is, so it must have a query.
    """
    pair = f"url-redirect={attributes.for_device(url, mac)}"
    if login_role is None or len(pair) > attributes.LONGEST_TEXT:
        return None
    return attributes.Redirect(True, [("Cisco-AVPair", f"url-redirect-acl={login_role}"), ("Cisco-AVPair", pair)])


client_counters = attributes.seen_by_gateway

BARE_ORDERS: Final = False
change = accept


def disconnect(user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
    """As the others', with the Service-Type (1, Login) that AireOS asks for."""
    return [*attributes.session_names(user_name, acct_session_id, mac), ("Service-Type", "1")]
