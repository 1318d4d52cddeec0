"""UniFi's guest portal: the redirect, what its controller is told, what it tells of guests. Pure.

An access point sends guests to `<portal>/guest/s/<site>/` with nothing signed; whoever is to come in is named to the
controller's own API. So the redirect is a hint, and the controller's list of stations is what counts: it says "ok"
before a guest can get through, or when they never will, and an admission is over when the list shows it.

Source: the UniFi Network application's API as UniFi-API-client (src/Client.php) uses it; UniFi OS's tokens and what its
403 and 429 mean as public clients met them (X-Updated-CSRF-Token; a wrong password is 403 on UniFi OS Server 5.1, a
second factor 499; too many logins are 429, on a UDM with the default of five a minute).
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hotspot.admission.grant import Limits
from hotspot.admission.session import LARGEST
from hotspot.errors import PeerError, RequestError
from hotspot.people.identity import parse_mac

from .arrival import Arrival, Stage

NAME: Final = "unifi"

_MEGABYTE: Final = 2**20


def recognises(query: Mapping[str, str]) -> bool:
    return {"id", "ap"} <= query.keys()


def arrive(gateway: str, query: Mapping[str, str]) -> Arrival:
    """The phone that a redirect describes; anybody may have written it."""
    return Arrival(
        gateway=gateway,
        stage=Stage.WANTS_IN,
        mac=parse_mac(query["id"]),
        ip="",
        ap_mac=parse_mac(query["ap"]),
        proven=False,
    )


# -- the controller's API ----------------------------------------------------------------------------------------


@dataclass
class Login:
    """What a controller wants to see with each request: the cookies of the login, and on a UniFi OS console the token
    against forged requests, which it renews as it likes."""

    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def headers(self) -> dict[str, str]:
        found = {}
        if self.cookies:
            found["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.token:
            found["X-CSRF-Token"] = self.token
        return found

    def hear(self, headers: Mapping[str, str]) -> None:
        """Takes what an answer renews; names in lower case, several `set-cookie` each on a line. The token comes in one
        of two headers or, from older consoles, inside the cookie alone."""
        for line in headers.get("set-cookie", "").splitlines():
            name, _, value = line.partition(";")[0].partition("=")
            if name.strip():
                self.cookies[name.strip()] = value.strip()
                self.token = _token_inside(value) or self.token
        self.token = headers.get("x-updated-csrf-token") or headers.get("x-csrf-token") or self.token


def _token_inside(cookie: str) -> str:
    """The claim `csrfToken` of a JSON Web Token; "" where there is none. It is the controller's own: nothing hangs on
    whether it is signed."""
    try:
        payload = cookie.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return ""
    token = claims.get("csrfToken") if isinstance(claims, dict) else None
    return token if isinstance(token, str) and token.isprintable() and token.isascii() else ""


# -- what the controller is told ---------------------------------------------------------------------------------


def authorize(mac: str, ap_mac: str, limits: Limits, seconds: int) -> dict[str, Any]:
    """The command that lets a guest in for `seconds`. It counts in minutes, kbit/s and MiB; all are rounded up, since
    we end the grant ourselves when its own limits are reached."""
    command: dict[str, Any] = {
        "cmd": "authorize-guest",
        "mac": mac,
        "minutes": max(1, -(-seconds // 60)),
        "ap_mac": ap_mac,
    }
    for name, rate in (("up", limits.up), ("down", limits.down)):
        if rate is not None:
            command[name] = max(1, -(-rate // 1000))
    if limits.total is not None:
        command["bytes"] = max(1, -(-limits.total // _MEGABYTE))
    return command


def unauthorize(mac: str) -> dict[str, Any]:
    """The command that puts a guest out."""
    return {"cmd": "unauthorize-guest", "mac": mac}


# -- what it tells -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Station:
    """A device that is connected. Bytes since it associated, down and up as the client sees them."""

    mac: str
    authorized: bool
    ap_mac: str
    associated_at: int
    uptime: int
    down: int
    up: int


def stations(listing: list[Any]) -> list[Station]:
    """The guests in an answer of stat/sta. What cannot be read is left out: it must hold up nobody else."""
    found = []
    for entry in listing:
        if not isinstance(entry, dict) or not entry.get("is_guest"):
            continue
        try:
            found.append(_station(entry))
        except (RequestError, TypeError, ValueError):
            continue
    return found


def _station(entry: Mapping[str, Any]) -> Station:
    return Station(
        mac=parse_mac(str(entry.get("mac", ""))),
        authorized=entry.get("authorized") is True,
        ap_mac=str(entry.get("ap_mac", "")),
        associated_at=_whole(entry.get("assoc_time")),
        uptime=_whole(entry.get("uptime")),
        down=_whole(entry.get("tx_bytes")),  # what the access point has sent
        up=_whole(entry.get("rx_bytes")),
    )


def _whole(value: object) -> int:
    """A count as a database can hold it; 0 where there is none."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return max(0, min(int(value), LARGEST // 4))


def data_of(answer: Any) -> list[Any]:
    """The `data` of an answer whose `meta.rc` is ok. PeerError with what the controller says otherwise."""
    meta = answer.get("meta") if isinstance(answer, dict) else None
    if not isinstance(meta, dict):
        raise PeerError("the UniFi controller's answer is not understood")
    if meta.get("rc") != "ok":
        raise PeerError(f"the UniFi controller refuses: {str(meta.get('msg', ''))[:60]}")
    data = answer.get("data", [])
    return data if isinstance(data, list) else []


# -- what is kept with a grant -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """Where a guest was let in, and what their device had counted in that association until then."""

    ap_mac: str
    associated_at: int = 0
    down: int = 0
    up: int = 0

    def text(self) -> str:
        return f"{self.ap_mac} {self.associated_at} {self.down} {self.up}"

    @classmethod
    def of(cls, text: str) -> "Kept":
        ap_mac, associated_at, down, up = text.split(" ")
        return cls(ap_mac, int(associated_at), int(down), int(up))

    def used(self, station: Station) -> tuple[int, int]:
        """(down, up) of a station since it was let in; all of it once it has associated anew."""
        if station.associated_at != self.associated_at:
            return station.down, station.up
        return max(0, station.down - self.down), max(0, station.up - self.up)
