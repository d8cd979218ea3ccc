"""The growth chart: where its points lie, by arithmetic, and that nothing is left out."""

from __future__ import annotations

import dataclasses
import math
from datetime import date, timedelta
from itertools import pairwise

import pytest
from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String

from cad.domain import PointLps, SizeAt, SizeThen
from cad.report.pdf.growth_chart import MAX_LINES, NAME_DISTANCE, Course, courses, growth_chart
from tests.made.changes import SHRINKAGE, STABLE, a_followup, followed, gone, new

PLACE = PointLps(0.0, 0.0, 0.0)
WIDTH, HEIGHT = 500.0, 130.0
START = date(2022, 1, 1)


def a_course(name: str, *points: tuple[int, float, tuple[float, float] | None]) -> Course:
    """A nodule with (day, volume, interval) at each examination."""
    return Course(
        name,
        tuple(
            SizeThen(START + timedelta(days), SizeAt(days, volume, 5.0, 1.0, interval), PLACE)
            for days, volume, interval in points
        ),
    )


def drawn(*shown: Course) -> Drawing:
    return growth_chart(shown, WIDTH, HEIGHT)


def dots(drawing: Drawing) -> list[tuple[float, float]]:
    return [(shape.cx, shape.cy) for shape in drawing.contents if isinstance(shape, Circle)]


def upright(drawing: Drawing) -> list[Line]:
    """Lines that go straight up; the ticks of dates go down."""
    lines = [shape for shape in drawing.contents if isinstance(shape, Line)]
    return [line for line in lines if line.x1 == line.x2 and line.y2 > line.y1]


def texts(drawing: Drawing) -> list[str]:
    return [shape.text for shape in drawing.contents if isinstance(shape, String)]


def test_equal_doublings_in_equal_times_lie_on_a_straight_line() -> None:
    (x0, y0), (x1, y1), (x2, y2) = dots(drawn(a_course("a", (0, 100, None), (365, 200, None), (730, 400, None))))
    assert (x1 - x0, y1 - y0) == pytest.approx((x2 - x1, y2 - y1))
    assert x2 > x1 > x0
    assert y2 > y1 > y0


def test_time_is_drawn_to_scale() -> None:
    (x0, _), (x1, _), (x2, _) = dots(drawn(a_course("a", (0, 100, None), (90, 100, None), (900, 100, None))))
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.1)


def test_error_bars_reach_from_end_to_end_of_the_interval() -> None:
    drawing = drawn(a_course("a", (0, 200, (100, 400)), (365, 200, None)))
    (x0, y0), _ = dots(drawing)
    (bar,) = upright(drawing)
    assert bar.x1 == pytest.approx(x0)
    assert (bar.y1 + bar.y2) / 2 == pytest.approx(y0)  # 100 and 400 are a factor of two from 200


def test_ticks_hold_every_volume_and_every_interval() -> None:
    drawing = drawn(a_course("a", (0, 37, (31, 47)), (365, 1730, (1500, 2300))))
    volumes = [float(text) for text in texts(drawing) if text.replace(".", "").isdigit()]
    assert min(volumes) <= 31
    assert max(volumes) >= 2300
    inside = [shape for shape in drawing.contents if isinstance(shape, Circle)]
    assert all(0 < dot.cy < HEIGHT and 0 < dot.cx < WIDTH for dot in inside)


@pytest.mark.parametrize("volume", [0.7, 4.0, 99.9, 100.0, 5000.0, 123456.0])
def test_a_level_course_of_any_size_can_be_drawn(volume: float) -> None:
    (_, y0), (_, y1) = dots(drawn(a_course("a", (0, volume, None), (365, volume, None))))
    assert y0 == y1
    assert math.isfinite(y0)
    assert 0 < y0 < HEIGHT


def test_every_date_has_room_and_the_first_and_last_always_stand() -> None:
    days = [0, 10, 300, 310, 1000]
    drawing = drawn(a_course("a", *((day, 100.0, None) for day in days)))
    shown = [text for text in texts(drawing) if text.startswith("202")]
    assert sorted(shown) == [(START + timedelta(day)).isoformat() for day in (0, 310, 1000)]
    assert len(dots(drawing)) == len(days)


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    drawing = drawn(*(a_course(f"Nodule {n}", (0, 90.0 + n, None), (365, 100.0 + n, None)) for n in range(4)))
    heights = sorted(s.y for s in drawing.contents if isinstance(s, String) and s.text.startswith("Nodule"))
    assert all(b - a >= NAME_DISTANCE - 1e-9 for a, b in pairwise(heights))
    assert len(heights) == 4


def test_chinese_names_are_written_in_a_font_that_has_them() -> None:
    drawing = drawn(a_course("结节1", (0, 90.0, None), (365, 100.0, None)))
    fonts = {s.text: s.fontName for s in drawing.contents if isinstance(s, String)}
    assert fonts["结节"] != fonts["1"]


def test_more_lines_than_colours_are_left_to_the_table() -> None:
    many = [a_course(f"Nodule {n}", (0, 90.0, None), (365, 100.0, None)) for n in range(MAX_LINES + 3)]
    assert len([s for s in drawn(*many).contents if isinstance(s, PolyLine)]) == MAX_LINES


def test_nodules_that_one_examination_shows_have_no_course() -> None:
    changes = (followed(0), new(1), dataclasses.replace(gone(), history=followed(0).history[:1]), followed(2))
    assert [course.name for course in courses(a_followup(*changes), ["a", "b", "c", "d"])] == ["a", "d"]


def test_nodules_that_changed_come_before_stable_ones() -> None:
    changes = (followed(0, STABLE), followed(1, SHRINKAGE), followed(2))
    assert [course.name for course in courses(a_followup(*changes), ["a", "b", "c"])] == ["c", "b", "a"]
