"""laporan.pdf: the report as people read it, on A4. The same figures give the same bytes (reportlab: invariant)."""

import io
from typing import Any, Final

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Spacer,
    Table,
    TableStyle,
)

from hotspot import __version__
from hotspot.letters import placed
from telemetry.uptime.coverage import Coverage
from telemetry.uptime.states import LONG_OUTAGE, Verdict

from .look import (
    ALERT,
    BAND,
    BODY,
    BOLD,
    BRAND,
    FONT,
    HEADING,
    INK,
    LINE,
    MARGIN,
    MUTED,
    SMALL,
    SUBHEADING,
    SUBTITLE,
    TILE,
    TILE_LABEL,
    TITLE,
    VERDICTS,
    paragraph,
    register_fonts,
    text,
)
from .picture import city_map
from .tables import group_table, indicator_table, maintenance_table, outage_table, site_table, verdict_text
from .words import Words

_COVER_BAND: Final = 92 * mm
_METHODS: Final = ("states", "hysteresis", "formulas", "excluded", "completeness", "usage", "absent", "integrity")


def render_pdf(coverage: Coverage, words: Words, number: str) -> bytes:
    """The PDF of a report with this number."""
    register_fonts()
    target = io.BytesIO()
    document = _document(target, coverage, words, number)
    width = A4[0] - 2 * MARGIN
    wide = A4[1] - 2 * MARGIN
    document.build(
        [
            *_cover(coverage, words, number, width),
            NextPageTemplate("upright"),
            PageBreak(),
            *_summary(coverage, words, width),
            *_map(coverage, words, width),
            NextPageTemplate("wide"),
            PageBreak(),
            *_section(words, "sites"),
            site_table(coverage, words, wide),
            NextPageTemplate("upright"),
            PageBreak(),
            *_regions(coverage, words, width),
            *_events(coverage, words, width),
            *_method(coverage, words),
            *_approval(coverage, words, width),
        ]
    )
    return target.getvalue()


