"""Text of sites.toml -> Inventory. Every fault is reported at once, with its path and its line."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Interface, ip_address, ip_network
from typing import Any, get_args

import tomli
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hotspot.entry import pieces
from hotspot.entry.fields import certificate_name
from hotspot.entry.lines import Lines, Path
from hotspot.errors import ConfigError, Fault
from hotspot.nas.entries import RadiusGateway

from .doubts import far_sites, slips
from .sites import AccessPoint, Inventory, Site
from .wifi import INDONESIAN_CHANNELS, MOST_NETWORKS

Placed = list[tuple[Path, dict[str, Any]]]
"""Raw tables with the paths they stand at."""

DIALECTS = (
    "coovachilli", "uspot", "opennds", "mikrotik", "aruba", "cisco", "ruckus", "cambium", "meraki",
    "meraki-click", "omada", "opnsense", "pfsense", "generic", "unifi",
)  # fmt: skip

_MOST_HINTS = 20
"""Wrong references for which what is meant is looked for: it takes a look at every name."""

_SPELLING = str.maketrans("", "", ":-.")

_WORDS = {
    "missing": "this key is missing",
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list, like [1, 2]",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "union_tag_not_found": f"the key nas is missing; it names the gateway's dialect: {', '.join(DIALECTS)}",
    "union_tag_invalid": f"nas must be one of {', '.join(DIALECTS)}",
    "too_short": "must not be empty",
}


@dataclass(frozen=True)
class Checked:
    """What a text turned out to be. `warnings` do not stop an activation."""

    inventory: Inventory | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def dotted(path: Path) -> str:
    """`site[2].ap[0].mac` for ("site", 2, "ap", 0, "mac")."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("-", "").replace("_", "").isalnum()
            text += ("." if text else "") + (part if plain else f'"{part}"')
    return text


def load(text: str, today: date | None = None) -> Inventory:
    """The inventory of a text without faults (`check`). ConfigError carries them all."""
    checked = check(text, today)
    if checked.inventory is None:
        raise ConfigError(checked.faults)
    return checked.inventory


def check(text: str, today: date | None = None) -> Checked:
    """Parses a text and collects its faults and warnings. Never raises for any text. With `today` (UTC), what is
    seldom meant is a fault too (`doubts`): in a text that is to be activated, not in one that was, by an earlier
    version perhaps."""
    try:
        raw = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        return Checked(None, (_syntax_fault(error),), ())
    except RecursionError:
        return Checked(None, (Fault(0, "", "tables or lists are nested too deeply"),), ())
    inventory: Inventory | None = None
    found: list[tuple[Path, str]] = []
    try:
        inventory = Inventory.model_validate(raw)
    except ValidationError as error:
        found += [_described(detail) for detail in error.errors(include_url=False)]
    found += _cross_checks(raw)
    if inventory is not None:
        found += [*_settings(inventory), *_clicked(inventory), *(slips(inventory, today) if today else ())]
    lines = Lines(text)
    faults = tuple(sorted({Fault(lines.of(path), dotted(path), message) for path, message in found}))
    if faults or inventory is None:
        return Checked(None, faults, ())
    warnings = tuple(Fault(lines.of(path), dotted(path), message) for path, message in _warnings(inventory))
    return Checked(inventory, (), warnings)


def trusted(text: str) -> Inventory:
    """The inventory of a text that was checked when it was activated, and is the same still: nothing is compared again.
    ConfigError where this version cannot read it at all."""
    try:
        raw = pieces.loads(text)
        inventory = Inventory.model_validate(raw)
    except (tomli.TOMLDecodeError, RecursionError, ValidationError):
        return load(text)
    dismantle([table for table in raw.values() if isinstance(table, list)])
    return inventory


def dismantle(parts: list[Any]) -> None:
    """Lets go of many things one after the other: all at once, others wait for the interpreter a tenth of a second."""
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            while part:
                part.pop()


def _syntax_fault(error: tomli.TOMLDecodeError) -> Fault:
    message = str(error).replace("Cannot overwrite a value", "this key was given before")
    head, _, tail = message.rpartition(" (at line ")
    number = tail.split(",")[0]
    return Fault(int(number), "", f"not TOML: {head}") if number.isdigit() else Fault(0, "", f"not TOML: {message}")


