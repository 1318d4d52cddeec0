"""Work of the portal that belongs to no request."""

import time
from dataclasses import asdict
from typing import Final

import structlog

from hotspot.admission.conversion import LOW, WELL, conversions
from hotspot.city.codes import SpoolSender
from hotspot.node.job import Job
from hotspot.people.one_time import LIFETIME
from hotspot.rules import erasure, retention
from hotspot.rules.retention import START, STEPS, Forgotten, Place, Terms
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city import revisions
from hotspot.store.limits import arrivals, attempts, exits
from hotspot.store.persons import challenges, complaints, remembered, sign_ins
from hotspot.store.stays import addresses
from hotspot.store.telemetry import visits

from .methods import senders

log = structlog.get_logger("portal")

_ENOUGH: Final = 20
"""Codes in an hour below which their share says nothing."""
_AT_ONCE: Final = 50
_LONGEST_REST: Final = 0.1
"""Seconds between two transactions that forget."""
_USUAL: Final = 0.4
"""The share of codes that are entered, below which something is wrong."""


def forget_old_attempts(store: Store, _settings: Settings, now: int) -> None:
    """Every phone that mistyped once would stay in the table for ever."""
    with store.core.write() as connection:
        attempts.forget_before(connection, now)
        sign_ins.forget_before(connection, now - 3600)
        remembered.forget_before(connection, now)
        addresses.forget_before(connection, now)
        exits.forget_before(connection, now)
        arrivals.forget_before(connection, now)


def watch_codes(store: Store, _settings: Settings, now: int) -> None:
    """Warns when codes are asked for and not entered, as when somebody earns by having messages sent."""
    with store.core.write() as connection:
        challenges.forget_before(connection, now)
        asked, entered = challenges.challenges_asked(connection, now - challenges.HOUR - LIFETIME, now - LIFETIME)
    if asked >= _ENOUGH and entered < asked * _USUAL:
        log.warning("codes not entered", asked=asked, entered=entered)


def sweep_spools(store: Store, settings: Settings, _now: int) -> None:
    """Numbers and codes stand in clear in a spool's files: none outlasts its code."""
    with store.core.read() as connection:
        revision = revisions.active(connection)
    sender = revision.inventory.codes.sender if revision and revision.inventory.codes else SpoolSender(kind="spool")
    if count := senders.sweep_spools(sender, settings, time.time()):
        log.warning("messages were never sent", count=count, spool="no program took their files in time")


def watch_logins(store: Store, _settings: Settings, now: int) -> None:
    """Warns once when far fewer than usual get past the login page of a site, and tells when they do again."""
    with store.telemetry.write() as connection:
        visits.forget_before(connection, now)
        known = visits.alarms(connection)
        found = conversions(visits.hours(connection, now), now)
        low = [one for one in found.values() if one.site not in known and one.falls_below(LOW)]
        well = [one for one in found.values() if one.site in known and one.falls_below(WELL) is False]
        for one in low:
            visits.alarm(connection, one.site, now)
        for one in well:
            visits.all_clear(connection, one.site)
    for one in low:
        told = {"shown": one.shown, "admitted": one.admitted, "usual": round(one.usual or 0, 2)}
        log.warning("few get past the login page", site=one.site, **told)
    for one in well:
        log.info("people get past the login page again", site=one.site, shown=one.shown, admitted=one.admitted)


def forget_people(store: Store, _settings: Settings, now: int) -> None:
    """Erases what names people and devices after the term of sites.toml."""
    with store.core.read() as connection:
        revision = revisions.active(connection)
    if revision is None:
        return
    terms = retention.terms_of(revision.inventory, now)
    forgotten = forget_all(store, terms)
    with store.core.write() as connection:
        complaints.erase(connection, terms.before)
    if forgotten:
        log.info("people forgotten", **asdict(forgotten))


def erase_people(store: Store, settings: Settings, now: int) -> None:
    """Does the erasures that waited for the end of a session."""
    keys = settings.keys()
    with store.core.read() as connection:
        due = erasure.due(connection)
    for one in due:
        with store.core.write() as connection:
            erased = erasure.go_on(connection, keys, one, now)
        if erased is not None:
            log.info("person erased", **asdict(erased))


def forget_all(store: Store, terms: Terms) -> Forgotten:
    """In short transactions, so that nobody at a login page waits; each is done for good, whatever ends the next."""
    total = Forgotten()
    for step in STEPS:
        after: Place | None = START
        while after is not None:
            began = time.monotonic()
            with store.core.write() as connection:
                forgotten, after = step(connection, terms, _AT_ONCE, after)
            total += forgotten
            time.sleep(min(_LONGEST_REST, time.monotonic() - began))  # half of the time is the others'
    return total


OLD_ATTEMPTS: Final = Job("old-attempts", 3600, forget_old_attempts)
RETENTION: Final = Job("retention", 3600, forget_people)
ERASURES: Final = Job("erasures", 60, erase_people)
SPOOLS: Final = Job("spools", 60, sweep_spools)
CODES: Final = Job("codes", 600, watch_codes)
LOGINS: Final = Job("logins", 600, watch_logins)
