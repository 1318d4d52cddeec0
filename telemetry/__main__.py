"""`python -m telemetry [--state DIR]`: probes, jobs and the dashboard, until it is told to stop."""

import click

from hotspot.terminal import Command, Node, pass_node

from .service import serve


@click.command(cls=Command)
@pass_node
def main(node: Node) -> None:
    """Runs the telemetry service."""
    serve(node.settings)


if __name__ == "__main__":
    main()
