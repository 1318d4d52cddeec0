"""What people type, read as they mean it: whatever keyboard, spreadsheet or message it came from. Pure."""

import re
import unicodedata

_ZERO_WIDTH = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
"""What is not seen and not meant: soft hyphens, joiners, marks of direction, a file's byte order mark."""


def plain(text: str) -> str:
    """`text` as a keyboard of ASCII writes it, as far as it can: compatibility forms (full width, superscripts) and
    digits of every script as ASCII's, every dash as "-", every space as " ", nothing that is not seen; no outer spaces.
    Letters of other scripts stay (Unicode 15, UAX 15 and 44)."""
    found = []
    for letter in _ZERO_WIDTH.sub("", unicodedata.normalize("NFKC", text)):
        kind = unicodedata.category(letter)
        if kind == "Nd":
            found.append(str(unicodedata.decimal(letter)))
        elif kind == "Pd" or letter == "\u2212":  # the minus sign is a symbol, and no dash, to Unicode
            found.append("-")
        elif kind in ("Zs", "Zl", "Zp") or letter in "\t\r\n":
            found.append(" ")
        else:
            found.append(letter)
    return "".join(found).strip()


def symbols(text: str) -> str:
    """`plain`, without what parts a code's groups: spaces, hyphens, dots, underscores, slashes."""
    return re.sub(r"[\s\-._/]", "", plain(text))


def password(text: str) -> str:
    """A password as it is hashed and compared, however a phone composes its letters: NFC, every space as " "
    (RFC 8265, section 4.2.2: the OpaqueString profile, without its refusals)."""
    return unicodedata.normalize("NFC", "".join(" " if unicodedata.category(one) == "Zs" else one for one in text))
