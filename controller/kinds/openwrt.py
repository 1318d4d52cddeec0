"""An OpenWrt access point (22.03 or later: DSA, fw4): its configuration files under /etc/config, whole. Pure.

What is Nirkabel's is the whole of each named file; sections that an admin adds there show as drift and go with the next
push. Guests are kept apart by the same nftables file as on Debian, which fw4 includes, with the same scripts beside
openNDS; they run under busybox. Where the gateway is uspot, RADIUS decides and fw4 keeps its gate.
"""

from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Interface
from typing import Any, Final
from zoneinfo import ZoneInfo

from controller.desired import Desired, File, Reload
from controller.posix import uci
from hotspot.city.wifi import Radio
from hotspot.errors import ConfigError, Fault
from hotspot.nas.entries import CoovaChilliGateway
from hotspot.nas.opennds import AGENT_LABEL, BINAUTH_LABEL, derive

from . import tunnel
from .setup import (
    FQDN,
    USPOT_PORTS,
    Bss,
    Setup,
    answers,
    gateway_values,
    is_ipv4,
    lease_range,
    network_values,
    pads,
    portal_values,
    tunnel_secret,
)
from .template import file

CONFIG: Final = "/etc/config"
_LIB: Final = "/usr/lib/nirkabel"
_RUN: Final = "/tmp/run/nirkabel"  # noqa: S108 - in memory; /run need not be there
_NFTABLES: Final = "/etc/nirkabel/nftables.nft"
_AGENT_SERVICE: Final = "/etc/init.d/nirkabel-agent"
_CURL: Final = "command -v curl >/dev/null || { echo 'install curl'; false; }"
_QUESTION: Final = "/etc/nirkabel/radius-probe.json"
"""An Accounting-Request of the type Failed (RFC 2867 section 3.1), which our RADIUS acknowledges and counts nowhere."""
_RADIUS_ANSWERS: Final = (
    f"""radius-client {_QUESTION} | grep -q '"access-accept": *1' || {{ echo 'RADIUS does not answer'; false; }}"""
)
"""uspot's own client, which asks for each of its logins; of a login it would not tell silence from a refusal."""
_ASKED: Final = (r'^(.*"acct_server": *").*$',)
_PADS: Final = (r"^(.*(?:inner|outer)=).*$",)
_SECRETS: Final = (r"^(\s*(?:option|list)\s+\S*(?:key|secret|passw|psk|token)\S*\s+).*$",)
"""Of these files, and of what an admin had there before."""

_ENCRYPTION: Final = {
    "open": "none",
    "owe": "owe",
    "wpa2-psk": "psk2+ccmp",
    "wpa2-wpa3-psk": "sae-mixed",
    "wpa3-psk": "sae",
    "wpa2-enterprise": "wpa2+ccmp",
    "wpa2-wpa3-enterprise": "wpa3-mixed",
    "wpa3-enterprise": "wpa3",
}
"""netifd's `encryption`."""
_PROTECTION: Final = {
    name: 0 if "wpa3" not in name and name != "owe" else 1 if "wpa2" in name else 2 for name in _ENCRYPTION
}
"""Protected management frames: 0 none, 1 whoever can, 2 all."""
_ZONES: Final = {
    "Asia/Jakarta": "WIB-7",
    "Asia/Pontianak": "WIB-7",
    "Asia/Makassar": "WITA-8",
    "Asia/Jayapura": "WIT-9",
}


def render(setup: Setup) -> Desired:
    """What an OpenWrt access point should hold."""
    radios = [(radio, _announced(setup, number, radio)) for number, radio in enumerate(setup.wifi.radios)]
    bss = [one for _, there in radios for one in there]
    values = network_values(setup, bss) | _own_values(setup)
    if setup.opennds is not None:
        values |= gateway_values(setup, setup.opennds) | _lease_values(values)
    elif setup.uspot is not None:
        values |= portal_values(setup) | _uspot_values(setup, setup.uspot) | _lease_values(values)
    parts = [_firewall(values), _network(values), _wireless(values, radios), _services(values)]
    if setup.opennds is not None:
        parts.append(_opennds(values))
    elif setup.uspot is not None:
        parts.append(_uspot(values))
    if setup.ap.tunnel:
        parts.append(_tunnel(setup))
    desired = _joined(parts)
    _read_back(desired)
    return desired


