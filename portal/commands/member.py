"""`hotspot member`: people with a name and a password."""

import sys

import click

from hotspot.errors import ConfigError, HotspotError, RequestError
from hotspot.password import HASHER, LONGEST_PASSWORD
from hotspot.store import people
from hotspot.store.audit import record
from hotspot.terminal import Group, Node, pass_node

_SHORTEST_PASSWORD = 8


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
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not _SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigError(f"the password must have {_SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    password_hash, keys = HASHER.hash(password), node.keys
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
