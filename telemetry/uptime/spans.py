"""Sets of time as sorted, disjoint, half-open spans of UTC seconds. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

Window: TypeAlias = tuple[int, int]
"""A half-open span [from, to) of UTC seconds."""


def union(spans: Iterable[Window]) -> list[Window]:
    """The same time as sorted spans that neither touch nor overlap; empty and negative ones are dropped."""
    merged: list[Window] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def intersect(left: Sequence[Window], right: Sequence[Window]) -> list[Window]:
    """The time in both of two sorted, disjoint sets."""
    found: list[Window] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            found.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return found


def length(spans: Iterable[Window]) -> int:
    return sum(end - start for start, end in spans)


def first_seconds(spans: Iterable[Window], seconds: int) -> list[Window]:
    """The earliest `seconds` of a set."""
    taken: list[Window] = []
    for start, end in spans:
        if seconds <= 0:
            break
        taken.append((start, min(end, start + seconds)))
        seconds -= end - start
    return taken


def clip(life: tuple[int | None, int | None], window: Window) -> list[Window]:
    """The part of a window that lies in a life; None is an open side."""
    start = window[0] if life[0] is None else max(window[0], life[0])
    end = window[1] if life[1] is None else min(window[1], life[1])
    return [(start, end)] if start < end else []


def moment(day: date, seconds: int, zone: ZoneInfo) -> int:
    """UTC seconds of a wall-clock time of a local day; 86400 is the next day's midnight."""
    days, rest = divmod(seconds, 86400)
    clock = time(rest // 3600, rest % 3600 // 60, rest % 60)
    return int(datetime.combine(day + timedelta(days=days), clock, zone).timestamp())


def daily(window: Window, hours: tuple[int, int] | None, zone: ZoneInfo) -> list[Window]:
    """The part of a window between two wall-clock times of each local day; the whole window without hours."""
    if hours is None:
        return union([window])
    if window[0] >= window[1]:
        return []
    day = datetime.fromtimestamp(window[0], zone).date()
    last = datetime.fromtimestamp(window[1], zone).date()
    open_spans: list[Window] = []
    while day <= last:
        open_spans.append((moment(day, hours[0], zone), moment(day, hours[1], zone)))
        day += timedelta(days=1)
    return intersect(union(open_spans), [window])


def months(window: Window, zone: ZoneInfo) -> list[Window]:
    """A window cut at the local midnights that begin a month."""
    parts: list[Window] = []
    start = window[0]
    while start < window[1]:
        day = datetime.fromtimestamp(start, zone).date()
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        end = min(window[1], moment(following, 0, zone))
        parts.append((start, end))
        start = end
    return parts