def period_text(coverage: Coverage, words: Words) -> str:
    """'November 2026', 'Triwulan IV 2026' or 'Tahun 2026'."""
    first = coverage.period.first
    if coverage.period.kind == "month":
        return words.numerals.month(first)
    roman = ("I", "II", "III", "IV")[first.month // 3]
    return words(f"period.{coverage.period.kind}", number=roman, year=first.year)


# -- pages -----------------------------------------------------------------------------------------------------------


def _document(target: io.BytesIO, coverage: Coverage, words: Words, number: str) -> BaseDocTemplate:
    mark = f" – {words('provisional')}" if coverage.provisional else ""
    document = BaseDocTemplate(
        target,
        pagesize=A4,
        invariant=1,
        title=f"{words('title')} {period_text(coverage, words)}{mark}",
        author=coverage.inventory.city.operator,
        subject=f"{coverage.inventory.city.name}, {number}{mark}",
        keywords=[coverage.period.name, number, *([words("provisional")] if coverage.provisional else [])],
        creator=f"Nirkabel {__version__}",
        lang=words.language,
    )

    def decorate(canvas: Canvas, page: Any) -> None:
        _furniture(canvas, page, coverage, words, number)

    def cover(canvas: Canvas, page: Any) -> None:
        canvas.setFillColor(BRAND)
        canvas.rect(0, A4[1] - _COVER_BAND, A4[0], _COVER_BAND, stroke=0, fill=1)
        if coverage.provisional:
            _stamp(canvas, A4[0] - MARGIN, A4[1] - 20 * mm, words)
        _footer(canvas, page, coverage, words, number)

    upright = Frame(MARGIN, 20 * mm, A4[0] - 2 * MARGIN, A4[1] - 42 * mm, 0, 0, 0, 0)
    front = Frame(MARGIN, 20 * mm, A4[0] - 2 * MARGIN, A4[1] - 50 * mm, 0, 0, 0, 0)
    wide = Frame(MARGIN, 20 * mm, A4[1] - 2 * MARGIN, A4[0] - 42 * mm, 0, 0, 0, 0)
    document.addPageTemplates(
        [
            PageTemplate("cover", [front], onPage=cover, pagesize=A4),
            PageTemplate("upright", [upright], onPage=decorate, pagesize=A4),
            PageTemplate("wide", [wide], onPage=decorate, pagesize=landscape(A4)),
        ]
    )
    return document


def _furniture(canvas: Canvas, page: Any, coverage: Coverage, words: Words, number: str) -> None:
    width, height = page.pageTemplate.pagesize
    canvas.setFillColor(MUTED)
    for run in placed(f"{words('title')} · {coverage.inventory.city.name}", FONT, 7)[0]:
        canvas.setFont(run.font, 7)
        canvas.drawString(MARGIN + run.left, height - 13 * mm, run.text)
    canvas.setFont(FONT, 7)
    if coverage.provisional:
        _stamp(canvas, width - MARGIN, height - 13.5 * mm, words)
    else:
        canvas.drawRightString(width - MARGIN, height - 13 * mm, period_text(coverage, words))
    canvas.setStrokeColor(LINE)
    canvas.line(MARGIN, height - 16 * mm, width - MARGIN, height - 16 * mm)
    _footer(canvas, page, coverage, words, number)


def _footer(canvas: Canvas, page: Any, coverage: Coverage, words: Words, number: str) -> None:
    width = page.pageTemplate.pagesize[0]
    canvas.setFont(FONT, 7)
    canvas.setFillColor(MUTED)
    made = words.numerals.moment(coverage.inputs.generated_at, coverage.inventory.city.zone)
    canvas.drawString(MARGIN, 11 * mm, f"{number} · {words('footer.made', at=made)}")
    canvas.drawRightString(width - MARGIN, 11 * mm, words("footer.page", page=page.page))


def _stamp(canvas: Canvas, right: float, baseline: float, words: Words) -> None:
    stamp = words("provisional")
    width = canvas.stringWidth(stamp, BOLD, 9) + 12
    canvas.setFillColor(ALERT)
    canvas.roundRect(right - width, baseline - 3.5, width, 15, 3, stroke=0, fill=1)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.setFont(BOLD, 9)
    canvas.drawString(right - width + 6, baseline + 1, stamp)


# -- sections --------------------------------------------------------------------------------------------------------


def _section(words: Words, key: str) -> list[Flowable]:
    intro = words(f"section.{key}.intro")
    found: list[Flowable] = [paragraph(text(words(f"section.{key}")), HEADING)]
    return found if intro.startswith("section.") else [*found, paragraph(text(intro), BODY)]


def _cover(coverage: Coverage, words: Words, number: str, width: float) -> list[Flowable]:
    inventory, n = coverage.inventory, words.numerals
    zone = inventory.city.zone
    first, last = coverage.window[0], coverage.window[1]
    rows = [
        ("operator", inventory.city.operator),
        ("city", f"{inventory.city.name} ({inventory.city.region})"),
        ("period", f"{period_text(coverage, words)} ({n.moment(first, zone)} – {n.moment(last, zone)})"),
        ("cut", n.moment(coverage.cut, zone)),
        ("number", number),
        ("revision", words("cover.revision.value", number=coverage.inputs.revision)),
        ("target", f"{n.target(inventory.city.sla)} %"),
        ("zone", inventory.city.timezone),
        ("regions", words("cover.regions.value")),
        ("software", coverage.inputs.software),
    ]
    if not coverage.provisional:
        rows = [row for row in rows if row[0] != "cut"]
    cells = [[paragraph(text(words(f"cover.{key}")), SMALL), paragraph(text(value), BODY)] for key, value in rows]
    facts = Table(cells, colWidths=[width * 0.3, width * 0.7])
    facts.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE)]))
    note = [Spacer(1, 8), paragraph(text(words("provisional.note")), BODY)] if coverage.provisional else []
    return [
        Spacer(1, 6 * mm),
        paragraph(text(words("title")), TITLE),
        Spacer(1, 3 * mm),
        paragraph(text(inventory.city.name), SUBTITLE),
        paragraph(text(period_text(coverage, words)), SUBTITLE),
        Spacer(1, _COVER_BAND - 52 * mm),
        facts,
        *note,
    ]


