"""The gateways' dialects, one file each: verify a phone's arrival, hand it back, speak RADIUS. All pure."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ..grant import Limits
from . import coovachilli, mikrotik
from .attributes import Attributes


class RadiusDialect(Protocol):
    """What RADIUS needs to know of a gateway kind; the dialects' modules are its implementations."""

    def accept(self, limits: Limits) -> Attributes:
        """The limits as this kind understands them."""
        ...

    def client_counters(self, view_point: int | None, received: int, sent: int, /) -> tuple[int, int]:
        """(down, up) of the client, from Acct-Input-Octets and Acct-Output-Octets."""
        ...

    def disconnect(self, user_name: str, acct_session_id: str, mac: str) -> Sequence[tuple[str, str]]:
        """The attributes by which it knows a session in a Disconnect-Request."""
        ...


RADIUS_DIALECTS: Final[Mapping[str, RadiusDialect]] = {
    coovachilli.NAME: coovachilli,
    mikrotik.NAME: mikrotik,
}
