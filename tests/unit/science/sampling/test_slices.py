"""Whether the slices of a series are the scanner's own."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import PointLps, Volume
from cad.geometry import grid_from
from cad.policy import SamplingPolicy
from cad.science.sampling.slices import true_slices
from models.running.copies import resampled, thicker

POLICY = SamplingPolicy()


def scanned(slices: int = 60, slice_mm: float = 2.5, noise_hu: float = 25.0) -> Volume:
    """Lung and soft tissue with noise that slices do not share."""
    hu = np.full((slices, 96, 128), -860.0)
    hu[:, 40:, 30:90] = 40.0
    hu[10:40, 10:20, 10:20] = -300.0
    hu += np.random.default_rng(5).normal(0, noise_hu, hu.shape)
    grid = grid_from((slices, 96, 128), (slice_mm, 0.7, 0.7), PointLps(-20, -30, 100))
    return Volume(np.rint(hu).astype(np.int16), grid, "1.2")


def test_slices_of_a_scanner_are_its_own() -> None:
    found = true_slices(scanned(), POLICY)
    assert (found.apart, found.first, found.thick) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("slice_mm", [1.25, 1.0, 0.6, 0.42, 0.25])
def test_the_distance_of_interpolated_slices_is_found(slice_mm: float) -> None:
    scan = scanned()
    copy = resampled(scan, (slice_mm, 0.7, 0.7))
    apart = scan.grid.spacing_kji_mm[0] / copy.grid.spacing_kji_mm[0]
    found = true_slices(copy, POLICY)
    assert found.apart == pytest.approx(apart, rel=0.01)
    assert abs(found.first) < 0.25 * apart
    assert found.thick == 1


def test_slices_that_overlap_are_as_thick_as_they_are() -> None:
    found = true_slices(thicker(scanned(120), 2, 1), POLICY)
    assert found.apart == 1
    assert found.thick == pytest.approx(2, abs=0.3)


def test_thick_slices_are_not_taken_for_interpolated_ones() -> None:
    found = true_slices(thicker(scanned(120), 2), POLICY)
    assert (found.apart, found.thick) == (1.0, 1.0)


def test_a_drawing_has_no_noise_to_judge_by() -> None:
    drawing = scanned(noise_hu=0.0)
    assert true_slices(resampled(drawing, (0.5, 0.7, 0.7)), POLICY).apart == 1


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_a_few_slices_say_nothing(slices: int) -> None:
    assert true_slices(scanned(slices), POLICY).apart == 1
