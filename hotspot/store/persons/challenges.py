"""Phone numbers that are being proved by one-time codes, and what their messages may cost.

Messages cost the city money, and whoever asks may be anywhere: so each sender has little until their gateway has let
somebody in from there (`store.limits.exits`), each gateway has what it usually needs, and the city's hour is parted.
Gateways that do not sign who arrives, in whose name anybody can ask, have two fifths of it together; three tenths are
kept for gateways whose codes are entered."""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select, update

from hotspot.city.codes import CodesSection
from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.people.one_time import LIFETIME, TRIES
from hotspot.store.limits import attempts, exits
from hotspot.store.portable import lock, upsert
from hotspot.store.schema import challenge, code_hour, message

HOUR: Final = 3600
DAY: Final = 86400
PAUSE: Final = 60
"""Seconds between two messages to a number."""
PER_HOUR: Final = 3
PER_DAY: Final = 5
"""Messages to one number, and for one device."""
TRIES_PER_DAY: Final = attempts.Limit(15, DAY)
"""Codes that are judged for one number in a day, however often they are sent."""
BUSY: Final = 600
"""Seconds after which it is worth asking again where a budget is used up."""
KEPT: Final = 2 * DAY
SENDER_PER_HOUR: Final = 10
"""Messages asked for from an address from which its gateway has let nobody in."""
GATEWAY_AT_LEAST: Final = 20
"""Messages an hour that a gateway has whatever it usually needs."""
_USUAL_OF: Final = 14 * DAY
_UNSIGNED: Final = 0.4
_RESERVED: Final = 0.3
_CONVERTS: Final = 0.4
"""The share of a gateway's codes of a day that are entered, above which it converts; of at least five."""
_FEW: Final = 5


class MessageState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class Pending:
    """A code that somebody at a door has been sent and may enter."""

    challenge: str
    number: str
    """E.164"""


@dataclass(frozen=True)
class Sending:
    """A message that has been paid for and must go out now."""

    message: str
    challenge: str
    number: str


def door(keys: Keys, gateway: str, mac: str, sender: str = "") -> bytes:
    """Where a code is asked for and entered: survives the phone's mini-browser, which forgets everything else.

    `sender` is the address that the phone comes from: whoever names its MAC elsewhere stands at another door.
    """
    return keys.index("code door", f"{gateway}|{mac}|{sender}")


def pending(connection: Connection, keys: Keys, door_: bytes, now: int) -> Pending | None:
    """The code that is awaited at a door."""
    live = select(challenge).where(challenge.c.door == door_, challenge.c.expires_at > now, challenge.c.tries < TRIES)
    row = connection.execute(live).one_or_none()
    if row is None:
        return None
    gone_out = select(message.c.id).where(
        message.c.challenge_id == row.id, message.c.state != MessageState.FAILED, message.c.at > now - DAY
    )
    if connection.execute(gone_out.limit(1)).first() is None:
        return None
    try:
        number = keys.open(PersonKind.PHONE, row.sealed)
    except InvalidTag:
        return None
    return Pending(row.id, number)


def ask(
    connection: Connection,
    keys: Keys,
    section: CodesSection,
    *,
    gateway: str,
    mac: str,
    number: str,
    now: int,
    sender: str | None = None,
    signed: bool = True,
) -> Sending:
    """Enters a message to `number` (E.164) if every limit allows it; the caller sends it after the commit.

    `sender` is the address that asks, None where nobody stands at a gateway; `signed` says that the gateway has proven
    the MAC address. Whoever asks again for the same number gets the same code anew. RequestError: code-wait,
    code-too-many, code-locked for the number or device, code-busy where the sender, the gateway or the city has used up
    its budget.
    """
    lock(connection, {"code messages"})
    lookup = keys.index(PersonKind.PHONE, number)
    device = attempts.subject(keys, "device", mac if signed else f"{gateway}|{sender or ''}|{mac}")
    _check(connection, section, gateway, lookup, device, now)
    asker = None if sender is None else _Asker.of(connection, keys, gateway, sender, now, signed=signed)
    if asker is not None:
        _check_share(connection, section, asker, now)
    if attempts.spent(connection, _tries_of(keys, lookup), now) >= TRIES_PER_DAY.count:
        raise RequestError("code-locked")
    door_ = door(keys, gateway, mac, sender or "")
    known = connection.execute(
        select(challenge.c.id).where(
            challenge.c.door == door_,
            challenge.c.number == lookup,
            challenge.c.expires_at > now,
            challenge.c.tries < TRIES,
        )
    ).scalar()
    id_ = str(known or new_id())
    row = {"id": id_, "number": lookup, "sealed": keys.seal(PersonKind.PHONE, number), "expires_at": now + LIFETIME}
    fresh = {} if known else {"tries": 0}
    statement = upsert(connection, challenge).values(door=door_, tries=0, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["door"], set_={**row, **fresh}))
    message_id = new_id()
    connection.execute(
        insert(message).values(
            id=message_id,
            challenge_id=id_,
            number=lookup,
            device=device,
            gateway=gateway,
            at=now,
            price=section.price,
            state=MessageState.QUEUED,
            proven=False,
            sender=asker and asker.sender,
            learned=asker and asker.learned,
            signed=asker and asker.signed,
        )
    )
    return Sending(message_id, id_, number)


