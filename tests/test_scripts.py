"""Shell scripts that are to end at their first failure do."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("tools", "tests", "controller", "hotspot", "portal", "radius", "telemetry", ".ci")
ENDS = re.compile(r"^\s*set -\w*e", re.MULTILINE)
HIDES = re.compile(r"^\s*(?!#|if |elif |while |until |\[|!|\})[^#'\"]*\S && .*$")
"""A list `a && b` of a line of its own: where `a` fails, `set -e` does not end the script, and `b` is left out."""


def scripts() -> dict[str, str]:
    """Every text of ours with `set -e` in it: scripts, templates of some, and those that Python holds."""
    found = {}
    for file in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()):
        if file.suffix in (".sh", ".j2", ".py", "") and "golden" not in file.parts and file != Path(__file__):
            text = file.read_text(errors="replace")
            if ENDS.search(text):
                found[str(file.relative_to(ROOT))] = text
    return found


def hidden(text: str) -> list[str]:
    """Its lines in which a failure is not seen. A list with `||` says itself what happens then."""
    return [line.strip() for line in text.splitlines() if HIDES.match(line) and "||" not in line]


def test_it_knows_what_hides_a_failure() -> None:
    assert hidden("rm -f x && cp a x && chmod 755 x\n\tcp a b && chmod 600 b") != []
    assert hidden('if a && b; then\n[ -n "$x" ] && return\nwhile a && b; do\na && b || exit 1\na\n# a && b') == []


@pytest.mark.parametrize("name", scripts())
def test_no_failure_is_hidden(name: str) -> None:
    assert hidden(scripts()[name]) == []
