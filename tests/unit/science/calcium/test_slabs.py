"""Thin slices averaged to 3 mm: positions, sums and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import LungMask, NoduleMask
from cad.geometry import position_of
from cad.policy import CalciumPolicy
from cad.science.calcium.slabs import scored_slabs, slab_weights
from tests.made.hearts import volume_of

POLICY = CalciumPolicy()


def ramp(
    slices: int, spacing_mm: float, hu_per_mm: float = 10.0
) -> np.ndarray[tuple[int, int, int], np.dtype[np.int16]]:
    """Values that rise with the position along the body."""
    heights = np.arange(slices) * spacing_mm * hu_per_mm
    return np.broadcast_to(np.rint(heights)[:, None, None], (slices, 4, 5)).astype(np.int16)


@pytest.mark.parametrize("spacing_mm", [2.5, 3.0, 5.0])
def test_slices_of_2_5_mm_and_more_are_scored_as_they_are(spacing_mm: float) -> None:
    volume = volume_of(ramp(20, spacing_mm), (spacing_mm, 0.7, 0.7))
    slabs = scored_slabs(volume, POLICY)
    assert slabs.volume is volume
    assert not slabs.are_averaged


@pytest.mark.parametrize("spacing_mm", [0.5, 0.6, 0.625, 0.7, 1.0, 1.25, 1.5, 2.0])
def test_thin_slices_become_3_mm_and_a_ramp_stays_where_it_is(spacing_mm: float) -> None:
    volume = volume_of(ramp(60, spacing_mm), (spacing_mm, 0.7, 0.7))
    slabs = scored_slabs(volume, POLICY)
    assert slabs.are_averaged
    assert slabs.volume.grid.spacing_kji_mm == pytest.approx((3.0, 0.7, 0.7))
    for k in range(slabs.volume.grid.shape[0]):
        z = position_of(slabs.volume.grid, (k, 0, 0)).z
        # a ramp that is constant over each slice is averaged to within the sag of one slice, and both are rounded
        assert slabs.volume.hu[k, 0, 0] == pytest.approx(10.0 * z, abs=10.0 * spacing_mm / 4 + 1)


def test_two_whole_slices_and_two_fifths_of_the_next_make_3_mm_of_slices_of_1_25_mm() -> None:
    weights = slab_weights(5, 1.25, 3.0)
    assert weights.shape == (2, 5)
    assert weights[0] == pytest.approx([1.25 / 3, 1.25 / 3, 0.5 / 3, 0, 0])
    assert weights[1] == pytest.approx([0, 0, 0.75 / 3, 1.25 / 3, 1.0 / 3])


@pytest.mark.parametrize("slices", [12, 13, 47, 250])
def test_no_slice_is_skipped_but_the_last_millimetres(slices: int) -> None:
    used = slab_weights(slices, 1.25, 3.0).sum(axis=0) * 3.0 / 1.25
    whole = int(np.floor(slices * 1.25 / 3.0) * 3.0 / 1.25)
    assert used[:whole] == pytest.approx(1.0)


def test_equal_slices_keep_their_value() -> None:
    volume = volume_of(np.full((24, 4, 5), 137, dtype=np.int16), (1.25, 0.7, 0.7))
    assert (scored_slabs(volume, POLICY).volume.hu == 137).all()


def test_averaging_keeps_the_amount_of_calcium() -> None:
    hu = np.zeros((24, 4, 5), dtype=np.int16)
    hu[9:14] = 600
    slabs = scored_slabs(volume_of(hu, (1.0, 0.7, 0.7)), POLICY)
    assert slabs.volume.hu[:, 0, 0].sum() * 3.0 == pytest.approx(600 * 5 * 1.0, abs=3)


def test_a_lesion_goes_back_to_the_slices_whose_middles_lie_in_its_slabs() -> None:
    slabs = scored_slabs(volume_of(ramp(20, 1.25), (1.25, 0.7, 0.7)), POLICY)
    lesion = NoduleMask(np.ones((2, 2, 2), dtype=np.bool_), (2, 1, 1), slabs.volume.grid)  # 6 mm to 12 mm
    back = slabs.on_series(lesion)
    middles = (np.arange(20) + 0.5) * 1.25
    inside = np.flatnonzero((middles >= 6) & (middles < 12))
    assert np.flatnonzero(back.full().any(axis=(1, 2))).tolist() == inside.tolist()
    assert back.full().any(axis=0).sum() == 4
    assert back.grid is slabs.series_grid


def test_lungs_follow_the_slabs() -> None:
    volume = volume_of(ramp(24, 1.0), (1.0, 0.7, 0.7))
    labels = np.zeros((24, 4, 5), dtype=np.uint8)
    labels[12:] = LungMask.LEFT
    lungs = scored_slabs(volume, POLICY).lungs(LungMask(labels, volume.grid))
    assert lungs is not None
    assert lungs.labels[:, 0, 0].tolist() == [0, 0, 0, 0, 2, 2, 2, 2]


def test_a_series_lower_than_one_slab_stays_as_it_is() -> None:
    volume = volume_of(ramp(2, 1.0), (1.0, 0.7, 0.7))
    assert scored_slabs(volume, POLICY).volume is volume
