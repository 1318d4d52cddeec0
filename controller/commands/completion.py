"""`hotspot completion`: what a shell needs to complete commands, options, access points and selectors."""

import click
from click.shell_completion import get_completion_class

from hotspot.node.terminal import Command, Node, pass_node

_SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_HOTSPOT_COMPLETE"
"""What click looks for when it is called `hotspot`."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(_SHELLS))
@pass_node
def completion(node: Node, shell: str) -> None:
    """Print the completion of a shell. It names access points, sites, districts and tags of the active revision.

    \b
    hotspot completion bash > /etc/bash_completion.d/hotspot
    hotspot completion zsh > "${fpath[1]}/_hotspot"
    hotspot completion fish > ~/.config/fish/completions/hotspot.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this click knows no {shell}")
    root = click.get_current_context().find_root().command
    text = kind(root, {}, "hotspot", _VARIABLE).source()
    node.answer({"shell": shell, "script": text})
    node.say(text)
