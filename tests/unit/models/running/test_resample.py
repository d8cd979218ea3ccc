"""The working grid: edges, values and positions, against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from cad.domain import PointLps, Volume
from cad.geometry import grid_from, indices_of, position_of, positions_of
from models.running.resample import axis_weights, isotropic_grid, working_box

CPU = torch.device("cpu")


@given(st.integers(1, 40), st.floats(0.3, 4.0))
def test_every_row_of_weights_is_an_average(source: int, step: float) -> None:
    weights = axis_weights(source, max(1, int(source / step)), step, CPU)
    assert torch.all(weights >= 0)
    assert torch.allclose(weights.sum(dim=1), torch.ones(weights.shape[0]))


def _ramp(spacing_kji_mm: tuple[float, float, float]) -> Volume:
    """HU that equals 10·z + 3·y − 2·x at every voxel centre."""
    grid = grid_from((30, 24, 28), spacing_kji_mm, PointLps(-10.0, 5.0, -20.0))
    k, j, i = np.indices(grid.shape)
    positions = positions_of(grid, np.stack([k.ravel(), j.ravel(), i.ravel()], axis=1).astype(float))
    hu = positions @ np.array([-2.0, 3.0, 10.0])
    return Volume(hu.reshape(grid.shape).round().astype(np.int16), grid, "1.2.3")


@pytest.mark.parametrize("spacing", [(2.5, 0.7, 0.7), (0.6, 0.5, 0.9), (1.0, 1.0, 1.0)])
def test_a_linear_ramp_keeps_its_value_at_every_inner_position(spacing: tuple[float, float, float]) -> None:
    volume = _ramp(spacing)
    box = working_box(volume, (2, 3, 4), (28, 20, 25), 1.0, CPU)
    inner = np.array([[k, j, i] for k in (4, 8) for j in (3, 6) for i in (4, 7)], dtype=float)
    expected = positions_of(box.grid, inner) @ np.array([-2.0, 3.0, 10.0])
    index = inner.astype(int)
    found = box.hu.numpy()[index[:, 0], index[:, 1], index[:, 2]]
    assert np.allclose(found, expected, atol=1.0)  # whole HU were stored: half an HU, and float arithmetic


def test_the_isotropic_grid_covers_the_same_edges() -> None:
    source = grid_from((10, 20, 30), (2.5, 0.7, 0.8), PointLps(1.0, 2.0, 3.0))
    grid = isotropic_grid(source, 1.0)
    low = position_of(grid, (-0.5, -0.5, -0.5))
    assert indices_of(source, low.as_array()[None])[0] == pytest.approx([-0.5, -0.5, -0.5])
    assert grid.shape == (25, 14, 24)


def test_averages_noise_instead_of_aliasing_it() -> None:
    rng = np.random.default_rng(0)
    hu = rng.normal(0, 100, (40, 40, 40)).round().astype(np.int16)
    volume = Volume(hu, grid_from(hu.shape, (0.5, 0.5, 0.5), PointLps(0, 0, 0)), "1.2.3")
    box = working_box(volume, (0, 0, 0), hu.shape, 1.0, CPU)
    assert float(box.hu.std()) < 0.6 * 100  # each output averages at least eight voxels with unequal weights
