"""A Debian 12 access point: hostapd, a bridge, nftables and, where it runs the gateway, dnsmasq and openNDS 9.10. Pure.

What stock Debian 12 needs for openNDS (seen with opennds 9.10.0-1 and iptables 1.8.9): an `nft` ahead of the real one
that moves openNDS's chains to the filter's own priority; `-f` instead of the unit's Type=forking; /run/tmpfiles.d. It
restarts `dnsmasq.service` by that name and edits /etc/dnsmasq.conf and /etc/hosts, which is why dnsmasq runs here from
a unit and a file of our own that it does not know.
"""

from collections.abc import Mapping
from ipaddress import IPv4Interface
from typing import Any, Final

from controller.desired import Desired, File, Reload
from hotspot.city.wifi import Radio, block
from hotspot.nas.opennds import AGENT_LABEL, BINAUTH_LABEL

from . import tunnel
from .setup import Bss, Setup, answers, gateway_values, is_ipv4, lease_range, network_values, pads, tunnel_secret
from .template import file

_LIB: Final = "/usr/local/lib/nirkabel"
_UNITS: Final = "/etc/systemd/system"
_NET: Final = f"{_LIB}/net"
_NFTABLES: Final = "/etc/nirkabel/nftables.nft"
_DNSMASQ: Final = "/etc/nirkabel/dnsmasq.conf"
_OPENNDS: Final = "/etc/opennds/opennds.conf"
_PADS: Final = (r"^(.*(?:inner|outer)=).*$",)
_FAS_KEY: Final = (r"^(.*faskey\b\s*).*$",)
_HOSTAPD_SECRETS: Final = (r"^((?:wpa_passphrase|(?:auth|acct)_server_shared_secret)=).*$",)

_KEY_MANAGEMENT: Final = {
    "owe": "OWE",
    "wpa2-psk": "WPA-PSK",
    "wpa2-wpa3-psk": "WPA-PSK SAE",
    "wpa3-psk": "SAE",
    "wpa2-enterprise": "WPA-EAP",
    "wpa2-wpa3-enterprise": "WPA-EAP WPA-EAP-SHA256",
    "wpa3-enterprise": "WPA-EAP-SHA256",
}
"""hostapd's wpa_key_mgmt."""


def render(setup: Setup) -> Desired:
    """What a Debian access point should hold."""
    radios = [(radio, _announced(setup, radio)) for radio in setup.wifi.radios]
    on_air = [(radio, bss) for radio, bss in radios if bss]
    values = network_values(setup, [one for _, bss in on_air for one in bss])
    if setup.opennds is not None:
        values |= gateway_values(setup, setup.opennds)
    parts = [_network(values)]
    if on_air:
        parts.append(_radios(setup, on_air))
    if setup.opennds is not None:
        parts.append(_gateway(values))
    if setup.ap.tunnel:
        parts.append(_tunnel(setup))
    return _joined(parts)


def _announced(setup: Setup, radio: Radio) -> list[Bss]:
    return setup.announced(radio, lambda number: f"{radio.device}-{number}" if number else radio.device)


def _joined(parts: list[Desired]) -> Desired:
    """One configuration from its parts, in the order in which they start; they end in the opposite order."""
    units = tuple(path for part in parts for path in part.paths if path.startswith(_UNITS))
    return Desired(
        files=tuple(file for part in parts for file in part.files),
        checks=tuple(check for part in parts for check in part.checks),
        reloads=(Reload("systemctl daemon-reload", units), *(one for part in parts for one in part.reloads)),
        undo=tuple(line for part in reversed(parts) for line in part.undo),
        probes=tuple(probe for part in parts for probe in part.probes),
    )


def _unit(name: str, values: Mapping[str, Any]) -> File:
    return file(f"{_UNITS}/{name}", f"debian/{name}.j2", values)


def _shell(path: str) -> str:
    return f"sh -n {path[1:]}"


def _service(name: str, *paths: str) -> tuple[Reload, ...]:
    """Enabled and started again when one of its files changed."""
    return Reload(f"systemctl enable {name}", paths), Reload(f"systemctl restart {name}", paths)


def _network(values: Mapping[str, Any]) -> Desired:
    unit = "nirkabel-net.service"
    return Desired(
        files=(
            file(_NFTABLES, "shared/nftables.nft.j2", values),
            file(_NET, "debian/net.j2", values, 0o755),
            _unit(unit, values),
        ),
        checks=(f"nft -c -f {_NFTABLES[1:]}", _shell(_NET)),
        reloads=_service(unit, _NFTABLES, _NET, f"{_UNITS}/{unit}"),
        undo=(f"{_NET} down", f"systemctl disable {unit}"),
    )


