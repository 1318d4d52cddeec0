"""The tables of the PDF, each a list of flowables. All figures come from `coverage`, all words from the catalogue."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Table

from hotspot.city.sites import Site
from telemetry.uptime.coverage import Coverage, Group, SiteFigures, Work
from telemetry.uptime.states import Share, Verdict, mean_time

from .look import (
    BAND,
    BOLD,
    CELL,
    CELL_MUTED,
    HEAD,
    HEAD_NUMBER,
    NUMBER,
    NUMBER_MUTED,
    PADDING,
    SMALL,
    VERDICTS,
    paragraph,
    table_style,
    text,
)
from .words import Words

_MARKUP = re.compile("<[^>]*>")


@dataclass(frozen=True)
class Column:
    """A column: the key of its heading, its share of the width, and whether numbers stand in it."""

    key: str
    width: float
    number: bool = False


def ruled(
    words: Words, columns: Sequence[Column], rows: Sequence[Sequence[str]], width: float, muted: Sequence[int] = ()
) -> Table:
    """A table over the whole width whose head repeats. Cells are reportlab markup; `muted` rows step back."""
    head = [
        paragraph(text(words(f"column.{column.key}")), HEAD_NUMBER if column.number else HEAD) for column in columns
    ]
    body = [
        [paragraph(cell, _cell(column.number, position in muted)) for column, cell in zip(columns, row, strict=True)]
        for position, row in enumerate(rows)
    ]
    extra = [("BACKGROUND", (0, position + 1), (-1, position + 1), BAND) for position in muted]
    return Table(
        [head, *body],
        colWidths=_widths(columns, words, rows, width),
        repeatRows=1,
        style=table_style(*extra),
    )


def _widths(columns: Sequence[Column], words: Words, rows: Sequence[Sequence[str]], width: float) -> list[float]:
    """Widths in points that add up to the whole: each column's share, but no heading's word and no number breaks."""
    total = sum(column.width for column in columns)
    shares = [width * column.width / total for column in columns]
    least = [
        _needed(words(f"column.{column.key}"), [row[i] for row in rows] if column.number else [])
        for i, column in enumerate(columns)
    ]
    missing = sum(max(0.0, low - share) for low, share in zip(least, shares, strict=True))
    spare = sum(max(0.0, share - low) for low, share in zip(least, shares, strict=True))
    taken = min(1.0, missing / spare) if spare else 0.0
    return [low if share < low else share - (share - low) * taken for low, share in zip(least, shares, strict=True)]


def _needed(head: str, numbers: Sequence[str]) -> float:
    """The least width of a column: the longest word of its heading, or its longest number."""
    longest: float = max(stringWidth(word, BOLD, HEAD.fontSize) for word in head.split())
    found = {_MARKUP.sub("", number) for number in numbers}
    widest: float = max((stringWidth(number, BOLD, NUMBER.fontSize) for number in found), default=0.0)
    return max(longest, widest) + 2 * PADDING + 0.5


def _cell(number: bool, muted: bool) -> Any:
    if number:
        return NUMBER_MUTED if muted else NUMBER
    return CELL_MUTED if muted else CELL


def verdict_text(words: Words, verdict: Verdict) -> str:
    colour = VERDICTS[verdict].hexval().replace("0x", "#")
    return f'<font name="VeraBd" color="{colour}">{text(words("verdict." + verdict.name.lower()))}</font>'


def _percent(words: Words, share: Share) -> str:
    return words.numerals.percent(share.hundredths)


# -- the indicators --------------------------------------------------------------------------------------------------


def _reached(words: Words, part: int, whole: int) -> str:
    return f"{_percent(words, Share(part, whole))} % ({words.numerals.count(part)}/{words.numerals.count(whole)})"


def indicators(coverage: Coverage, words: Words) -> list[tuple[str, str, str]]:
    """(key of the indicator, target, achieved), in the order of the summary."""
    n, whole, usage = words.numerals, coverage.whole, coverage.inputs.city_usage
    states = whole.states
    target = f"≥ {n.target(coverage.inventory.city.sla)} %"
    count = len(coverage.outages)
    # Without the city's list of regions nobody knows how many there are: those with a site would be all there is.
    regions = (coverage.districts, coverage.villages) if coverage.inventory.regions else ((), ())
    served = [sum(1 for group in groups if group.active) for groups in regions]
    unexcluded = sum((figures.unexcluded for figures in coverage.sites), type(states)())
    return [
        ("installed", "", n.count(len(whole.sites))),
        ("active", "", n.count(whole.active)),
        ("active_share", "", _reached(words, whole.active, len(whole.sites))),
        ("districts", "", _reached(words, served[0], len(regions[0]))),
        ("villages", "", _reached(words, served[1], len(regions[1]))),
        ("strict", target, _percent(words, states.strict) + " %"),
        ("measured", "", _percent(words, states.measured) + " %"),
        ("upper", "", _percent(words, states.upper) + " %"),
        ("completeness", "", _percent(words, states.completeness) + " %"),
        ("unexcluded", "", _percent(words, unexcluded.strict) + " %"),
        ("excluded", "", n.duration(states.excluded)),
        ("access_points", "", _percent(words, coverage.access_points.strict) + " %"),
        ("passed", "", _reached(words, whole.passed, len(whole.sites))),
        ("outages", "", n.count(sum(outage.long for _, outage in coverage.outages))),
        ("mttr", "", n.duration(mean_time(states.down, count))),
        ("mtbf", "", n.duration(mean_time(states.up, count))),
        ("persons", "", n.count(usage.persons)),
        ("devices", "", n.count(usage.devices)),
        ("sessions", "", n.count(usage.sessions)),
        ("mean_session", "", n.duration(mean_time(usage.seconds, usage.sessions))),
        ("down", "", f"{n.gigabytes(usage.down)} GB"),
        ("up", "", f"{n.gigabytes(usage.up)} GB"),
        ("complaints", "", n.count(len(coverage.inputs.complaints))),
        ("resolved", "", _reached(words, len(coverage.resolved), len(coverage.inputs.complaints))),
        ("resolve_time", "", n.duration(mean_time(sum(coverage.resolved), len(coverage.resolved)))),
    ]


def indicator_table(coverage: Coverage, words: Words, width: float) -> Table:
    columns = [Column("indicator", 34), Column("formula", 40), Column("target", 11, True), Column("achieved", 15, True)]
    rows = [
        [text(words(f"indicator.{key}")), text(words(f"formula.{key}")), target, f"<b>{text(achieved)}</b>"]
        for key, target, achieved in indicators(coverage, words)
    ]
    return ruled(words, columns, rows, width)


# -- sites and groups ------------------------------------------------------------------------------------------------

_SITE_COLUMNS = [
    Column("number", 4, True),
    Column("site", 22),
    Column("village", 12),
    Column("aps", 3.6, True),
    Column("target", 5.8, True),
    Column("strict", 10.2, True),
    Column("measured", 7.2, True),
    Column("completeness", 9.2, True),
    Column("excluded", 9.4, True),
    Column("long_outages", 7.8, True),
    Column("persons", 7.8, True),
    Column("sessions", 6, True),
    Column("down", 7.4, True),
    Column("up", 7, True),
    Column("verdict", 10),
]


def site_table(coverage: Coverage, words: Words, width: float) -> Table:
    rows = [_site_row(coverage, words, figures) for figures in coverage.sites]
    return ruled(words, _SITE_COLUMNS, rows, width)


def _site_row(coverage: Coverage, words: Words, figures: SiteFigures) -> list[str]:
    n, states = words.numerals, figures.states
    below = text(words(f"kind.{figures.site.kind}") + " · " + figures.site.funding)
    return [
        n.count(figures.number),
        f'{text(figures.site.name)}<br/><font size="6" color="#66727f">{below}</font>',
        text(coverage.region_name(figures.site.region)),
        n.count(figures.access_points),
        n.target(figures.target),
        f"<b>{_percent(words, states.strict)}</b>",
        _percent(words, states.measured),
        _percent(words, states.completeness),
        n.duration(states.excluded) if states.excluded else "0",
        n.count(sum(outage.long for outage in figures.outages)),
        n.count(figures.usage.persons),
        n.count(figures.usage.sessions),
        n.gigabytes(figures.usage.down),
        n.gigabytes(figures.usage.up),
        verdict_text(words, figures.verdict),
    ]


def _group_columns(first: list[Column]) -> list[Column]:
    return [
        *first,
        Column("sites", 6, True),
        Column("active", 6, True),
        Column("passed", 10.4, True),
        Column("strict", 13, True),
        Column("completeness", 12, True),
        Column("sessions", 8, True),
        Column("down", 9, True),
        Column("up", 9, True),
    ]


def group_table(
    words: Words, groups: Sequence[Group], width: float, *, coded: bool, prefix: str = "", name: str = "name"
) -> Table:
    """Groups with their pooled figures; blank spots are muted. `prefix` finds the name of a group in the catalogue."""
    columns = _group_columns([Column("code", 17), Column(name, 22)] if coded else [Column(name, 39)])
    rows = [_group_row(words, group, coded=coded, prefix=prefix) for group in groups]
    blank = [position for position, group in enumerate(groups) if not group.sites]
    return ruled(words, columns, rows, width, muted=blank)


def _group_row(words: Words, group: Group, *, coded: bool, prefix: str) -> list[str]:
    n, (down, up) = words.numerals, group.volume
    label = text(words(f"{prefix}{group.code}") if prefix else group.name)
    return [
        *([group.code] if coded else []),
        label,
        n.count(len(group.sites)),
        n.count(group.active),
        n.count(group.passed),
        _percent(words, group.states.strict),
        _percent(words, group.states.completeness),
        n.count(group.sessions),
        n.gigabytes(down),
        n.gigabytes(up),
    ]


# -- outages and maintenance -----------------------------------------------------------------------------------------


def outage_table(coverage: Coverage, words: Words, width: float) -> Any:
    """Outages of more than 300 seconds, in each site's own time."""
    columns = [
        Column("number", 6, True),
        Column("site", 30),
        Column("from", 18),
        Column("to", 18),
        Column("duration", 14, True),
        Column("note", 16),
    ]
    found = [(figures, outage) for figures, outage in coverage.outages if outage.long]
    if not found:
        return paragraph(text(words("outages.none")), SMALL)
    rows = []
    for figures, outage in found:
        zone = coverage.inventory.zone(figures.site)
        rows.append(
            [
                words.numerals.count(figures.number),
                text(figures.site.name),
                words.numerals.moment(outage.from_at, zone),
                words.numerals.moment(outage.to_at, zone),
                words.numerals.duration(outage.seconds),
                text(words("outages.open")) if outage.open else "",
            ]
        )
    return ruled(words, columns, rows, width)