def _check(connection: Connection, section: CodesSection, gateway: str, number: bytes, device: bytes, now: int) -> None:
    def count(condition: ColumnElement[bool], seconds: int) -> ColumnElement[int]:
        return func.count(case((condition & (message.c.at > now - seconds), 1)))

    whose = (message.c.number == number, message.c.device == device)
    here = message.c.gateway == gateway
    everywhere = message.c.at > 0
    counts = connection.execute(
        select(
            func.max(case((whose[0] & (message.c.at > now - PAUSE), message.c.at))).label("pause"),
            *(count(one, seconds) for one in whose for seconds in (HOUR, DAY)),
            count(here, HOUR).label("gateway"),
            count(everywhere, HOUR).label("hour"),
            count(everywhere, DAY).label("day"),
            func.coalesce(func.sum(message.c.price), 0).label("cost"),
            *(
                func.min(case((one & (message.c.at > now - seconds), message.c.at)))
                for one in whose
                for seconds in (HOUR, DAY)
            ),
        ).where(message.c.at > now - DAY)
    ).one()
    if counts.pause:
        raise RequestError("code-wait", "number", wait=counts.pause + PAUSE - now)
    waits = [
        first + seconds - now
        for number_sent, first, seconds, most in zip(
            counts[1:5], counts[-4:], (HOUR, DAY) * 2, (PER_HOUR, PER_DAY) * 2, strict=True
        )
        if number_sent >= most
    ]
    if waits:
        raise RequestError("code-too-many", "number", wait=max(waits))
    cost_left = section.cost_per_day is None or counts.cost + section.price <= section.cost_per_day
    used_up = counts.gateway >= section.gateway_per_hour or counts.hour >= section.per_hour
    if used_up or counts.day >= section.per_day or not cost_left:
        raise RequestError("code-busy", "budget", wait=BUSY)


@dataclass(frozen=True)
class _Asker:
    """Who asks for a message, and from where. `sender` is a keyed hash of their address."""

    gateway: str
    sender: bytes
    learned: bool
    signed: bool

    @classmethod
    def of(cls, connection: Connection, keys: Keys, gateway: str, sender: str, now: int, *, signed: bool) -> "_Asker":
        learned = exits.is_learned(connection, exits.mark(keys, gateway, sender), now)
        return cls(gateway, keys.index("sender", sender), learned, signed)

    @property
    def at_gateway(self) -> bool:
        """Whether this is one; the privacy page, to which people come from anywhere, is none."""
        return "/" not in self.gateway


