"""`hotspot person`: what is known of somebody, shown to them, erased at their wish, or held for a court."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from hotspot.errors import ConfigError, Fault, HotspotError, RequestError
from hotspot.files import keep, private
from hotspot.node.terminal import DURATION, Node, pass_node
from hotspot.rules import erasure
from hotspot.store.audit import record
from hotspot.store.persons import holds, people, subject
from hotspot.store.persons.subject import Subject
from portal.methods.codes import parse_number

from .block import end_of, one_of, person, shown_time

_REASON = 200
who_is_meant = click.argument("who", metavar="NUMBER|MEMBER|VOUCHER|ID")


def found(node: Node, connection: Connection, who: str) -> str:
    """The id of the person that an admin names: by a mobile number, a member's name, a voucher's code or an id."""
    try:
        number = parse_number(who, ("+",))
    except RequestError:
        number = None
    oidc = node.revision().inventory.oidc
    persons = subject.named(connection, node.keys, who, number, oidc.issuer if oidc else None)
    if len(persons) > 1:
        raise ConfigError([Fault(0, "WHO", "more than one person is known as that; give the id of one")])
    if persons:
        return persons[0]
    try:
        return one_of("person", who, people.persons_like(connection, who.lower()))
    except ConfigError as error:
        message = f"nobody is known by that number, name, code or id ({error})"
        raise ConfigError([Fault(0, "WHO", message)]) from error


def _known(node: Node, who: str, action: str) -> tuple[Subject, dict[str, Any]]:
    """What is known of somebody; that it was looked at is recorded."""
    with node.store.core.write() as connection:
        whose = subject.of(connection, found(node, connection, who))
        value = subject.known(connection, node.keys, whose)
        record(connection, node.who, action, whose.person, node.now)
    return whose, value


@person.command()
@who_is_meant
@pass_node
def show(node: Node, who: str) -> None:
    """Show what is known of somebody. The audit trail keeps that you looked.

    \b
    hotspot person show 0812-3456-7890
    hotspot person show "dewi lestari"
    """
    whose, value = _known(node, who, "person.show")
    with node.store.core.read() as connection:
        held = holds.until(connection, [whose.person], node.now)
    node.answer({**value, "held_until": held})
    node.say(f"{value['known_as'] or '(erased)'}  {value['kind'] or ''}  person {whose.person}")
    node.say(f"first seen {value['first_seen']}")
    for device in value["devices"]:
        others = ", others use it too" if device["shared"] else ""
        node.say(f"device {device['address']}  since {device['first_seen']}{others}")
    for consent in value["consents"]:
        gone = f", withdrawn {consent['withdrawn_at']}" if consent["withdrawn_at"] else ""
        text = f"{consent['purpose']} {consent['text_version']} ({consent['language']})"
        node.say(f"consent {text} {consent['given_at']}{gone}")
    node.say(
        f"{len(value['grants'])} grants, {len(value['sessions'])} sessions, {len(value['faults'])} reported faults"
    )
    if held is not None:
        node.say(f"held until {shown_time(held)} UTC")


@person.command()
@who_is_meant
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The JSON file; its owner's alone."
)
@pass_node
def export(node: Node, who: str, out: Path) -> None:
    """Write down for somebody all that is known of them.

    \b
    hotspot person export 0812-3456-7890 --out data.json
    """
    try:
        file = private(out, new=True)
    except FileExistsError as error:
        raise ConfigError([Fault(0, "--out", f"{out} is there already; name another file")]) from error
    try:
        _, value = _known(node, who, "person.export")
    except HotspotError:
        file.close()
        out.unlink()
        raise
    keep(file, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
    node.answer({"person": value["person"], "file": str(out)})
    node.say(f"{out}: {len(value['sessions'])} sessions, {len(value['consents'])} consents")


@person.command()
@who_is_meant
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@pass_node
def erase(node: Node, who: str, dry_run: bool) -> None:
    """Put somebody out and erase what is known of them. Statistics keep what was used, as nobody's.

    Where a session of theirs runs, the rest waits until their gateway has ended it, for an hour at most. Whoever is
    blocked, or held by `hotspot person hold`, is not erased.
    """
    inventory = node.revision().inventory
    try:
        with node.store.core.write() as connection:
            whose = subject.of(connection, found(node, connection, who))
            if dry_run:
                erasure.check(connection, whose, node.now)
                done = erasure.Erasure(
                    whose, subject.running(connection, whose), erasure.count(connection, node.keys, whose)
                )
            else:
                done = erasure.ask(connection, node.keys, inventory, whose.person, node.who, node.now)
    except RequestError as error:
        raise HotspotError(_KEPT[error.code]) from error
    counts = asdict(done.erased) if done.erased else None
    node.answer(
        {
            "dry_run": dry_run,
            "person": whose.person,
            "waits_for": done.sessions,
            "erased": counts,
            "shared_devices": len(whose.shared),
        }
    )
    if counts is None:
        node.say(f"{done.sessions} sessions are being ended; then, within an hour, the rest is erased")
    else:
        told = ", ".join(f"{number} {what}" for what, number in counts.items())
        node.say(f"{'would erase' if dry_run else 'erased'}: {told}")
    if whose.shared:
        node.say(f"{len(whose.shared)} devices stay: others are known on them too")


_KEPT = {
    "erase-held": "nothing is erased: a legal hold keeps this person's data; see `hotspot person show`",
    "erase-blocked": "nothing is erased: the person or their device is blocked; `hotspot person unblock` them first",
}


@person.command()
@who_is_meant
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The first day that needs it no longer.")
@click.option("--for", "lasting", type=DURATION, help='For how long: "180d".')
@click.option("--reason", required=True, help="Which case, for the list of holds. Name nobody in it.")
@pass_node
def hold(node: Node, who: str, until: datetime | None, lasting: int | None, reason: str) -> None:
    """Keep somebody's data although its term ends or they want it erased, as a court may order.

    \b
    hotspot person hold 0812-3456-7890 --until 2027-06-30 --reason "LP/B/12/I/2027"
    """
    if until is None and lasting is None:
        raise ConfigError([Fault(0, "--until", "say until when, by --until or --for; a hold ends by itself")])
    end = end_of(node, until, lasting)
    if not 1 <= len(reason.strip()) <= _REASON or not reason.isprintable():
        raise ConfigError([Fault(0, "--reason", f"a reason has 1 to {_REASON} printable characters")])
    with node.store.core.write() as connection:
        person_id = found(node, connection, who)
        if subject.name(connection, node.keys, person_id) is None:
            raise HotspotError("what is known of this person has been erased; there is nothing to hold")
        holds.place(connection, person_id, end, reason.strip(), node.who, node.now)
        record(connection, node.who, "person.hold", person_id, node.now, until=end, reason=reason.strip())
    node.answer({"person": person_id, "until": end})
    node.say(f"person {person_id} is held until {shown_time(end)} UTC")


@person.command()
@who_is_meant
@pass_node
def release(node: Node, who: str) -> None:
    """End a legal hold before its day."""
    with node.store.core.write() as connection:
        person_id = found(node, connection, who)
        if not holds.lift(connection, person_id, node.who, node.now):
            raise HotspotError("no hold keeps this person's data; see `hotspot person holds`")
        record(connection, node.who, "person.release", person_id, node.now)
    node.answer({"person": person_id})
    node.say(f"person {person_id} is held no more")


@person.command("holds")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@pass_node
def holds_(node: Node, everything: bool) -> None:
    """List the legal holds, newest first."""
    with node.store.core.read() as connection:
        rows = holds.listed(connection, node.now, everything=everything)
    shown = [dict(row._mapping) for row in rows]
    columns = ("person_id", "until", "reason", "created_at", "created_by", "lifted_at", "lifted_by")
    node.table(
        ("PERSON", "UNTIL (UTC)", "REASON", "SINCE (UTC)", "BY", "LIFTED (UTC)", "BY"),
        ([shown_time(v) if v and c.endswith(("_at", "until")) else v for c in columns for v in [s[c]]] for s in shown),
        shown,
    )
