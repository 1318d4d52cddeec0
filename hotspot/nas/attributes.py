"""A grant's limits as RADIUS attributes, by their dictionary names. Pure.

Rates are bit/s inside. WISPr takes bit/s, CoovaChilli kbit/s, MikroTik a text of upload/download; quotas are bytes
split into 32 bits and gigawords. Down and up are the client's view everywhere.
"""

from typing import Final

from ..grant import Limits

Attributes = list[tuple[str, int | str]]
"""(dictionary name, value) in the order in which they stand in the packet."""

_WORD: Final = 2**32
"""Integers of RADIUS have 32 bits."""


def common(limits: Limits) -> Attributes:
    """RFC 2865 and RFC 2869: what every gateway understands."""
    return [
        ("Session-Timeout", limits.session),
        ("Idle-Timeout", limits.idle),
        ("Acct-Interim-Interval", limits.interim),
    ]


def wispr(limits: Limits) -> Attributes:
    """The WISPr vendor's bandwidth limits, bit/s; the most it can say is 4.29 Gbit/s."""
    pairs = (("WISPr-Bandwidth-Max-Down", limits.down), ("WISPr-Bandwidth-Max-Up", limits.up))
    return [(name, min(rate, _WORD - 1)) for name, rate in pairs if rate is not None]


def coovachilli(limits: Limits) -> Attributes:
    """Data left in both directions, with the gigawords above 4 GiB (doc/dictionary.coovachilli)."""
    if limits.total is None:
        return []
    return [
        ("CoovaChilli-Max-Total-Octets", limits.total % _WORD),
        ("CoovaChilli-Max-Total-Gigawords", limits.total // _WORD),
    ]


def mikrotik(limits: Limits) -> Attributes:
    """Rate-Limit as `up/down` (rx is what the router receives) and the data left, with its gigawords."""
    found: Attributes = []
    if limits.down is not None or limits.up is not None:
        found.append(("Mikrotik-Rate-Limit", f"{_k(limits.up)}/{_k(limits.down)}"))
    if limits.total is not None:
        found.append(("Mikrotik-Total-Limit", limits.total % _WORD))
        found.append(("Mikrotik-Total-Limit-Gigawords", limits.total // _WORD))
    return found


def _k(rate: int | None) -> str:
    """A rate in RouterOS's spelling; 0 is unlimited."""
    return "0" if rate is None else f"{rate // 1000}k"
