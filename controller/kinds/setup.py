"""What every kind of access point needs to know, taken from the inventory and refused where it cannot work. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from hotspot.city.sites import AccessPoint, Inventory, Site
from hotspot.city.wifi import Radio, Wifi, WifiNetwork
from hotspot.errors import ConfigError, Fault
from hotspot.nas.entries import CoovaChilliGateway, MikrotikGateway, OpenndsGateway
from hotspot.nas.opennds import derive

BRIDGE: Final = "br-lan"
"""The bridge of the access point's own guests."""
NDS_PORT: Final = 2050
"""openNDS's own web server (its default)."""
USPOT_PORTS: Final = (80, 3990)
"""Of uspot: where phones are caught, and where they log on."""
FQDN: Final = "status.client"
"""The name of the gateway for its guests (openNDS's default)."""
CHECK_INTERVAL: Final = 5
"""Seconds between two looks of openNDS at its clients' limits."""
LONGEST_NAME: Final = 15
"""Characters of an interface's name (IFNAMSIZ without its end)."""

_SAFE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_PASSPHRASE: Final = re.compile(r"[!-~][ -~]{6,61}[!-~]")
"""IEEE 802.11-2020, annex J.4."""
_SHARED_SECRET: Final = re.compile(r"[!-~]{1,128}")


Runs = OpenndsGateway | CoovaChilliGateway | MikrotikGateway
"""Gateways that an access point can run."""


def gateway_on(inventory: Inventory, ap_id: str) -> Runs | None:
    """The gateway that an access point runs."""
    ours = (one for one in inventory.gateway if isinstance(one, Runs))
    return next((one for one in ours if one.ap == ap_id), None)


@dataclass(frozen=True)
class Vlan:
    """A VLAN of the uplink and the bridge that joins it to its networks."""

    number: int

    @property
    def device(self) -> str:
        return f"vlan{self.number}"

    @property
    def bridge(self) -> str:
        return f"br-{self.device}"


@dataclass(frozen=True)
class Bss:
    """One network on one radio, with its secrets."""

    interface: str
    network: WifiNetwork
    vlan: Vlan | None
    passphrase: str = ""
    radius_secret: str = ""

    @property
    def bridge(self) -> str:
        return self.vlan.bridge if self.vlan else BRIDGE


@dataclass(frozen=True)
class Setup:
    """One access point in its city. `secrets` has the values of `controller.kinds.secrets_of`."""

    inventory: Inventory
    site: Site
    ap: AccessPoint
    secrets: Mapping[str, bytes]

    @cached_property
    def wifi(self) -> Wifi:
        return self.inventory.wifi_of(self.site, self.ap)

    @cached_property
    def networks(self) -> tuple[WifiNetwork, ...]:
        return self.inventory.announced(self.wifi)

    @cached_property
    def gateway(self) -> Runs | None:
        return gateway_on(self.inventory, self.ap.id)

    @property
    def opennds(self) -> OpenndsGateway | None:
        return self.gateway if isinstance(self.gateway, OpenndsGateway) else None

    @property
    def uspot(self) -> CoovaChilliGateway | None:
        return self.gateway if isinstance(self.gateway, CoovaChilliGateway) else None

    @property
    def ssh_port(self) -> int:
        """Where its own SSH server listens."""
        return self.wifi.ssh_port or (22 if self.ap.tunnel else self.ap.endpoint[1])

    @property
    def vlans(self) -> list[Vlan]:
        """Those of the networks that this access point announces."""
        on_air = self.networks if self.wifi.radios else ()
        return [Vlan(number) for number in sorted({one.vlan for one in on_air if one.vlan is not None})]

    def fault(self, key: str, message: str) -> ConfigError:
        """A fault of this access point's entry."""
        for i, site in enumerate(self.inventory.site):
            for j, one in enumerate(site.ap):
                if one.id == self.ap.id:
                    return ConfigError([Fault(0, f"site[{i}].ap[{j}].{key}", message)])
        return ConfigError(f"{self.ap.id}: {message}")

    def announced(self, radio: Radio, name: Callable[[int], str]) -> list[Bss]:
        """The networks of one radio; `name` gives the n-th its interface."""
        there = [one for one in self.networks if not one.bands or radio.band in one.bands]
        return [self._bss(one, name(number)) for number, one in enumerate(there)]

    def _bss(self, network: WifiNetwork, interface: str) -> Bss:
        if len(interface) > LONGEST_NAME:
            raise self.fault(
                "wifi.radios", f"{interface} is too long for an interface's name ({LONGEST_NAME} characters)"
            )
        vlan = Vlan(network.vlan) if network.vlan is not None else None
        return Bss(interface, network, vlan, self._passphrase(network), self._radius_secret(network))

    def _passphrase(self, network: WifiNetwork) -> str:
        if network.passphrase is None:
            return ""
        path = f"ssid[{self.inventory.ssid.index(network)}].passphrase"
        return self._text(
            path,
            network.passphrase,
            _PASSPHRASE,
            "8 to 63 printable ASCII characters, without a space at its ends, which phones leave out",
        )

    def _radius_secret(self, network: WifiNetwork) -> str:
        if network.radius is None:
            return ""
        return self.shared_secret(network.radius.secret, f"ssid[{self.inventory.ssid.index(network)}].radius.secret")

    def shared_secret(self, reference: str, path: str) -> str:
        """A RADIUS or UAM secret as configuration files can hold it."""
        return self._text(path, reference, _SHARED_SECRET, "1 to 128 ASCII characters without spaces")

    def _text(self, path: str, reference: str, pattern: re.Pattern[str], form: str) -> str:
        text = self.secrets[reference].decode("utf-8", "replace")
        if pattern.fullmatch(text) is None:
            raise ConfigError([Fault(0, path, f"what {reference} holds must be {form}")])
        return text


