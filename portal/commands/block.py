"""`hotspot person`, `hotspot device`, `hotspot block`: who is not let in for a while."""

from datetime import UTC, datetime
from typing import Any, Final

import click
from sqlalchemy import Connection

from hotspot.admission.grant import FOREVER
from hotspot.errors import ConfigError, Fault, HotspotError, RequestError
from hotspot.node.terminal import DURATION, Group, Node, pass_node
from hotspot.people.identity import PersonKind, parse_mac
from hotspot.rules import watch
from hotspot.store.audit import record
from hotspot.store.persons import blocks, people
from hotspot.store.persons.blocks import Blocked
from hotspot.store.stays import sessions

_SHORTEST_PREFIX: Final = 4
_FORMATS: Final = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]

_until = click.option(
    "--until", type=click.DateTime(_FORMATS), help='Until when, in the city\'s time zone: "2026-11-30 18:00".'
)
_for = click.option("--for", "lasting", type=DURATION, help='For how long: "2h", "30d".')
_reason = click.option("--reason", required=True, help="Why, for the list of blocks. Name nobody in it.")
_session = click.option("--session", "session_id", help="Whose session this is; the beginning of its id is enough.")


@click.group(cls=Group)
def person() -> None:
    """Look after persons: whoever is entitled, known by a random id."""


@click.group(cls=Group)
def device() -> None:
    """Look after devices."""


@click.group(cls=Group)
def block() -> None:
    """See who is blocked."""


@person.command("block")
@click.argument("person_id", metavar="[PERSON]", required=False)
@_session
@click.option("--member", help="The member of this name.")
@_until
@_for
@_reason
@pass_node
def block_person(
    node: Node,
    person_id: str | None,
    session_id: str | None,
    member: str | None,
    until: datetime | None,
    lasting: int | None,
    reason: str,
) -> None:
    """Let a person in no more, at any site, until a time or until `hotspot person unblock`.

    Their running sessions are ended at once. PERSON is an id, as `hotspot session list --json` shows it, or its
    beginning.

    \b
    hotspot person block --session 5e679c --for 2h --reason "complaint 1042"
    hotspot person block --member sari --until "2026-11-30 18:00" --reason "lost phone"
    """
    with node.store.core.read() as connection:
        subject = _person(node, connection, person_id, session_id, member)
    _block(node, Blocked.PERSON, subject, end_of(node, until, lasting), reason)


@person.command("unblock")
@click.argument("person_id", metavar="[PERSON]", required=False)
@_session
@click.option("--member", help="The member of this name.")
@pass_node
def unblock_person(node: Node, person_id: str | None, session_id: str | None, member: str | None) -> None:
    """Let a person in again."""
    with node.store.core.read() as connection:
        subject = _person(node, connection, person_id, session_id, member)
    _unblock(node, Blocked.PERSON, subject)


@device.command("block")
@click.argument("name", metavar="[MAC|ID]", required=False)
@_session
@_until
@_for
@_reason
@pass_node
def block_device(
    node: Node,
    name: str | None,
    session_id: str | None,
    until: datetime | None,
    lasting: int | None,
    reason: str,
) -> None:
    """Let a device in no more, whoever uses it, until a time or until `hotspot device unblock`.

    Its running sessions are ended at once. A phone can change its address: block the person where you know them.

    \b
    hotspot device block 02:00:5e:aa:bb:01 --for 1d --reason "scans the network"
    """
    with node.store.core.write() as connection:
        subject = _device(node, connection, name, session_id, make=True)
    _block(node, Blocked.DEVICE, subject, end_of(node, until, lasting), reason)


@device.command("unblock")
@click.argument("name", metavar="[MAC|ID]", required=False)
@_session
@pass_node
def unblock_device(node: Node, name: str | None, session_id: str | None) -> None:
    """Let a device in again."""
    with node.store.core.read() as connection:
        subject = _device(node, connection, name, session_id)
    _unblock(node, Blocked.DEVICE, subject)


@block.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="The newest so many.")
@pass_node
def list_(node: Node, everything: bool, limit: int) -> None:
    """List the persons and devices that are blocked, newest first."""
    with node.store.core.read() as connection:
        rows = blocks.listed(connection, node.now, everything=everything, limit=limit)
    shown = [
        {
            "id": row.id,
            "kind": row.kind,
            "subject": row.subject,
            "until": _known(row.until),
            "reason": row.reason,
            "created_at": row.created_at,
            "created_by": row.created_by,
            "lifted_at": row.lifted_at,
            "lifted_by": row.lifted_by,
        }
        for row in rows
    ]
    node.table(
        ("KIND", "WHO", "UNTIL (UTC)", "REASON", "SINCE (UTC)", "BY", "LIFTED (UTC)"),
        (
            (
                s["kind"],
                s["subject"][:12],
                shown_time(s["until"]) if s["until"] else "lifted by hand",
                s["reason"],
                shown_time(s["created_at"]),
                s["created_by"],
                shown_time(s["lifted_at"]) if s["lifted_at"] else "",
            )
            for s in shown
        ),
        shown,
    )


