"""Axes of regions that lie anyhow between the slices."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import BoolArray, PointLps
from cad.geometry import grid_from, index_of
from cad.science.nodules.axes import axial_axes
from cad.science.nodules.window import Window

STEPS = (3, 1, 1)
GRID = grid_from((4, 20, 20), (2.4, 0.7, 0.7), PointLps(0, 0, 0))


def window(inside: BoolArray) -> Window:
    return Window(
        hu=np.where(inside, 30, -860).astype(np.float32),
        allowed=np.ones_like(inside),
        offset=(0, 0, 0),
        steps=STEPS,
        spacing_mm=(0.8, 0.7, 0.7),
        width_mm=(2.4, 0.7, 0.7),
        centre_mm=np.array([4.0, 7.0, 7.0]),
        radius_mm=3.0,
    )


def region(*planes: tuple[int, int, int]) -> BoolArray:
    """Rectangles on fine planes: (plane, rows, columns)."""
    inside = np.zeros((10, 20, 20), dtype=np.bool_)
    for k, rows, columns in planes:
        inside[k, 5 : 5 + rows, 5 : 5 + columns] = True
    return inside


@pytest.mark.parametrize(("plane", "slice_k"), [(1, 0), (2, 1), (4, 1), (5, 2)])
def test_a_region_between_two_slices_is_shown_on_the_nearest(plane: int, slice_k: int) -> None:
    inside = region((plane, 4, 6))
    found = axial_axes(window(inside), inside, inside.astype(np.float32), GRID)
    assert found.slice_k == slice_k
    assert index_of(GRID, found.long_axis.start)[0] == pytest.approx(slice_k)
    assert 3.5 < found.long_axis_mm < 5.5


def test_of_slices_of_about_one_area_the_longest_axes_count() -> None:
    inside = region((3, 8, 8), (6, 9, 9), (9, 2, 14))
    inside[6, 7:11, 7:12] = False  # 61 pixels with a hole beside 64 without, of a shorter side
    found = axial_axes(window(inside), inside, inside.astype(np.float32), GRID)
    assert found.slice_k == 2


def test_noise_below_lung_does_not_hide_a_small_region() -> None:
    inside = region((3, 1, 2))
    occupancy = np.where(inside, 0.6, -0.3).astype(np.float32)
    found = axial_axes(window(inside), inside, occupancy, GRID)
    assert found.slice_k == 1
