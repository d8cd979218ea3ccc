"""The smooth border of a section: as large as the section, and round where it was drawn round."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import find_contours

from cad.domain import BoolArray
from cad.report.pictures.sections import MARGIN_VOXELS, smooth_section


def a_disc(radius: float) -> BoolArray:
    half = int(radius) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return np.asarray(np.hypot(y, x) <= radius)


def enclosed(line: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    y, x = line[:, 0], line[:, 1]
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2


@pytest.mark.parametrize("radius", [1.5, 2.5, 4.3, 8.0, 15.2])
def test_the_border_of_a_disc_is_round_and_encloses_its_area(radius: float) -> None:
    section = a_disc(radius)
    (line,) = find_contours(*smooth_section(section))
    assert enclosed(line) == pytest.approx(np.count_nonzero(section), rel=0.12 if radius < 3 else 0.03)
    away = np.hypot(*(line - line[:-1].mean(axis=0)).T)
    assert away.max() - away.min() < 0.65  # along the edges of voxels it would be 1 and more


def test_a_single_voxel_has_a_border_and_nothing_has_none() -> None:
    one = np.ones((1, 1), dtype=np.bool_)
    (line,) = find_contours(*smooth_section(one))
    assert line[:-1].mean(axis=0) == pytest.approx([MARGIN_VOXELS] * 2, abs=0.01)
    with pytest.raises(ValueError, match="empty"):
        smooth_section(~one)
