"""Lesions over the fork of the left arteries are divided, others are not."""

from __future__ import annotations

import numpy as np

from cad.domain import Artery, FloatArray, Heart, Mask, NoduleMask, PointLps
from cad.geometry import grid_from, positions_of
from cad.policy import CalciumPolicy
from cad.science.calcium.division import divide

GRID = grid_from((9, 60, 60), (3.0, 1.0, 1.0), PointLps(0.0, 0.0, 0.0))
POLICY = CalciumPolicy()


def a_line(first: tuple[float, float, float], last: tuple[float, float, float]) -> FloatArray:
    return np.linspace(first, last, 40)


def a_heart() -> Heart:
    """A main stem along x up to 30 mm, where one branch runs on along x and the other along y."""
    nothing = Mask(np.zeros(GRID.shape, dtype=np.bool_), GRID)
    courses = (
        (Artery.LM, a_line((10, 30, 12), (30, 30, 12))),
        (Artery.LAD, a_line((30, 30, 12), (58, 30, 12))),
        (Artery.LCX, a_line((30, 30, 12), (30, 58, 12))),
        (Artery.RCA, a_line((5, 5, 0), (5, 50, 24))),
    )
    return Heart(nothing, nothing, nothing, courses, 1.0)


def a_bar(from_x: int, to_x: int, y: int = 30) -> NoduleMask:
    """A lesion two pixels high along x in the slice at 12 mm."""
    return NoduleMask(np.ones((1, 2, to_x - from_x), dtype=np.bool_), (4, y, from_x), GRID)


def test_a_lesion_over_the_fork_is_divided_where_the_stem_ends() -> None:
    parts = divide([a_bar(20, 42)], a_heart(), POLICY)
    assert len(parts) == 2
    ends = [positions_of(GRID, np.argwhere(part.full()).astype(np.float64))[:, 0] for part in parts]
    assert sorted((float(x.min()), float(x.max())) for x in ends) == [(20, 30), (31, 41)]


def test_the_parts_hold_every_voxel_once() -> None:
    lesion = a_bar(20, 42)
    parts = divide([lesion], a_heart(), POLICY)
    assert np.array_equal(sum(part.full().astype(int) for part in parts), lesion.full().astype(int))


def test_short_lesions_and_those_in_one_artery_or_far_from_all_stay_whole() -> None:
    for lesion in (a_bar(26, 34), a_bar(32, 50), a_bar(20, 42, y=45)):
        assert divide([lesion], a_heart(), POLICY) == (lesion,)


def test_a_heart_without_courses_divides_nothing() -> None:
    nothing = Mask(np.zeros(GRID.shape, dtype=np.bool_), GRID)
    lesion = a_bar(20, 42)
    assert divide([lesion], Heart(nothing, nothing, nothing, (), 1.0), POLICY) == (lesion,)
