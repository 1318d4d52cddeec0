"""A grant's limits as RADIUS attributes, by their dictionary names. Pure.

Rates are bit/s inside. WISPr takes bit/s, CoovaChilli and Cisco kbit/s, MikroTik a text of upload/download; quotas are
bytes split into 32 bits and gigawords. Down and up are the client's view everywhere.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from hotspot.admission.grant import Limits

Attributes = list[tuple[str, int | str]]
"""(dictionary name, value) in the order in which they stand in the packet."""

_WORD: Final = 2**32
"""Integers of RADIUS have 32 bits."""
LONGEST_TEXT: Final = 247
"""Bytes of a text in a vendor's attribute."""


@dataclass(frozen=True)
class Redirect:
    """What a gateway is told of a device that must log in first.

    `accept` is whether it goes into an Access-Accept: some kinds let a device into a state of theirs in which all it
    reaches is the portal. Everywhere else an Accept would let it in, and a Reject carries the attributes.
    """

    accept: bool
    attributes: Attributes


@dataclass(frozen=True)
class Stranger:
    """A device that must log in first, as its gateway asks RADIUS about it."""

    url: str
    """The gateway's door at the portal, without a query."""
    mac: str
    gateway: str
    ap_mac: str | None = None
    login_role: str | None = None
    """The gateway's own name for what such a device may reach."""
    heard: Callable[[str], Iterable[bytes]] = lambda _name: ()
    """The values in the request, by an attribute's dictionary name."""
    key: bytes = field(default=b"", repr=False)
    """Signs what a phone carries from RADIUS to the portal (`STRANGER_LABEL`)."""

    @property
    def door(self) -> str:
        """The URL for this device, where the gateway itself does not say which one it redirects."""
        return f"{self.url}?mac={hyphens(self.mac)}"


STRANGER_LABEL: Final = "stranger redirected by RADIUS"
"""What the key is for that signs what a phone carries from RADIUS to the portal."""


def common(limits: Limits) -> Attributes:
    """RFC 2865 and RFC 2869: what every gateway understands."""
    return [
        ("Session-Timeout", limits.session),
        ("Idle-Timeout", limits.idle),
        ("Acct-Interim-Interval", limits.interim),
    ]


def named(attribute: str, role: str | None) -> Attributes:
    """The gateway's own name for what these people may do, where it has one."""
    return [] if role is None else [(attribute, role)]


def wispr(limits: Limits) -> Attributes:
    """The WISPr vendor's bandwidth limits, bit/s; the most it can say is 4.29 Gbit/s."""
    pairs = (("WISPr-Bandwidth-Max-Down", limits.down), ("WISPr-Bandwidth-Max-Up", limits.up))
    return [(name, min(rate, _WORD - 1)) for name, rate in pairs if rate is not None]


def redirects_itself(_stranger: Stranger) -> Redirect | None:
    """Of a gateway that sends strangers to its portal by itself: a plain Reject. CoovaChilli keeps the address of a
    WISPr-Redirection-URL even from a Reject, and sends the phone there, without its own query, after the next login
    (read in 1.9 src/chilli.c, config_radius_session; seen in 1.8 and 1.9)."""
    return None


def wispr_redirect(url: str) -> Redirect | None:
    """Where a gateway that speaks WISPr sends a device that it does not let in. None where the URL is too long."""
    return Redirect(accept=False, attributes=[("WISPr-Redirection-URL", url)]) if len(url) <= LONGEST_TEXT else None


def quota(limits: Limits, octets: str, gigawords: str) -> Attributes:
    """Data left in both directions. The gigawords are sent also where they are 0: uspot reads no limit without them."""
    if limits.total is None:
        return []
    return [(octets, limits.total % _WORD), (gigawords, limits.total // _WORD)]


def kilo(rate: int) -> int:
    """A rate in kbit/s, rounded up: to gateways 0 is no limit."""
    return -(-rate // 1000)


# -- what several kinds do alike ---------------------------------------------------------------------------------


def seen_by_gateway(_view_point: int | None, received: int, sent: int, /) -> tuple[int, int]:
    """(down, up) of the client by RFC 2866's view: Input is what the gateway received from the client."""
    return sent, received


def explicit(limits: Limits) -> Limits:
    """Limits for a kind that keeps what a CoA-Request leaves out (RFC 5176 section 3.6, note 3): a rate without a limit
    is the highest that WISPr can say."""
    return replace(limits, down=limits.down or _WORD - 1, up=limits.up or _WORD - 1)


def hyphens(mac: str) -> str:
    """A MAC address as most gateways write it, from `parse_mac` form."""
    return mac.replace(":", "-").upper()


def asked_once(_session: str, _mac: str) -> Sequence[tuple[str, str]]:
    """For kinds that ask RADIUS about a device when it comes, and never again. ValueError."""
    raise ValueError("gateways of this kind cannot be told to ask about a device again")


def session_names(user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
    """The attributes by which most gateways know a session in a Disconnect- or CoA-Request."""
    return [
        ("User-Name", user_name),
        ("Acct-Session-Id", acct_session_id),
        ("Calling-Station-Id", hyphens(mac)),
    ]
