"""Vouchers: made in batches, found by the HMAC of their code, used by one person for a time from their first use."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update

from hotspot.errors import RequestError
from hotspot.people.identity import Keys, PersonKind, new_id
from hotspot.people.voucher import VoucherState, new_code, state
from hotspot.store.portable import Statement, begins, run
from hotspot.store.schema import voucher

from .people import create as create_person


@dataclass(frozen=True)
class Entitlement:
    """Whom a voucher entitles, to which plan, until when (UTC seconds)."""

    person: str
    plan: str
    until: int
    first: bool = False
    """Whether it is used for the first time."""


@dataclass(frozen=True)
class Batch:
    """A batch before it is entered: the codes exist nowhere else, the store keeps their HMAC. So they are written down
    first, and entered then: a code that is nowhere written must not be valid."""

    id: str
    codes: tuple[str, ...]


def drawn(count: int) -> Batch:
    """So many new codes, all of them different."""
    codes: dict[str, None] = {}
    while len(codes) < count:
        codes[new_code()] = None
    return Batch(new_id(), tuple(codes))


def enter(
    connection: Connection, keys: Keys, batch: Batch, *, site: str, plan: str, valid: int, expires_at: int, now: int
) -> None:
    """Makes the codes of a batch valid."""
    rows = [
        {
            "id": new_id(),
            "lookup": keys.index(PersonKind.VOUCHER, code),
            "batch": batch.id,
            "serial": serial,
            "site": site,
            "plan": plan,
            "created_at": now,
            "expires_at": expires_at,
            "valid": valid,
        }
        for serial, code in enumerate(batch.codes, 1)
    ]
    connection.execute(insert(voucher), rows)


def create(
    connection: Connection, keys: Keys, *, site: str, plan: str, count: int, valid: int, expires_at: int, now: int
) -> tuple[str, list[str]]:
    """Draws a batch and enters it, for who needs no paper: its id and its codes."""
    batch = drawn(count)
    enter(connection, keys, batch, site=site, plan=plan, valid=valid, expires_at=expires_at, now=now)
    return batch.id, list(batch.codes)


class _Voucher(NamedTuple):
    id: str
    site: str
    plan: str
    expires_at: int
    valid: int
    used_at: int | None
    person: str | None
    revoked_at: int | None


_FIND: Final = Statement(
    "SELECT id, site, plan, expires_at, valid, used_at, person_id, revoked_at FROM voucher WHERE lookup = ?"
)
_USE: Final = Statement("UPDATE voucher SET used_at = ?, person_id = ? WHERE id = ? AND used_at IS NULL")


def _found(connection: Connection, lookup: bytes) -> _Voucher | None:
    row = run(connection, _FIND, lookup).fetchone()
    return None if row is None else _Voucher(*row)


def use(connection: Connection, keys: Keys, code: str, site: str, now: int) -> Entitlement:
    """Whom a code entitles at a site. RequestError says why it does not: voucher-unknown, -expired, -used-up, …"""
    lookup = keys.index(PersonKind.VOUCHER, code)
    found = _found(connection, lookup)
    if found is None or found.site != site:
        raise RequestError("voucher-unknown" if found is None else "voucher-other-site")
    is_in = state(
        now, used_at=found.used_at, expires_at=found.expires_at, valid=found.valid, revoked_at=found.revoked_at
    )
    if is_in not in (VoucherState.NEW, VoucherState.ACTIVE):
        raise RequestError(f"voucher-{is_in}")
    if found.used_at is not None:
        return Entitlement(str(found.person), found.plan, found.used_at + found.valid)
    person = create_person(connection, keys, PersonKind.VOUCHER, code, now)
    if run(connection, _USE, now, person, found.id).rowcount == 1:
        return Entitlement(person, found.plan, now + found.valid, first=True)
    return use(connection, keys, code, site, now)  # another node was faster


def plan_of(connection: Connection, person: str) -> str | None:
    """The plan of the voucher that a person is."""
    return connection.execute(select(voucher.c.plan).where(voucher.c.person_id == person)).scalar()


def state_of(row: Row[Any], now: int) -> VoucherState:
    return state(now, used_at=row.used_at, expires_at=row.expires_at, valid=row.valid, revoked_at=row.revoked_at)


def batches(connection: Connection, prefix: str = "") -> list[str]:
    """The ids of the batches that begin with `prefix`."""
    found = select(voucher.c.batch).where(begins(voucher.c.batch, prefix)).distinct()
    return list(connection.execute(found.order_by(voucher.c.batch)).scalars())


def listed(connection: Connection, *, batch: str | None = None, site: str | None = None) -> list[Row[Any]]:
    """Vouchers, newest batch first, each batch in the order of its serials."""
    statement = select(voucher)
    if batch is not None:
        statement = statement.where(voucher.c.batch == batch)
    if site is not None:
        statement = statement.where(voucher.c.site == site)
    order = (voucher.c.created_at.desc(), voucher.c.batch, voucher.c.serial)
    return list(connection.execute(statement.order_by(*order)))


def _is(one: VoucherState, now: int) -> ColumnElement[bool]:
    """`hotspot.people.voucher.state` in SQL."""
    new, there = voucher.c.used_at.is_(None), voucher.c.revoked_at.is_(None)
    lasts = voucher.c.used_at + voucher.c.valid > now
    return {
        VoucherState.REVOKED: ~there,
        VoucherState.NEW: and_(there, new, voucher.c.expires_at > now),
        VoucherState.EXPIRED: and_(there, new, voucher.c.expires_at <= now),
        VoucherState.ACTIVE: and_(there, ~new, lasts),
        VoucherState.USED_UP: and_(there, ~new, ~lasts),
    }[one]


def counted(
    connection: Connection, now: int, *, site: str | None = None, limit: int, after: str | None = None
) -> list[Any]:
    """Batches, newest first, after one of an id, with how many of their vouchers are in which state: batch, site, plan,
    valid, created_at, expires_at, count, and a column for each `VoucherState`."""
    first = select(voucher.c.batch, voucher.c.created_at).where(voucher.c.serial == 1)
    if site is not None:
        first = first.where(voucher.c.site == site)
    if after is not None:
        last = select(voucher.c.created_at).where(voucher.c.batch == after, voucher.c.serial == 1).scalar_subquery()
        same = and_(voucher.c.created_at == last, voucher.c.batch > after)
        first = first.where(or_(voucher.c.created_at < last, same))
    names = first.order_by(voucher.c.created_at.desc(), voucher.c.batch).limit(limit)
    batches = list(connection.execute(names).scalars())
    states = [func.sum(case((_is(state_, now), 1), else_=0)).label(state_.name.lower()) for state_ in VoucherState]
    alike = [func.min(column).label(column.name) for column in (
        voucher.c.site, voucher.c.plan, voucher.c.valid, voucher.c.created_at, voucher.c.expires_at
    )]  # fmt: skip
    rows = connection.execute(
        select(voucher.c.batch, *alike, func.count().label("count"), *states)
        .where(voucher.c.batch.in_(batches))
        .group_by(voucher.c.batch)
    )
    found = {row.batch: row for row in rows}
    return [found[name] for name in batches]


def count_batches(connection: Connection, site: str | None = None) -> int:
    """How many batches there are."""
    statement = select(func.count()).select_from(voucher).where(voucher.c.serial == 1)
    return connection.execute(statement if site is None else statement.where(voucher.c.site == site)).scalar_one()


def revoke(connection: Connection, batch: str, serial: int | None, now: int) -> tuple[int, list[str]]:
    """Takes back a batch, or one voucher of it: how many were not taken back before, and who used them."""
    chosen = update(voucher).where(voucher.c.batch == batch, voucher.c.revoked_at.is_(None))
    if serial is not None:
        chosen = chosen.where(voucher.c.serial == serial)
    persons = connection.execute(chosen.values(revoked_at=now).returning(voucher.c.person_id)).scalars().all()
    return len(persons), [person for person in persons if person is not None]
