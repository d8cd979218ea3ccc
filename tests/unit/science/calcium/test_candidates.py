"""Which lesions are looked at: those near the heart, and no bones."""

from __future__ import annotations

import numpy as np
import pytest

from cad.domain import BoolArray, Heart, Int16Array, Mask, Volume
from cad.policy import CalciumPolicy
from cad.science.calcium.candidates import find_lesions
from tests.made.hearts import volume_of

POLICY = CalciumPolicy()
SHAPE = (30, 60, 60)
SPACING = (3.0, 2.0, 2.0)


def blood() -> Int16Array:
    return np.full(SHAPE, 40, dtype=np.int16)


def heart_in(volume: Volume, aorta: BoolArray | None = None) -> Heart:
    """A heart of 15 slices, 30 mm wide, in the middle of the volume."""
    inside = np.zeros(SHAPE, dtype=np.bool_)
    inside[8:22, 22:37, 22:37] = True
    nothing = np.zeros(SHAPE, dtype=np.bool_)
    grid = volume.grid
    return Heart(
        Mask(inside, grid), Mask(nothing if aorta is None else aorta, grid), Mask(inside.copy(), grid), (), 1.0
    )


def lesions_of(hu: Int16Array, aorta: BoolArray | None = None) -> list[tuple[int, tuple[int, int, int]]]:
    """Voxels and first corner of each lesion."""
    volume = volume_of(hu, SPACING)
    return [(lesion.voxel_count, lesion.offset) for lesion in find_lesions(volume, heart_in(volume, aorta), POLICY)]


def test_finds_a_lesion_on_the_heart_and_in_the_fat_around_it() -> None:
    hu = blood()
    hu[10, 25, 25:28] = 300
    hu[12, 25, 40] = 130  # 8 mm beside the heart
    assert lesions_of(hu) == [(3, (10, 25, 25)), (1, (12, 25, 40))]


def test_leaves_out_what_is_below_the_threshold_or_far_away() -> None:
    hu = blood()
    hu[10, 25, 25] = 129
    hu[12, 25, 44] = 900  # 16 mm beside the heart
    assert lesions_of(hu) == []


def test_slices_that_touch_make_one_lesion() -> None:
    hu = blood()
    hu[10, 25, 25] = hu[11, 26, 26] = hu[12, 26, 27] = 300
    assert lesions_of(hu) == [(3, (10, 25, 25))]


@pytest.mark.parametrize("where", [np.s_[:, 25, 40], np.s_[15, :, 40], np.s_[15, 40, :]])
def test_leaves_out_bones_that_run_past_the_heart(where: tuple[int | slice, ...]) -> None:
    hu = blood()
    hu[where] = 700
    hu[10, 25, 25] = 300
    assert lesions_of(hu) == [(1, (10, 25, 25))]


def test_leaves_out_a_lesion_that_is_mostly_elsewhere() -> None:
    hu = blood()
    hu[10, 25, 40:46] = 300
    assert lesions_of(hu) == []


def test_leaves_out_what_is_larger_than_any_lesion() -> None:
    hu = blood()
    hu[8:22, 22:37, 22:37] = 200
    assert lesions_of(hu) == []


def test_looks_along_the_aorta_too() -> None:
    hu = blood()
    hu[26, 30, 30] = 400  # 15 mm above the heart
    assert lesions_of(hu) == []
    aorta = np.zeros(SHAPE, dtype=np.bool_)
    aorta[22:30, 28:33, 28:33] = True
    assert lesions_of(hu, aorta) == [(1, (26, 30, 30))]


def test_an_empty_heart_has_no_lesions() -> None:
    volume = volume_of(blood(), SPACING)
    nothing = Mask(np.zeros(SHAPE, dtype=np.bool_), volume.grid)
    assert find_lesions(volume, Heart(nothing, nothing, nothing, (), 0.0), POLICY) == ()
