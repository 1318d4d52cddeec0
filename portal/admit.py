"""From a form to a grant, and from a grant to the URL that hands the phone back to its gateway."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from hotspot.admission.grant import Applicant, Denial, Grant
from hotspot.city.sites import Site
from hotspot.errors import RequestError
from hotspot.nas.arrival import Arrival
from hotspot.rules.decision import decided
from hotspot.store.city.revisions import Revision
from hotspot.store.limits import exits
from hotspot.store.persons import consents, people
from hotspot.store.stays import grants, orders
from hotspot.store.together import part

from . import limits
from .desk import Desk
from .dialects import HandBack, dialect
from .forms import status_token
from .limits import Caller
from .methods.proofs import METHODS, Counted, Door, Prove, counted_as
from .pages.texts import SERVICE, Texts


@dataclass(frozen=True)
class Admitted:
    """A grant and where the phone goes next."""

    grant: Grant
    back: HandBack


def admit(
    desk: Desk, revision: Revision, arrival: Arrival, texts: Texts, form: Mapping[str, str], now: int, address: str = ""
) -> Admitted | Denial:
    """Lets the sender of a login form prove who they are, decides, keeps the grant, and says where the phone goes.

    What was decided is durable before this returns. `address` is the sender's, empty where nobody knows it.
    RequestError where the proof fails, the gateway is unknown or a limit is reached.
    """
    inventory = revision.inventory
    site = inventory.site_of(arrival.gateway, arrival.ap_mac)
    if site is None:
        raise RequestError("no-site", arrival.gateway)
    method = next((name for name in site.admit if name == form.get("method")), None)
    if method is None or method not in METHODS:
        raise RequestError("bad-form", "method")
    caller = Caller(counted_as(arrival, address), address, arrival.gateway)
    language = texts[SERVICE].language
    door = Door(inventory, site, arrival.gateway, arrival.mac, arrival.proven, caller, language, now)
    prove = METHODS[method](desk.store, desk.keys, door, form)
    return let_in(desk, revision, arrival, texts, site, method, prove, caller, now)


def let_in(
    desk: Desk,
    revision: Revision,
    arrival: Arrival,
    texts: Texts,
    site: Site,
    method: str,
    prove: Prove | Counted,
    caller: Caller,
    now: int,
) -> Admitted | Denial:
    """`admit` of somebody whose method has judged what they sent."""

    def decide(connection: Connection) -> Admitted | Denial | RequestError:
        counted = prove if isinstance(prove, Counted) else None
        if counted is not None:
            counted.count(connection)
        proof = prove.prove if isinstance(prove, Counted) else prove
        try:
            with part(connection):
                return _decided(connection, desk, revision, arrival, texts, site, method, proof, caller, now)
        except _Refused as refused:
            return refused.denial
        except RequestError as error:
            return error if counted is None else counted.missed(connection, error)  # what was counted stays

    done = desk.store.core.together(decide)
    if isinstance(done, RequestError):
        raise done
    return done


class _Refused(Exception):  # noqa: N818 - a decision
    """Undoes what the proof has used, as a voucher's first use: a refused login costs nothing."""

    def __init__(self, denial: Denial):
        self.denial = denial


def _decided(
    connection: Connection,
    desk: Desk,
    revision: Revision,
    arrival: Arrival,
    texts: Texts,
    site: Site,
    method: str,
    prove: Prove,
    caller: Caller,
    now: int,
) -> Admitted:
    inventory = revision.inventory
    limits.take(connection, desk.keys, "login", limits.of_login(method), caller, now)
    proof = prove(connection)
    device = people.see_device(connection, desk.keys, arrival.mac, now)
    language = texts[SERVICE].language
    applicant = Applicant(proof.person, device, method, language, proof.plan, proof.until, proof.first)
    decision = decided(connection, inventory, applicant, site, arrival.gateway, now)
    if isinstance(decision, Denial):
        raise _Refused(decision)
    for purpose in proof.agreed:
        terms = texts[purpose]
        consents.record(
            connection,
            proof.person,
            purpose=purpose,
            text_version=terms.version,
            text_sha256=terms.sha256,
            language=terms.language,
            site=site.id,
            now=now,
        )
    landing = f"{inventory.portal.url}/s/{status_token(desk.status_key, decision.id)}"
    back = dialect(desk, inventory, arrival.gateway).hand_back(arrival, decision, landing, now)
    exit_ = exits.mark(desk.keys, arrival.gateway, caller.address)
    grants.add_grant(connection, decision, revision.number, back.kept, first=proof.first, exit_=exit_)
    if back.stay is not None:
        orders.reauthenticate(connection, arrival.gateway, device, back.stay, now)
    if back.ticket is not None:
        grants.add_ticket(connection, back.ticket)
    return Admitted(decision, back)
