"""What differs from node to node: the state folder, the stores, the addresses to listen on, and secrets.

Settings come from the environment, and below it from STATE/hotspot.env, a file in systemd's EnvironmentFile form that
`hotspot secrets create` makes (mode 0600). The city itself stands in sites.toml and nowhere else.
"""

import os
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from . import files
from .city.inventory import dotted
from .city.sites import Inventory
from .entry.fields import split_endpoint
from .entry.lines import Lines
from .entry.lines import Path as TomlPath
from .entry.units import format_size, parse_size
from .errors import ConfigError, Fault
from .nas.entries import Gateway, RadiusGateway
from .people.identity import Keys

ENV_FILE = "hotspot.env"
MASTER_KEY = "HOTSPOT_MASTER_KEY"
MINIMUM_SECRET = 16
"""Characters below which a shared secret can be guessed offline (reference: RFC 2865 section 3 recommends 16)."""

_LINE = re.compile(r'\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(?:"([^"]*)"|\'([^\']*)\'|(\S*))\s*')


def default_state() -> Path:
    """/var/lib/nirkabel for root, the user's own state folder otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/nirkabel")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "nirkabel"


def read_env_file(path: Path) -> dict[str, str]:
    """Names and values of an environment file; ConfigError names the line that is none."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; run as the user who owns it") from error
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConfigError([Fault(number, str(path), "not in the form NAME=value")])
        values[match[1]] = match[2] or match[3] or match[4] or ""
    return values


@dataclass(frozen=True)
class RadSec:
    """RADIUS over TLS on one node: where to listen, and three PEM files."""

    listen: tuple[str, int]
    certificate: Path
    key: Path
    authorities: Path
    """Who signs the gateways' certificates, and the lists of those that were revoked."""


