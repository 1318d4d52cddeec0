"""`hotspot radius`: its commands."""

import click

from hotspot.node.terminal import Group

from .decode import decode
from .status import status


@click.group(cls=Group)
def radius() -> None:
    """Look at RADIUS: what goes over the wire, and what was answered."""


radius.add_command(decode)
radius.add_command(status)
