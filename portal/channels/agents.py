"""Gateways that have no RADIUS: what their agents and authmon are told, and what their posts mean for the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection

from hotspot.admission.session import Record
from hotspot.city.sites import Inventory
from hotspot.errors import RequestError
from hotspot.nas import opennds, opennds_agent
from hotspot.nas.entries import OpenndsGateway
from hotspot.nas.opennds_agent import Post
from hotspot.rules.enforcement import enforce
from hotspot.store.city import agents
from hotspot.store.persons import people
from hotspot.store.stays import grants, ledger, orders, sessions
from hotspot.store.stays.orders import Channel, OrderState
from portal.desk import Desk

log = structlog.get_logger("portal")


@dataclass(frozen=True)
class Answer:
    """`text` is signed. `admitted` has the site of each phone that this post is the first to show as in."""

    text: str
    admitted: Sequence[str] = ()


def agent_post(desk: Desk, inventory: Inventory, gateway_id: str, body: str, now: int) -> Answer:
    """The answer to an agent's post. What the post reported is durable before this returns.

    RequestError where the gateway is no openNDS of ours or the signature does not hold.
    """
    gateway = inventory.find_gateway(gateway_id)
    if not isinstance(gateway, OpenndsGateway):
        raise RequestError("no-gateway", gateway_id)
    key = opennds.derive(desk.settings.secret(gateway.agent_key), opennds.AGENT_LABEL)
    post = opennds_agent.parse_post(key, body)
    with desk.store.core.write() as connection:
        if not agents.accept(
            connection, gateway.id, opennds_agent.key_id(key), post.sequence, post.boot_id, post.uptime, now
        ):
            last = agents.last_sequence(connection, gateway.id)
            return Answer(opennds_agent.answer(key, post.sequence, [f"again {last}"]))
        lines, admitted = _settle(desk, connection, inventory, gateway, post, now)
    return Answer(opennds_agent.answer(key, post.sequence, ["ok", *lines]), admitted)


def _settle(
    desk: Desk, connection: Connection, inventory: Inventory, gateway: OpenndsGateway, post: Post, now: int
) -> tuple[list[str], list[str]]:
    """Enters a post into the ledger. Whom the router must put out, and the sites of those who have come in."""
    macs = {client.mac for client in post.clients or ()} | {event.mac for event in post.events}
    devices = {mac: people.see_device(connection, desk.keys, mac, now) for mac in sorted(macs)}
    site = inventory.site_of(gateway.id, None)
    records = opennds_agent.session_records(post, gateway.id, site.id if site else "", devices, now)
    named = {(record.ticket, record.device) for record in records if record.ticket}
    starts = grants.starts(connection, gateway.id, named)
    touched = ledger.apply(connection, [_since_its_grant(record, starts, now) for record in records])
    if post.unread:
        log.warning("agent not understood", gateway=gateway.id, left_out=post.unread)
    for order_id, good in post.done:
        state = OrderState.DONE if good else OrderState.REFUSED
        orders.finish(connection, order_id, state, "put out" if good else "the router refused", now)
    if post.clients is None:
        return [], []
    sessions.presume(connection, gateway.id, now, "Lost-Service", running=set(touched))
    shown = {client: opennds.pass_grant(client.custom) for client in post.clients if client.authenticated}
    pairs = {(grant, devices[client.mac]) for client, grant in shown.items() if grant}
    live = grants.live_grants(connection, gateway.id, pairs, now)
    admitted = grants.confirm(connection, {grant for grant, _ in live}, now)
    enforce(connection, inventory, touched.values(), now)
    who = f"agent of {gateway.id}"
    claimed = orders.claim(connection, desk.keys, Channel.AGENT, who, now, gateways=[gateway.id], again=True)
    lines = [f"deauth {order.id} {order.mac} {order.ticket or '-'}" for order in claimed]
    for client, grant in shown.items():
        # In without a grant that holds: openNDS's own token was guessed, or the grant has ended.
        if (grant, devices[client.mac]) not in live:
            log.warning("client without grant", gateway=gateway.id, grant=grant)
            lines.append(f"deauth - {client.mac} {grant or '-'}")
    return lines, admitted


def _since_its_grant(record: Record, starts: dict[str, int], now: int) -> Record:
    """A session is no older than the grant that let it in, whatever the router's clock did meanwhile."""
    start = starts.get(record.ticket or "")
    return record if start is None else replace(record, seconds=min(record.seconds, max(0, now - start)))


def authmon(desk: Desk, inventory: Inventory, gateway_id: str, action: str, now: int) -> str:
    """What authmon hears at level 3. It cannot be told from a phone: it learns nothing that is not bound to a phone."""
    gateway = inventory.find_gateway(gateway_id)
    if not isinstance(gateway, OpenndsGateway) or gateway.fas_level != 3:
        raise RequestError("no-gateway", gateway_id)
    with desk.store.core.read() as connection:
        entries = grants.waiting(connection, gateway.id, now)
    return opennds.authmon_answer(action, entries, now)
