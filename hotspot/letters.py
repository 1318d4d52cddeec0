"""Names in any script on paper: which font has which letters, in the PDFs that reportlab draws.

A document has its own font; what that lacks comes from the fonts of this machine, found by the name of the script
(fonts-noto-core has NotoSansJavanese, NotoSansArabic and a hundred more, fonts-wqy-microhei Chinese, Japanese and
Korean, fonts-symbola symbols and emoji). HarfBuzz joins and orders letters where a script asks for it, by reportlab's
own use of uharfbuzz. What no font has is named, so that somebody can be told what to install, and never drawn as a box.
"""

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont, shapeStr

PACKAGES: Final = "fonts-noto-core fonts-wqy-microhei fonts-symbola"
"""Debian's packages that have them."""
_FOLDERS: Final = ("~/.local/share/fonts", "/usr/local/share/fonts", "/usr/share/fonts")
_EAST: Final = ("wqy-microhei", "DroidSansFallbackFull", "NotoSansCJK-Regular")
_SYMBOLS: Final = ("Symbola_hint", "Symbola", "NotoSansSymbols2-Regular", "NotoSansSymbols-Regular")
_ANY: Final = ("DejaVuSans", "NotoSans-Regular")
_EASTERN: Final = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH", "BOPOMOFO"}
)
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_APART: Final = '<font size="0.5"> </font>'
"""reportlab 5.1 shapes a whole word with the font of its first letter: a word of two fonts is two."""
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Piece:
    """A run of letters of one font; `font` is None where no font has them."""

    font: str | None
    text: str


@dataclass(frozen=True)
class Placed:
    """A run as a canvas draws it, `left` points from where the whole text begins."""

    left: float
    font: str
    text: str


def marked(text: str, font: str) -> str:
    """The text as the markup of a reportlab paragraph in that font."""
    found = ""
    before = " "
    for piece in pieces(text, font):
        if piece.font is None:
            continue
        found += "" if before.isspace() or piece.text[0].isspace() else _APART
        inner = escape(piece.text)
        found += inner if piece.font == font else f'<font name="{piece.font}">{inner}</font>'
        before = piece.text[-1]
    return found


def placed(text: str, font: str, size: float) -> tuple[list[Placed], float]:
    """The text as runs for a canvas in that font and size, and its width in points."""
    found: list[Placed] = []
    left = 0.0
    for piece in pieces(text, font):
        if piece.font is not None:
            shaped = piece.text if piece.font == font else shapeStr(piece.text, piece.font, size)
            found.append(Placed(left, piece.font, shaped))
            left += pdfmetrics.stringWidth(shaped, piece.font, size)
    return found, left


def missing(text: str, font: str) -> str:
    """The letters of a text that no font here has, each once."""
    return "".join(dict.fromkeys("".join(piece.text for piece in pieces(text, font) if piece.font is None)))


def borrowed(texts: Iterable[str], font: str) -> dict[str, str]:
    """Of the fonts beside the document's own that the texts need: name and the beginning of the file's SHA-256, as two
    files of one name draw differently."""
    letters = "".join(sorted({letter for text in texts for letter in text}))
    names = {piece.font for piece in pieces(letters, font)} - {font, None}
    return {str(name): _digest(_installed()[str(name)]) for name in sorted(map(str, names))}


def pieces(text: str, font: str) -> list[Piece]:
    """The text in runs of one font. Runs of a script that is written from the right keep their spaces together."""
    if _all_in(text, font):
        return [Piece(font, text)] if text else []
    letters: list[tuple[str | None, str]] = []
    last: str | None = font
    for letter in text:
        chosen = _font_of(letter, font, last)
        if chosen == "":
            continue
        letters.append((chosen, letter))
        last = chosen
    runs = [Piece(name, "".join(letter for _, letter in group)) for name, group in groupby(letters, lambda one: one[0])]
    return _joined(runs)


def _joined(runs: list[Piece]) -> list[Piece]:
    """Right-to-left runs with nothing but spaces between them become one, or their words would change places."""
    found: list[Piece] = []
    for run in runs:
        if len(found) > 1 and found[-1].text.isspace() and _from_right(run) and found[-2].font == run.font:
            between = _NO_BREAK * len(found.pop().text)
            found[-1] = Piece(run.font, found[-1].text + between + run.text)
        else:
            found.append(run)
    return found


def _from_right(piece: Piece) -> bool:
    return bool(piece.text) and unicodedata.bidirectional(piece.text[0]) in _RIGHT_TO_LEFT


def _font_of(letter: str, font: str, last: str | None) -> str | None:
    """The font for one letter; "" where it is no letter of its own and the run before it does without."""
    joins = unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf") or 0xFE00 <= ord(letter) <= 0xFE0F
    if joins and last is not None and _has(last, letter):
        return last
    if unicodedata.category(letter) == "Cf" or 0xFE00 <= ord(letter) <= 0xFE0F:
        return ""
    return next((name for name in (font, *_candidates(letter)) if _has(name, letter)), None)


@cache
def _candidates(letter: str) -> tuple[str, ...]:
    """Fonts that may have a letter, by its script: the first word of its Unicode name."""
    script = unicodedata.name(letter, "").partition(" ")[0]
    names: tuple[str, ...]
    if script in _EASTERN:
        names = (*_EAST, *_ANY)
    elif unicodedata.category(letter) == "So":
        names = (*_SYMBOLS, *_ANY, *_EAST)
    else:
        names = (f"NotoSans{script.capitalize()}-Regular", *_ANY, *_EAST, *_SYMBOLS)
    return tuple(name for name in names if _known(name))


def _all_in(text: str, font: str) -> bool:
    return all(_has(font, letter) for letter in text)


@cache
def _has(font: str, letter: str) -> bool:
    if font in pdfmetrics.standardFonts:
        try:
            letter.encode("cp1252")
        except UnicodeEncodeError:
            return False
        return True
    return ord(letter) in pdfmetrics.getFont(font).face.charToGlyph


@cache
def _known(name: str) -> bool:
    """Whether this machine has a font that reportlab can use; it is registered then."""
    if name in pdfmetrics.getRegisteredFontNames():
        return True
    path = _installed().get(name)
    if path is None:
        return False
    try:
        pdfmetrics.registerFont(TTFont(name, str(path)))
    except (TTFError, OSError, ValueError):  # of another kind of outlines, or broken
        return False
    return True


@cache
def _installed() -> dict[str, Path]:
    """The font files of this machine under their names without an ending."""
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for place, _, files in os.walk(Path(folder).expanduser()):
            for file in sorted(files):
                stem, dot, ending = file.rpartition(".")
                if dot and ending.lower() in ("ttf", "ttc"):
                    found.setdefault(stem, Path(place) / file)
    return found


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