def _announced(setup: Setup, number: int, radio: Radio) -> list[Bss]:
    return setup.announced(radio, lambda n: f"wl{number}-{n}")


def _own_values(setup: Setup) -> dict[str, Any]:
    wifi, host = setup.wifi, setup.ap.endpoint[0]
    zone = setup.inventory.zone(setup.site)
    return {
        "ap": setup.ap.id,
        "own_ip": host if is_ipv4(host) else "",
        "own_resolvers": setup.inventory.resolvers(setup.site, setup.ap),
        "uplink_address": IPv4Interface(wifi.uplink_address) if wifi.uplink_address else None,
        "uplink_gateway": wifi.uplink_gateway,
        "ssh_port": setup.ssh_port,
        "zone": zone.key,
        "posix_zone": posix_zone(zone),
        "country": wifi.country,
        "captive_api": wifi.captive_api,
    }


def posix_zone(zone: ZoneInfo) -> str:
    """A zone without summer time as POSIX writes it: `WIB-7`."""
    offset = datetime(2026, 1, 1, tzinfo=zone).utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    sign = "+" if minutes >= 0 else "-"
    hours, rest = divmod(abs(minutes), 60)
    name = f"<{sign}{hours:02}{rest:02}>"
    return _ZONES.get(zone.key) or f"{name}{'-' if minutes >= 0 else ''}{hours}{f':{rest:02}' if rest else ''}"


def _lease_values(values: Mapping[str, Any]) -> dict[str, int]:
    """The addresses for guests as dnsmasq's init script counts them: from the network's address on."""
    interface = IPv4Interface(values["address"])
    first, last = lease_range(interface)
    return {"start": int(first) - int(interface.network.network_address), "limit": int(last) - int(first) + 1}


def _uspot_values(setup: Setup, gateway: CoovaChilliGateway) -> dict[str, Any]:
    """What uspot needs. Its `challenge` is one for all time, so it is made of a secret that nobody else has."""
    servers = setup.wifi.radius_servers
    if not servers:
        message = 'name our RADIUS nodes as access points reach them: radius_servers = ["…"]'
        raise ConfigError([Fault(0, "wifi.radius_servers", message)])
    if 80 in portal_values(setup)["portal_ports"]:
        message = "uspot catches every request to port 80; the portal needs https or another port"
        raise ConfigError([Fault(0, "portal.url", message)])
    place = f"gateway[{setup.inventory.gateway.index(gateway)}]"
    uam_secret = setup.shared_secret(gateway.uam_secret, f"{place}.uam_secret")
    radius, plan = gateway.radius, setup.inventory.plans[setup.site.plan]
    radius_secret = setup.shared_secret(radius.secret, f"{place}.radius.secret") if radius.secret else ""
    listens = radius.orders.endpoint if radius.orders and not radius.orders.over_tls else None
    return {
        "gateway_id": gateway.id,
        "session": plan.session,
        "idle": plan.idle,
        "interim": radius.interim,
        "radius_servers": servers[:2],
        "radius_secret": radius_secret,
        "radius_asked": ",".join(f"{server}:1813:{radius_secret}" for server in servers[:2]),
        "das_port": listens[1] if listens else 0,
        "nasmac": setup.ap.mac.upper().replace(":", "-"),
        "uam_port": USPOT_PORTS[1],
        "uam_server": setup.inventory.uam_url(gateway.id),
        "uam_secret": uam_secret,
        "challenge": derive(uam_secret.encode(), "uspot").hex()[:32],
    }


# -- parts -------------------------------------------------------------------------------------------------------


