"""The gateways' dialects, one file each: verify a phone's arrival, hand it back, speak RADIUS. All pure."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Protocol

from hotspot.admission.grant import Limits

from . import aruba, cambium, cisco, coovachilli, generic, meraki, mikrotik, omada, opnsense, pfsense, ruckus, uspot
from .attributes import Attributes, Redirect, Stranger
from .posted import PostedDialect
from .told import ToldDialect


class RadiusDialect(Hashable, Protocol):
    """What RADIUS needs to know of a gateway kind; the dialects' modules are its implementations."""

    @property
    def BARE_ORDERS(self) -> bool:  # noqa: N802 - a module's constant
        """Whether an order may hold nothing but what names its session."""
        ...

    def accept(self, limits: Limits, role: str | None = None, /) -> Attributes:
        """The limits as this kind understands them, and the gateway's own name for what these people may do."""
        ...

    def redirect(self, stranger: Stranger, /) -> Redirect | None:
        """What tells the gateway to send a device that is not known to the portal; None for a plain Reject."""
        ...

    def client_counters(self, view_point: int | None, received: int, sent: int, /) -> tuple[int, int]:
        """(down, up) of the client, from Acct-Input-Octets and Acct-Output-Octets."""
        ...

    def disconnect(self, user_name: str, acct_session_id: str, mac: str, /) -> Sequence[tuple[str, str]]:
        """The attributes by which it knows a session in a Disconnect- or CoA-Request."""
        ...

    def reauthenticate(self, session: str, mac: str, /) -> Sequence[tuple[str, str]]:
        """What has it ask RADIUS anew, by a CoA-Request, about a device that has logged in at the portal. ValueError
        for a kind that cannot."""
        ...

    def change(self, limits: Limits, role: str | None = None, /) -> Attributes:
        """All that holds for a running session, counted from its start, as a CoA-Request tells it."""
        ...


RADIUS_DIALECTS: Final[Mapping[str, RadiusDialect]] = {
    coovachilli.NAME: coovachilli,
    uspot.NAME: uspot,
    mikrotik.NAME: mikrotik,
    aruba.NAME: aruba,
    cisco.NAME: cisco,
    ruckus.NAME: ruckus,
    cambium.NAME: cambium,
    meraki.NAME: meraki,
    omada.NAME: omada,
    opnsense.NAME: opnsense,
    pfsense.NAME: pfsense,
    generic.NAME: generic,
}

POSTED_DIALECTS: Final[Mapping[str, PostedDialect]] = {
    aruba.NAME: aruba,
    cisco.NAME: cisco,
    ruckus.NAME: ruckus,
    cambium.NAME: cambium,
    meraki.NAME: meraki,
    opnsense.NAME: opnsense,
    pfsense.NAME: pfsense,
    generic.NAME: generic,
}
"""Whose phones log in with a form of their own gateway's (`hotspot.nas.posted`)."""

TOLD_DIALECTS: Final[Mapping[str, ToldDialect]] = {omada.NAME: omada, ruckus.NAME: ruckus}
"""Whose controller is told by the portal who logs in (`hotspot.nas.told`)."""
