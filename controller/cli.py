"""The `hotspot` command. Services declare their commands as entry points; only the one that was typed is imported."""

import gc
from importlib.metadata import EntryPoint, entry_points

import click

from hotspot.escape import for_terminal
from hotspot.node.terminal import FAILED, Group

GROUP = "hotspot.commands"


class Commands(Group):
    """A group whose commands are found by name and loaded when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = self._found().get(cmd_name)
        if entry is None:
            return None
        try:
            loaded = entry.load()
        except (ImportError, AttributeError) as error:
            return _broken(cmd_name, error)
        finally:
            gc.freeze()
            gc.enable()
        return loaded if isinstance(loaded, click.Command) else _broken(cmd_name, TypeError("it is no command"))

    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}


def _broken(name: str, error: Exception) -> click.Command:
    """Stands for a command that cannot be imported, so that the others still work."""
    reason = f"`hotspot {name}` cannot be loaded: {error}"

    def complain() -> None:
        click.echo(for_terminal(f"error: {reason}"), err=True)
        raise SystemExit(FAILED)

    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, callback=complain, help=reason, context_settings=settings, add_help_option=False)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nirkabel", prog_name="hotspot")
def main() -> None:
    """Runs a city's free public WiFi: inventory, access points, vouchers, sessions, reports."""
