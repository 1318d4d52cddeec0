"""What every command of the `hotspot` CLI shares: its node, `--json`, `--state`, and errors as lines with an exit code.

Exit codes: 0 done, 1 something failed, 2 the usage or the configuration is wrong.
"""

import os
import pwd
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hotspot.entry.units import parse_duration, parse_rate, parse_size
from hotspot.errors import ConfigError, HotspotError
from hotspot.escape import for_json, for_terminal
from hotspot.people.identity import Keys
from hotspot.settings import Settings
from hotspot.store import Store
from hotspot.store.city.revisions import Revision, active
from hotspot.store.engine import exists
from hotspot.store.keyed import open_keyed

FAILED = 1
WRONG = 2


class Node:
    """The node a command works on, opened when it is first needed. `clock` tells UTC seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.state: Path | None = None
        self.json = False
        self.quiet = False
        self.plain = False
        self.console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 200)
        self.errors = Console(stderr=True, soft_wrap=True, highlight=False)

    @cached_property
    def settings(self) -> Settings:
        return Settings.load(self.state)

    @cached_property
    def store(self) -> Store:
        """The city's store. ConfigError where there is none: a mistyped folder must not look like an empty city."""
        return Store.open(self.settings, create=False)

    @cached_property
    def new_store(self) -> Store:
        """The city's store, which is made where there is none: for what begins a city."""
        self.__dict__["store"] = found = Store.open(self.settings)
        return found

    @property
    def has_city(self) -> bool:
        """Whether there is a store already."""
        return exists(self.settings)

    @cached_property
    def keys(self) -> Keys:
        """This node's keys, if they are the store's; ConfigError otherwise."""
        store, keys = open_keyed(self.settings, create=False)
        store.close()
        return keys

    @property
    def who(self) -> str:
        """Who is typing, for the audit trail, as the kernel knows it: `sari as root` for Sari behind sudo or su."""
        return typist(Path("/proc/self/loginuid"), os.getuid())

    @property
    def now(self) -> int:
        return int(self._clock())

    def revision(self) -> Revision:
        """The active revision; ConfigError while there is none."""
        with self.store.core.read() as connection:
            revision = active(connection)
        if revision is None:
            raise ConfigError("no inventory is active: check a file with `hotspot check`, then `hotspot activate` it")
        return revision

    def say(self, text: str, *, failed: bool = False) -> None:
        """A line for a person; nothing with --json, and with --quiet only what `failed`."""
        if not self.json and (failed or not self.quiet):
            click.echo(for_terminal(text))

    def complain(self, text: str) -> None:
        """A line on stderr."""
        click.echo(for_terminal(text), err=True)

    def answer(self, value: Any) -> None:
        """The result as JSON, with --json only."""
        if self.json:
            click.echo(for_json(value, indent=2))

    def event(self, value: Any) -> None:
        """One of many results as a line of JSON, with --json only."""
        if self.json:
            click.echo(for_json(value))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], value: Any) -> None:
        """Rows for a person, or `value` as JSON."""
        if self.json:
            self.answer(value)
            return
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text("" if cell is None else for_terminal(str(cell), lines=False)) for cell in row))
        self.console.print(table)

    def fail(self, code: int = FAILED) -> NoReturn:
        sys.exit(code)


_NO_LOGIN: Final = 2**32 - 1
"""The login uid of a process that no login began (Linux, audit.h: AUDIT_UID_UNSET)."""


def typist(login: Path, uid: int) -> str:
    """Who a process belongs to: who logged in (the audit login uid, which sudo and su leave as it is and who has it
    cannot change), and as whom it runs. No variable of the environment is asked: anybody can set one."""
    try:
        first = int(login.read_text())
    except (OSError, ValueError):  # a kernel without audit, a container that hides it
        first = _NO_LOGIN
    names = [_name(one) for one in dict.fromkeys((first, uid)) if one != _NO_LOGIN]
    return " as ".join(names)[:64]


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _set(name: str) -> Any:
    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.ensure_object(Node), name, value)

    return callback


class Command(click.Command):
    """A command with the shared options, whose errors become lines on stderr and an exit code."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(
                ["--state"],
                type=click.Path(path_type=Path, file_okay=False),
                expose_value=False,
                callback=_set("state"),
                help="The state folder (default: $HOTSPOT_STATE, /var/lib/nirkabel for root).",
            ),
            click.Option(
                ["--no-color"], is_flag=True, expose_value=False, callback=_set("plain"), help="Print without colours."
            ),
            click.Option(
                ["--json"], is_flag=True, expose_value=False, callback=_set("json"), help="Print the result as JSON."
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        node = ctx.ensure_object(Node)
        node.console.no_color = node.errors.no_color = node.plain or bool(os.environ.get("NO_COLOR"))
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            node.answer({"error": [{"line": f.line, "path": f.path, "message": f.message} for f in error.faults]})
            for fault in error.faults:
                node.complain(f"error: {fault}")
            sys.exit(WRONG)
        except (HotspotError, OSError) as error:
            node.answer({"error": [{"line": 0, "path": "", "message": str(error)}]})
            node.complain(f"error: {error}")
            sys.exit(FAILED)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


class Written(click.ParamType[int]):
    """A value as people write it ("2h", "5 Mbit/s"), exact inside. `parse` raises ValueError for another."""

    def __init__(self, name: str, parse: Callable[[str], int]):
        self.name = name
        self._parse = parse

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION: Final = Written("duration", parse_duration)
SIZE: Final = Written("size", parse_size)
RATE: Final = Written("rate", parse_rate)


quiet_option = click.option(
    "--quiet", "-q", is_flag=True, expose_value=False, callback=_set("quiet"), help="Print only what failed."
)

pass_node = click.make_pass_decorator(Node, ensure=True)