def _config(name: str, values: Mapping[str, Any], mode: int = 0o644) -> File:
    return file(f"{CONFIG}/{name}", f"openwrt/{name}.j2", values, mode, _SECRETS)


def _reads(name: str) -> str:
    """Whether OpenWrt's own parser reads a staged file."""
    return f"uci -c {CONFIG[1:]} show {name} >/dev/null"


def _firewall(values: Mapping[str, Any]) -> Desired:
    """First, so that no guest is ever without it."""
    found = file(_NFTABLES, "shared/nftables.nft.j2", values)
    config = _config("firewall", values)
    keep = file("/lib/upgrade/keep.d/nirkabel", "openwrt/keep.j2", {})
    names = "dnsmasq --version | grep -q ' nftset' || { echo 'install dnsmasq-full'; false; }"
    return Desired(
        files=(found, config, keep),
        checks=(
            f"nft -c -f {_NFTABLES[1:]}",
            _reads("firewall"),
            *((names,) if values["gateway"] and values["garden_names"] else ()),
        ),
        reloads=(Reload("/etc/init.d/firewall reload", (_NFTABLES, config.path)),),
        undo=("nft delete table inet nirkabel", "nft delete table bridge nirkabel"),
        restored=("/etc/init.d/firewall reload",),
    )


def _network(values: Mapping[str, Any]) -> Desired:
    config = _config("network", values)
    return Desired(
        files=(config,),
        checks=(_reads("network"),),
        reloads=(Reload("/etc/init.d/network reload", (config.path,)),),
        restored=("/etc/init.d/network reload",),
    )


def _wireless(values: Mapping[str, Any], radios: list[tuple[Radio, list[Bss]]]) -> Desired:
    more = {"radios": radios, "encryption": _ENCRYPTION, "protection": _PROTECTION}
    config = _config("wireless", {**values, **more}, 0o600)
    secured = {one.network.security for _, bss in radios for one in bss}
    needs = {
        "-vowe": "owe" in secured,
        "-vsae": any("wpa3-psk" in name for name in secured),
        "-veap": any("enterprise" in name for name in secured),
    }
    return Desired(
        files=(config,),
        checks=(
            _reads("wireless"),
            *(f"hostapd {flag} || {{ echo 'install wpad'; false; }}" for flag, needed in needs.items() if needed),
        ),
        reloads=(Reload("wifi reload", (config.path,)),),
        restored=("wifi reload",),
    )


def _services(values: Mapping[str, Any]) -> Desired:
    """Name service and leases, the clock and the host's name, the SSH server."""
    names = {"system": "reload", "dhcp": "restart", "dropbear": "restart"}
    services = {"dhcp": "dnsmasq"}
    values = {"start": 0, "limit": 0, "fqdn": FQDN, **values}
    files = {name: _config(name, values) for name in names}
    commands = {name: f"/etc/init.d/{services.get(name, name)} {verb}" for name, verb in names.items()}
    return Desired(
        files=tuple(files.values()),
        checks=tuple(map(_reads, names)),
        reloads=tuple(Reload(commands[name], (files[name].path,)) for name in names),
        restored=tuple(commands.values()),
    )


def _opennds(values: Mapping[str, Any]) -> Desired:
    binauth, agent = f"{_LIB}/binauth", f"{_LIB}/agent"
    key: bytes = values["agent_key"]
    values = {**values, "binauth": binauth, "agent": agent, "run": _RUN}
    config = _config("opennds", values, 0o600)
    return Desired(
        files=(
            config,
            file(binauth, "shared/binauth.j2", {**values, **pads(key, BINAUTH_LABEL)}, 0o700, _PADS),
            file(agent, "shared/agent.j2", {**values, **pads(key, AGENT_LABEL)}, 0o700, _PADS),
            file(_AGENT_SERVICE, "openwrt/nirkabel-agent.j2", values, 0o755),
        ),
        checks=(
            _reads("opennds"),
            "command -v opennds || { echo 'install opennds'; false; }",
            _CURL,
            *(f"sh -n {path[1:]}" for path in (binauth, agent, _AGENT_SERVICE)),
        ),
        reloads=(
            *_service("opennds", config.path),
            *_service("nirkabel-agent", agent, _AGENT_SERVICE),
        ),
        undo=tuple(
            f"/etc/init.d/{name} {verb}" for name in ("nirkabel-agent", "opennds") for verb in ("stop", "disable")
        ),
        # openNDS runs, and answers guests with its redirect or page.
        probes=("ndsctl status >/dev/null", answers(values["ip"], values["nds_port"])),
    )


