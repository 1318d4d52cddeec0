"""`hotspot consent`: who agreed to which text, and took it back."""

from datetime import UTC, datetime

import click

from hotspot.admission.grant import Reason
from hotspot.node.terminal import Group, Node, pass_node
from hotspot.rules import watch
from hotspot.store.audit import record
from hotspot.store.persons import consents
from portal.pages.texts import PHONE, SERVICE

from .person import found, who_is_meant

_purpose = click.option("--purpose", type=click.Choice([SERVICE, PHONE]), help="Of this purpose alone.")


@click.group(cls=Group)
def consent() -> None:
    """See what people agreed to; withdraw it for them."""


@consent.command("list")
@click.argument("who", metavar="[NUMBER|MEMBER|VOUCHER|ID]", required=False)
@_purpose
@click.option("--all", "everything", is_flag=True, help="Those that were withdrawn too.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="The newest so many.")
@pass_node
def list_(node: Node, who: str | None, purpose: str | None, everything: bool, limit: int) -> None:
    """List consents, newest first: the text's version and hash, purpose, language, place, time.

    Persons are random ids; the texts are the files in portal/pages/terms with these hashes (SHA-256).
    """
    with node.store.core.read() as connection:
        persons = None if who is None else [found(node, connection, who)]
        rows = consents.listed(connection, persons=persons, purpose=purpose, withdrawn=everything, limit=limit)
    node.table(
        ("PERSON", "PURPOSE", "VERSION", "SHA-256", "LANGUAGE", "SITE", "GIVEN (UTC)", "WITHDRAWN (UTC)"),
        (
            (
                row.person_id,
                row.purpose,
                row.text_version,
                row.text_sha256[:12],
                row.language,
                row.site,
                _time(row.given_at),
                _time(row.withdrawn_at),
            )
            for row in rows
        ),
        [dict(row._mapping) for row in rows],
    )


@consent.command()
@who_is_meant
@_purpose
@pass_node
def withdraw(node: Node, who: str, purpose: str | None) -> None:
    """Withdraw somebody's consent: they are put out, and asked again when they next log in.

    What is known of them is kept for its term; `hotspot person erase` erases it at once.
    """
    inventory = node.revision().inventory
    with node.store.core.write() as connection:
        whose = found(node, connection, who)
        count = consents.withdraw(connection, [whose], node.now, purpose)
        ended = watch.end(connection, inventory, Reason.ENTITLEMENT_ENDED, node.now, person=whose) if count else 0
        record(connection, node.who, "consent.withdraw", whose, node.now, consents=count, purpose=purpose)
    node.answer({"person": whose, "consents": count, "sessions": ended})
    node.say(f"{count} consents withdrawn; running sessions that are being ended: {ended}")
    if not count:
        node.fail()


def _time(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