def shown_time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _known(until: int) -> int | None:
    return None if until >= FOREVER else until


def end_of(node: Node, until: datetime | None, lasting: int | None) -> int:
    """When a block ends, UTC seconds."""
    if until is not None and lasting is not None:
        raise ConfigError([Fault(0, "--until", "give --until or --for, not both")])
    if lasting is not None:
        return node.now + lasting
    if until is None:
        return FOREVER
    end = int(until.replace(tzinfo=node.revision().inventory.city.zone).timestamp())
    if end <= node.now:
        raise ConfigError([Fault(0, "--until", f"{until:%Y-%m-%d %H:%M} is past")])
    return end


def _only(given: list[Any]) -> None:
    if sum(value is not None for value in given) != 1:
        raise ConfigError("say who it is, in one way: an id, or one of the options that name somebody")


def _person(
    node: Node, connection: Connection, person_id: str | None, session_id: str | None, member: str | None
) -> str:
    _only([person_id, session_id, member])
    if session_id is not None:
        found = sessions.named(connection, session_id).person_id
        if found is None:
            raise HotspotError("nobody of ours is known behind that session; block its device instead")
        return str(found)
    if member is not None:
        try:
            known = people.find(connection, node.keys, PersonKind.MEMBER, people.normal_name(member))
        except RequestError as error:
            raise ConfigError([Fault(0, "--member", "a name has 1 to 64 printable characters")]) from error
        if known is None:
            raise ConfigError([Fault(0, "--member", f"there is no member {member!r}")])
        return known
    return one_of("person", person_id or "", people.persons_like(connection, (person_id or "").lower()))


def _device(node: Node, connection: Connection, name: str | None, session_id: str | None, *, make: bool = False) -> str:
    """The id of a device. `make` also remembers one that was never seen."""
    _only([name, session_id])
    if session_id is not None:
        return str(sessions.named(connection, session_id).device_id)
    text = name or ""
    found = people.devices_like(connection, text.lower()) if len(text) >= _SHORTEST_PREFIX else []
    try:
        mac = parse_mac(text)
    except RequestError:
        return one_of("device", text, found)
    if len(found) == 1:  # the twelve digits of an id that our lists show look like an address
        return found[0]
    known = people.find_device(connection, node.keys, mac)
    if known is None and make:
        known = people.see_device(connection, node.keys, mac, node.now)
    if known is None:
        raise ConfigError(f"no device with the address {mac} was ever seen")
    return known


def one_of(what: str, prefix: str, found: list[str]) -> str:
    if len(prefix) < _SHORTEST_PREFIX:
        raise ConfigError(f"{prefix!r} is too short for the beginning of an id; give {_SHORTEST_PREFIX} digits or more")
    if len(found) != 1:
        known = f"no {what}" if not found else f"more than one {what}"
        raise ConfigError(f"{known} has an id that begins with {prefix!r}")
    return found[0]


def _block(node: Node, kind: Blocked, subject: str, until: int, reason: str) -> None:
    reason = reason.strip()
    if not 1 <= len(reason) <= 200 or not reason.isprintable():
        raise ConfigError([Fault(0, "--reason", "a reason has 1 to 200 printable characters")])
    inventory = node.revision().inventory
    with node.store.core.write() as connection:
        ended = watch.block(connection, inventory, kind, subject, until, reason, node.who, node.now)
        record(connection, node.who, f"{kind}.block", subject, node.now, until=_known(until), sessions=ended)
    node.answer({"kind": kind, "subject": subject, "until": _known(until), "sessions": ended})
    lasts = "until it is lifted" if until >= FOREVER else f"until {shown_time(until)} UTC"
    node.say(f"{kind} {subject[:12]} is blocked {lasts}; running sessions that are being ended: {ended}")


def _unblock(node: Node, kind: Blocked, subject: str) -> None:
    with node.store.core.write() as connection:
        if not blocks.lift(connection, subject, node.who, node.now):
            raise HotspotError(f"{kind} {subject[:12]} is not blocked; see `hotspot block list`")
        record(connection, node.who, f"{kind}.unblock", subject, node.now)
    node.answer({"kind": kind, "subject": subject})
    node.say(f"{kind} {subject[:12]} is let in again")
