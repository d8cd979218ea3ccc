"""Degradations that stand for other scanners, against what arithmetic says of them."""

from __future__ import annotations

import numpy as np
import pytest

from models.training.material.degradation import (
    blur_by_breath,
    degrade,
    noisy,
    sharpen,
    thick_slices,
    with_contrast,
    with_holes,
)


def _lung() -> np.ndarray:
    box = np.full((40, 40, 40), -860.0, dtype=np.float32)
    box[:, :, 30:] = 45.0
    return box


@pytest.mark.parametrize("thickness", [2, 3, 5])
def test_thick_slices_keep_what_does_not_vary_along_k_and_average_what_does(thickness: int) -> None:
    flat = _lung()
    assert np.array_equal(thick_slices(flat, thickness, 1), flat)
    point = np.zeros((41, 3, 3), dtype=np.float32)
    point[20, 1, 1] = 300.0
    thick = thick_slices(point, thickness, 20 % thickness)[:, 1, 1]
    assert thick.max() == pytest.approx(300 / thickness)
    assert np.count_nonzero(thick) == 2 * thickness - 1


def test_a_sharper_kernel_overshoots_at_edges_and_raises_noise() -> None:
    rng = np.random.default_rng(1)
    box = noisy(_lung(), rng)
    sharp = sharpen(box, rng)
    assert sharp[:, :, :25].std() > 1.1 * box[:, :, :25].std()
    assert sharp[:, :, 30].mean() > box[:, :, 30].mean() + 20


def test_contrast_moves_soft_tissue_and_leaves_lung_and_bone() -> None:
    box = _lung()
    box[0] = 900.0
    for seed in range(6):
        changed = with_contrast(box, np.random.default_rng(seed))
        assert np.allclose(changed[1:, :, :30], -860)
        assert changed[5, 5, 35] > 40
        assert np.all(np.diff(np.unique(changed)) > 0)


def test_holes_darken_aerated_lung_alone() -> None:
    box = _lung()
    holes = with_holes(box, np.random.default_rng(3))
    assert (holes[:, :, :30] < -900).mean() > 0.02
    assert np.array_equal(holes[:, :, 30:], box[:, :, 30:])
    assert holes.min() >= -985


def test_breathing_doubles_contours_but_keeps_the_mean_of_what_is_far_from_the_ends() -> None:
    box = np.zeros((40, 10, 10), dtype=np.float32)
    box[18:22] = 100
    blurred = blur_by_breath(box, np.random.default_rng(4))
    assert blurred.sum() == pytest.approx(box.sum(), rel=1e-5)
    assert 0 < blurred.max() <= 100
    assert np.count_nonzero(blurred.any(axis=(1, 2))) > 4


def test_degradation_is_seeded_and_stays_finite() -> None:
    for seed in range(12):
        first, second = (degrade(_lung(), np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, second)
        assert first.dtype == np.float32
        assert np.isfinite(first).all()
