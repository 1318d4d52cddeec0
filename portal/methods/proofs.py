"""Login methods: from what a person sends, to whom it proves. One function each, behind one table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from hotspot.city.sites import AdmitMethod, Inventory, Site
from hotspot.errors import RequestError
from hotspot.nas.arrival import Arrival
from hotspot.people import one_time
from hotspot.people.identity import Keys, PersonKind
from hotspot.people.password import LONGEST_PASSWORD, matches
from hotspot.people.voucher import LONGEST_TYPED, parse_code
from hotspot.store import Store
from hotspot.store.limits import attempts, exits
from hotspot.store.limits.attempts import AtMember
from hotspot.store.persons import challenges, members, people, vouchers
from portal import limits
from portal.limits import Caller
from portal.pages.texts import PHONE, SERVICE

from . import remembering
from .codes import code_key


@dataclass(frozen=True)
class Proof:
    """Who somebody proved to be, which plan that gives them, and until when."""

    person: str
    plan: str
    until: int | None = None
    agreed: tuple[str, ...] = (SERVICE,)
    """The purposes of the texts that this method shows (`portal.pages.texts`)."""
    first: bool = False
    """Whether this person cannot have been in before."""


@dataclass(frozen=True)
class Door:
    """Where somebody stands while they prove who they are."""

    inventory: Inventory
    site: Site
    gateway: str
    mac: str
    proven: bool
    """Whether only the gateway can have told this MAC address."""
    caller: Caller
    language: str
    now: int


def counted_as(arrival: Arrival, address: str = "") -> str:
    """What attempts of a phone are counted by. At a gateway that does not prove its phones' addresses anybody can have
    written anybody's: what is tried there in a victim's hurts only who tries it, at that gateway and from `address`."""
    return arrival.mac if arrival.proven else f"{arrival.gateway}|{address}|{arrival.mac}"


Prove = Callable[[Connection], Proof]
"""Second half of a method: inside the transaction that will keep the grant."""


@dataclass(frozen=True)
class Counted:
    """A second half before which, in the same transaction, the attempt is counted; that stays where the proof fails."""

    count: Callable[[Connection], None]
    prove: Prove
    missed: Callable[[Connection, RequestError], RequestError]
    """Counts that the proof has failed; returns what to say."""


def click_through(_store: Store, keys: Keys, door: Door, _form: Mapping[str, str]) -> Prove:
    """Whoever agrees to the terms: a device for one local day."""
    day = datetime.fromtimestamp(door.now, door.inventory.zone(door.site)).date()

    def prove(connection: Connection) -> Proof:
        person = people.find_or_create(connection, keys, PersonKind.DEVICE_DAY, f"{door.mac}|{day}", door.now)
        return Proof(person, door.site.plan)

    return prove


def voucher(_store: Store, keys: Keys, door: Door, form: Mapping[str, str]) -> Counted:
    """Whoever has a printed code of this site."""
    code = parse_code(form.get("code", "")[:LONGEST_TYPED])

    def count(connection: Connection) -> None:
        limits.take(connection, keys, "guess", {"device": limits.GUESSES["device"]}, door.caller, door.now)

    def prove(connection: Connection) -> Proof:
        entitlement = vouchers.use(connection, keys, code, door.site.id, door.now)
        attempts.forget(connection, limits.subject(keys, "guess", "device", door.caller.device))
        return Proof(entitlement.person, entitlement.plan, entitlement.until, first=entitlement.first)

    def missed(connection: Connection, error: RequestError) -> RequestError:
        known = error.code != "voucher-unknown"  # a code of ours, if none that is good here
        return (None if known else limits.missed(connection, keys, door.caller, door.now)) or error

    return Counted(count, prove, missed)


def one_time_code(store: Store, keys: Keys, door: Door, form: Mapping[str, str]) -> Prove:
    """Whoever reads the messages of the phone number to which a code was sent from here."""
    place = challenges.door(keys, door.gateway, door.mac, door.caller.address)
    with store.core.write() as connection:
        awaited = challenges.take_try(connection, keys, place, door.now)
    if not one_time.matches(code_key(keys), awaited.challenge, form.get("otp", "")[:64]):
        raise RequestError("code-wrong")

    def prove(connection: Connection) -> Proof:
        challenges.prove(connection, place, awaited)
        person = people.find_or_create(connection, keys, PersonKind.PHONE, awaited.number, door.now)
        return Proof(person, door.site.plan, agreed=(SERVICE, PHONE))

    return prove


def remembered(_store: Store, keys: Keys, door: Door, form: Mapping[str, str]) -> Prove:
    """Whoever proved it within days on this device, and had it remembered. `form` has the signed entry's id."""

    def prove(connection: Connection) -> Proof:
        found = remembering.known(connection, keys, form.get(remembering.COOKIE, ""), door.site, door.mac, door.now)
        agreed = (SERVICE, PHONE) if found.method == "code" else (SERVICE,)
        return Proof(found.person, found.plan or door.site.plan, found.until, agreed)

    return prove


def member(store: Store, keys: Keys, door: Door, form: Mapping[str, str]) -> Prove:
    """Whoever knows a member's name and password."""
    mac = door.mac if door.proven or _is_there(store, keys, door) else ""  # whoever names their phone is a stranger
    person, attempt = known_member(store, keys, form, mac, door.caller, door.now)

    def prove(connection: Connection) -> Proof:
        attempt.forget(connection)
        return Proof(person, door.site.plan)

    return prove


def _is_there(store: Store, keys: Keys, door: Door) -> bool:
    """Whether somebody comes from where the gateway's own phones do."""
    with store.core.read() as connection:
        return exits.is_learned(connection, exits.mark(keys, door.gateway, door.caller.address), door.now)


@dataclass(frozen=True)
class Tried:
    """A member's password that was counted, and against whom."""

    member: AtMember
    beside: Collection[bytes]

    def forget(self, connection: Connection) -> None:
        """After a success."""
        self.member.forget(connection)
        attempts.give_back(connection, self.beside)


def known_member(
    store: Store, keys: Keys, form: Mapping[str, str], mac: str, caller: Caller, now: int, *, split: bool = True
) -> tuple[str, Tried]:
    """The member whose name and password a form holds, and the attempt that a success forgets. RequestError."""
    name, typed = form.get("name", ""), form.get("password", "")
    if not name.strip() or not typed:
        raise RequestError("member-incomplete")
    if len(typed) > LONGEST_PASSWORD:
        raise RequestError("member-wrong")
    with store.core.write() as connection:
        found, attempt = members.approach(connection, keys, name, mac, caller.device)
        wait = attempt.take(connection, now)
        if wait:
            raise RequestError("too-many-attempts", "device", wait=wait)
        beside = limits.take(connection, keys, "guess", limits.BESIDE_THE_DEVICE, caller, now, split=split)
    if not matches(found.password_hash if found else None, typed) or found is None or found.disabled:
        raise RequestError("member-wrong")
    return found.person, Tried(attempt, beside)


METHODS: Final[Mapping[AdmitMethod, Callable[[Store, Keys, Door, Mapping[str, str]], Prove | Counted]]] = {
    "click-through": click_through,
    "voucher": voucher,
    "code": one_time_code,
    "member": member,
    "remembered": remembered,
}
"""Those that are proven on our own pages; `portal.methods.sso` has the other."""
