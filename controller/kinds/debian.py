"""A Debian 12 access point: hostapd, a bridge, nftables and, where it runs the gateway, dnsmasq and openNDS 9.10. Pure.

What stock Debian 12 needs for openNDS (seen with opennds 9.10.0-1 and iptables 1.8.9): an `nft` ahead of the real one
that moves openNDS's chains to the filter's own priority; `-f` instead of the unit's Type=forking; /run/tmpfiles.d. It
restarts `dnsmasq.service` by that name and edits /etc/dnsmasq.conf and /etc/hosts, which is why dnsmasq runs here from
a unit and a file of our own that it does not know.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Interface, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from hotspot.errors import ConfigError, Fault
from hotspot.nas.opennds import AGENT_LABEL, BINAUTH_LABEL, derive
from hotspot.sites import AccessPoint, Inventory, OpenndsGateway, Site

from ..desired import Desired, File, Reload

BRIDGE: Final = "br-lan"
NDS_PORT: Final = 2050
"""openNDS's own web server (its default)."""
FQDN: Final = "status.client"
"""The name of the gateway for its guests (openNDS's default)."""
CHECK_INTERVAL: Final = 5
"""Seconds between two looks of openNDS at its clients' limits."""

_LIB: Final = "/usr/local/lib/nirkabel"
_UNITS: Final = "/etc/systemd/system"
_NET: Final = f"{_LIB}/net"
_NFTABLES: Final = "/etc/nirkabel/nftables.nft"
_DNSMASQ: Final = "/etc/nirkabel/dnsmasq.conf"
_HOSTAPD: Final = "/etc/nirkabel/hostapd.conf"
_OPENNDS: Final = "/etc/opennds/opennds.conf"
_SAFE_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_PADS: Final = (r"^(.*(?:inner|outer)=).*$",)
_FAS_KEY: Final = (r"^(.*faskey\b).*$",)


def _template(name: str) -> str:
    return (files("controller") / "kinds/templates/debian" / name).read_text()


_templates = SandboxedEnvironment(
    loader=FunctionLoader(_template),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    comment_start_string="{##",  # "{#" stands in shell's ${#name}
    comment_end_string="##}",
    autoescape=False,  # these are configuration files, and every value's type allows no line end
)


def gateway_on(inventory: Inventory, ap_id: str) -> OpenndsGateway | None:
    """The openNDS gateway that an access point runs."""
    return next((one for one in inventory.gateway if isinstance(one, OpenndsGateway) and one.ap == ap_id), None)


def render(inventory: Inventory, site: Site, ap: AccessPoint, secrets: Mapping[str, bytes]) -> Desired:
    """What a Debian access point should hold. `secrets` has the values of `controller.kinds.secrets_of`."""
    gateway = gateway_on(inventory, ap.id)
    values = _network_values(inventory, ap)
    if gateway is not None:
        values |= _gateway_values(inventory, site, gateway, secrets)
    values |= {"gateway": gateway is not None, "forwards": gateway is not None}
    parts = [_network(values)]
    if ap.debian.radio is not None:
        parts.append(_radio(values))
    if gateway is not None:
        parts.append(_gateway(values))
    return _joined(parts)


def _joined(parts: list[Desired]) -> Desired:
    """One configuration from its parts, in the order in which they start; they end in the opposite order."""
    units = tuple(path for part in parts for path in part.paths if path.startswith(_UNITS))
    return Desired(
        files=tuple(file for part in parts for file in part.files),
        checks=tuple(check for part in parts for check in part.checks),
        reloads=(Reload("systemctl daemon-reload", units), *(one for part in parts for one in part.reloads)),
        undo=tuple(line for part in reversed(parts) for line in part.undo),
    )


# -- values ------------------------------------------------------------------------------------------------------