def _summary(coverage: Coverage, words: Words, width: float) -> list[Flowable]:
    n, whole, usage = words.numerals, coverage.whole, coverage.inputs.city_usage
    tiles = [
        (f"{n.percent(whole.states.strict.hundredths)} %", "tile.strict"),
        (f"{n.count(whole.passed)} / {n.count(len(whole.sites))}", "tile.passed"),
        (n.count(usage.persons), "tile.persons"),
        (n.volume(usage.down + usage.up), "tile.volume"),
    ]
    row = [[paragraph(text(value), TILE), paragraph(text(words(key)), TILE_LABEL)] for value, key in tiles]
    strip = Table([row], colWidths=[width / 4] * 4)
    strip.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), BAND),
                ("INNERGRID", (0, 0), (-1, -1), 3, "white"),
                ("TOPPADDING", (0, 0), (-1, -1), 8),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
            ]
        )
    )
    return [*_section(words, "summary"), strip, Spacer(1, 10), indicator_table(coverage, words, width)]


def _map(coverage: Coverage, words: Words, width: float) -> list[Flowable]:
    if not coverage.sites:
        return []
    counts = {verdict: sum(figures.verdict is verdict for figures in coverage.sites) for verdict in VERDICTS}
    legend = " · ".join(f"{verdict_text(words, v)} ({words.numerals.count(count)})" for v, count in counts.items())
    return [
        PageBreak(),
        *_section(words, "map"),
        city_map(coverage, words, width, width * 0.95),
        Spacer(1, 6),
        paragraph(legend, BODY),
        paragraph(text(words("map.note")), SMALL),
    ]


def _regions(coverage: Coverage, words: Words, width: float) -> list[Flowable]:
    parts: list[Flowable] = []
    for key, groups, coded, prefix, name in (
        ("districts", coverage.districts, True, "", "district"),
        ("kinds", coverage.kinds, False, "kind.", "kind"),
        ("fundings", coverage.fundings, False, "", "funding"),
        ("villages", coverage.villages, True, "", "village"),
    ):
        parts += [CondPageBreak(50 * mm), *_section(words, key)]
        parts += [group_table(words, groups, width, coded=coded, prefix=prefix, name=name), Spacer(1, 10)]
    return parts


def _events(coverage: Coverage, words: Words, width: float) -> list[Flowable]:
    return [
        CondPageBreak(50 * mm),
        *_section(words, "outages"),
        outage_table(coverage, words, width),
        Spacer(1, 10),
        CondPageBreak(50 * mm),
        *_section(words, "maintenance"),
        maintenance_table(coverage, words, width),
        Spacer(1, 10),
    ]


def _method(coverage: Coverage, words: Words) -> list[Flowable]:
    n, probe = words.numerals, coverage.inventory.probe
    values = {
        "interval": n.duration(probe.interval),
        "hold": n.duration(probe.interval * 5 // 2),
        "down_after": probe.down_after,
        "down_for": n.duration(probe.down_for),
        "up_after": probe.up_after,
        "long": n.duration(LONG_OUTAGE),
        "cap": n.duration(coverage.inputs.exclusion_cap),
        "completeness": n.percent(coverage.whole.states.completeness.hundredths),
        "unknown": n.duration(coverage.whole.states.unknown),
        "open": sum(figures.verdict is Verdict.OPEN for figures in coverage.sites),
    }
    parts: list[Flowable] = [CondPageBreak(70 * mm), *_section(words, "method")]
    for key in _METHODS:
        parts.append(paragraph(text(words(f"method.{key}")), SUBHEADING))
        parts.append(paragraph(words(f"method.{key}.text", **values), BODY))
    return parts


def _approval(coverage: Coverage, words: Words, width: float) -> list[Flowable]:
    lines = [
        paragraph(text(words("approval.place")), BODY),
        paragraph(text(coverage.inventory.city.operator), BODY),
        Spacer(1, 26 * mm),
        paragraph(text(words("approval.name")), BODY),
        paragraph(text(words("approval.rank")), BODY),
        paragraph(text(words("approval.nip")), BODY),
    ]
    block = Table([["", lines]], colWidths=[width * 0.5, width * 0.5])
    block.setStyle(TableStyle([("TEXTCOLOR", (0, 0), (-1, -1), INK)]))
    return [
        CondPageBreak(80 * mm),
        *_section(words, "approval"),
        paragraph(text(words("approval.text")), BODY),
        Spacer(1, 8),
        block,
    ]
