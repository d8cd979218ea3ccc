"""Volume against date as a vector drawing: every examination, a logarithmic axis, and intervals as error bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib import colors
from reportlab.pdfbase.pdfmetrics import stringWidth

from cad.domain import FollowUp, SizeThen
from cad.report.pdf.lettering import FAINT, INK, RULE, font_for, register_fonts
from cad.report.statements.followup import STATUS_ORDER

LEFT, RIGHT, BOTTOM, TOP = 30.0, 52.0, 15.0, 6.0
"""Margins in points: for the numbers of the volume axis, the names at the ends of the lines, and the dates."""

LETTERS = 6.5
NAME_DISTANCE = 8.0
"""Least distance of two names in points."""
DOT, CAP = 2.0, 2.2
"""Radius of a dot, and half the width of the caps of an error bar."""
DATE_DISTANCE = 40.0
"""Dates nearer than this would overlap; the earlier one is left out. The first and the last always stand."""

PALETTE = ("#0b6e8a", "#c2410c", "#6d28d9", "#15803d", "#b91c8c", "#92400e")
"""Colours that are told apart in print too, by their lightness."""

DECADE = (1.0, 2.0, 5.0)
"""Ticks of each power of ten."""

MAX_LINES = len(PALETTE)


@dataclass(frozen=True, slots=True)
class Course:
    """One nodule over time, under its name."""

    name: str
    history: tuple[SizeThen, ...]


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where dates and volumes lie on the drawing, in points."""

    first: date
    last: date
    low_mm3: float
    high_mm3: float
    width: float
    height: float

    def x(self, day: date) -> float:
        days = max((self.last - self.first).days, 1)
        return LEFT + (day - self.first).days / days * (self.width - LEFT - RIGHT)

    def y(self, volume_mm3: float) -> float:
        part = math.log(volume_mm3 / self.low_mm3) / math.log(self.high_mm3 / self.low_mm3)
        return BOTTOM + part * (self.height - BOTTOM - TOP)


def courses(followup: FollowUp, names: Sequence[str]) -> tuple[Course, ...]:
    """The nodules that two or more examinations show, those that changed first; `names` are in the order of changes."""
    pairs = sorted(zip(names, followup.changes, strict=True), key=lambda pair: STATUS_ORDER.index(pair[1].status))
    return tuple(Course(name, change.history) for name, change in pairs if len(change.history) > 1)


def growth_chart(shown: Sequence[Course], width: float, height: float) -> Drawing:
    """The first `MAX_LINES` courses as lines; `width` and `height` in points. Needs one course at least."""
    register_fonts()
    drawn = shown[:MAX_LINES]
    axes = _axes(drawn, width, height)
    drawing = Drawing(width, height)
    for shape in (*_volume_axis(axes), *_date_axis(axes, drawn)):
        drawing.add(shape)
    for course, colour in zip(drawn, PALETTE, strict=False):
        for shape in _line(axes, course, colors.HexColor(colour)):
            drawing.add(shape)
    for shape in _names(axes, drawn):
        drawing.add(shape)
    return drawing


def _axes(shown: Sequence[Course], width: float, height: float) -> _Axes:
    days = [entry.acquired for course in shown for entry in course.history]
    volumes = [value for course in shown for entry in course.history for value in _extent(entry)]
    steps = list(_ticks(min(volumes) / 2.5, max(volumes) * 2.5))
    low = max((step for step in steps if step <= min(volumes)), default=steps[0])
    high = min((step for step in steps if step >= max(volumes) and step > low), default=steps[-1])
    return _Axes(min(days), max(days), low_mm3=low, high_mm3=high, width=width, height=height)


def _extent(entry: SizeThen) -> tuple[float, ...]:
    """The volume and the ends of its interval that a logarithmic axis can show."""
    ends = entry.size.volume_interval_mm3 or ()
    return tuple(value for value in (entry.size.volume_mm3, *ends) if value > 0)


