"""`hotspot nas`: what must be put on gateways that the controller does not configure."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import click

from hotspot.city.sites import Inventory
from hotspot.errors import ConfigError, Fault
from hotspot.nas import mikrotik, opnsense, pfsense
from hotspot.nas.entries import MikrotikGateway, OpnsenseGateway, PfsenseGateway
from hotspot.node.terminal import Command, Group, Node, pass_node
from portal.dialects import origin

from .nas_test import checks, gateway_of

_SCRIPT = """\
# Beside the pages in the folder {id}, for the Hotspot whose profile is named here. Read it before `/import {id}.rsc`.
# RADIUS is apart from it (docs/radius.md).
:local profile "hsprof1"
/ip hotspot profile set [find name=$profile] html-directory-override={id} login-by=http-chap use-radius=yes
/ip hotspot walled-garden ip remove [find comment="nirkabel"]
"""


@click.group(cls=Group)
def nas() -> None:
    """Write what gateways need that are configured by hand, and test them."""


@nas.command("test", cls=Command)
@click.argument("name", metavar="AP|GATEWAY")
@pass_node
def test(node: Node, name: str) -> None:
    """Look whether a gateway, or that of an access point, and this installation are ready for each other.

    What can be told from this node: the dialect and its keys, secrets, the portal's answer at the gateway's door, its
    controller's, and what has come from it so far. Exit code 1 when something is wrong.

    \b
    hotspot nas test alun-alun-wlc
    """
    inventory = node.revision().inventory
    gateway = gateway_of(inventory, name)
    done = list(checks(node.settings, node.store, inventory, gateway))
    node.answer([asdict(check) for check in done])
    for check in done:
        mark = {True: "ok   ", False: "WRONG", None: "?    "}[check.good]
        node.say(f"{mark}  {check.what}: {check.found}")
    if any(check.good is False for check in done):
        node.fail()


@nas.group(cls=Group)
def files() -> None:
    """Write the files to upload to a gateway."""


@files.command("mikrotik")
@click.option("--gateway", "gateway_id", help='One gateway; without it all with nas = "mikrotik".')
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@pass_node
def files_mikrotik(node: Node, gateway_id: str | None, out: Path) -> None:
    """Write the Hotspot's pages (login.html and the others) and a script with its walled garden.

    \b
    hotspot nas files mikrotik --out /tmp/hotspot
    scp -r /tmp/hotspot/smpn11-gw /tmp/hotspot/smpn11-gw.rsc admin@10.20.4.2:/
    """
    inventory = node.revision().inventory
    chosen = _chosen(inventory, gateway_id)
    written: list[str] = []
    for gateway in chosen:
        for name, text in _files(inventory, gateway).items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(str(path))
    node.answer({"written": written})
    node.say("\n".join(written))


@files.command("pfsense")
@click.option("--gateway", "gateway_id", required=True, help='A gateway with nas = "pfsense".')
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@pass_node
def files_pfsense(node: Node, gateway_id: str, out: Path) -> None:
    """Write the two pages of a captive portal zone that send phones to the portal.

    \b
    hotspot nas files pfsense --gateway balai-pf --out /tmp/zone
    """
    door = _door(node.revision().inventory, gateway_id, PfsenseGateway)
    _write(node, out, {"portal.html": pfsense.page(door).encode(), "error.html": pfsense.error_page(door).encode()})


@files.command("opnsense")
@click.option("--gateway", "gateway_id", required=True, help='A gateway with nas = "opnsense".')
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@pass_node
def files_opnsense(node: Node, gateway_id: str, out: Path) -> None:
    """Write the template of a captive portal zone that sends phones to the portal: nirkabel.zip, and the page in it.

    \b
    hotspot nas files opnsense --gateway balai-opn --out /tmp/zone
    """
    page = opnsense.page(_door(node.revision().inventory, gateway_id, OpnsenseGateway))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as template:
        template.writestr(zipfile.ZipInfo("index.html"), page)
    _write(node, out, {"index.html": page.encode(), "nirkabel.zip": packed.getvalue()})


def _door(inventory: Inventory, gateway_id: str, kind: type[OpnsenseGateway | PfsenseGateway]) -> str:
    """The portal's URL for a gateway of this kind. ConfigError where it is none."""
    if not isinstance(inventory.find_gateway(gateway_id), kind):
        nas = get_args(kind.model_fields["nas"].annotation)[0]
        raise ConfigError([Fault(0, "--gateway", f'{gateway_id} is no gateway with nas = "{nas}"')])
    return inventory.uam_url(gateway_id)


def _write(node: Node, out: Path, files: Mapping[str, bytes]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (out / name).write_bytes(data)
    written = [str(out / name) for name in files]
    node.answer({"written": written})
    node.say("\n".join(written))


def _chosen(inventory: Inventory, gateway_id: str | None) -> list[MikrotikGateway]:
    known = [gateway for gateway in inventory.gateway if isinstance(gateway, MikrotikGateway)]
    chosen = [gateway for gateway in known if gateway_id in (None, gateway.id)]
    if not chosen:
        there_are = ", ".join(gateway.id for gateway in known) or "none"
        raise ConfigError([Fault(0, "--gateway", f'no such gateway with nas = "mikrotik"; there are: {there_are}')])
    faults = [
        Fault(0, f"gateway {gateway.id}", "the key login is missing: the Hotspot's address as guests reach it")
        for gateway in chosen
        if gateway.login is None
    ]
    if faults:
        raise ConfigError(faults)
    return chosen


def _files(inventory: Inventory, gateway: MikrotikGateway) -> dict[str, str]:
    """Texts by their paths below the folder."""
    portal = inventory.portal.url
    made = mikrotik.pages(inventory.uam_url(gateway.id), f"{portal}/start", f"{portal}/")
    hosts = [origin(portal).partition("://")[2].partition(":")[0], *inventory.garden(gateway.id)]
    rules = (f'/ip hotspot walled-garden ip add action=accept dst-host={host} comment="nirkabel"\n' for host in hosts)
    return {
        **{f"{gateway.id}/{name}": text for name, text in made.items()},
        f"{gateway.id}.rsc": _SCRIPT.format(id=gateway.id) + "".join(rules),
    }