def _check_share(connection: Connection, section: CodesSection, asker: _Asker, now: int) -> None:
    """RequestError("code-busy") where a sender's, a gateway's or a kind of gateways' part of the budget is used up."""
    hour, day = message.c.at > now - HOUR, message.c.at > now - DAY
    here = message.c.gateway == asker.gateway
    spent = connection.execute(
        select(
            func.count(case((hour & (message.c.sender == asker.sender), 1))).label("sender"),
            func.count(case((hour & here & message.c.learned.is_(True), 1))).label("learned"),
            func.count(case((hour & here & message.c.learned.is_(False), 1))).label("others"),
            func.count(case((hour & message.c.signed.is_(False), 1))).label("unsigned"),
            func.count(case((hour, 1))).label("all"),
            func.count(func.distinct(case((here, message.c.challenge_id)))).label("asked"),
            func.count(func.distinct(case((here & message.c.proven, message.c.challenge_id)))).label("entered"),
        ).where(day)
    ).one()
    share = min(section.gateway_per_hour, max(GATEWAY_AT_LEAST, 2 * _usual(connection, asker.gateway, now)))
    if asker.learned:
        used_up = spent.learned >= share
    else:
        others = max(SENDER_PER_HOUR, share // 10) if asker.at_gateway else section.gateway_per_hour
        used_up = spent.sender >= SENDER_PER_HOUR or spent.others >= others
    converts = spent.asked >= _FEW and spent.entered > _CONVERTS * spent.asked
    unsigned_up = not asker.signed and spent.unsigned >= _UNSIGNED * section.per_hour
    reserved = not converts and spent.all >= (1 - _RESERVED) * section.per_hour
    if used_up or unsigned_up or reserved:
        raise RequestError("code-busy", "budget", wait=BUSY)


def _usual(connection: Connection, gateway: str, now: int) -> int:
    """Codes that are entered at a gateway in an hour in which any are, the median of two weeks."""
    hours = select(code_hour.c.entered).where(code_hour.c.gateway == gateway, code_hour.c.at > now - _USUAL_OF)
    return int(median(connection.execute(hours).scalars().all() or [0]))


def sent(connection: Connection, message_id: str, state: MessageState) -> None:
    """What became of a message; one that nobody took has cost nothing."""
    price = {} if state is MessageState.SENT else {"price": 0}
    connection.execute(update(message).where(message.c.id == message_id).values(state=state, **price))


def _tries_of(keys: Keys, number: bytes) -> bytes:
    return attempts.subject(keys, "number", number.hex())


def take_try(connection: Connection, keys: Keys, door_: bytes, now: int) -> Pending:
    """The code that a guess is to be judged by. Counted before it is judged, in one statement: of any number of guesses
    at once, five are. RequestError: code-expired, code-locked."""
    statement = (
        update(challenge)
        .where(challenge.c.door == door_, challenge.c.expires_at > now, challenge.c.tries < TRIES)
        .values(tries=challenge.c.tries + 1)
        .returning(challenge.c.id, challenge.c.number, challenge.c.sealed)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        used = select(challenge.c.tries).where(challenge.c.door == door_, challenge.c.expires_at > now)
        raise RequestError("code-locked" if connection.execute(used).scalar() else "code-expired")
    wait = attempts.take(connection, _tries_of(keys, row.number), now, TRIES_PER_DAY)
    if wait:
        raise RequestError("code-locked", "number", wait=wait)
    return Pending(row.id, keys.open(PersonKind.PHONE, row.sealed))


def prove(connection: Connection, door_: bytes, proven: Pending) -> None:
    """Uses up a code that was entered rightly. RequestError("code-expired") where another login was faster."""
    statement = delete(challenge).where(challenge.c.door == door_, challenge.c.id == proven.challenge)
    if connection.execute(statement.returning(challenge.c.id)).first() is None:
        raise RequestError("code-expired")
    asked = update(message).where(message.c.challenge_id == proven.challenge).values(proven=True)
    sent_ = connection.execute(asked.returning(message.c.gateway, message.c.at)).first()
    if sent_ is not None:
        statement = upsert(connection, code_hour).values(
            gateway=sent_.gateway, at=sent_.at - sent_.at % HOUR, entered=1
        )
        entered = code_hour.c.entered + 1
        connection.execute(statement.on_conflict_do_update(index_elements=["gateway", "at"], set_={"entered": entered}))


@dataclass(frozen=True)
class Spending:
    """Messages of the last hour and day; of the day: those that failed, codes that were entered, rupiah."""

    hour: int
    day: int
    failed: int
    proven: int
    cost: int


def spending(connection: Connection, now: int) -> Spending:
    in_hour, failed = message.c.at > now - HOUR, message.c.state == MessageState.FAILED
    row = connection.execute(
        select(
            func.count(case((in_hour, 1))),
            func.count(),
            func.count(case((failed, 1))),
            func.count(func.distinct(case((message.c.proven, message.c.challenge_id)))),
            func.coalesce(func.sum(message.c.price), 0),
        ).where(message.c.at > now - DAY)
    ).one()
    return Spending(*(int(value) for value in row))


def challenges_asked(connection: Connection, since: int, until: int) -> tuple[int, int]:
    """(challenges whose first message went out between, those of them that were proved)."""
    row = connection.execute(
        select(
            func.count(func.distinct(message.c.challenge_id)),
            func.count(func.distinct(case((message.c.proven, message.c.challenge_id)))),
        ).where(message.c.at > since, message.c.at <= until)
    ).one()
    return int(row[0]), int(row[1])


def forget_before(connection: Connection, now: int) -> None:
    """Drops what no limit needs any longer."""
    connection.execute(delete(challenge).where(challenge.c.expires_at <= now - HOUR))
    connection.execute(delete(message).where(message.c.at <= now - KEPT))
    connection.execute(delete(code_hour).where(code_hour.c.at <= now - _USUAL_OF))