# -- values for templates ------------------------------------------------------------------------------------------


def network_values(setup: Setup, bss: list[Bss]) -> dict[str, Any]:
    """What the guests' network and the firewall are made of; `bss` are all networks on all radios."""
    wifi, runs = setup.wifi, setup.gateway is not None
    if runs and wifi.bridge:
        raise setup.fault("wifi.bridge", "an access point that runs its gateway cannot bridge its uplink")
    interface = IPv4Interface(wifi.network)
    guests = [*wifi.ports, *(one.interface for one in bss if one.vlan is None)]
    apart = [one for one in bss if one.vlan is not None and one.network.isolate]
    through = [*(guests if wifi.bridge else ()), *(one.interface for one in apart)]
    uplinks = [*([wifi.uplink] if wifi.bridge else ()), *sorted({one.vlan.device for one in apart if one.vlan})]
    return {
        "bridge": BRIDGE,
        "uplink": wifi.uplink,
        "ports": wifi.ports,
        "guest_ports": (*guests, *(one.interface for one in apart)),
        "through": through,
        "uplinks": uplinks,
        "bridged": wifi.bridge,
        "vlans": setup.vlans,
        "gateway": runs,
        "passes": setup.opennds is not None,
        "login_ports": USPOT_PORTS if setup.uspot else (NDS_PORT,),
        "address": str(interface) if runs else "",
        "ip": str(interface.ip),
        "network": str(interface.network),
        "netmask": str(interface.netmask),
        "max_clients": interface.network.num_addresses - 3,
        "management": setup.inventory.management,
        "garden_networks": wifi.garden_networks,
        "garden_names": wifi.garden_names,
        "garden_set": garden_set(wifi.garden_names),
        "down": policed(wifi.down),
        "up": policed(wifi.up),
    }


def garden_set(names: tuple[str, ...]) -> str:
    """The firewall's set of the addresses behind the garden's names. Other names, another set: the old addresses go."""
    return f"garden_{hashlib.sha256(' '.join(names).encode()).hexdigest()[:8]}" if names else ""


def policed(rate: int | None) -> str:
    """What nftables' `limit rate over` takes for a rate in bit/s; its bucket is a second deep. Empty without one."""
    return "" if rate is None else f"{rate // 8} bytes/second"


def portal_values(setup: Setup) -> dict[str, Any]:
    """Where guests reach the portal, and whom they ask for names."""
    portal = urlsplit(setup.inventory.portal.url)
    addresses = [address for address in setup.inventory.portal.addresses if is_ipv4(address)]
    host = portal.hostname or ""
    if not addresses and not is_ipv4(host):
        message = f'guests need the portal\'s IPv4 address: addresses = ["…"] of {host}'
        raise ConfigError([Fault(0, "portal.addresses", message)])
    return {
        "fqdn": FQDN,
        "captive_api": setup.wifi.captive_api,
        "portal_addresses": addresses or [host],
        "portal_ports": [portal.port or (443 if portal.scheme == "https" else 80)],
        "resolvers": resolvers(setup),
    }


