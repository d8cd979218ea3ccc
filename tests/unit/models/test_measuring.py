"""Volumes of digital nodules: cells of docs/measurement.md measured anew, against the bounds."""

from __future__ import annotations

import numpy as np
import pytest

from cad.geometry import sphere_volume_mm3
from cad.policy import NodulePolicy
from models.training.measuring import Cell, coverage, pairs, performance
from models.training.repeats import KERNELS, LUNG_HU, SOLID_HU, an_ellipsoid, repeats

SOFT, STANDARD, SHARP = KERNELS


@pytest.mark.parametrize(
    "cell",
    [
        Cell("solid", 6.0, 1.25, SOFT),
        Cell("solid", 6.0, 2.5, STANDARD),
        Cell("solid", 8.0, 0.6, SHARP),
        Cell("ground glass", 8.0, 1.25, STANDARD),
        Cell("solid", 6.0, 1.25, STANDARD, read=True),
    ],
    ids=str,
)
def test_volumes_are_within_the_bounds(cell: Cell) -> None:
    for noise_hu, found in performance(cell, 4, NodulePolicy()).items():
        assert found.within_bounds, f"{cell} at {noise_hu} HU: {found}"


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_images_hold_the_volume_that_they_claim(kernel: object) -> None:
    assert isinstance(kernel, type(SOFT))
    rng = np.random.default_rng(1)
    (image,) = repeats(an_ellipsoid(8.0, SOLID_HU, rng), 1.25, kernel, (0.0,), rng)
    rise = (image.volume.hu - LUNG_HU).sum() / (SOLID_HU - LUNG_HU) * image.volume.grid.voxel_volume_mm3
    assert image.true_mm3 == pytest.approx(sphere_volume_mm3(8.0), rel=0.005)
    # whole HU and the scanner's lowest value lose little
    assert rise == pytest.approx(image.true_mm3, rel=0.03)


def test_the_interval_holds_most_true_and_repeated_volumes_of_other_shapes() -> None:
    true, repeated = coverage(pairs(12, True, 5, NodulePolicy()))
    assert min(true, repeated) >= 10 / 12
