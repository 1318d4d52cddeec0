"""How often one device, one address and one gateway may try, counted in the store for all nodes together.

What guesses is held back early. What merely comes often is held back late: behind one address or one gateway a whole
park may stand, and nobody shall keep it out cheaply. Voucher codes are long enough (50 bits) for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import structlog
from sqlalchemy import Connection

from hotspot.errors import RequestError
from hotspot.identity import Keys
from hotspot.store import Store, attempts
from hotspot.store.attempts import DEVICE, Limit

log = structlog.get_logger("portal")

_WINDOW: Final = 600
LOGINS: Final[Mapping[str, Limit]] = {
    "device": Limit(30, _WINDOW), "address": Limit(600, _WINDOW), "gateway": Limit(2400, _WINDOW),
}  # fmt: skip
"""Logins that succeed: what fills the store."""
GUESSES: Final[Mapping[str, Limit]] = {
    "device": DEVICE, "address": Limit(300, _WINDOW), "gateway": Limit(3000, _WINDOW),
}  # fmt: skip
"""Voucher codes and passwords that are judged."""
ALARM: Final = Limit(200, 3600)
"""Unknown voucher codes in the whole city, above which the log warns."""


@dataclass(frozen=True)
class Caller:
    """Who sends a form. `device` is what its attempts are counted by, `address` empty where nobody knows it."""

    device: str
    address: str
    gateway: str

    def by(self, whose: str) -> str:
        return {"device": self.device, "address": self.address, "gateway": self.gateway}[whose]


@lru_cache(maxsize=4096)  # the same addresses and gateways come again and again
def subject(keys: Keys, what: str, whose: str, value: str) -> bytes:
    """What stands for a caller's device, address or gateway. A device's guesses are counted wherever it guesses."""
    return attempts.subject(keys, whose if (what, whose) == ("guess", "device") else f"{what} {whose}", value)


def take(connection: Connection, keys: Keys, what: str, limits: Mapping[str, Limit], caller: Caller, now: int) -> None:
    """Counts a `what` ("login", "guess") of a caller. RequestError where it is one too many; it undoes the transaction,
    so that what is refused counts against nobody."""
    known = {whose: value for whose in limits if (value := caller.by(whose))}
    if not known:
        return
    taken = {subject(keys, what, whose, value): limits[whose] for whose, value in known.items()}
    for whose, wait in zip(known, attempts.take_all(connection, taken, now), strict=True):
        if wait:
            raise RequestError("too-many-attempts" if whose == "device" else "too-many-here", whose, wait=wait)


def wrong_voucher(store: Store, keys: Keys, now: int) -> None:
    """Somebody has tried a code that is none."""
    with store.core.write() as connection:
        unknown = attempts.subject(keys, "voucher code", "unknown")
        attempts.take(connection, unknown, now, ALARM)
        tried = attempts.spent(connection, unknown, now)
    if tried == ALARM.count + 1:
        log.warning("voucher codes are guessed", unknown=tried, seconds=ALARM.window)
