"""Text from anybody (citizens, peers, files) made safe for where it is shown: once, where output is made. Pure.

HTML is Jinja's own matter (autoescape), PDF paragraphs ReportLab's (`xml.sax.saxutils.escape`).
"""

import json
import re
from typing import Any, Final

_UNSEEN: Final = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: what a terminal obeys (ECMA-48), ESC and the one-byte CSI and OSC among them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of what follows (UAX 9)
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # halves of surrogate pairs: nothing can encode them
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # marks and tags without a shape
)
_ALL: Final = re.compile(f"[{_UNSEEN}]")
_BUT_LINES: Final = re.compile(f"(?![\t\n])[{_UNSEEN}]")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def _python(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _json(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def for_terminal(text: str, *, lines: bool = True) -> str:
    """`text` with every character that a terminal would obey, or hide, written as its escape (`\\x1b`, `\\u202e`).
    Tabs and line ends stay, unless `lines` is false: then the text is one line whatever is in it."""
    return (_BUT_LINES if lines else _ALL).sub(_python, text)


def for_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON whose text a terminal can be shown too: letters stay as they are, what a terminal would obey
    is escaped (RFC 8259, section 7), C1 and marks of direction too. What JSON does not know is shown by str()."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    return re.sub(f"(?!\n)[{_UNSEEN}]", _json, text)


def for_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text