def _radios(setup: Setup, on_air: list[tuple[Radio, list[Bss]]]) -> Desired:
    unit = "nirkabel-hostapd.service"
    host = setup.ap.endpoint[0]
    common = {
        "country": setup.wifi.country,
        "ap": setup.ap.id,
        "own_ip": host if is_ipv4(host) else "",
        "key_management": _KEY_MANAGEMENT,
    }
    found: list[File] = []
    for number, (radio, bss) in enumerate(on_air):
        values = {**common, "radio": radio, "bss": bss, "side": _side(radio), "centre": _centre(radio)}
        path = f"/etc/nirkabel/hostapd-{number}.conf"
        found.append(file(path, "debian/hostapd.conf.j2", values, 0o600, _HOSTAPD_SECRETS))
    radios = [
        {"path": one.path, "device": radio.device, "power": radio.power}
        for one, (radio, _) in zip(found, on_air, strict=True)
    ]
    isolated = [one.interface for _, bss in on_air for one in bss if one.network.isolate]
    paths = tuple(one.path for one in found)
    return Desired(
        files=(*found, _unit(unit, {"radios": radios, "isolated": isolated})),
        checks=tuple(_hostapd_reads(path) for path in paths),
        reloads=_service(unit, *paths, f"{_UNITS}/{unit}"),
        undo=(f"systemctl disable --now {unit}",),
    )


def _hostapd_reads(path: str) -> str:
    """hostapd has no option that only reads: a last line that it must refuse keeps it from starting."""
    return (
        f"o=$({{ cat {path[1:]}; echo; echo nirkabel=; }} | hostapd /dev/stdin 2>&1); "
        'echo "$o" | grep -q "^1 errors found" || { echo "$o" | grep -v nirkabel; false; }'
    )


def _side(radio: Radio) -> str:
    """Where the second 20 MHz of a wider channel lie: above (+) or below (-) its primary channel."""
    if radio.band == "2.4":
        return "-" if radio.channel > 7 else "+"
    return "+" if not radio.channel or block(radio.channel, 40) == radio.channel else "-"


def _centre(radio: Radio) -> int:
    """The channel number in the middle of a channel of 80 or 160 MHz; 0 where hostapd chooses."""
    low = block(radio.channel, radio.width) if radio.channel and radio.width > 40 else None
    return low + radio.width // 10 - 2 if low else 0


def _tunnel(setup: Setup) -> Desired:
    unit = "nirkabel-tunnel.service"
    values = tunnel.values(setup, setup.ssh_port)
    found = tuple(tunnel.files(values, tunnel.openssh_key(setup.secrets[tunnel_secret(setup.ap)])))
    service = _unit(unit, values)
    return Desired(
        files=(*found, service),
        checks=("command -v ssh >/dev/null || { echo 'install openssh-client'; false; }",),
        reloads=_service(unit, *(one.path for one in (*found, service))),
        undo=(f"systemctl disable --now {unit}",),
    )


def _gateway(values: Mapping[str, Any]) -> Desired:
    first, last = lease_range(IPv4Interface(values["address"]))
    own = IPv4Interface(values["address"]).ip
    binauth, agent, wrapper = f"{_LIB}/binauth", f"{_LIB}/agent", f"{_LIB}/bin/nft"
    drop_in = f"{_UNITS}/opennds.service.d/nirkabel.conf"
    dnsmasq, reporter = _unit("dnsmasq.service", values), _unit("nirkabel-agent.service", values)
    key: bytes = values["agent_key"]
    values = {**values, "binauth": binauth, "run": "/run/nirkabel"}
    return Desired(
        files=(
            file(_DNSMASQ, "debian/dnsmasq.conf.j2", {**values, "first": first, "last": last}),
            dnsmasq,
            file(_OPENNDS, "debian/opennds.conf.j2", values, 0o600, _FAS_KEY),
            file(drop_in, "debian/opennds.service.j2", values),
            file(wrapper, "debian/nft.j2", values, 0o755),
            file(binauth, "shared/binauth.j2", {**values, **pads(key, BINAUTH_LABEL)}, 0o700, _PADS),
            file(agent, "shared/agent.j2", {**values, **pads(key, AGENT_LABEL)}, 0o700, _PADS),
            reporter,
        ),
        checks=(f"dnsmasq --test -C {_DNSMASQ[1:]}", "command -v opennds", *map(_shell, (wrapper, binauth, agent))),
        reloads=(
            *_service("dnsmasq.service", _DNSMASQ, dnsmasq.path),
            *_service("opennds.service", _OPENNDS, drop_in, wrapper),
            *_service("nirkabel-agent.service", agent, reporter.path),
        ),
        undo=tuple(f"systemctl disable --now {name}" for name in ("nirkabel-agent", "opennds", "dnsmasq")),
        # openNDS runs, and answers guests with its redirect or page.
        probes=("ndsctl status >/dev/null", answers(str(own), values["nds_port"])),
    )