def _network_values(inventory: Inventory, ap: AccessPoint) -> dict[str, Any]:
    radio, ssid = ap.debian.radio, ap.ssid or inventory.wifi.ssid
    runs = gateway_on(inventory, ap.id) is not None
    if runs and ap.debian.bridge:
        raise _fault(inventory, ap, "debian.bridge", "an access point that runs its gateway cannot bridge its uplink")
    interface = IPv4Interface(ap.debian.network)
    management = [one.endpoint[0] for _, one in inventory.access_points() if _is_ipv4(one.endpoint[0])]
    return {
        "bridge": BRIDGE,
        "uplink": ap.debian.uplink,
        "ports": ap.debian.ports,
        "guest_ports": (*ap.debian.ports, *((radio.interface,) if radio else ())),
        "bridged": ap.debian.bridge,
        "radio": radio,
        "ssid": ssid,
        "ssid_hex": ssid.encode().hex(),
        "country": inventory.wifi.country,
        "address": str(interface) if runs else "",
        "ip": str(interface.ip),
        "network": str(interface.network),
        "netmask": str(interface.netmask),
        "max_clients": interface.network.num_addresses - 3,
        "management": sorted(set(management), key=lambda text: int(IPv4Address(text))),
    }


def _gateway_values(
    inventory: Inventory, site: Site, gateway: OpenndsGateway, secrets: Mapping[str, bytes]
) -> dict[str, Any]:
    portal = urlsplit(inventory.portal.url)
    addresses = [address for address in inventory.portal.addresses if _is_ipv4(address)]
    host = portal.hostname or ""
    if not addresses:
        if not _is_ipv4(host):
            raise ConfigError(
                [Fault(0, "portal.addresses", f'openNDS needs the portal\'s IPv4 address: addresses = ["…"] of {host}')]
            )
        addresses = [host]
    if not inventory.portal.resolvers:
        raise ConfigError([Fault(0, "portal.resolvers", 'name the DNS servers to ask: resolvers = ["9.9.9.9"]')])
    port = portal.port or (443 if portal.scheme == "https" else 80)
    if gateway.fas_level == 3 and portal.scheme != "https":
        raise ConfigError([Fault(0, "portal.url", f"gateway {gateway.id} has fas_level = 3, which needs https")])
    # At levels 1 and 2 openNDS sends phones by http, whatever the portal speaks: its port 80 leads on to https.
    fas_port = 80 if portal.scheme == "https" and gateway.fas_level < 3 else port
    plan = inventory.plans[site.plan]
    return {
        "gateway_id": gateway.id,
        "level": gateway.fas_level,
        "fqdn": FQDN,
        "nds_port": NDS_PORT,
        "check_interval": CHECK_INTERVAL,
        "interval": gateway.agent_interval,
        "url": f"{inventory.portal.url}/agent/{gateway.id}",
        "fas_port": fas_port,
        "fas_ip": addresses[0],
        "fas_host": "" if _is_ipv4(host) else host,
        "fas_key": _fas_key(gateway, secrets),
        "portal_addresses": addresses,
        "portal_ports": sorted({fas_port, port}),
        "resolvers": inventory.portal.resolvers,
        "session_minutes": max(1, plan.session // 60),
        "idle_minutes": max(1, plan.idle // 60),
        "agent_key": secrets[gateway.agent_key],
    }


def _is_ipv4(text: str) -> bool:
    try:
        return ip_address(text).version == 4
    except ValueError:
        return False


def _fault(inventory: Inventory, ap: AccessPoint, field: str, message: str) -> ConfigError:
    for i, site in enumerate(inventory.site):
        for j, one in enumerate(site.ap):
            if one.id == ap.id:
                return ConfigError([Fault(0, f"site[{i}].ap[{j}].{field}", message)])
    return ConfigError(f"{ap.id}: {message}")


def _fas_key(gateway: OpenndsGateway, secrets: Mapping[str, bytes]) -> str:
    """openNDS hands its key to shells and writes it into its own commands: it must be harmless there."""
    text = secrets[gateway.fas_key].decode("ascii", "replace")
    if _SAFE_KEY.fullmatch(text) is None:
        raise ConfigError(
            f"{gateway.fas_key} of gateway {gateway.id} must be 16 to 64 letters, digits, '-' or '_' for openNDS; "
            "`hotspot secrets create` chooses such keys"
        )
    return text


def _range(interface: IPv4Interface) -> tuple[str, str]:
    """The larger run of addresses beside the access point's own."""
    first, last = interface.network[1], interface.network[-2]
    below, above = int(interface.ip) - int(first), int(last) - int(interface.ip)
    return (str(interface.ip + 1), str(last)) if above >= below else (str(first), str(interface.ip - 1))


def _pads(agent_key: bytes, label: str) -> dict[str, str]:
    """The inner and outer pad of a derived key (RFC 2104) as octal escapes of `printf %b`."""
    key = derive(agent_key, label).ljust(64, b"\0")
    return {name: "".join(f"\\0{byte ^ pad:03o}" for byte in key) for name, pad in (("inner", 0x36), ("outer", 0x5C))}


# -- parts -------------------------------------------------------------------------------------------------------


def _file(path: str, template: str, values: Mapping[str, Any], mode: int = 0o644, masks: tuple[str, ...] = ()) -> File:
    return File(path, _templates.get_template(template).render(values).encode(), mode, masks)


def _unit(name: str, values: Mapping[str, Any]) -> File:
    return _file(f"{_UNITS}/{name}", f"{name}.j2", values)


def _shell(path: str) -> str:
    return f"sh -n {path[1:]}"


def _service(name: str, *paths: str) -> tuple[Reload, ...]:
    """Enabled and started again when one of its files changed."""
    return Reload(f"systemctl enable {name}", paths), Reload(f"systemctl restart {name}", paths)


def _network(values: Mapping[str, Any]) -> Desired:
    unit = "nirkabel-net.service"
    return Desired(
        files=(
            _file(_NFTABLES, "nftables.nft.j2", values),
            _file(_NET, "net.j2", values, 0o755),
            _unit(unit, values),
        ),
        checks=(f"nft -c -f {_NFTABLES[1:]}", _shell(_NET)),
        reloads=_service(unit, _NFTABLES, _NET, f"{_UNITS}/{unit}"),
        undo=(f"{_NET} down", f"systemctl disable {unit}"),
    )


def _radio(values: Mapping[str, Any]) -> Desired:
    unit = "nirkabel-hostapd.service"
    return Desired(
        files=(_file(_HOSTAPD, "hostapd.conf.j2", values), _unit(unit, values)),
        reloads=_service(unit, _HOSTAPD, f"{_UNITS}/{unit}"),
        undo=(f"systemctl disable --now {unit}",),
    )


def _gateway(values: Mapping[str, Any]) -> Desired:
    first, last = _range(IPv4Interface(values["address"]))
    binauth, agent, wrapper = f"{_LIB}/binauth", f"{_LIB}/agent", f"{_LIB}/bin/nft"
    drop_in = f"{_UNITS}/opennds.service.d/nirkabel.conf"
    dnsmasq, reporter = _unit("dnsmasq.service", values), _unit("nirkabel-agent.service", values)
    key: bytes = values["agent_key"]
    return Desired(
        files=(
            _file(_DNSMASQ, "dnsmasq.conf.j2", {**values, "first": first, "last": last}),
            dnsmasq,
            _file(_OPENNDS, "opennds.conf.j2", values, 0o600, _FAS_KEY),
            _file(drop_in, "opennds.service.j2", values),
            _file(wrapper, "nft.j2", values, 0o755),
            _file(binauth, "binauth.j2", _pads(key, BINAUTH_LABEL), 0o700, _PADS),
            _file(agent, "agent.j2", {**values, **_pads(key, AGENT_LABEL)}, 0o700, _PADS),
            reporter,
        ),
        checks=(f"dnsmasq --test -C {_DNSMASQ[1:]}", "command -v opennds", *map(_shell, (wrapper, binauth, agent))),
        reloads=(
            *_service("dnsmasq.service", _DNSMASQ, dnsmasq.path),
            *_service("opennds.service", _OPENNDS, drop_in, wrapper),
            *_service("nirkabel-agent.service", agent, reporter.path),
        ),
        undo=tuple(f"systemctl disable --now {name}" for name in ("nirkabel-agent", "opennds", "dnsmasq")),
    )
