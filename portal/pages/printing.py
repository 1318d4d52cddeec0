"""Vouchers on paper: cards to cut out, each with its code and a QR code that opens the portal with it. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from hotspot.escape import for_cell
from hotspot.letters import missing, placed
from hotspot.people.voucher import format_code

_COLUMNS: Final = 2
_ROWS: Final = 7
_WIDTH: Final = 95 * mm
_HEIGHT: Final = 39 * mm
_QR: Final = 35 * mm
_WHITE: Final = 4
_MARGIN: Final = 2 * mm


@dataclass(frozen=True)
class Sheet:
    """What every card of a batch says. `portal` is the portal's URL, texts are in the cards' language."""

    portal: str
    title: str
    network: str
    place: str
    lasts: str
    until: str
    batch: str
    """The batch's id, shortened, as `hotspot voucher revoke` takes it."""


def link(portal: str, code: str) -> str:
    """What a card's QR code says: in capitals, which makes it a third smaller. Hosts do not care, and neither do we."""
    return f"{portal}/v/{code}".upper()


def serial(batch: str, number: int) -> str:
    """What a card is called by who does not know its code."""
    return f"{batch}-{number:04d}"


def csv_of(sheet: Sheet, codes: Sequence[str]) -> str:
    """The batch for a mail merge: serial, code, link."""
    rows = (
        [serial(sheet.batch, number), format_code(code), f"{sheet.portal}/v/{code}"] for number, code in _each(codes)
    )
    return table(["serial", "code", "link"], rows)


def table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    """CSV as spreadsheets open it: no cell of it is a formula (RFC 4180; OWASP, CSV injection)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow(["" if cell is None else for_cell(str(cell)) for cell in row])
    return out.getvalue()


def _each(codes: Sequence[str]) -> Iterator[tuple[int, str]]:
    return enumerate(codes, 1)


def pdf_of(sheet: Sheet, codes: Sequence[str]) -> bytes:
    """A4 pages with fourteen cards each."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    canvas.setTitle(f"Voucher {sheet.place} {sheet.batch}")
    left, top = (A4[0] - _COLUMNS * _WIDTH) / 2, A4[1] - (A4[1] - _ROWS * _HEIGHT) / 2
    for number, code in _each(codes):
        place = (number - 1) % (_COLUMNS * _ROWS)
        if place == 0 and number > 1:
            canvas.showPage()
        row, column = divmod(place, _COLUMNS)
        _card(canvas, sheet, number, code, left + column * _WIDTH, top - (row + 1) * _HEIGHT)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _card(canvas: Canvas, sheet: Sheet, number: int, code: str, x: float, y: float) -> None:
    canvas.setDash(1, 2)
    canvas.setLineWidth(0.3)
    canvas.rect(x, y, _WIDTH, _HEIGHT)
    canvas.setDash()
    _qr(canvas, link(sheet.portal, code), x + _MARGIN, y + (_HEIGHT - _QR) / 2)
    text_x, room = x + _QR + 2 * _MARGIN, _WIDTH - _QR - 3 * _MARGIN
    lines = (
        ("Helvetica-Bold", 10.0, 31.5, sheet.title),
        ("Helvetica", 8.0, 27.0, sheet.place),
        ("Helvetica", 8.0, 23.0, sheet.network),
        ("Courier-Bold", 14.0, 15.5, format_code(code)),
        ("Helvetica", 7.5, 10.5, sheet.lasts),
        ("Helvetica", 7.5, 7.0, sheet.until),
        ("Helvetica", 6.5, 3.5, serial(sheet.batch, number)),
    )
    for font, size, height, text in lines:
        _line(canvas, text_x, y + height * mm, font, size, text, room)


def _line(canvas: Canvas, x: float, y: float, font: str, size: float, text: str, room: float) -> None:
    """A line that is made smaller where it has not the room."""
    runs, width = placed(text, font, size)
    smaller = min(1.0, room / width) if width else 1.0
    for run in runs if smaller == 1.0 else placed(text, font, size * smaller)[0]:
        canvas.setFont(run.font, size * smaller)
        canvas.drawString(x + run.left, y, run.text)


def unprintable(sheet: Sheet) -> str:
    """The letters of a card that no font of this machine has, each once: cards are without them."""
    return missing(f"{sheet.title} {sheet.place} {sheet.network}", "Helvetica")


def _qr(canvas: Canvas, text: str, x: float, y: float) -> None:
    """With the four white modules around it that readers may count on (ISO/IEC 18004). Dark modules of a row that
    touch are one rectangle, so that no seam shows between them."""
    code = segno.make(text, error="m", micro=False)
    matrix = [bytes(row) for row in code.matrix_iter(border=_WHITE)]
    side = _QR / len(matrix)
    for row, modules in enumerate(matrix):
        start = modules.find(1)
        while start >= 0:
            end = modules.find(0, start)
            canvas.rect(x + start * side, y + _QR - (row + 1) * side, (end - start) * side, side, stroke=0, fill=1)
            start = modules.find(1, end)
