"""The map of a report: every site where it lies, coloured by its verdict, with no tile and no server behind it."""

from math import cos, radians
from typing import Final

from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String

from ..coverage import Coverage, SiteFigures
from .look import BAND, BOLD, FONT, INK, LINE, MUTED, VERDICTS
from .words import Words

_KM_PER_DEGREE: Final = 111.32
_STEPS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_RADIUS: Final = 6.5


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
        drawing.add(
            String(x + 2, 3, _degrees(words, degree, "east", "west"), fontName=FONT, fontSize=5.6, fillColor=MUTED)
        )
    for degree, y in plane.lines(vertical=False):
        drawing.add(Line(0, y, width, y, strokeColor=LINE, strokeWidth=0.4))
        drawing.add(
            String(3, y + 2, _degrees(words, degree, "north", "south"), fontName=FONT, fontSize=5.6, fillColor=MUTED)
        )
    for figures in coverage.sites:
        _point(drawing, plane, figures)
    _scale_bar(drawing, plane, words)
    return drawing


def _point(drawing: Drawing, plane: _Plane, figures: SiteFigures) -> None:
    x, y = plane.at(*figures.site.location)
    colour = VERDICTS[figures.verdict]
    drawing.add(Circle(x, y, _RADIUS, fillColor=colour, strokeColor=BAND, strokeWidth=1.2))
    number = String(x, y - 2.2, str(figures.number), fontName=BOLD, fontSize=6.4, fillColor=BAND, textAnchor="middle")
    drawing.add(number)
    left = x > plane.width * 0.66
    label = String(
        x - _RADIUS - 2 if left else x + _RADIUS + 2,
        y - 2.2,
        figures.site.name,
        fontName=FONT,
        fontSize=6.2,
        fillColor=INK,
        textAnchor="end" if left else "start",
    )
    drawing.add(label)


def _degrees(words: Words, degree: float, positive: str, negative: str) -> str:
    side = words(f"map.{positive if degree >= 0 else negative}")
    return f"{words.numerals.target(round(abs(degree), 3))}° {side}"


def _scale_bar(drawing: Drawing, plane: _Plane, words: Words) -> None:
    kilometre = plane.scale / _KM_PER_DEGREE
    length = next((km for km in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if km * kilometre > 45), 100)
    x, y = plane.width - 12 - length * kilometre, 14
    drawing.add(Line(x, y, x + length * kilometre, y, strokeColor=INK, strokeWidth=1.4))
    middle = x + length * kilometre / 2
    text = f"{words.numerals.target(length)} km"
    drawing.add(String(middle, y + 3, text, fontName=FONT, fontSize=6, fillColor=INK, textAnchor="middle"))
