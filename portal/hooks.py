"""Reported faults and the city's complaint system: each tells the other how they stand, by signed calls.

Ours go out from a job, until they were taken; an answer may say at once how the fault stands. Theirs come to
`/hooks/complaint`. What they say moves the complaint as `hotspot complaint` does, and is not told back to them.
"""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import structlog
from flask import Blueprint, Response, request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection, Row

from hotspot.city.hook import HEADER, ComplaintsSection, signature, verify
from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, PeerError, RequestError
from hotspot.node.job import Job
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.audit import record
from hotspot.store.city import revisions
from hotspot.store.persons import complaints, deliveries
from hotspot.store.persons.complaints import Complaint

from .peers import web
from .peers.patience import asked_for

if TYPE_CHECKING:
    from .app import Portal

log = structlog.get_logger("portal")

CREATED: Final = "complaint.created"
CHANGED: Final = "complaint.changed"
_HEARD_FOR: Final = 2 * 86400
"""Seconds for which a call's key is remembered."""
_THEM: Final = "complaint system"
"""Who did it, in the audit trail."""


class Said(BaseModel):
    """What the other side says of a complaint, as JSON; other keys are ignored."""

    status: Literal["received", "assigned", "resolved"] | None = None
    by: Annotated[str, Field(min_length=1, max_length=64)] = _THEM
    """Who looks after it."""
    answer: Annotated[str, Field(max_length=500)] = ""
    """What the person who reported it reads."""


class Call(Said):
    number: Annotated[str, Field(max_length=32)]


def tell(connection: Connection, section: ComplaintsSection, number: str, event: str, now: int) -> None:
    """Has the other side told of a complaint, where there is one."""
    if section.url is not None:
        deliveries.add(connection, number, event, now)


def payload(section: ComplaintsSection, inventory: Inventory, event: str, one: Complaint, now: int) -> dict[str, Any]:
    """The body of a call."""
    site = inventory.find_site(one.site)
    return {
        "event": event,
        "number": one.number,
        "status": one.state,
        "site": one.site,
        "place": site.name if site else one.site,
        "category": one.category,
        "text": one.text,
        "contact": one.contact if section.contact else None,
        "language": one.language,
        "created_at": one.created_at,
        "assigned_to": one.assigned_to,
        "resolved_at": one.resolved_at,
        "answer": one.answer,
        "days": one.days(now),
        "page": f"{inventory.portal.url}/report/{one.number}",
    }


def deliver(store: Store, settings: Settings, now: int) -> None:
    """Sends what is due. What becomes of each is durable before the next."""
    revision = revisions.current(store)
    with store.core.write() as connection:
        deliveries.forget_heard(connection, now - _HEARD_FOR)
        section = revision.inventory.complaints if revision else ComplaintsSection()
        if revision is None or section.url is None or section.secret is None:
            return
        waiting = deliveries.due(connection, settings.keys(), now)
    for row, one in waiting:
        body = json.dumps(payload(section, revision.inventory, row.event, one, now), ensure_ascii=False)
        try:
            headers = {
                "Content-Type": "application/json",
                "Idempotency-Key": row.id,
                HEADER: signature(settings.secret(section.secret), body.encode(), int(time.time())),
            }
            answer = web.send(web.Request("POST", section.url, headers, body))
        except (PeerError, ConfigError) as error:
            _failed(store, row, str(error), now)
            return  # it is away: the others need not wait for it one by one
        if not answer.good:
            asked = asked_for(answer, now)
            _failed(store, row, f"answered {answer.status}", now, asked or 0)
            if asked is not None:
                return  # all of them are too many for it now
            continue
        said = _answered(answer.text)
        with store.core.write() as connection:
            deliveries.taken(connection, row.id, f"answered {answer.status}", now)
            if said is not None:
                _apply(connection, one, said, now)
        log.info("complaint forwarded", number=row.number)


def _failed(store: Store, row: Row[Any], outcome: str, now: int, least: int = 0) -> None:
    with store.core.write() as connection:
        pause = deliveries.failed(connection, row, outcome, now, least)
    log.warning("complaint not forwarded", number=row.number, error=outcome, again_in=pause)


def _answered(text: str) -> Said | None:
    """What an answer says of the complaint, if anything; whoever answers in another form has taken it all the same."""
    try:
        return Said.model_validate_json(text)
    except ValidationError:
        return None


def _apply(connection: Connection, one: Complaint, said: Said, now: int) -> bool:
    """Moves a complaint to where the other side says it is. Whether that was news."""
    if said.status == "assigned" and one.state != "assigned":
        complaints.assign(connection, one.id, said.by, now)
        record(connection, _THEM, "complaint.assign", one.number, now, to=said.by)
        return True
    if said.status == "resolved" and (one.state, one.answer) != ("resolved", said.answer):
        complaints.resolve(connection, one.id, said.answer, now)
        record(connection, _THEM, "complaint.resolve", one.number, now)
        return True
    return False


def routes(portal: "Portal") -> Blueprint:
    blueprint = Blueprint("hooks", __name__)

    @blueprint.post("/hooks/complaint")
    def complaint() -> Response:
        """The other side says how a complaint stands."""
        section, settings, now = portal.inventory.complaints, portal.desk.settings, portal.desk.now()
        if section.inbound is None:
            raise RequestError("not-found")
        body, sign = request.get_data(), request.headers.get(HEADER, "")
        try:
            verify(settings.secret(section.inbound), sign, body, now)
        except RequestError as error:
            log.warning("complaint call refused", reason=str(error))
            return _json({"error": f"{HEADER}: {error.detail or 'not by the secret we share'}"}, 403)
        try:
            said = Call.model_validate_json(body)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            return _json({"error": f"{where}: {fault['msg']}"}, 422)
        keys = {sign, request.headers.get("Idempotency-Key", sign)}  # nobody signs the second: it alone proves nothing
        with portal.desk.store.core.write() as connection:
            one = complaints.find(connection, portal.desk.keys, said.number)
            if one is None:
                return _json({"error": "number: there is no such complaint"}, 404)
            news = [deliveries.hear(connection, key, one.number, now) for key in keys]
            changed = all(news) and _apply(connection, one, said, now)
            one = complaints.find(connection, portal.desk.keys, said.number) or one
        log.info("complaint moved", number=one.number, state=one.state, changed=changed)
        return _json({"number": one.number, "status": one.state, "changed": changed}, 200)

    return blueprint


def _json(value: dict[str, Any], code: int) -> Response:
    return Response(json.dumps(value), code, mimetype="application/json")


DELIVERIES: Final = Job("complaint-deliveries", 15, deliver)
