"""What gateways have in common that send a phone to the portal with nothing signed, and take a form from it to log in.

What such a redirect says is a hint, since whoever holds the phone may have written it: a ticket counts only with the
MAC address that the gateway's own Access-Request names, and a phone is sent to the address in the inventory alone.
Pure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from hotspot.errors import RequestError
from hotspot.people.identity import parse_mac

from .arrival import Arrival, Stage, tells_silence

_LONGEST: Final = 300
"""Characters of a parameter that is sent back to the gateway."""
_PLAIN: Final = re.compile(r"[ -~]*")
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*")
_LOST: Final = "\ufffd"
"""Stands for bytes that are no UTF-8: a form would send other ones back."""


@dataclass(frozen=True)
class Login:
    """Where a phone's browser logs in at its gateway: a form's address and fields."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


class PostedDialect(Protocol):
    """A gateway kind at the portal; modules are its implementations."""

    def recognises(self, query: Mapping[str, str], /) -> bool:
        """Whether this kind has sent the phone."""
        ...

    def arrive(self, gateway: str, query: Mapping[str, str], /) -> Arrival:
        """The phone that its redirect describes."""
        ...

    def log_in(self, login: str, arrival: Arrival, user_name: str, password: str, landing: str, /) -> Login:
        """What the phone posts with a ticket. `login` is the address in the inventory, `landing` the page to end at."""
        ...


def described(
    gateway: str,
    query: Mapping[str, str],
    *,
    mac: str,
    ip: str = "",
    ap: str = "",
    error: str = "",
    kept: Iterable[str] = (),
    named: Iterable[str] = (),
) -> Arrival:
    """A phone by the names of its gateway's parameters. `kept` are those that go back with the form. So are `named`,
    which people have chosen (an SSID, a page), in any script; where their bytes are no text they are left out."""
    wrong = query.get(error, "")[:200] if error else ""
    return Arrival(
        gateway=gateway,
        stage=Stage.REFUSED if wrong else Stage.WANTS_IN,
        mac=parse_mac(query.get(mac, "")),
        ip=query.get(ip, "")[:45],
        ap_mac=mac_or_none(query.get(ap, "")),
        unanswered=tells_silence(wrong),
        proven=False,
        data={
            **{name: _echoed(query[name], _PLAIN) for name in kept if name in query},
            **{name: _echoed(query[name], _TEXT) for name in named if name in query and _LOST not in query[name]},
        },
    )


def _echoed(value: str, allowed: re.Pattern[str]) -> str:
    if len(value) > _LONGEST or allowed.fullmatch(value) is None:
        raise RequestError("bad-request", "a parameter of the gateway")
    return value


def mac_or_none(text: str) -> str | None:
    try:
        return parse_mac(text)
    except RequestError:
        return None  # an access point's name, or nothing
