"""Open airways, couches and masses: what thresholds alone would lose or invent, with and without a second opinion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from cad.domain import BoolArray, ExpectedLungs, Float32Array, LungMask, ModelIdentity, Side, Volume
from cad.errors import Reason, Refusal
from cad.policy import LungPolicy
from cad.science.lungs import SegmentedLungs, segment_lungs
from tests.slow.science.test_lungs import (
    GAS_HU,
    LEFT_LUNG,
    PARENCHYMA_HU,
    RIGHT_LUNG,
    TISSUE_HU,
    Space,
    a_body,
    a_chest,
    a_space,
    a_volume,
    codes,
    dice,
    ellipsoid_ml,
    segmented,
)


@dataclass(frozen=True)
class Expecting:
    """A reader that expects the given right and left lung, blurred as by cells of 4 mm."""

    right: BoolArray
    left: BoolArray

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("expecting", "1", "ef" * 32)

    def __call__(self, volume: Volume) -> ExpectedLungs:
        assert volume.hu.shape == self.right.shape
        return ExpectedLungs(_cells(self.right), _cells(self.left))


def _cells(mask: BoolArray) -> Float32Array:
    cells: Float32Array = ndimage.zoom(
        mask.astype(np.float32), (1, 0.75, 0.75), order=1, grid_mode=True, mode="nearest"
    )
    return cells


@pytest.fixture(scope="module")
def space() -> Space:
    return a_space()


def right_of(space: Space) -> BoolArray:
    return space.ellipsoid(*RIGHT_LUNG)


def left_of(space: Space) -> BoolArray:
    return space.ellipsoid(*LEFT_LUNG)


def with_reader(hu: Float32Array, space: Space, reader: Expecting) -> SegmentedLungs:
    return segment_lungs(a_volume(hu, space), LungPolicy(), reader)


def opened(hu: Float32Array, space: Space, radius: float = 9.0) -> Float32Array:
    """The windpipe goes on to the top and out through the front, and down into both lungs."""
    hu = hu.copy()
    hu[space.tube(0, 10, radius) & (space.z > 0)] = -1000
    hu[np.broadcast_to((np.abs(space.x) < radius) & (space.y < 10) & (space.z > 105), space.shape)] = -1000
    hu[
        np.broadcast_to((np.abs(space.x) < 60) & (np.abs(space.y - 10) < 6) & (np.abs(space.z - 4) < 6), space.shape)
    ] = -1000
    return hu


def test_room_air_in_the_airway_does_not_take_the_lungs_outside(space: Space) -> None:
    found = segmented(opened(a_chest(space), space), space).lungs.labels
    assert dice(found == LungMask.RIGHT, right_of(space)) > 0.96
    assert dice(found == LungMask.LEFT, left_of(space)) > 0.96


def test_lungs_of_plain_air_are_found_and_the_foam_of_the_couch_is_not(space: Space) -> None:
    hu = opened(a_chest(space, parenchyma_hu=-1000.0), space)
    foam = np.broadcast_to((space.y > 127) & (space.y < 149) & (np.abs(space.x) < 180), space.shape)
    shell = np.broadcast_to((space.y > 124) & (np.abs(space.x) < 185), space.shape) & ~foam
    hu[shell & (hu < -500)] = 0
    hu[foam] = -850 + 400 * (np.random.default_rng(1).random(space.shape) > 0.97)[foam]
    found = segmented(hu, space).lungs.labels
    assert not found[foam].any()
    assert dice(found > 0, right_of(space) | left_of(space)) > 0.9


def mass(space: Space) -> BoolArray:
    """70 mm against the chest wall and the mediastinum of the right lung."""
    return space.ball((-105, 10, 30), 35) & right_of(space)


def test_a_mass_on_the_pleura_belongs_to_the_lung_that_is_expected(space: Space) -> None:
    hu = a_chest(space)
    hu[mass(space)] = TISSUE_HU
    alone = segmented(hu, space).lungs.labels
    assert np.mean(alone[mass(space)] > 0) < 0.9
    found = with_reader(hu, space, Expecting(right_of(space), left_of(space)))
    assert np.mean(found.lungs.labels[mass(space)] == LungMask.RIGHT) > 0.95
    assert dice(found.lungs.labels > 0, right_of(space) | left_of(space)) > 0.96


def test_a_second_opinion_that_agrees_changes_nothing(space: Space) -> None:
    hu = a_chest(space)
    alone = segmented(hu, space)
    found = with_reader(hu, space, Expecting(right_of(space), left_of(space)))
    assert dice(found.lungs.labels > 0, alone.lungs.labels > 0) > 0.995
    assert codes(found) == codes(alone)


def test_an_opinion_that_expects_nothing_is_not_followed(space: Space) -> None:
    hu = a_chest(space)
    nothing = np.zeros(space.shape, dtype=np.bool_)
    found = with_reader(hu, space, Expecting(nothing, nothing))
    assert np.array_equal(found.lungs.labels, segmented(hu, space).lungs.labels)


def test_a_piece_where_no_lung_is_expected_is_left_out_and_said(space: Space) -> None:
    hu = a_chest(space, lungs=((RIGHT_LUNG[0], (58.0, 78.0, 70.0)), (LEFT_LUNG[0], (52.0, 78.0, 70.0))))
    bowel = space.ball((60, -20, -105), 24)
    hu[bowel] = PARENCHYMA_HU
    short = [space.ellipsoid(centre, (x, y, 70.0)) for centre, (x, y, _) in (RIGHT_LUNG, LEFT_LUNG)]
    found = with_reader(hu, space, Expecting(short[0], short[1]))
    assert not found.lungs.labels[bowel].any()
    assert "space-unlike-lung-left-out" in codes(found)


def test_a_lung_that_thresholds_lose_is_drawn_where_it_is_expected(space: Space) -> None:
    """A lung full of gas without vessels is bowel to the thresholds."""
    hu = a_chest(space, lungs=(RIGHT_LUNG,))
    small = space.ellipsoid(LEFT_LUNG[0], (40.0, 50.0, 60.0))
    hu[small] = GAS_HU
    found = with_reader(hu, space, Expecting(right_of(space), small))
    assert found.lungs.volume_ml(Side.LEFT) == pytest.approx(ellipsoid_ml((40.0, 50.0, 60.0)), rel=0.08)
    assert "lung-completed" in codes(found)


def test_a_body_without_lungs_is_refused_whatever_is_expected(space: Space) -> None:
    with pytest.raises(Refusal) as refusal:
        with_reader(a_body(space), space, Expecting(right_of(space), left_of(space)))
    assert refusal.value.reason is Reason.NO_LUNGS_IN_VIEW
