"""Other protocols: what they do to slices and to noise, on made-up lung."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.material.rescan import DEGRADATIONS, noise_in, rescan, thick_slices

LUNGS = np.ones((24, 60, 60), dtype=np.uint8)


def _lung(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-860, 10, LUNGS.shape).round().astype(np.int16)


def test_thick_slices_average_a_slab_and_interpolate_between_their_middles() -> None:
    hu = np.zeros((9, 1, 1), dtype=np.float32)
    hu[4] = 3.0
    expected = [0, 0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0, 0]
    assert thick_slices(hu, 3).ravel() == pytest.approx(expected)


def test_thick_slices_keep_a_slope_and_a_last_thinner_slab() -> None:
    hu = np.arange(11, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), dtype=np.float32)
    assert thick_slices(hu, 3)[1:10] == pytest.approx(hu[1:10])
    assert thick_slices(hu[:2], 5) == pytest.approx(np.full((2, 2, 2), 0.5))


@pytest.mark.parametrize(("name", "rise"), [("sharp kernel", 2.5), ("quarter dose", 2.0)])
def test_noise_rises_as_much_as_the_protocol_says(name: str, rise: float) -> None:
    lung = _lung()
    aerated = np.ones(lung.shape, dtype=bool)
    before = noise_in(lung.astype(np.float32), aerated)
    after = noise_in(rescan(lung, LUNGS, name, seed=1).astype(np.float32), aerated)
    assert after / before == pytest.approx(rise, rel=0.08)


def test_a_sharp_kernel_overshoots_at_edges() -> None:
    hu = np.full(LUNGS.shape, -860, dtype=np.int16)
    hu[:, :, 30:] = 40
    sharp = rescan(hu, LUNGS, "sharp kernel", seed=1)
    assert sharp[:, 20:40, 30].mean() > 100
    assert sharp[:, 20:40, 29].mean() < -920


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_seed_gives_the_same_scan(name: str) -> None:
    assert np.array_equal(rescan(_lung(), LUNGS, name, 3), rescan(_lung(), LUNGS, name, 3))
