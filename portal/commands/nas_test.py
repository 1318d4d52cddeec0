"""What `hotspot nas test` looks at: whether a gateway and this installation are ready for each other."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, Fault, HotspotError, PeerError
from hotspot.nas import software
from hotspot.nas.coovachilli import CAPTIVE_API
from hotspot.nas.entries import CiscoGateway, Gateway, MerakiGateway, RadiusGateway
from hotspot.nas.software import Software
from hotspot.rules.shared_secret import remedy, unheard
from hotspot.settings import Settings, gateway_secrets
from hotspot.store import Store
from hotspot.store.city import agents
from hotspot.store.telemetry import counts
from hotspot.store.telemetry_schema import portal_count
from portal.pages import captive
from portal.peers.web import Request, send


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `good` is None for what cannot be told from here, or has not happened yet."""

    what: str
    good: bool | None
    found: str


def gateway_of(inventory: Inventory, name: str) -> Gateway:
    """The gateway of this id, or that of an access point. ConfigError where there is neither."""
    placed = inventory.find_ap(name)
    gateway = inventory.find_gateway(placed[1].gateway if placed else name)
    if gateway is None:
        raise ConfigError([Fault(0, name, "neither an access point nor a gateway of sites.toml; see `hotspot check`")])
    return gateway


def checks(settings: Settings, store: Store, inventory: Inventory, gateway: Gateway) -> Iterator[Check]:
    """All that can be told from here, in the order in which a login needs it."""
    yield _phones(inventory, gateway)
    yield from _secrets(settings, gateway)
    yield from _portal(inventory, gateway)
    told = _told(store, gateway)
    yield from _software(gateway, told)
    yield from _captive_api(inventory, gateway, told)
    yield from _controller(gateway)
    yield from _heard(store, gateway)


def _phones(inventory: Inventory, gateway: Gateway) -> Check:
    sites = ", ".join(site.id for site in inventory.sites_of_gateway(gateway.id))
    if not sites:
        return Check("access points", False, "no access point of sites.toml hangs on it, so its phones have no site")
    ways = ("login", "controller")
    needed = [name for name in ways if hasattr(gateway, name)] if not isinstance(gateway, MerakiGateway) else []
    central = isinstance(gateway, CiscoGateway) and gateway.login_role and gateway.radius.orders
    if needed and not central and gateway.nas != "cambium" and not any(getattr(gateway, name) for name in needed):
        return Check("dialect", False, f"{gateway.nas} needs {' or '.join(needed)} in sites.toml; it serves no phones")
    return Check("dialect", True, f"{gateway.nas}, at {sites}")


def _secrets(settings: Settings, gateway: Gateway) -> Iterator[Check]:
    for key, reference in gateway_secrets(gateway):
        try:
            settings.secret(reference)
        except ConfigError as error:
            yield Check(key, False, str(error))
        else:
            yield Check(key, True, f"{reference} is set")


def _portal(inventory: Inventory, gateway: Gateway) -> Iterator[Check]:
    url = inventory.portal.url
    try:
        answer = send(Request("GET", f"{url}/healthz"))
    except PeerError as error:
        yield Check("portal", False, f"{url}: {error}")
        return
    if not answer.good:
        yield Check("portal", False, f"{url}/healthz answers {answer.status}: something else stands there")
        return
    yield Check("portal", True, f"{url} answers")
    door = inventory.uam_url(gateway.id)
    try:
        # A visit that no gateway has sent is shown the way on where the gateway is known; elsewhere the answer is 404.
        status = send(Request("GET", door)).status
    except PeerError as error:
        yield Check("door", False, f"{door}: {error}")
        return
    if gateway.nas == "unifi":
        return  # its path is the controller's
    known = status == 200
    yield Check("door", known, f"{door} {'knows it' if known else f'answers {status}: is this revision active there?'}")


def _told(store: Store, gateway: Gateway) -> Software | None:
    """What the gateway tells of its software; None too where the store cannot say, which `_heard` reports."""
    try:
        with store.telemetry.read() as connection:
            return counts.software(connection, gateway.id)
    except HotspotError:
        return None