def _uspot(values: Mapping[str, Any]) -> Desired:
    config, web = _config("uspot", values, 0o600), _config("uhttpd", values)
    question = file(_QUESTION, "openwrt/radius-probe.json.j2", values, 0o600, _ASKED)
    return Desired(
        files=(config, web, question),
        checks=(
            _reads("uspot"),
            _reads("uhttpd"),
            "[ -x /etc/init.d/uspot ] || { echo 'install uspot and uhttpd-mod-ucode'; false; }",
            _CURL,
        ),
        reloads=(*_service("uhttpd", web.path), *_service("uspot", config.path)),
        undo=("/etc/init.d/uspot stop", "/etc/init.d/uspot disable"),
        restored=("/etc/init.d/uhttpd restart",),
        # Guests are caught and may log on, and one of our RADIUS servers knows this access point: it answers what comes
        # from here, with a signature by the secret that both have.
        probes=(*(answers(values["ip"], port) for port in USPOT_PORTS), _RADIUS_ANSWERS),
    )


def _tunnel(setup: Setup) -> Desired:
    values = tunnel.values(setup, setup.ssh_port) | {"run": _RUN}
    found = tuple(tunnel.files(values, tunnel.dropbear_key(setup.secrets[tunnel_secret(setup.ap)])))
    service = file("/etc/init.d/nirkabel-tunnel", "openwrt/nirkabel-tunnel.j2", values, 0o755)
    return Desired(
        files=(*found, service),
        checks=(f"sh -n {service.path[1:]}", "command -v dbclient >/dev/null || { echo 'install dropbear'; false; }"),
        reloads=_service("nirkabel-tunnel", *(one.path for one in (*found, service))),
        undo=("/etc/init.d/nirkabel-tunnel stop", "/etc/init.d/nirkabel-tunnel disable"),
    )


def _service(name: str, *paths: str) -> tuple[Reload, ...]:
    return Reload(f"/etc/init.d/{name} enable", paths), Reload(f"/etc/init.d/{name} restart", paths)


def _joined(parts: list[Desired]) -> Desired:
    """One configuration from its parts, in the order in which they start; they end in the opposite order."""
    found = tuple(one for part in parts for one in part.files)
    names = [one.path.removeprefix(f"{CONFIG}/") for one in found if one.path.startswith(CONFIG)]
    # What somebody has set and not committed would count as soon as a service reads its configuration.
    forget = f"for name in {' '.join(names)}; do uci -q revert $name; done; :"
    return Desired(
        files=found,
        checks=tuple(check for part in parts for check in part.checks),
        reloads=(
            Reload(forget, tuple(f"{CONFIG}/{name}" for name in names)),
            *(one for part in parts for one in part.reloads),
        ),
        undo=tuple(line for part in reversed(parts) for line in part.undo),
        restored=tuple(line for part in parts for line in part.restored),
        probes=tuple(probe for part in parts for probe in part.probes),
    )


def _read_back(desired: Desired) -> None:
    """Refuses what the independent reader does not read."""
    for one in desired.files:
        if one.path.startswith(CONFIG):
            try:
                uci.parse(one.data.decode())
            except ConfigError as error:
                faults = [Fault(fault.line, one.path, fault.message) for fault in error.faults]
                raise ConfigError(faults) from error
