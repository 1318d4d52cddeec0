"""The map of a report: every site where it lies, coloured by its verdict, with no tile and no server behind it."""

from dataclasses import dataclass
from math import cos, radians
from typing import Final

from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String
from reportlab.lib.colors import Color

from hotspot.letters import placed
from telemetry.uptime.coverage import Coverage, SiteFigures

from .look import BAND, BOLD, FONT, INK, LINE, MUTED, VERDICTS
from .words import Words

_KM_PER_DEGREE: Final = 111.32
_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_RADIUS: Final = 6.5
_LABEL: Final = 6.2
_EDGE: Final = 40
_DOT: Final = 2.2
_NAMED: Final = 60
"""Sites beyond which names and numbers would hide the map: then every site is a dot."""


class _Plane:
    """Degrees to points: an equirectangular picture, true to scale at its middle."""

    def __init__(self, sites: tuple[SiteFigures, ...], width: float, height: float):
        latitudes = [figures.site.location[0] for figures in sites]
        longitudes = [figures.site.location[1] for figures in sites]
        self.middle = ((min(latitudes) + max(latitudes)) / 2, (min(longitudes) + max(longitudes)) / 2)
        self.shrink = cos(radians(self.middle[0]))
        tall = max(max(latitudes) - min(latitudes), 0.01) * 1.3
        wide = max((max(longitudes) - min(longitudes)) * self.shrink, 0.01) * 1.3
        self.scale = min(width / wide, height / tall)
        self.width, self.height = width, height

    def at(self, latitude: float, longitude: float) -> tuple[float, float]:
        x = self.width / 2 + (longitude - self.middle[1]) * self.shrink * self.scale
        y = self.height / 2 + (latitude - self.middle[0]) * self.scale
        return x, y

    def lines(self, *, vertical: bool) -> list[tuple[float, float]]:
        """(degree, place on the page) of the grid lines in one direction."""
        scale = self.scale * (self.shrink if vertical else 1)
        middle, size = (self.middle[1], self.width) if vertical else (self.middle[0], self.height)
        reach = size / 2 / scale
        step = next((step for step in _STEPS if 2 * reach / step <= 6), _STEPS[-1])
        first = int((middle - reach) // step) + 1
        degrees = [number * step for number in range(first, first + 8) if number * step < middle + reach]
        return [(degree, size / 2 + (degree - middle) * scale) for degree in degrees]


def city_map(coverage: Coverage, words: Words, width: float, height: float) -> Drawing:
    """A drawing of this size in points. Needs at least one site."""
    plane = _Plane(coverage.sites, width, height)
    drawing = Drawing(width, height)
    drawing.add(Rect(0, 0, width, height, fillColor=BAND, strokeColor=LINE, strokeWidth=0.6))
    for degree, x in plane.lines(vertical=True):
        drawing.add(Line(x, 0, x, height, strokeColor=LINE, strokeWidth=0.4))
        if x < width - _EDGE:
            drawing.add(_text(x + 2, 3, _degrees(words, degree, "east", "west"), 5.6, MUTED))
    for degree, y in plane.lines(vertical=False):
        drawing.add(Line(0, y, width, y, strokeColor=LINE, strokeWidth=0.4))
        if _EDGE / 2 < y < height - _EDGE / 4:
            drawing.add(_text(3, y + 2, _degrees(words, degree, "north", "south"), 5.6, MUTED))
    if len(coverage.sites) > _NAMED:
        for figures in coverage.sites:
            x, y = plane.at(*figures.site.location)
            drawing.add(Circle(x, y, _DOT, fillColor=VERDICTS[figures.verdict], strokeColor=BAND, strokeWidth=0.3))
    else:
        _named_points(drawing, plane, coverage.sites)
    _scale_bar(drawing, plane, words)
    return drawing


def _named_points(drawing: Drawing, plane: _Plane, sites: tuple[SiteFigures, ...]) -> None:
    places = [plane.at(*figures.site.location) for figures in sites]
    taken = [_Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places]
    for (x, y), figures in zip(places, sites, strict=True):
        drawing.add(Circle(x, y, _RADIUS, fillColor=VERDICTS[figures.verdict], strokeColor=BAND, strokeWidth=1.2))
        drawing.add(_text(x, y - 2.2, str(figures.number), 6.4, BAND, font=BOLD, anchor="middle"))
        runs, width = placed(figures.site.name, FONT, _LABEL)
        box = _free_box(plane, taken, x, y, width)
        taken.append(box)
        for run in runs:
            drawing.add(_text(box.left + run.left, box.bottom + 1.5, run.text, _LABEL, INK, font=run.font))


@dataclass(frozen=True)
class _Box:
    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "_Box") -> bool:
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.top <= other.bottom or other.top <= self.bottom)


def _free_box(plane: _Plane, taken: list[_Box], x: float, y: float, width: float) -> _Box:
    """Where a label of this width fits beside a point: right, left, above or below; right if nowhere."""
    reach, high = _RADIUS + 2, _LABEL + 2
    corners = [
        (x + reach, y - high / 2),
        (x - reach - width, y - high / 2),
        (x - width / 2, y + reach - 1),
        (x - width / 2, y - reach - high + 1),
    ]
    boxes = [_Box(left, bottom, left + width, bottom + high) for left, bottom in corners]
    inside = [box for box in boxes if box.left > 0 and box.right < plane.width]
    return next((box for box in inside if not any(box.meets(other) for other in taken)), boxes[0])


def _text(
    x: float, y: float, text: str, size: float, colour: Color, *, font: str = FONT, anchor: str = "start"
) -> String:
    return String(x, y, text, fontName=font, fontSize=size, fillColor=colour, textAnchor=anchor)


def _degrees(words: Words, degree: float, positive: str, negative: str) -> str:
    side = words(f"map.{positive if degree >= 0 else negative}")
    return f"{words.numerals.degrees(abs(degree))}° {side}"


def _scale_bar(drawing: Drawing, plane: _Plane, words: Words) -> None:
    kilometre = plane.scale / _KM_PER_DEGREE
    length = next((km for km in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if km * kilometre > 45), 100)
    x, y = plane.width - 12 - length * kilometre, 14
    drawing.add(Line(x, y, x + length * kilometre, y, strokeColor=INK, strokeWidth=1.4))
    middle = x + length * kilometre / 2
    text = f"{words.numerals.target(length)} km"
    drawing.add(_text(middle, y + 3, text, 6, INK, anchor="middle"))