def _software(gateway: Gateway, told: Software | None) -> Iterator[Check]:
    if software.attribute(gateway.nas) is None:
        return
    if told is None:
        yield Check("software", None, f"{gateway.nas}, which version it has not told yet")
        return
    unknown = "" if software.parsed(told.version) else " (no version that this installation can read)"
    found = f"{gateway.nas} {told.version}{unknown}, told {_ago(told.at)} ago and since {_day(told.since)}"
    yield Check("software", True, found)


def _captive_api(inventory: Inventory, gateway: Gateway, told: Software | None) -> Iterator[Check]:
    """What phones are to ask (RFC 8908), that it answers a phone that nobody knows, and that the gateway can say it."""
    uri = captive.api_uri(inventory, gateway.id)
    if uri is None:
        return
    for lack in software.lacks(gateway.nas, told.version if told else ""):
        if told and lack.concerns == CAPTIVE_API:
            yield Check("captive API", None, f"not in {gateway.nas} {told.version}: {lack.what}; {lack.remedy}")
            return
    if "%" not in uri:
        yield Check("captive API", None, f"{uri} answers the phones' own addresses alone")
        return
    asked = uri.replace("%{m}", "00-00-00-00-00-00").replace("%{s}", "0")
    try:
        answer = send(Request("GET", asked, {"Accept": captive.MEDIA_TYPE}))
    except PeerError as error:
        yield Check("captive API", False, f"{uri}: {error}")
        return
    good = answer.good and answer.headers.get("content-type") == captive.MEDIA_TYPE
    unless = "" if told else " (from CoovaChilli 1.9; 1.8 does not fill it in, and is better without)"
    remedy = f"captiveportalapi_uri is {uri}{unless}"
    wrong = f"{uri} answers {answer.status}; a proxy on the portal's machine must say X-Forwarded-Proto: https"
    yield Check("captive API", good, remedy if good else wrong)


def _controller(gateway: Gateway) -> Iterator[Check]:
    url = getattr(gateway, "controller", None)
    if not url:
        return
    try:
        answer = send(Request("GET", f"{url}/"), fingerprint=getattr(gateway, "fingerprint", None))
    except PeerError as error:
        yield Check("controller", False, f"{url}: {error}")
    else:
        yield Check("controller", True, f"{url} answers ({answer.status})")


def _heard(store: Store, gateway: Gateway) -> Iterator[Check]:
    """What has come from the gateway since this installation began."""
    try:
        with store.telemetry.read() as connection:
            asked = [one for one in counts.listed(connection) if one.gateway == gateway.id]
            logins = [one for one in counts.listed(connection, portal_count) if one.gateway == gateway.id]
        with store.core.read() as connection:
            seen = agents.seen(connection, gateway.id)
    except HotspotError as error:
        yield Check("store", False, str(error))
        return
    if isinstance(gateway, RadiusGateway):
        wrong = unheard(asked).get(gateway.id)
        if wrong is not None:
            told = f"everything is dropped ({wrong.requests} requests, the last {_ago(wrong.at)} ago)"
            yield Check("RADIUS", False, f"{told}: {remedy(gateway, signs=wrong.signs)}")
        else:
            yield _count("RADIUS", [(one.outcome, one.value, one.at) for one in asked], "no request of its came yet")
    elif gateway.nas == "opennds":
        found = "no post of its agent came yet" if seen is None else f"its agent was heard {_ago(seen)} ago"
        yield Check("agent", None if seen is None else True, found)
    yield _count("logins", [(one.outcome, one.value, one.at) for one in logins], "nobody has tried to log in yet")


def _count(what: str, outcomes: list[tuple[str, int, int]], nothing: str) -> Check:
    if not outcomes:
        return Check(what, None, nothing)
    told = ", ".join(f"{outcome} {value}" for outcome, value, _ in sorted(outcomes))
    return Check(what, True, f"{told}; last {_ago(max(at for *_, at in outcomes))} ago")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _ago(at: int) -> str:
    seconds = max(0, int(time.time()) - at)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
