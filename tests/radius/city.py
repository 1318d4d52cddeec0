"""A city with a gateway of every kind that speaks RADIUS, each at a loopback address of its own; radclient as each."""

import re
import shutil
import subprocess
from pathlib import Path

from hotspot.nas import RADIUS_DIALECTS
from tests.node import Node

KINDS = sorted(RADIUS_DIALECTS)
_ROLES = 'roles = { umum = "tamu" }'
OWN = {
    "aruba": 'login_role = "masuk"\nroles = { umum = "tamu" }',
    "cisco": 'login_role = "MASUK"\nroles = { umum = "TAMU" }',
    "coovachilli": 'uam_secret = "env:COOVACHILLI_UAM"\nroles = { umum = "tamu" }',
    "uspot": 'uam_secret = "env:USPOT_UAM"',
}
HEAD = """
[city]
name = "Kota Contoh"
region = "36.74"
operator = "Diskominfo"
[portal]
url = "https://wifi.example.go.id"
[plans.umum]
session = "1h"
data_per_day = "1 GB"
devices = 1
"""


def address(kind: str) -> str:
    return f"127.0.0.{KINDS.index(kind) + 10}"


def text(radius: str = "", plan: str = "") -> str:
    """The city's sites.toml; `radius` and `plan` are further keys of every gateway's radius and of the plan."""
    parts = [HEAD + plan]
    for number, kind in enumerate(KINDS, 1):
        sources = f'sources = ["{address(kind)}/32"], secret = "env:{kind.upper()}_RADIUS"{radius}'
        parts.append(
            f'[[gateway]]\nid = "{kind}"\nnas = "{kind}"\nradius = {{ {sources} }}\n{OWN.get(kind, _ROLES)}\n'
            f'[[site]]\nid = "at-{kind}"\nname = "Taman {kind}"\nkind = "park"\nregion = "36.74.01.1003"\n'
            'location = [-6.3, 106.66]\nsince = 2026-01-15\nplan = "umum"\nadmit = ["click-through", "member"]\n'
            'funding = "APBD"\n'
            f'[[site.ap]]\nid = "ap-{kind}"\nmac = "02:00:5e:aa:cc:{number:02}"\naddress = "10.20.{number}.2"\n'
            f'kind = "debian"\ngateway = "{kind}"\n'
        )
    return "\n".join(parts)


def node(folder: Path, radius: str = "", plan: str = "") -> Node:
    """A node whose active revision is this city."""
    made = Node(folder)
    made.write({}, base=text(radius, plan))
    made.run("secrets", "create", "--sites", str(made.sites))
    made.activate()
    return made


def ask(
    node: Node, kind: str, attributes: str, *, command: str = "auth", port: int | None = None, timeout: int = 15
) -> str:
    """What radclient prints as the gateway of a kind; it checks the reply's authenticators itself."""
    assert shutil.which("radclient"), "package freeradius-utils is missing"
    signed = "" if "Message-Authenticator" in attributes else "Message-Authenticator = 0x00\n"
    done = subprocess.run(
        ["radclient", "-x", "-r", "1", "-t", str(timeout), f"127.0.0.1:{port or node.auth_port}", command,
         node.secret(f"{kind.upper()}_RADIUS").decode()],
        input=f"Packet-Src-IP-Address = {address(kind)}\n{signed}{attributes}",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def reply(printed: str) -> tuple[str, list[str]]:
    """(the code's name, the attributes as radclient prints them) of its answer."""
    _, _, answer = printed.partition("Received ")
    assert answer, printed
    return answer.split()[0], re.findall(r"^\t(.+)$", answer, re.MULTILINE)
