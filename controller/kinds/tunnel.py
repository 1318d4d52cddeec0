"""The way to an access point behind somebody else's NAT: it keeps an SSH connection to a relay, which listens. Pure.

Each has a key of its own, derived from the master key, that opens nothing on the relay but its one port. The relay's
host key is pinned on the access point, the access point's at the controller as ever.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from controller.desired import File
from hotspot.city.sites import AccessPoint
from hotspot.errors import ConfigError, Fault

from .setup import Setup
from .template import file

KEY: Final = "/etc/nirkabel/tunnel_key"
HOSTS: Final = "/etc/nirkabel/tunnel_hosts"
LISTENS: Final = "127.0.0.1"
"""Where the relay listens: nobody beside it reaches an access point's SSH."""
_TYPE: Final = b"ssh-ed25519"
_ALL: Final = (r"^().+$",)
"""Masks every line."""


def values(setup: Setup, port: int) -> dict[str, Any]:
    """What its unit needs; `port` is the access point's own SSH."""
    relay = setup.inventory.controller.tunnel
    if relay is None:
        message = "an access point keeps a tunnel: name the relay's host, user and host_key"
        raise ConfigError([Fault(0, "controller.tunnel", message)])
    host, relay_port = relay.endpoint
    return {
        "key": KEY,
        "hosts": HOSTS,
        "host": host,
        "port": relay_port,
        "user": relay.user,
        "host_key": relay.host_key,
        "forward": f"{LISTENS}:{setup.ap.tunnel}:127.0.0.1:{port}",
    }


def files(values: dict[str, Any], key: bytes) -> Iterator[File]:
    """The key and the relay's host key."""
    yield File(KEY, key, 0o600, _ALL)
    yield file(HOSTS, "shared/tunnel_hosts.j2", values)


def authorized_line(secret: bytes, ap: AccessPoint) -> str:
    """What belongs into the authorized_keys of the relay's account."""
    public = b64encode(_string(_TYPE) + _string(_halves(secret)[1])).decode()
    # `restrict` still lets commands be run, and with port-forwarding everything behind the relay be reached.
    options = f'restrict,port-forwarding,permitlisten="{LISTENS}:{ap.tunnel}",permitopen="127.0.0.1:1"'
    return f'{options},command="/bin/false" {_TYPE.decode()} {public} nirkabel-tunnel-{ap.id}'


def openssh_key(secret: bytes) -> bytes:
    """The private key as OpenSSH reads it (PROTOCOL.key). The same secret gives the same bytes."""
    private, public = _halves(secret)
    check = hashlib.sha256(public).digest()[:4]
    inner = check * 2 + _string(_TYPE) + _string(public) + _string(private + public) + _string(b"nirkabel-tunnel")
    inner += bytes(range(1, -len(inner) % 8 + 1))
    blob = b"openssh-key-v1\0" + _string(b"none") * 2 + _string(b"") + (1).to_bytes(4, "big")
    text = b64encode(blob + _string(_string(_TYPE) + _string(public)) + _string(inner)).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""]).encode()


def dropbear_key(secret: bytes) -> bytes:
    """The same as dropbear reads it."""
    private, public = _halves(secret)
    return _string(_TYPE) + _string(private + public)


def _halves(secret: bytes) -> tuple[bytes, bytes]:
    seed = hashlib.sha256(secret).digest()
    return seed, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