def _described(detail: ErrorDetails) -> tuple[Path, str]:
    path = tuple(detail["loc"])
    chosen = ""
    if len(path) > 2 and (path[0] == "gateway" or path[:2] == ("codes", "sender")):
        chosen = str(path[2])  # pydantic names the chosen dialect or kind inside the path
        path = path[:2] + path[3:]
    if path and path[-1] == "[key]":
        path = path[:-1]
    kind = detail["type"]
    if kind == "extra_forbidden":
        return path, _unknown_key(path, chosen)
    if kind == "union_tag_not_found" and path[0] == "codes":
        return path, "the key kind is missing; it says how messages are sent: spool, http, twilio"
    if kind == "union_tag_invalid" and path[0] == "codes":
        return (*path, "kind"), f"kind must be one of {detail['ctx']['expected_tags']}"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        path = (*path, "nas")
    return path, _wrong_value(detail)


def _wrong_value(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "literal_error":
        return f"must be {detail['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return f"{detail['input']!r} does not match {detail['ctx']['pattern']}"
    if kind.startswith("date"):
        return "must be a date without quotes, like 2026-01-15"
    return _WORDS.get(kind) or detail["msg"].removeprefix("Value error, ")


def _unknown_key(path: Path, chosen: str) -> str:
    """`chosen` is the gateway's dialect, or the kind of sender, that the path leads through."""
    model: Any = Inventory
    for part in path[:-1]:
        fields = getattr(model, "model_fields", {})
        if isinstance(part, str) and part in fields:
            model = _model_of(fields[part].annotation, chosen)
    known = list(getattr(model, "model_fields", {}))
    near = difflib.get_close_matches(str(path[-1]), known, 1)
    return f"unknown key; did you mean {near[0]}?" if near else "unknown key"


def _model_of(annotation: Any, chosen: str) -> Any:
    """The table type inside `tuple[X, ...]`, `dict[str, X]` or `X | None`, of several the one of the chosen dialect or
    kind; anything else as it is."""
    found = [_model_of(argument, chosen) for argument in getattr(annotation, "__args__", ())]
    tables = [one for one in found if hasattr(one, "model_fields")]
    named = (one for one in tables if any(chosen in get_args(key.annotation) for key in one.model_fields.values()))
    return next(named, tables[0] if tables else annotation)


def _tables(raw: object, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The tables of an array, whatever else the text may hold there."""
    entries = raw.get(key) if isinstance(raw, dict) else None
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        if isinstance(entry, dict):
            yield position, entry


def _aps(raw: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for i, site in _tables(raw, "site"):
        for j, ap in _tables(site, "ap"):
            yield ("site", i, "ap", j), ap


def _wifi_tables(raw: dict[str, Any]) -> Placed:
    """The `wifi` tables of the city, its sites and its access points."""
    sites: Placed = [(("site", i), site) for i, site in _tables(raw, "site")]
    holders: Placed = [((), raw), *sites, *_aps(raw)]
    found = [((*path, "wifi"), holder.get("wifi")) for path, holder in holders]
    return [(path, table) for path, table in found if isinstance(table, dict)]


def _repeated(entries: list[tuple[Path, object]], what: str, *, spelled: bool = False) -> Iterator[tuple[Path, str]]:
    seen: dict[str, Path] = {}
    for path, value in entries:
        if not isinstance(value, str):
            continue
        first = seen.setdefault(value.lower().translate(_SPELLING) if spelled else value, path)
        if first != path:
            yield path, f"{what} {value!r} stands already at {dotted(first)}"


def _cross_checks(raw: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """What several entries must keep together. Reads the raw tables, so that one fault hides no other."""
    sites: Placed = [(("site", i), site) for i, site in _tables(raw, "site")]
    gateways: Placed = [(("gateway", i), gateway) for i, gateway in _tables(raw, "gateway")]
    aps: Placed = list(_aps(raw))
    ssids: Placed = [(("ssid", i), ssid) for i, ssid in _tables(raw, "ssid")]
    for name, entries in (("site", sites), ("gateway", gateways), ("access point", aps), ("network", ssids)):
        yield from _repeated([((*path, "id"), entry.get("id")) for path, entry in entries], f"the {name} id")
    routers = [((*path, "ap"), entry.get("ap")) for path, entry in gateways]
    yield from _repeated(routers, "a gateway on the access point")
    yield from _repeated([((*path, "mac"), ap.get("mac")) for path, ap in aps], "the MAC address", spelled=True)
    yield from _repeated([((*path, "tunnel"), str(ap["tunnel"])) for path, ap in aps if "tunnel" in ap], "the port")
    yield from _references(raw, sites, gateways, aps)
    yield from _schools(sites)
    yield from _remembering(sites)
    yield from _providers(raw, sites)
    yield from _regions(raw, sites)
    yield from _districts(sites)
    yield from _secrets(raw, gateways, ssids)
    yield from _sources(gateways)
    yield from _certificates(gateways)


def _references(
    raw: dict[str, Any],
    sites: Placed,
    gateways: Placed,
    aps: Placed,
) -> Iterator[tuple[Path, str]]:
    plans = raw.get("plans")
    plan_ids = _ids(plans if isinstance(plans, dict) else ())
    gateway_ids = _ids(gateway.get("id") for _, gateway in gateways)
    ap_ids = _ids(ap.get("id") for _, ap in aps)
    checks: list[tuple[Path, object, dict[str, None], str]] = []
    checks += [((*path, "plan"), site.get("plan"), plan_ids, "[plans.…]") for path, site in sites]
    checks += [((*path, "gateway"), ap.get("gateway"), gateway_ids, "[[gateway]]") for path, ap in aps]
    checks += [((*path, "ap"), gateway.get("ap"), ap_ids, "[[site.ap]]") for path, gateway in gateways]
    ssid_ids = _ids(ssid.get("id") for _, ssid in _tables(raw, "ssid"))
    for path, table in _wifi_tables(raw):
        named = table.get("ssids")
        named = named if isinstance(named, list) else []
        checks += [((*path, "ssids", i), name, ssid_ids, "[[ssid]]") for i, name in enumerate(named)]
    roles = [(path, gateway["roles"]) for path, gateway in gateways if isinstance(gateway.get("roles"), dict)]
    checks += [((*path, "roles"), plan, plan_ids, "[plans.…]") for path, names in roles for plan in names]
    oidc = raw.get("oidc")
    groups = oidc.get("groups") if isinstance(oidc, dict) else None
    for group, plan in groups.items() if isinstance(groups, dict) else ():
        checks.append((("oidc", "groups", group), plan, plan_ids, "[plans.…]"))
    wrong = [one for one in checks if isinstance(one[1], str) and one[1] not in one[2]]
    for number, (path, value, known, where) in enumerate(wrong):
        near = difflib.get_close_matches(str(value), known, 1) if number < _MOST_HINTS else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield path, f"{value!r} is in no {where}{hint}"


def _ids(found: Iterable[object]) -> dict[str, None]:
    """The texts among them, in order, to be found at once: ten thousand lists of ten thousand took seconds."""
    return dict.fromkeys(one for one in found if isinstance(one, str))


def _regions(raw: dict[str, Any], sites: Placed) -> Iterator[tuple[Path, str]]:
    city, names = raw.get("city"), raw.get("regions")
    city_region = city.get("region") if isinstance(city, dict) else None
    for path, site in sites:
        region = site.get("region")
        if not isinstance(region, str) or not isinstance(city_region, str):
            continue
        if not region.startswith(f"{city_region}."):
            yield (*path, "region"), f"{region!r} is not in the city's region {city_region}"
        elif isinstance(names, dict) and names and region not in names:
            yield (*path, "region"), f"{region!r} has no name in [regions]; add it or correct the code"


def _districts(sites: Placed) -> Iterator[tuple[Path, str]]:
    """A district has one name and one code, the first eight characters of its villages'."""
    seen: dict[str, tuple[str, Path]] = {}
    for path, site in sites:
        name, region = site.get("district"), site.get("region")
        if not isinstance(name, str) or not isinstance(region, str):
            continue
        for one, other in ((name, region[:8]), (region[:8], name)):
            before, where = seen.setdefault(one, (other, path))
            if before != other:
                yield (*path, "district"), f"{one} is {before} at {dotted(where)}, and {other} here"


def _secrets(raw: dict[str, Any], gateways: Placed, ssids: Placed) -> Iterator[tuple[Path, str]]:
    """No key serves two protocols, nor two gateways or networks."""
    found: list[tuple[Path, object]] = []
    for path, entry in (*gateways, *ssids):
        radius = entry.get("radius")
        if isinstance(radius, dict):
            found.append(((*path, "radius", "secret"), radius.get("secret")))
        found += [
            ((*path, key), entry.get(key)) for key in ("uam_secret", "fas_key", "agent_key", "passphrase", "password")
        ]
    controller, codes = raw.get("controller"), raw.get("codes")
    if isinstance(controller, dict):
        found.append((("controller", "key"), controller.get("key")))
    if isinstance(codes, dict) and isinstance(sender := codes.get("sender"), dict):
        found.append((("codes", "sender", "secret"), sender.get("secret")))
    hook = raw.get("complaints")
    if isinstance(hook, dict):
        found += [(("complaints", key), hook.get(key)) for key in ("secret", "inbound")]
    if isinstance(oidc := raw.get("oidc"), dict):
        found.append((("oidc", "secret"), oidc.get("secret")))
    yield from _repeated(found, "the secret")


def _providers(raw: dict[str, Any], sites: Placed) -> Iterator[tuple[Path, str]]:
    for path, site in sites:
        admit = site.get("admit")
        if isinstance(admit, list) and "oidc" in admit and "oidc" not in raw:
            yield (*path, "admit"), '"oidc" needs the table [oidc], which says at whose page people log in'


def _remembering(sites: Placed) -> Iterator[tuple[Path, str]]:
    """What is remembered is that somebody proved who they are."""
    proofs = {"voucher", "code", "member"}
    for path, site in sites:
        admit = site.get("admit")
        if isinstance(admit, list) and "remembered" in admit and not proofs & {str(method) for method in admit}:
            yield (*path, "admit"), '"remembered" needs "voucher", "code" or "member" beside it: what is remembered'


def _schools(sites: Placed) -> Iterator[tuple[Path, str]]:
    """Nothing that children would tell about themselves is asked for at a school."""
    for path, site in sites:
        admit = site.get("admit")
        if site.get("kind") == "school" and isinstance(admit, list) and any(method != "voucher" for method in admit):
            yield (
                (*path, "admit"),
                'a school admits by "voucher" alone, so that no child says who it is',
            )


def _certificates(gateways: Placed) -> Iterator[tuple[Path, str]]:
    """A certificate must name one gateway."""
    named = [
        ((*path, "radius", "certificate"), certificate_name(name))
        for path, gateway in gateways
        if isinstance(radius := gateway.get("radius"), dict) and isinstance(name := radius.get("certificate"), str)
    ]
    yield from _repeated(list(named), "the certificate's name")


def _sources(gateways: Placed) -> Iterator[tuple[Path, str]]:
    """A datagram's source address must name one gateway. In order of their first addresses, networks that overlap stand
    inside each other, so that each is compared with the few that it stands in: ten thousand gateways in no time."""
    found: list[tuple[Any, int, str, Path]] = []
    for path, gateway in gateways:
        radius = gateway.get("radius")
        sources = radius.get("sources") if isinstance(radius, dict) else None
        for i, text in enumerate(sources if isinstance(sources, list) else []):
            try:
                network = ip_network(text if isinstance(text, str) else "")
            except ValueError:
                continue  # the type's own check reports it
            found.append((network, len(found), text, (*path, "radius", "sources", i)))
    around: list[tuple[Any, int, str, Path]] = []
    for one in sorted(found, key=lambda entry: (entry[0].version, entry[0], entry[1])):
        while around and (around[-1][0].version != one[0].version or not around[-1][0].overlaps(one[0])):
            around.pop()
        other = next((outer for outer in around if outer[3][:2] != one[3][:2]), None)
        if other is not None:
            first, second = sorted((other, one), key=lambda entry: entry[1])
            yield (
                second[3],
                f"{second[2]} overlaps {first[0]} of {dotted(first[3])}; a source must name one gateway",
            )
        if not around or around[-1][0] != one[0] or around[-1][3][:2] != one[3][:2]:
            around.append(one)


def _placed_aps(inventory: Inventory) -> Iterator[tuple[Path, Site, AccessPoint]]:
    for i, site in enumerate(inventory.site):
        for j, ap in enumerate(site.ap):
            yield ("site", i, "ap", j), site, ap


def _settings(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    """What an access point's settings must keep together, from wherever they come."""
    managed = [(ap, ip_address(ap.endpoint[0])) for _, _, ap in _placed_aps(inventory)]
    gardens: set[str] = set()
    for path, site, ap in _placed_aps(inventory):
        wifi = inventory.wifi_of(site, ap)
        if ap.tunnel and inventory.controller.tunnel is None:
            yield (*path, "tunnel"), "needs the relay: [controller] tunnel = { host = …, host_key = … }"
        if ap.tunnel and ap.kind == "routeros":
            yield (*path, "tunnel"), "a RouterOS access point keeps no tunnel"
        yield from (((*path, "wifi", key), message) for key, message in wifi.faults())
        if (wifi.captive_api or "").startswith(f"{inventory.portal.url}/"):
            gateway = inventory.find_gateway(ap.gateway)
            routed = isinstance(gateway, RadiusGateway) and gateway.routed
            if not routed or wifi.captive_api != f"{inventory.portal.url}/captive/{ap.gateway}":
                yield (
                    (*path, "wifi", "captive_api"),
                    "the portal cannot tell the phones of an access point apart, and would answer none; leave it out, "
                    f"or, where they come without NAT, write {inventory.portal.url}/captive/{ap.gateway} "
                    "and the gateway's networks as routed",
                )
        announced = inventory.networks_of(site, ap)
        if len(announced) > MOST_NETWORKS:
            yield (
                (*path, "wifi", "ssids"),
                f"{len(announced)} networks; an access point announces {MOST_NETWORKS} at most",
            )
        for one in announced:
            same = next(other for other in announced if other.name == one.name)
            if same.id != one.id and (not same.bands or not one.bands or set(same.bands) & set(one.bands)):
                yield (*path, "wifi", "ssids"), f"{same.id} and {one.id} both announce the name {one.name!r}"
        for name in set(wifi.garden_networks) - gardens:
            gardens.add(name)
            inside = [other.id for other, address in managed if address in ip_network(name)]
            if inside:
                yield (
                    (*path, "wifi", "walled_garden"),
                    f"{name} would open the management of {', '.join(inside)} to guests",
                )


def _clicked(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    """Meraki's click-through page lets in whoever knows Meraki: a code or a password would protect nothing."""
    for i, site in enumerate(inventory.site):
        kinds = {gateway.nas for ap in site.ap if (gateway := inventory.find_gateway(ap.gateway)) is not None}
        if "meraki-click" in kinds and set(site.admit) != {"click-through"}:
            yield (
                ("site", i, "admit"),
                'behind a gateway with nas = "meraki-click" only "click-through"; nas = "meraki" asks RADIUS',
            )


def _doubtful_settings(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    for path, site, ap in _placed_aps(inventory):
        wifi = inventory.wifi_of(site, ap)
        if not wifi.bridge and ip_address(ap.endpoint[0]) in IPv4Interface(wifi.network).network:
            yield (*path, "wifi", "network"), f"the guests' network {wifi.network} holds {ap.id}'s own SSH address"
        for radio in wifi.radios:
            if wifi.country == "ID" and radio.channel and radio.channel not in INDONESIAN_CHANNELS:
                yield (*path, "wifi", "radios"), f"channel {radio.channel} is not open to everybody in Indonesia"


def _life_outside(site_ap: AccessPoint, since: Any, until: Any) -> bool:
    starts_early = site_ap.since is not None and site_ap.since < since
    return starts_early or (site_ap.until is not None and until is not None and site_ap.until > until)


def _warnings(inventory: Inventory) -> Iterator[tuple[Path, str]]:
    if inventory.portal.url.startswith("http:"):
        yield (
            ("portal", "url"),
            "phones send what people type in clear text over http; use https beyond a test",
        )
    for i, gateway in enumerate(inventory.gateway):
        if isinstance(gateway, RadiusGateway) and not gateway.radius.message_authenticator:
            yield (
                ("gateway", i, "radius", "message_authenticator"),
                "Access-Requests without Message-Authenticator are accepted (CVE-2024-3596); only for a gateway "
                "that cannot send it, over a trusted link",
            )
        sites = inventory.sites_of_gateway(gateway.id)
        if (
            isinstance(gateway, RadiusGateway)
            and gateway.radius.members
            and not any("member" in s.admit for s in sites)
        ):
            yield ("gateway", i, "radius", "members"), "no site of this gateway admits members"
        if gateway.nas == "cisco" and gateway.login_role and gateway.radius.orders is None:
            yield (
                ("gateway", i, "login_role"),
                "without radius.coa the controller is not told when a device has logged in, and none can",
            )
        if gateway.nas == "opennds" and gateway.fas_level == 3 and inventory.portal.url.startswith("http:"):
            yield ("gateway", i, "fas_level"), "level 3 needs a portal URL with https"
    placed: list[tuple[Path, object]] = [
        (("site", i, "ap", j, "address"), ap.address)
        for i, site in enumerate(inventory.site)
        for j, ap in enumerate(site.ap)
        if ap.until is None
    ]
    yield from _repeated(placed, "the SSH address")
    yield from _doubtful_settings(inventory)
    yield from far_sites(inventory)
    for i, site in enumerate(inventory.site):
        if not site.ap:
            yield ("site", i), f"{site.id} has no access point; its uptime cannot be told"
        for j, ap in enumerate(site.ap):
            if _life_outside(ap, site.since, site.until):
                yield ("site", i, "ap", j), f"{ap.id} lives outside its site's since and until"
