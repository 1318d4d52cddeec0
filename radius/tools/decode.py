"""`hotspot radius decode`: what went over the wire."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any

import click

from hotspot.city.inventory import load
from hotspot.node.terminal import Command, Node, pass_node
from hotspot.settings import Settings
from radius.endpoint import Clients
from radius.wire.packet import Malformed, Packet, parse
from radius.wire.show import Shown, as_json, is_request, lines, show

from .capture import PORTS, Address, Captured, read

Secrets = Callable[[Captured], bytes | None]
"""The secret that a datagram's two ends share, where this node has it."""


class Conversation:
    """Finds the request that a reply answers."""

    def __init__(self, secrets: Secrets):
        self._secrets = secrets
        self._requests: dict[tuple[Address | None, Address | None, int], Packet] = {}

    def show(self, captured: Captured) -> Shown:
        secret = self._secrets(captured)
        try:
            packet = parse(captured.data)
        except Malformed:
            return show(captured.data)
        if is_request(packet.code):
            self._requests[captured.source, captured.target, packet.identifier] = packet
            return show(captured.data, secret)
        return show(captured.data, secret, self._requests.get((captured.target, captured.source, packet.identifier)))


def _secrets(settings: Settings, reference: str | None, sites: Path | None) -> Secrets:
    """ConfigError where the named secret is not there, or the inventory cannot be used."""
    if reference is not None:
        named = settings.secret(reference)
        return lambda _: named
    if sites is None:
        return lambda _: None
    clients = Clients(load(sites.read_text(encoding="utf-8-sig")), settings.secret)

    def of(captured: Captured) -> bytes | None:
        ends = [end[0] for end in (captured.source, captured.target) if end is not None]
        return next((client.secret for host in ends if (client := clients.of(host)) is not None), None)

    return of


def _heading(captured: Captured) -> str:
    if captured.at is None or captured.source is None or captured.target is None:
        return "-"
    at = datetime.fromtimestamp(captured.at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{at} UTC  {_place(captured.source)} > {_place(captured.target)}"


def _place(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _where(captured: Captured) -> dict[str, Any]:
    return {
        "at": captured.at,
        "source": captured.source and _place(captured.source),
        "target": captured.target and _place(captured.target),
    }


@click.command(cls=Command)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--secret-from", metavar="env:NAME|file:/PATH", help="Where the shared secret stands, to check authenticators."
)
@click.option(
    "--sites",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The inventory whose gateways' secrets to use (default: ./sites.toml, where there is one).",
)
@click.option("--port", "ports", multiple=True, type=click.IntRange(1, 65535), help="Also packets of this UDP port.")
@pass_node
def decode(
    node: Node, file: BufferedReader, secret_from: str | None, sites: Path | None, ports: tuple[int, ...]
) -> None:
    """Print the RADIUS packets of FILE, a pcap or pcapng, or hex digits; `-` reads standard input.

    Passwords and keys stay hidden. A packet that is malformed is shown with the reason why a server drops it.

    \b
    hotspot radius decode yesterday.pcap --sites /etc/nirkabel/sites.toml
    tcpdump -i any -w - -U udp port 1812 | hotspot radius decode -
    hotspot radius decode - --secret-from env:TK1_RADIUS <packet.hex
    """
    usual = Path("sites.toml")
    known = sites or (usual if usual.exists() else None)
    conversation = Conversation(_secrets(node.settings, secret_from, known))
    found: list[dict[str, Any]] = []
    with closing(read(file, frozenset((*PORTS, *ports)))) as captured:
        for one in captured:
            shown = conversation.show(one)
            if node.json:
                found.append({**_where(one), **as_json(shown)})
            else:
                node.say("\n".join([_heading(one), *lines(shown), ""]))
    node.answer(found)
