"""How often one device, one address and one gateway may try, counted in the store for all nodes together.

What guesses is held back early. What merely comes often is held back late: behind one address or one gateway a whole
park may stand, and nobody shall keep it out cheaply. So nothing that one sender can empty is shared. Addresses from
which a gateway has let people in (`store.limits.exits`) have nine tenths of its budgets; all others share the tenth, of
which one address has half. A right voucher code is let in whatever its sender has spent: codes are long enough (50
bits), and only wrong ones count against an address and a gateway. A right password gives back what it took."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import structlog
from sqlalchemy import Connection

from hotspot.errors import RequestError
from hotspot.people.identity import Keys
from hotspot.store import Store
from hotspot.store.limits import attempts, exits
from hotspot.store.limits.attempts import DEVICE, Limit

log = structlog.get_logger("portal")

_WINDOW: Final = 600
LOGINS: Final[Mapping[str, Limit]] = {
    "device": Limit(30, _WINDOW), "address": Limit(600, _WINDOW), "gateway": Limit(2400, _WINDOW),
}  # fmt: skip
"""Logins that succeed: what fills the store. Where somebody proved something, their device's alone count."""
GUESSES: Final[Mapping[str, Limit]] = {
    "device": DEVICE, "address": Limit(300, _WINDOW), "gateway": Limit(3000, _WINDOW),
}  # fmt: skip
"""Wrong voucher codes, and passwords that are judged."""
BESIDE_THE_DEVICE: Final[Mapping[str, Limit]] = {whose: GUESSES[whose] for whose in ("address", "gateway")}
OTHERS: Final = "gateway for others"
"""What is counted at a gateway from addresses from which it has let nobody in."""
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


_ANYBODY: Final = ("click-through", "oidc-start")
"""Methods that prove nothing."""


def of_login(method: str) -> Mapping[str, Limit]:
    """The limits of logins by a method."""
    return LOGINS if method in _ANYBODY else {"device": LOGINS["device"]}


@lru_cache(maxsize=4096)  # the same addresses and gateways come again and again
def subject(keys: Keys, what: str, whose: str, value: str) -> bytes:
    """What stands for a caller's device, address or gateway. A device's guesses are counted wherever it guesses."""
    return attempts.subject(keys, whose if (what, whose) == ("guess", "device") else f"{what} {whose}", value)


def take(
    connection: Connection,
    keys: Keys,
    what: str,
    limits: Mapping[str, Limit],
    caller: Caller,
    now: int,
    *,
    split: bool = True,
) -> list[bytes]:
    """Counts a `what` ("login", "guess") of a caller. RequestError where it is one too many; it undoes the transaction,
    so that what is refused counts against nobody. Returns what was counted (`attempts.give_back`).

    `split` says that "gateway" is one, at which phones arrive; its budget is then parted as above.
    """
    taken, names = _counted(connection, keys, what, limits, caller, now, split=split)
    if not taken:
        return []
    for whose, wait in zip(names, attempts.take_all(connection, taken, now), strict=True):
        if wait:
            raise RequestError("too-many-attempts" if whose == "device" else "too-many-here", whose, wait=wait)
    return list(taken)


def _counted(
    connection: Connection,
    keys: Keys,
    what: str,
    limits: Mapping[str, Limit],
    caller: Caller,
    now: int,
    *,
    split: bool = True,
) -> tuple[dict[bytes, Limit], list[str]]:
    """The limits of a caller by what stands for them in the store, and whose they are."""
    known = {whose: value for whose in limits if (value := caller.by(whose))}
    chosen = {whose: (whose, limits[whose]) for whose in known}
    if split and "gateway" in known:
        whole = limits["gateway"]
        rest = max(1, whole.count // 10)
        if exits.is_learned(connection, exits.mark(keys, caller.gateway, caller.address), now):
            chosen["gateway"] = ("gateway", Limit(whole.count - rest, whole.window))
        else:
            chosen["gateway"] = (OTHERS, Limit(rest, whole.window))
            if "address" in known:
                most = min(limits["address"].count, max(1, rest // 2))
                chosen["address"] = ("address", Limit(most, limits["address"].window))
    taken = {subject(keys, what, name, known[whose]): limit for whose, (name, limit) in chosen.items()}
    return taken, list(chosen)


def missed(connection: Connection, keys: Keys, caller: Caller, now: int) -> RequestError | None:
    """Counts a wrong voucher code against address and gateway. What to say where that is one too many."""
    taken, names = _counted(connection, keys, "guess", BESIDE_THE_DEVICE, caller, now)
    for whose, (one, limit) in zip(names, taken.items(), strict=True):
        wait = attempts.take(connection, one, now, limit)
        if wait:  # an address that has spent what it had takes nothing more from its gateway
            return RequestError("too-many-here", whose, wait=wait)
    return None


def wrong_voucher(store: Store, keys: Keys, now: int) -> None:
    """Somebody has tried a code that is none."""
    with store.core.write() as connection:
        unknown = attempts.subject(keys, "voucher code", "unknown")
        attempts.take(connection, unknown, now, ALARM)
        tried = attempts.spent(connection, unknown, now)
    if tried == ALARM.count + 1:
        log.warning("voucher codes are guessed", unknown=tried, seconds=ALARM.window)
