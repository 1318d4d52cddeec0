"""What people and peers write is data wherever it is shown."""

import ast
import io
import json
import logging
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import structlog
from rich.console import Console

from hotspot.escape import for_json, for_terminal
from hotspot.node import logs
from hotspot.node.terminal import Node

HOSTILE = "lampu mati [/b] [red]\x1b]52;c;cm0gLXJm\x07\x9b2J\u202e\u2028{x} ꦗꦮ \u200d\U000e0041\r\n\ttk2"
"""Markup of rich, OSC 52 (writes the clipboard), a one-byte CSI, a mark of direction, a tag without a shape; and
letters of Javanese with a joiner, which stay."""


def _obeyed(text: str, but: str = "\n") -> set[str]:
    kinds = {c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs")} - set(but)
    return kinds | ({"\u202e", "\U000e0041"} & set(text))


def test_a_terminal_is_told_nothing_but_letters() -> None:
    shown = for_terminal(HOSTILE)
    assert not _obeyed(shown, "\n\t")
    assert shown.startswith(
        "lampu mati [/b] [red]\\x1b]52;c;cm0gLXJm\\x07\\x9b2J\\u202e\\u2028{x} ꦗꦮ \u200d\\U000e0041\\r\n\ttk2"
    )
    assert not _obeyed(for_terminal(HOSTILE, lines=False), "")


@pytest.mark.parametrize("indent", [None, 2])
def test_json_is_json_and_still_nothing_but_letters(indent: int | None) -> None:
    value = {HOSTILE: [HOSTILE, 1, None]}
    text = for_json(value, indent)
    assert json.loads(text) == value
    assert not _obeyed(text, "\n" if indent else "")
    assert "ꦗꦮ" in text


def test_everything_a_command_prints_goes_through_it() -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        node = Node()
        node.console, node.errors = Console(file=out, width=300, force_terminal=True), Console(file=err)
        node.say(HOSTILE)
        node.complain(HOSTILE)
        node.table(("A", "B"), [(HOSTILE, None), ("[/b]", 1)], None)
        node.json = True
        node.answer({"text": HOSTILE})
        node.event({"text": HOSTILE})
    ours = {"\x1b[1m", "\x1b[0m"}  # the table's bold head
    text = out.getvalue()
    for code in ours:
        text = text.replace(code, "")
    assert not _obeyed(text, "\n\t")
    assert not _obeyed(err.getvalue(), "\n\t")
    assert text.count("lampu mati [/b] [red]") == 4, "nothing is taken for markup"


def test_logs_are_lines_of_letters(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        logs.configure()
        structlog.get_logger("test").warning(HOSTILE, gateway=HOSTILE)
    finally:
        structlog.configure(**before)
    record = logging.LogRecord("paramiko", logging.WARNING, "x.py", 1, HOSTILE, None, None)
    written = [capsys.readouterr().err.removesuffix("\n"), logs.JsonLines().format(record)]
    for line in written:
        assert json.loads(line)["event"] == HOSTILE
        assert not _obeyed(line, "")


def _prints(tree: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {ast.unparse(call) for call in calls} & {
        "print", "click.echo", "click.secho", "click.echo_via_pager", "sys.stdout.write", "sys.stderr.write",
        "node.console.print", "node.errors.print", "self.console.print",
    }  # fmt: skip


def test_nobody_prints_past_it() -> None:
    """Output is made in few places; a new one must be added here, and say why its text is safe."""
    top = Path(__file__).parents[2]
    known = {
        "hotspot/node/terminal.py",  # the place
        "hotspot/node/service.py",  # a service's name and its own address
        "controller/cli.py",  # escapes by itself: a command that cannot be loaded
        "portal/commands/voucher.py",  # a CSV file on stdout: codes that are ours
    }
    found = {
        str(file.relative_to(top))
        for package in ("hotspot", "portal", "radius", "controller", "telemetry")
        for file in (top / package).rglob("*.py")
        if _prints(ast.parse(file.read_text()))
    }
    assert found <= known, found - known
