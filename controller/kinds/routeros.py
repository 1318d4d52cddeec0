"""A MikroTik access point (RouterOS 7.13 or later, wifi-qcom): an idempotent script and the Hotspot's pages. Pure.

The script makes anew whatever carries the comment or the name `nirkabel` and touches nothing else but the router's
name, clock, resolvers and the radios that are named. Where the router runs the gateway, its Hotspot asks our RADIUS.

Source: RouterOS documentation (WiFi, Bridge, Hotspot, RADIUS, Firewall); never tried on a RouterOS.
"""

import hashlib
from ipaddress import IPv4Interface
from typing import Any, Final
from urllib.parse import urlsplit

from controller.desired import Desired, File
from controller.mikrotik import routeros
from controller.mikrotik.trial import SCRIPT, probe
from hotspot.city.wifi import Radio
from hotspot.errors import ConfigError, Fault
from hotspot.nas import mikrotik
from hotspot.nas.entries import MikrotikGateway

from .setup import Bss, Setup, is_ipv4, lease_range, portal_values
from .template import file

_BRIDGE: Final = "nirkabel"
_SECRETS: Final = (r'((?:secret|passphrase)=)"(?:[^"\\]|\\.)*"',)
_PRIVATE: Final = (
    "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
_AUTHENTICATION: Final = {
    "open": "",
    "owe": "owe",
    "wpa2-psk": "wpa2-psk",
    "wpa2-wpa3-psk": "wpa2-psk,wpa3-psk",
    "wpa3-psk": "wpa3-psk",
    "wpa2-enterprise": "wpa2-eap",
    "wpa2-wpa3-enterprise": "wpa2-eap,wpa3-eap",
    "wpa3-enterprise": "wpa3-eap",
}
_WIDTHS: Final = {20: "20mhz", 40: "20/40mhz", 80: "20/40/80mhz", 160: "20/40/80/160mhz"}
_COUNTRIES: Final = {"ID": "Indonesia"}
"""RouterOS names countries in words."""


def render(setup: Setup) -> Desired:
    """What a MikroTik access point should hold."""
    if setup.wifi.bridge:
        raise setup.fault("wifi.bridge", "a RouterOS access point does not bridge its uplink; give its networks a vlan")
    radios = [(radio, setup.announced(radio, _naming(radio))) for radio in setup.wifi.radios]
    bss = [one for _, there in radios for one in there]
    gateway = setup.gateway if isinstance(setup.gateway, MikrotikGateway) else None
    if gateway is None and any(one.vlan is None for one in bss):
        message = "announces networks without a vlan, and runs no gateway: give them a vlan, or the gateway `ap`"
        raise setup.fault("wifi.ssids", f"{setup.ap.id} {message}")
    values = _values(setup, radios, bss)
    pages: tuple[File, ...] = ()
    probes: tuple[str, ...] = ()
    if gateway is not None:
        values |= _gateway_values(setup, gateway)
        pages = _pages(setup, gateway)
        values["pages"] = pages[0].path.split("/")[1]
        probes = _probes(values["pages"], values["radius_servers"])
    script = file(SCRIPT, "routeros/nirkabel.rsc.j2", values, 0o600, _SECRETS)
    _read_back(script)
    return Desired(files=(script, *pages), probes=probes)


def _naming(radio: Radio) -> Any:
    return lambda number: f"{radio.device}-{number}" if number else radio.device


def _values(setup: Setup, radios: list[tuple[Radio, list[Bss]]], bss: list[Bss]) -> dict[str, Any]:
    wifi = setup.wifi
    country = _COUNTRIES.get(wifi.country)
    if country is None:
        raise setup.fault("wifi.country", f"{wifi.country} is not known for RouterOS; there is {', '.join(_COUNTRIES)}")
    apart = {one.vlan.number for one in bss if one.vlan is not None and one.network.isolate}
    bridges = [{"name": one.bridge, "isolated": one.number in apart, "uplink": one.device} for one in setup.vlans]
    secured = {one.network.radius: one.radius_secret for one in bss if one.network.radius is not None}
    if len(secured) > 1:
        raise setup.fault(
            "wifi.ssids", "RouterOS asks the same RADIUS servers for all its networks; name one set of them"
        )
    enterprise = next(iter(secured), None)
    return {
        "ap": setup.ap.id,
        "zone": setup.inventory.zone(setup.site).key,
        "bridge": _BRIDGE,
        "bridges": [*([{"name": _BRIDGE, "isolated": True, "uplink": ""}] if setup.gateway else []), *bridges],
        "vlans": setup.vlans,
        "uplink": wifi.uplink,
        "ports": wifi.ports if setup.gateway else (),
        "interfaces": [one for radio, there in radios for one in _interfaces(radio, there, country)],
        "enterprise": enterprise,
        "enterprise_secret": secured.get(enterprise, "") if enterprise else "",
        "gateway": setup.gateway is not None,
        "limit": f"{wifi.up or 0}/{wifi.down or 0}" if setup.gateway and (wifi.up or wifi.down) else "",
    }


def _interfaces(radio: Radio, there: list[Bss], country: str) -> list[dict[str, str]]:
    """The radio with its first network, and a virtual one for each of the others."""
    if not there:
        return [{"name": radio.device, "master": "", "settings": ""}]
    return [
        {
            "name": one.interface,
            "master": radio.device if number else "",
            "settings": " ".join([*([] if number else _air(radio, country)), *_network(one), "disabled=no"]),
        }
        for number, one in enumerate(there)
    ]


def _air(radio: Radio, country: str) -> list[str]:
    base = 2407 if radio.band == "2.4" else 5000
    return [
        f"configuration.country={country}",
        *([f"configuration.tx-power={radio.power}"] if radio.power else []),
        *([f"channel.frequency={base + 5 * radio.channel}"] if radio.channel else []),
        f"channel.width={_WIDTHS[radio.width]}",
    ]


def _network(one: Bss) -> list[str]:
    network = one.network
    return [
        "configuration.mode=ap",
        f"configuration.ssid={routeros.quoted(network.name)}",
        f"security.authentication-types={routeros.quoted(_AUTHENTICATION[network.security])}",
        f"security.passphrase={routeros.quoted(one.passphrase)}",
        f"datapath.bridge={routeros.quoted(one.vlan.bridge if one.vlan else _BRIDGE)}",
        f"datapath.client-isolation={'yes' if network.isolate else 'no'}",
    ]


def _gateway_values(setup: Setup, gateway: MikrotikGateway) -> dict[str, Any]:
    servers = setup.wifi.radius_servers
    if not servers:
        message = 'name our RADIUS nodes as access points reach them: radius_servers = ["…"]'
        raise ConfigError([Fault(0, "wifi.radius_servers", message)])
    place = f"gateway[{setup.inventory.gateway.index(gateway)}]"
    if gateway.radius.secret is None:
        raise ConfigError([Fault(0, f"{place}.radius.secret", "a Hotspot that is configured here needs one")])
    if gateway.login is None:
        raise ConfigError([Fault(0, f"{place}.login", "name the Hotspot's login address: http://…/login")])
    interface = IPv4Interface(setup.wifi.network)
    first, last = lease_range(interface)
    host = urlsplit(gateway.login).hostname or ""
    listens = gateway.radius.orders.endpoint if gateway.radius.orders and not gateway.radius.orders.over_tls else None
    portal = urlsplit(setup.inventory.portal.url).hostname or ""
    names = [*([] if is_ipv4(portal) else [portal]), *setup.wifi.garden_names]
    return {
        **portal_values(setup),
        "address": str(interface),
        "ip": str(interface.ip),
        "network": str(interface.network),
        "first": str(first),
        "last": str(last),
        "captive_api": setup.wifi.captive_api,
        "private": _PRIVATE,
        "management": setup.inventory.management,
        "garden_networks": setup.wifi.garden_networks,
        "garden_hosts": [one for name in dict.fromkeys(names) for one in (name, f"*.{name}")],
        "radius_servers": servers,
        "radius_secret": setup.shared_secret(gateway.radius.secret, f"{place}.radius.secret"),
        "das_port": listens[1] if listens else 0,
        "dns_name": "" if is_ipv4(host) else host,
        "interim": gateway.radius.interim,
        "idle": setup.inventory.plans[setup.site.plan].idle,
    }


def _pages(setup: Setup, gateway: MikrotikGateway) -> tuple[File, ...]:
    portal = setup.inventory.portal.url
    made = mikrotik.pages(setup.inventory.uam_url(gateway.id), f"{portal}/start", f"{portal}/")
    # Other pages, another folder: no backup has files in it, and a try that is taken back finds its pages again.
    sums = "".join(hashlib.sha256(f"{name} {text}".encode()).hexdigest() for name, text in sorted(made.items()))
    folder = f"/nirkabel-{hashlib.sha256(sums.encode()).hexdigest()[:8]}"
    return tuple(File(f"{folder}/{name}", text.encode()) for name, text in made.items())


def _probes(folder: str, servers: tuple[str, ...]) -> tuple[str, ...]:
    """What must hold before a push is kept. A router asks RADIUS for guests alone: whether its servers are there at all
    is what it can find out by itself.
    """
    used = 'where name="nirkabel" and !disabled and !invalid'
    pings = " + ".join(f"[/ping {server} count=2]" for server in servers)
    return (
        probe(f"[:len [/ip/hotspot/find {used}]] = 1", "its Hotspot is invalid or not in use"),
        probe(f"[:len [/ip/dhcp-server/find {used}]] = 1", "its DHCP server is invalid or not in use"),
        probe(f'[:len [/file/find where name~"{folder}/login.html"]] > 0', "the login page is not there"),
        probe(f"({pings}) > 0", "no RADIUS server answers its ping"),
    )


def _read_back(script: File) -> None:
    """Refuses what the independent reader does not read."""
    try:
        routeros.parse(script.data.decode())
    except ConfigError as error:
        raise ConfigError([Fault(fault.line, script.path, fault.message) for fault in error.faults]) from error
