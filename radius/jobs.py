"""Work of accounting that belongs to no request."""

from typing import Final

import structlog

from hotspot.nas.entries import RadiusGateway
from hotspot.node.job import Job
from hotspot.rules import watch
from hotspot.rules.shared_secret import remedy, unheard
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city import revisions
from hotspot.store.stays import orders, sessions
from hotspot.store.telemetry import alarms, counts
from hotspot.store.telemetry.alarms import Alarm

log = structlog.get_logger("radius")

_AT_ONCE: Final = 50
_ROUNDS: Final = 40


def end_silent_sessions(store: Store, _settings: Settings, now: int) -> None:
    """A gateway that is gone sends no Stop. Whatever it says later takes this back."""
    with store.core.write() as connection:
        ended = sessions.presume_silent(connection, now)
    if ended:
        log.info("silent sessions ended", count=ended)


def watch_sessions(store: Store, _settings: Settings, now: int) -> None:
    """What ends or changes sessions without an accounting record. A long list is looked at in short transactions, so
    that nobody waits for it."""
    revisions.current(store)
    for round_ in range(_ROUNDS):
        with store.core.write() as connection:
            revision = revisions.active(connection)
            if revision is None:
                return
            if round_ == 0:
                watch.follow(connection, revision, now)
                orders.settle(connection, now)
            looked = watch.look(connection, revision, now, _AT_ONCE)
        if looked.ended or looked.changed:
            log.info("sessions watched", grants=looked.grants, ended=looked.ended, changed=looked.changed)
        if looked.grants < _AT_ONCE:
            return


def watch_gateways(store: Store, _settings: Settings, now: int) -> None:
    """Warns once of each gateway of which everything is dropped, as its secret is another, and tells when it is heard
    again."""
    with store.core.read() as connection:
        revision = revisions.active(connection)
    gateways = {one.id: one for one in revision.inventory.gateway if isinstance(one, RadiusGateway)} if revision else {}
    with store.telemetry.write() as connection:
        known = alarms.unheard(connection)
        found = {name: one for name, one in unheard(counts.listed(connection)).items() if name in gateways}
        new = {name: one for name, one in found.items() if name not in known or known[name].signs != one.signs}
        over = known.keys() - found.keys()
        for name, one in new.items():
            alarms.raise_unheard(connection, name, Alarm(now, one.signs))
        for name in over:
            alarms.heard(connection, name)
    for name, one in new.items():
        told = {"requests": one.requests, "remedy": remedy(gateways[name], signs=one.signs)}
        log.warning("everything from a gateway is dropped", gateway=name, **told)
    for name in sorted(over & gateways.keys()):
        log.info("gateway is heard again", gateway=name)


WATCH: Final = Job("session-watch", 2, watch_sessions)
SILENT_SESSIONS: Final = Job("silent-sessions", 60, end_silent_sessions)
GATEWAYS: Final = Job("gateways-heard", 30, watch_gateways)
