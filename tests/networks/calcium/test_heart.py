"""A made-up chest is found where it was put, whatever the field of view holds beside the heart."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from cad.domain import Artery, PointLps, Volume
from cad.geometry import grid_from, indices_of
from models.calcium.atlas import load_atlas
from models.calcium.heart import FittedHeart, find_heart
from tests.made.calcium_chests import AORTA_MM, COURSES, a_patient, an_atlas

SHIFT = np.array([-12.0, -150.0, 333.0])
SIZE = np.array([1.1, 1.05, 1.15])
VOXEL_MM = 5.0
"""Of the frame: what is found may be off by one voxel where edges are sharp, and is not expected to be better."""


@cache
def whole_heart() -> FittedHeart | None:
    """The heart of the whole chest."""
    return find_heart(a_patient(SHIFT, SIZE), an_atlas())


def test_courses_are_carried_to_where_the_chest_was_put() -> None:
    heart = whole_heart()
    assert heart is not None
    assert heart.likeness > 0.9
    for artery, course in heart.courses:
        expected = np.array([COURSES[artery][0], COURSES[artery][-1]]) * SIZE + SHIFT
        assert np.linalg.norm(course[[0, -1]] - expected, axis=1).max() < VOXEL_MM


def test_the_descending_aorta_is_where_its_disc_lies() -> None:
    volume = a_patient(SHIFT, SIZE)
    heart = whole_heart()
    assert heart is not None
    height = 0.0 * SIZE[2] + SHIFT[2]
    k = round(float(indices_of(volume.grid, np.array([[0.0, 0.0, height]]))[0, 0]))
    rows, columns = np.nonzero(heart.aorta.voxels[k])
    behind = rows * 3.0 + volume.grid.affine[1, 3] > 10 * SIZE[1] + SHIFT[1]
    centre = (
        columns[behind].mean() * 3.0 + volume.grid.affine[0, 3],
        rows[behind].mean() * 3.0 + volume.grid.affine[1, 3],
    )
    assert centre == pytest.approx((AORTA_MM[0] * SIZE[0] + SHIFT[0], AORTA_MM[1] * SIZE[1] + SHIFT[1]), abs=3.0)


def test_a_view_of_the_heart_alone_is_enough() -> None:
    narrow = a_patient(SHIFT, SIZE, low=(-75.0, -95.0, -85.0), high=(100.0, 70.0, 60.0))
    heart = find_heart(narrow, an_atlas())
    assert heart is not None
    origin = dict(heart.courses)[Artery.LAD][0]
    assert np.linalg.norm(origin - (np.array(COURSES[Artery.LAD][0]) * SIZE + SHIFT)) < 2 * VOXEL_MM
    assert heart.coverage > 0.95


def test_coverage_falls_when_the_heart_is_cut() -> None:
    whole = whole_heart()
    cut = find_heart(a_patient(SHIFT, SIZE, low=(-180.0, -125.0, -25.0)), an_atlas())
    assert whole is not None
    assert cut is not None
    assert whole.coverage == pytest.approx(1.0, abs=0.01)
    assert cut.coverage < 0.8


def test_the_same_volume_gives_the_same_heart() -> None:
    first, second = whole_heart(), find_heart(a_patient(SHIFT, SIZE), an_atlas())
    assert first is not None
    assert second is not None
    assert np.array_equal(first.heart.voxels, second.heart.voxels)
    assert torch.equal(first.map.shift, second.map.shift)


def test_noise_and_plain_tissue_hold_no_heart() -> None:
    rng = np.random.default_rng(1)
    grid = grid_from((50, 80, 80), (4.0, 4.0, 4.0), PointLps(0.0, 0.0, 0.0))
    noise = Volume(rng.normal(-400, 300, grid.shape).astype(np.int16), grid, "1.2")
    tissue = Volume(np.full(grid.shape, 40, dtype=np.int16), grid, "1.2")
    for volume in (noise, tissue):
        assert find_heart(volume, load_atlas()) is None
