"""`hotspot member`: people with a name and a password."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import Connection

from hotspot.admission.grant import Reason
from hotspot.errors import ConfigError, Fault, HotspotError, RequestError
from hotspot.files import keep, private
from hotspot.node.terminal import Group, Node, pass_node
from hotspot.people.password import hash_all, hashed, long_enough, made_up
from hotspot.rules import watch
from hotspot.store.audit import record
from hotspot.store.persons import holds, members, people
from hotspot.store.persons.people import Member
from portal.methods.roster import Entry, password_rule, read
from portal.pages.printing import table

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group)
def member() -> None:
    """Keep member accounts."""


@member.command()
@click.argument("name")
@pass_node
def add(node: Node, name: str) -> None:
    """Add a member. The password is asked for, or read from standard input.

    \b
    hotspot member add sari
    printf '%s\\n' "$PASSWORD" | hotspot member add sari
    """
    password_hash, keys = hashed(_asked()), node.keys
    try:
        with node.store.core.write() as connection:
            person = people.add_member(connection, keys, name, password_hash, node.now)
            record(connection, node.who, "member.add", person, node.now)
    except RequestError as error:
        reasons = {
            "member-exists": f"there is a member {name!r} already",
            "bad-name": "a name has 1 to 64 printable characters",
        }
        raise HotspotError(reasons[error.code]) from error
    node.answer({"person": person})
    node.say(f"member {name} added")


@member.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--passwords", type=_FILE, help="Where names and passwords are written that were made up.")
@pass_node
def import_(node: Node, file: Path, passwords: Path | None) -> None:
    """Add the members of a CSV file: all of them, or none where anything is wrong with it.

    Its first line names the columns: name, and perhaps password. For whoever has no password one is made up and
    written to --passwords, which its owner alone can read. Members change theirs on their status page.

    \b
    hotspot member import teachers.csv --passwords teachers-passwords.csv
    """
    entries = _checked(node, file)
    unnamed = sum(entry.password is None for entry in entries)
    if unnamed and passwords is None:
        raise ConfigError([Fault(0, "--passwords", f"{unnamed} members have no password: say where to write theirs")])
    chosen = {entry.name: entry.password or made_up() for entry in entries}
    if passwords is not None:  # written down first: a password that nobody can read must not be stored
        made = [[entry.name, chosen[entry.name]] for entry in entries if entry.password is None]
        keep(private(passwords), table(["name", "password"], iter(made)).encode())
    hashes = hash_all(list(chosen.values()))
    keys = node.keys
    with node.store.core.write() as connection:
        known = _known(connection, node, entries)
        if known:
            raise ConfigError(known)
        for name, password_hash in zip(chosen, hashes, strict=True):
            person = people.add_member(connection, keys, name, password_hash, node.now)
            record(connection, node.who, "member.add", person, node.now)
    node.answer({"added": len(entries), "passwords_made_up": unnamed})
    node.say(f"{len(entries)} members added, {unnamed} with a password that was made up")


def _checked(node: Node, file: Path) -> list[Entry]:
    """The entries of a file. ConfigError with everything that is wrong with it."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError('the file is not UTF-8; save it as "CSV UTF-8"') from error
    entries, faults = read(text)
    with node.store.core.read() as connection:
        faults += _known(connection, node, entries)
    if faults:
        raise ConfigError(faults)
    return entries


def _known(connection: Connection, node: Node, entries: list[Entry]) -> list[Fault]:
    return [
        Fault(entry.line, "name", f"there is a member {entry.name!r} already")
        for entry in entries
        if people.find_member(connection, node.keys, entry.name) is not None
    ]


@member.command("list")
@pass_node
def list_(node: Node) -> None:
    """List the members by name, and when each was last let in. The audit trail keeps that you looked."""
    with node.store.core.write() as connection:
        found = members.listed(connection, node.keys)
        if found:
            record(connection, node.who, "member.list", "members", node.now, count=len(found))
    value = [
        {"name": one.name, "person": one.person, "created_at": one.created_at, "last_login": one.last_login,
         "disabled": one.disabled}
        for one in found
    ]  # fmt: skip
    rows = [(one.name, one.person[:12], _day(one.created_at), _day(one.last_login)) for one in found]
    node.table(("NAME", "PERSON", "SINCE (UTC)", "LAST IN (UTC)"), rows, value)


def _day(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


@member.command()
@click.argument("name")
@click.option("--make-up", is_flag=True, help="Make a password up and print it, this once.")
@pass_node
def reset(node: Node, name: str, make_up: bool) -> None:
    """Give a member a new password, put out whoever is in by the old one, and let them try again at once.

    \b
    hotspot member reset sari --make-up
    printf '%s\\n' "$PASSWORD" | hotspot member reset sari
    """
    inventory = node.revision().inventory
    found = _find(node, name)
    password = made_up() if make_up else _asked()
    password_hash = hashed(password)
    with node.store.core.write() as connection:
        members.set_password(connection, found.person, password_hash)
        out = watch.end(connection, inventory, Reason.ENTITLEMENT_ENDED, node.now, person=found.person)
        record(connection, node.who, "member.reset", found.person, node.now)
    node.answer({"person": found.person, "sessions": out, **({"password": password} if make_up else {})})
    node.say(password if make_up else f"member {name} has a new password")
    if not node.json:
        node.complain(f"{out} sessions ordered to end")


@member.command()
@click.argument("name")
@pass_node
def remove(node: Node, name: str) -> None:
    """Remove a member: put them out, and forget name and password. Statistics keep what was used, as nobody's."""
    inventory = node.revision().inventory
    found = _find(node, name)
    with node.store.core.write() as connection:
        if holds.until(connection, [found.person], node.now) is not None:
            raise HotspotError(f"a legal hold keeps {name}'s data; see `hotspot person show`")
        out = watch.end(connection, inventory, Reason.ENTITLEMENT_ENDED, node.now, person=found.person)
        members.remove(connection, found.person)
        record(connection, node.who, "member.remove", found.person, node.now)
    node.answer({"person": found.person, "sessions": out})
    node.say(f"member {name} removed, {out} sessions ordered to end")


def _find(node: Node, name: str) -> Member:
    try:
        with node.store.core.read() as connection:
            found = people.find_member(connection, node.keys, name)
    except RequestError:
        found = None
    if found is None:
        raise HotspotError(f"there is no member {name!r}; `hotspot member list` names them")
    return found


def _asked() -> str:
    """A password from the terminal, twice, or from standard input."""
    if sys.stdin.isatty():
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not long_enough(password):
        raise ConfigError([Fault(0, "password", password_rule())])
    return password
