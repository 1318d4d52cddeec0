"""What gateways have in common whose controller the portal tells who logs in, by a ticket of which it then asks RADIUS.

Nothing of their redirects is signed; the controller's address is the one in the inventory. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .arrival import Arrival


@dataclass(frozen=True)
class Account:
    """As whom the portal speaks to a controller that wants to know; empty for others."""

    user: str = ""
    password: str = field(default="", repr=False)


class ToldDialect(Protocol):
    """A kind of controller; modules are its implementations."""

    @property
    def PATH(self) -> str:  # noqa: N802 - a module's constant
        """Where at the controller's address it is told."""
        ...

    @property
    def MEDIA_TYPE(self) -> str:  # noqa: N802
        """What the JSON that it is told is called."""
        ...

    def recognises(self, query: Mapping[str, str], /) -> bool:
        """Whether this kind has sent the phone."""
        ...

    def arrive(self, gateway: str, query: Mapping[str, str], /) -> Arrival:
        """The phone that its redirect describes."""
        ...

    def tell(self, arrival: Arrival, user_name: str, password: str, account: Account, /) -> Mapping[str, Any]:
        """What it is told, so that it lets a phone in once RADIUS has accepted the ticket."""
        ...

    def answered(self, answer: object, /) -> None:
        """PeerError where it has not let the phone in."""
        ...
