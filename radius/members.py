"""Members who log in at their gateway's own page: name and password come in an Access-Request.

Two turns. `begin` counts the attempts and looks the names up; what was right a moment ago is decided at once, the rest
goes to be hashed. `finish` decides what has been hashed, as the portal decides. A grant's id follows from its request,
so that the same request, sent again to any node, finds the same grant.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from sqlalchemy import Connection

from hotspot.admission.grant import Applicant, Denial, Grant
from hotspot.errors import RequestError
from hotspot.people.identity import Keys
from hotspot.rules.decision import decided
from hotspot.store import Store
from hotspot.store.city.revisions import Revision
from hotspot.store.persons import members, people
from hotspot.store.portable import lock
from hotspot.store.stays import grants

from .access import Member
from .endpoint import Request
from .hashing import Hashing, Known

_METHOD: Final = "member"
FRESH: Final = 30
"""Seconds in which the same request gets its grant again; later it is somebody's recording."""


@dataclass(frozen=True, slots=True)
class Refused:
    """`code` is the key of its text; the language is that of the person's last grant, where that is known."""

    code: str
    language: str = "id"
    values: Mapping[str, str] = field(default_factory=dict)
    """What stands in the text."""


class Later(Enum):
    """Why there is no answer yet."""

    HASHING = "hashing"
    NO_ROOM = "no room"


@dataclass(frozen=True, slots=True, repr=False)
class Hashed:
    """A member whose password goes to be hashed; `person` and `stored` are None for an unknown name."""

    member: Member
    site: str
    person: str | None
    stored: str | None


Answer = Grant | Refused


class Members:
    """One process's members at the door."""

    def __init__(self, store: Store, keys: Keys):
        self._store = store
        self._keys = keys
        self._grant_key = keys.derive("member request")
        self._known = Known()
        self._hashing: Hashing[Hashed] | None = None

    @property
    def hashing(self) -> Hashing[Hashed]:
        """Started when it is first asked for: threads do not outlive a fork."""
        if self._hashing is None:
            self._hashing = Hashing()
        return self._hashing

    def close(self) -> None:
        if self._hashing is not None:
            self._hashing.close()
            self._hashing = None

    def begin(self, arrived: Sequence[tuple[Member, str]], revision: Revision, now: int) -> list[Answer | Later]:
        """What each, at a site, gets at once, or why not yet.

        An attempt counts before it is judged, and only if it will be.
        """
        results: list[Answer | Later] = []
        checks: list[Hashed] = []
        room = self.hashing.room()
        with self._store.core.write() as connection:
            for member, site in arrived:
                result = self._begun(connection, member, site, revision, now, room > len(checks))
                if isinstance(result, Hashed):
                    checks.append(result)
                results.append(Later.HASHING if isinstance(result, Hashed) else result)
        for check in checks:
            self.hashing.submit(check, check.stored, check.member.password)
        return results

    def _begun(
        self, connection: Connection, member: Member, site_id: str, revision: Revision, now: int, room: bool
    ) -> Answer | Later | Hashed:
        site = revision.inventory.find_site(site_id)
        if site is None or _METHOD not in site.admit:
            return Refused("members-not-here")
        found, attempt = members.approach(connection, self._keys, member.name, member.mac)
        usable = None if found is None or found.disabled else found
        known = usable is not None and self._known.has(member.name, member.password, usable.password_hash, now)
        if not known and not room:
            return Later.NO_ROOM
        wait = attempt.take(connection, now)
        if wait:
            return Refused("too-many-attempts", values={"minutes": str(-(-wait // 60))})
        if usable is None:
            return Hashed(member, site_id, None, None)
        if known:
            return self._decided(connection, member, site_id, usable.person, revision, now)
        return Hashed(member, site_id, usable.person, usable.password_hash)

    def finish(self, hashed: Sequence[tuple[Hashed, bool]], revision: Revision, now: int) -> list[Answer]:
        """What each whose password has been hashed gets."""
        results: list[Answer] = []
        with self._store.core.write() as connection:
            for check, right in hashed:
                member = check.member
                if right and check.person is not None and check.stored is not None:
                    self._known.add(member.name, member.password, check.stored, now)
                    results.append(self._decided(connection, member, check.site, check.person, revision, now))
                else:
                    results.append(Refused("member-wrong"))  # in no language of theirs: it would tell that they exist
        return results

    def _decided(
        self, connection: Connection, member: Member, site_id: str, person: str, revision: Revision, now: int
    ) -> Answer:
        """The grant, kept, of somebody whose password is right; the one there is for a request that came before."""
        members.approach(connection, self._keys, member.name, member.mac)[1].forget(connection)
        device = people.see_device(connection, self._keys, member.mac, now)
        lock(connection, {f"person {person}"})  # another node may be at the same request
        grant_id = self._grant_id(member.request)
        kept = grants.find_grant(connection, grant_id)
        if kept is not None:
            same = (kept.person, kept.device) == (person, device) and now - kept.starts_at <= FRESH
            return kept if same else Refused("request-repeated", kept.language)
        language = grants.last_language(connection, person) or "id"
        site = revision.inventory.find_site(site_id)
        gateway = member.request.client.gateway
        if site is None:
            return Refused("members-not-here", language)
        applicant = Applicant(person, device, _METHOD, language, site.plan)
        try:
            decision = decided(connection, revision.inventory, applicant, site, gateway, now, grant_id=grant_id)
        except RequestError as error:
            return Refused(error.code, language)
        if isinstance(decision, Denial):
            code, values = decision.told(revision.inventory.zone(site))
            return Refused(code, language, values)
        grants.add_grant(connection, decision, revision.number)
        return decision

    def _grant_id(self, request: Request) -> str:
        """32 hex digits for what tells a request from any other of its gateway (RFC 2865 section 3)."""
        packet = request.packet
        told = b"|".join((request.client.gateway.encode(), bytes([packet.identifier]), packet.authenticator))
        return hmac.digest(self._grant_key, told, hashlib.sha256).hex()[:32]
