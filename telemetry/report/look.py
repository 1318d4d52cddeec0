"""The look of the PDF: paper, colours, the embedded font, paragraph and table styles."""

import re
from functools import cache
from typing import Any, Final

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, TableStyle

from hotspot.letters import marked
from telemetry.uptime.states import Verdict

MARGIN: Final = 18 * mm
INK: Final[Color] = HexColor("#1b2733")
MUTED: Final[Color] = HexColor("#66727f")
LINE: Final[Color] = HexColor("#d5dce3")
BAND: Final[Color] = HexColor("#f3f6f8")
BRAND: Final[Color] = HexColor("#0b4f6c")
ALERT: Final[Color] = HexColor("#b25e09")
VERDICTS: Final[dict[Verdict, Color]] = {
    Verdict.PASS: HexColor("#1b7f4b"),
    Verdict.FAIL: HexColor("#b3261e"),
    Verdict.OPEN: HexColor("#8a6d00"),
}

PADDING: Final = 4
"""Points left and right of a table's cells."""
FONT: Final = "Vera"
BOLD: Final = "VeraBd"
_FOREIGN: Final = re.compile('<font name="(?!Vera)')


@cache
def register_fonts() -> None:
    """Bitstream Vera, free and shipped with reportlab, embedded so that the file looks alike everywhere."""
    for name in (FONT, BOLD, "VeraIt"):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic="VeraIt", boldItalic=BOLD)


def text(value: str) -> str:
    """A text as a paragraph's markup; letters that Vera lacks come from this machine's fonts."""
    return marked(value, FONT)


def paragraph(markup: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph; where another script stands in it, its letters are joined and ordered as that script does."""
    return Paragraph(markup, _shaping(style) if _FOREIGN.search(markup) else style)


@cache
def _shaping(style: ParagraphStyle) -> ParagraphStyle:
    return ParagraphStyle(f"{style.name} shaped", parent=style, shaping=1)


def _style(name: str, size: float, **options: Any) -> ParagraphStyle:
    values = {"fontName": FONT, "fontSize": size, "leading": size * 1.38, "textColor": INK, **options}
    return ParagraphStyle(name, **values)


BODY: Final = _style("body", 8.6, spaceAfter=4)
SMALL: Final = _style("small", 7.2, textColor=MUTED)
TITLE: Final = _style("title", 22, fontName=BOLD, leading=28, textColor=white)
SUBTITLE: Final = _style("subtitle", 12.5, textColor=white)
HEADING: Final = _style("heading", 13, fontName=BOLD, textColor=BRAND, spaceBefore=4, spaceAfter=6, keepWithNext=True)
SUBHEADING: Final = _style("subheading", 9.6, fontName=BOLD, spaceBefore=8, spaceAfter=3, keepWithNext=True)
CELL: Final = _style("cell", 7.2, leading=9.2)
CELL_MUTED: Final = _style("cell muted", 7.2, leading=9.2, textColor=MUTED)
NUMBER: Final = _style("number", 7.2, leading=9.2, alignment=TA_RIGHT)
NUMBER_MUTED: Final = _style("number muted", 7.2, leading=9.2, alignment=TA_RIGHT, textColor=MUTED)
HEAD: Final = _style("head", 6.7, leading=8.4, fontName=BOLD, textColor=white)
HEAD_NUMBER: Final = _style("head number", 6.7, leading=8.4, fontName=BOLD, textColor=white, alignment=TA_RIGHT)
TILE: Final = _style("tile", 16, fontName=BOLD, leading=20, textColor=BRAND, alignment=TA_CENTER)
TILE_LABEL: Final = _style("tile label", 7.2, leading=9.2, textColor=MUTED, alignment=TA_CENTER)


def table_style(*extra: tuple[Any, ...]) -> TableStyle:
    """A ruled table under a dark head that repeats on every page."""
    return TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), BRAND),
            ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            ("VALIGN", (0, 1), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
            ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            *extra,
        ]
    )