def gateway_values(setup: Setup, gateway: OpenndsGateway) -> dict[str, Any]:
    """What an access point needs to run its openNDS gateway."""
    inventory, values = setup.inventory, portal_values(setup)
    portal = urlsplit(inventory.portal.url)
    host = portal.hostname or ""
    [port] = values["portal_ports"]
    if gateway.fas_level == 3 and portal.scheme != "https":
        raise ConfigError([Fault(0, "portal.url", f"gateway {gateway.id} has fas_level = 3, which needs https")])
    # At levels 1 and 2 openNDS sends phones by http, whatever the portal speaks: its port 80 leads on to https.
    fas_port = 80 if portal.scheme == "https" and gateway.fas_level < 3 else port
    plan = inventory.plans[setup.site.plan]
    return {
        **values,
        "gateway_id": gateway.id,
        "level": gateway.fas_level,
        "nds_port": NDS_PORT,
        "check_interval": CHECK_INTERVAL,
        "interval": gateway.agent_interval,
        "url": f"{inventory.portal.url}/agent/{gateway.id}",
        "fas_port": fas_port,
        "fas_ip": values["portal_addresses"][0],
        "fas_host": "" if is_ipv4(host) else host,
        "fas_key": _fas_key(gateway, setup.secrets),
        "portal_ports": sorted({fas_port, port}),
        "session_minutes": max(1, plan.session // 60),
        "idle_minutes": max(1, plan.idle // 60),
        "agent_key": setup.secrets[gateway.agent_key],
    }


def resolvers(setup: Setup) -> tuple[str, ...]:
    """The DNS servers for the guests; ConfigError says which key names them."""
    found = setup.inventory.resolvers(setup.site, setup.ap)
    if not found:
        family = setup.wifi.family_safe is not False and (setup.wifi.family_safe or setup.site.kind == "school")
        key, which = ("family_resolvers", "family-safe DNS servers") if family else ("resolvers", "DNS servers")
        where = "family_safe = true, or a school" if family else "every other site"
        raise ConfigError([Fault(0, f"wifi.{key}", f'name the {which} to ask ({where}): {key} = ["…"]')])
    return found


def is_ipv4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False


def _fas_key(gateway: OpenndsGateway, secrets: Mapping[str, bytes]) -> str:
    """openNDS hands its key to shells and writes it into its own commands: it must be harmless there."""
    text = secrets[gateway.fas_key].decode("ascii", "replace")
    if _SAFE_KEY.fullmatch(text) is None:
        raise ConfigError(
            f"{gateway.fas_key} of gateway {gateway.id} must be 16 to 64 letters, digits, '-' or '_' for openNDS; "
            "`hotspot secrets create` chooses such keys"
        )
    return text


def lease_range(interface: IPv4Interface) -> tuple[IPv4Address, IPv4Address]:
    """The larger run of addresses beside the access point's own."""
    first, last = interface.network[1], interface.network[-2]
    below, above = int(interface.ip) - int(first), int(last) - int(interface.ip)
    return (interface.ip + 1, last) if above >= below else (first, interface.ip - 1)


def pads(agent_key: bytes, label: str) -> dict[str, str]:
    """The inner and outer pad of a derived key (RFC 2104) as octal escapes of `printf %b`."""
    key = derive(agent_key, label).ljust(64, b"\0")
    return {name: "".join(f"\\0{byte ^ pad:03o}" for byte in key) for name, pad in (("inner", 0x36), ("outer", 0x5C))}


def answers(address: str, port: int) -> str:
    """A probe: whether the gateway's web server answers there as it answers guests, by redirect or page."""
    return f"curl -s -o /dev/null -m 5 http://{address}:{port}/"


def tunnel_secret(ap: AccessPoint) -> str:
    """The reference of what the key of an access point's tunnel is made of."""
    return f"derived:access point tunnel {ap.id}"


def secret_references(setup: Setup) -> Iterator[str]:
    """The secrets that an access point's files hold."""
    if setup.ap.tunnel:
        yield tunnel_secret(setup.ap)
    if setup.opennds is not None:
        yield from (setup.opennds.fas_key, setup.opennds.agent_key)
    if setup.uspot is not None:
        yield setup.uspot.uam_secret
        if setup.uspot.radius.secret:
            yield setup.uspot.radius.secret
    if isinstance(setup.gateway, MikrotikGateway) and setup.gateway.radius.secret:
        yield setup.gateway.radius.secret
    for one in setup.networks if setup.wifi.radios else ():
        if one.passphrase:
            yield one.passphrase
        if one.radius:
            yield one.radius.secret