@dataclass(frozen=True)
class Settings:
    """One node. Listen addresses are (host, port); URLs are SQLAlchemy's."""

    state: Path
    environment: Mapping[str, str]
    core_url: str
    telemetry_url: str
    portal_listen: tuple[str, int]
    portal_tls: tuple[Path, Path] | None
    portal_workers: int
    portal_strangers: int
    """Questions of phones that are not shown to be theirs, which one address may put to the captive portal API in ten
    minutes."""
    radius_auth_listen: tuple[str, int]
    radius_acct_listen: tuple[str, int]
    radius_coa_source: tuple[str, ...]
    """Addresses from which orders are sent to gateways, at most one of each family."""
    radsec: RadSec | None
    radius_workers: int
    radius_journal: int
    """Bytes that the journal may grow to while the store is away."""
    telemetry_listen: tuple[str, int]

    @classmethod
    def load(cls, state: Path | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Settings of this process. ConfigError names the variable that cannot be used."""
        real = dict(os.environ if environ is None else environ)
        folder = (state or Path(real.get("HOTSPOT_STATE") or default_state())).absolute()
        values = {**read_env_file(folder / ENV_FILE), **real}

        def listen(name: str, default: str) -> tuple[str, int]:
            try:
                return split_endpoint(values.get(name) or default)
            except ValueError as error:
                raise ConfigError(f"{name}: {error}") from error

        def number(name: str, default: int, most: int = 64) -> int:
            text = values.get(name) or str(default)
            if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
                raise ConfigError(f"{name}: {text!r} is not a number between 1 and {most}")
            return int(text)

        def size(name: str, default: str, least: int) -> int:
            try:
                value = parse_size(values.get(name) or default)
            except ValueError as error:
                raise ConfigError(f"{name}: {error}") from error
            if value < least:
                raise ConfigError(f"{name}: {format_size(value)} is too small; give it {format_size(least)} or more")
            return value

        auth_listen = listen("HOTSPOT_RADIUS_AUTH_LISTEN", "0.0.0.0:1812")
        certificate, key = values.get("HOTSPOT_PORTAL_TLS_CERT"), values.get("HOTSPOT_PORTAL_TLS_KEY")
        if bool(certificate) != bool(key):
            raise ConfigError("HOTSPOT_PORTAL_TLS_CERT and HOTSPOT_PORTAL_TLS_KEY go together; set both or neither")
        radsec = [values.get(name) for name in ("HOTSPOT_RADSEC_CERT", "HOTSPOT_RADSEC_KEY", "HOTSPOT_RADSEC_CA")]
        files = [Path(name) for name in radsec if name]
        if len(files) not in (0, 3):
            raise ConfigError("HOTSPOT_RADSEC_CERT, _KEY and _CA go together; set all three or none")
        return cls(
            state=folder,
            environment=values,
            core_url=values.get("HOTSPOT_CORE_URL") or f"sqlite:///{folder / 'core.db'}",
            telemetry_url=values.get("HOTSPOT_TELEMETRY_URL") or f"sqlite:///{folder / 'telemetry.db'}",
            portal_listen=listen("HOTSPOT_PORTAL_LISTEN", "0.0.0.0:8080"),
            portal_tls=(Path(certificate), Path(key)) if certificate and key else None,
            portal_workers=number("HOTSPOT_PORTAL_WORKERS", 1),
            portal_strangers=number("HOTSPOT_PORTAL_STRANGERS", 600, most=1_000_000),
            radius_auth_listen=auth_listen,
            radius_acct_listen=listen("HOTSPOT_RADIUS_ACCT_LISTEN", "0.0.0.0:1813"),
            radius_coa_source=_sources(values.get("HOTSPOT_RADIUS_COA_SOURCE", ""), auth_listen[0]),
            radsec=RadSec(listen("HOTSPOT_RADSEC_LISTEN", "0.0.0.0:2083"), *files) if files else None,
            radius_workers=number("HOTSPOT_RADIUS_WORKERS", min(len(os.sched_getaffinity(0)), 16)),
            radius_journal=size("HOTSPOT_RADIUS_JOURNAL", "1 GB", 64 * 10**6),
            telemetry_listen=listen("HOTSPOT_TELEMETRY_LISTEN", "127.0.0.1:8090"),
        )

    def coa_source(self, family: socket.AddressFamily) -> str | None:
        """The address from which orders are sent to gateways of a family; None lets the kernel choose."""
        six = family == socket.AF_INET6
        return next((address for address in self.radius_coa_source if (":" in address) == six), None)

    def secret(self, reference: str) -> bytes:
        """The bytes behind `env:NAME` or `file:/PATH`. ConfigError says what is missing and how to set it."""
        kind, _, name = reference.partition(":")
        if kind == "env":
            # The file again: a secret that was created since this process began serves without a restart.
            value = self.environment.get(name) or read_env_file(self.state / ENV_FILE).get(name)
            if not value:
                raise ConfigError(
                    f"the secret {reference} is not set: `hotspot secrets create` chooses one, if it is ours to choose"
                )
            return value.encode()
        if kind == "derived":  # never written in sites.toml: what rendering needs of the master key
            return self.keys().derive(name)
        try:
            found = Path(name).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise ConfigError(f"the secret {reference} cannot be read: {error.strerror}") from error
        if not found:
            raise ConfigError(f"the secret {reference} is empty")
        return found

    @property
    def has_keys(self) -> bool:
        """Whether this node has a master key."""
        return bool(self.environment.get(MASTER_KEY))

    def keys(self) -> Keys:
        """The installation's keys. ConfigError where there is no master key yet."""
        text = self.environment.get(MASTER_KEY)
        if not text:
            raise ConfigError(f"{MASTER_KEY} is not set: `hotspot secrets create` makes one in {self.state / ENV_FILE}")
        return Keys.from_text(text)


def _sources(text: str, listening: str) -> tuple[str, ...]:
    """The addresses of a list with commas; without one the address that RADIUS listens on."""
    if not text:
        address = ip_address(listening)
        return () if address.is_unspecified or address.is_loopback else (listening,)
    try:
        found = [ip_address(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"HOTSPOT_RADIUS_COA_SOURCE: {error}; give one address, or two with a comma") from error
    if len({address.version for address in found}) < len(found):
        raise ConfigError("HOTSPOT_RADIUS_COA_SOURCE: at most one IPv4 and one IPv6 address")
    return tuple(str(address) for address in found)


def gateway_secrets(gateway: Gateway) -> list[tuple[str, str]]:
    """Every (key, reference) of a gateway: "radius.secret", `env:TK1_RADIUS`."""
    found = []
    if isinstance(gateway, RadiusGateway) and gateway.radius.secret:
        found.append(("radius.secret", gateway.radius.secret))
    return found + [
        (key, value)
        for key in ("uam_secret", "fas_key", "agent_key", "password")
        if isinstance(value := getattr(gateway, key, None), str)
    ]


def secret_references(inventory: Inventory) -> list[tuple[TomlPath, str]]:
    """Every (path, reference) of a city: ("gateway", 0, "radius", "secret"), `env:TK1_RADIUS`."""
    found: list[tuple[TomlPath, str]] = []
    for i, gateway in enumerate(inventory.gateway):
        found += [(("gateway", i, *key.split(".")), reference) for key, reference in gateway_secrets(gateway)]
    for i, network in enumerate(inventory.ssid):
        if network.passphrase:
            found.append((("ssid", i, "passphrase"), network.passphrase))
        if network.radius:
            found.append((("ssid", i, "radius", "secret"), network.radius.secret))
    secret = getattr(inventory.codes.sender, "secret", None)
    if secret:
        found.append((("codes", "sender", "secret"), secret))
    if inventory.oidc and inventory.oidc.secret:
        found.append((("oidc", "secret"), inventory.oidc.secret))
    hook = inventory.complaints
    found += [
        (("complaints", key), value) for key, value in (("secret", hook.secret), ("inbound", hook.inbound)) if value
    ]
    if inventory.controller.key:
        found.append((("controller", "key"), inventory.controller.key))
    if inventory.controller.certificate:
        found.append((("controller", "certificate"), inventory.controller.certificate))
    return found


def secret_faults(text: str, inventory: Inventory, settings: Settings) -> list[Fault]:
    """The secrets of a city that this node does not have, or that can be guessed."""
    lines = Lines(text)
    found: list[Fault] = []
    for i, gateway in enumerate(inventory.gateway):
        if isinstance(gateway, RadiusGateway) and gateway.radius.certificate and settings.radsec is None:
            path: TomlPath = ("gateway", i, "radius", "certificate")
            message = "this node has no RADIUS over TLS: set HOTSPOT_RADSEC_CERT, HOTSPOT_RADSEC_KEY, HOTSPOT_RADSEC_CA"
            found.append(Fault(lines.of(path), dotted(path), message))
    for path, reference in secret_references(inventory):
        try:
            short = len(settings.secret(reference)) < MINIMUM_SECRET
        except ConfigError as error:
            found.append(Fault(lines.of(path), dotted(path), str(error)))
            continue
        if short:
            message = f"shorter than {MINIMUM_SECRET} characters; it can be guessed offline"
            found.append(Fault(lines.of(path), dotted(path), message))
    return found


def missing_secrets(state: Path, environ: Mapping[str, str], names: list[str]) -> list[str]:
    """What `create_secrets` would add."""
    existing = {**read_env_file(state / ENV_FILE), **environ}
    return sorted(name for name in {*names, MASTER_KEY} if not existing.get(name))


def create_secrets(state: Path, environ: Mapping[str, str], names: list[str]) -> list[str]:
    """Adds a master key and a random value for every name that has none to STATE/hotspot.env. Returns what it added.

    Nothing that exists is changed. The file is durable and readable by its owner alone before this returns.
    """
    path = state / ENV_FILE
    missing = missing_secrets(state, environ, names)
    added = {name: Keys.new_text() if name == MASTER_KEY else secrets.token_hex(16) for name in missing}
    if not added:
        return []
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = path.read_text() if path.exists() else "# Secrets of this node. Keep it private; back up the master key.\n"
    text = before + "".join(f"{name}={value}\n" for name, value in added.items())
    files.replace(path, text.encode())
    return sorted(added)
