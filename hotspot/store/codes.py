"""Phone numbers that are being proved by one-time codes, and what their messages may cost."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select, update

from ..codes import CodesSection
from ..errors import RequestError
from ..identity import Keys, PersonKind, new_id
from ..one_time import LIFETIME, TRIES
from . import attempts
from .portable import lock, upsert
from .schema import challenge, message

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
    sender: str = "",
) -> Sending:
    """Enters a message to `number` (E.164) if every limit allows it; the caller sends it after the commit.

    Whoever asks again for the same number gets the same code anew. RequestError: code-wait, code-too-many, code-locked
    for the number or device, code-busy where the gateway or the city has used up its budget.
    """
    lock(connection, {"code messages"})
    lookup, device = keys.index(PersonKind.PHONE, number), attempts.subject(keys, "device", mac)
    _check(connection, section, gateway, lookup, device, now)
    if attempts.spent(connection, _tries_of(keys, lookup), now) >= TRIES_PER_DAY.count:
        raise RequestError("code-locked")
    door_ = door(keys, gateway, mac, sender)
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
    connection.execute(update(message).where(message.c.challenge_id == proven.challenge).values(proven=True))


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