def maintenance_table(coverage: Coverage, words: Words, width: float) -> Any:
    """Announced work of the report's sites, and whether it counts as excluded."""
    columns = [
        Column("site", 22),
        Column("from", 17),
        Column("to", 17),
        Column("ticket", 12),
        Column("reason", 22),
        Column("counts", 14),
    ]
    sites = {figures.site.id: figures for figures in coverage.sites}
    works = [
        (sites[work.site], work)
        for work in coverage.inputs.maintenance
        if work.site in sites and _within(coverage, sites[work.site].site, work)
    ]
    if not works:
        return paragraph(text(words("maintenance.none")), SMALL)
    rows = []
    for figures, work in works:
        zone = coverage.inventory.zone(figures.site)
        rows.append(
            [
                text(figures.site.name),
                words.numerals.moment(work.from_at, zone),
                words.numerals.moment(work.to_at, zone),
                text(work.ticket),
                text(work.reason),
                text(words(f"maintenance.{_standing(work)}")),
            ]
        )
    return ruled(words, columns, rows, width)


def _within(coverage: Coverage, site: Site, work: Work) -> bool:
    """Whether work falls into the whole period, also where the report is cut before it."""
    start, end = coverage.period.window(coverage.inventory.zone(site))
    return work.from_at < end and work.to_at > start


def _standing(work: Work) -> str:
    if work.withdrawn_at is not None:
        return "withdrawn"
    return "counts" if work.rule.counts else "late"