def _ticks(low: float, high: float) -> Iterator[float]:
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        yield from (step * 10.0**power for step in DECADE if low <= step * 10.0**power <= high)


def _volume_axis(axes: _Axes) -> Iterator[Line | String]:
    for volume in _ticks(axes.low_mm3 * 0.999, axes.high_mm3 * 1.001):
        y = axes.y(volume)
        yield Line(LEFT, y, axes.width - RIGHT, y, strokeColor=RULE, strokeWidth=0.4)
        yield from _text(LEFT - 3, y - LETTERS / 3, f"{volume:g}", FAINT, is_right=True)


def _date_axis(axes: _Axes, shown: Sequence[Course]) -> Iterator[Line | String]:
    for day in _dates(axes, shown):
        x = axes.x(day)
        yield Line(x, BOTTOM, x, BOTTOM - 2.5, strokeColor=FAINT, strokeWidth=0.5)
        half = stringWidth(day.isoformat(), font_for("0"), LETTERS) / 2
        yield from _text(max(x - half, 0.0), BOTTOM - 3.5 - LETTERS, day.isoformat(), FAINT)


def _dates(axes: _Axes, shown: Sequence[Course]) -> list[date]:
    """The dates of examinations that have room, counted from the last one back; the first one takes precedence."""
    days = sorted({entry.acquired for course in shown for entry in course.history})
    kept = [days[-1]]
    for day in reversed(days[1:-1]):
        if min(axes.x(kept[-1]) - axes.x(day), axes.x(day) - axes.x(days[0])) >= DATE_DISTANCE:
            kept.append(day)
    return [*kept, days[0]]


def _line(axes: _Axes, course: Course, colour: colors.Color) -> Iterator[PolyLine | Line | Circle]:
    places = [(axes.x(entry.acquired), axes.y(entry.size.volume_mm3)) for entry in course.history]
    yield PolyLine([value for place in places for value in place], strokeColor=colour, strokeWidth=0.9)
    for (x, y), entry in zip(places, course.history, strict=True):
        yield from _bar(axes, x, entry, colour)
        yield Circle(x, y, DOT, fillColor=colour, strokeColor=colors.white, strokeWidth=0.4)


def _bar(axes: _Axes, x: float, entry: SizeThen, colour: colors.Color) -> Iterator[Line]:
    ends = entry.size.volume_interval_mm3
    if ends is None or ends[0] <= 0:
        return
    low, high = (axes.y(end) for end in ends)
    yield Line(x, low, x, high, strokeColor=colour, strokeWidth=0.6)
    for y in (low, high):
        yield Line(x - CAP, y, x + CAP, y, strokeColor=colour, strokeWidth=0.6)


def _names(axes: _Axes, shown: Sequence[Course]) -> Iterator[Line | String]:
    """The name of each line beside its last point, moved apart where lines end near to each other."""
    ends = [(course.history[-1], course.name, colour) for course, colour in zip(shown, PALETTE, strict=False)]
    floor = BOTTOM
    for entry, name, colour in sorted(ends, key=lambda end: end[0].size.volume_mm3):
        x, at = axes.x(entry.acquired), axes.y(entry.size.volume_mm3)
        y = max(at, floor)
        floor = y + NAME_DISTANCE
        left = axes.width - RIGHT + 8
        yield Line(x + DOT + 1, at, left - 2, y, strokeColor=colors.HexColor(colour), strokeWidth=0.3)
        yield from _text(left, y - LETTERS / 3, name, INK)


def _text(x: float, y: float, text: str, colour: colors.Color, *, is_right: bool = False) -> Iterator[String]:
    """The text from x on, or up to x, each run of letters in a font that has them."""
    runs = [("".join(letters), font) for font, letters in groupby(text, font_for)]
    start = x - (sum(stringWidth(part, font, LETTERS) for part, font in runs) if is_right else 0.0)
    for part, font in runs:
        yield String(start, y, part, fontName=font, fontSize=LETTERS, fillColor=colour)
        start += stringWidth(part, font, LETTERS)
