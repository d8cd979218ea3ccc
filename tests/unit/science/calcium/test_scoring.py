"""Agatston and volume scores against arithmetic done by hand, and what must not change them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from cad.domain import Artery, CalcifiedLesion, CalciumTier, NoduleMask, OtherCalcium, Volume
from cad.policy import CalciumPolicy
from cad.science.calcium.scores import cac_drs, categories_of, score_lesion, site_score, tier_of
from tests.made.hearts import HALF_MM, Index, a_row, a_volume, volume_of, whole

POLICY = CalciumPolicy()


def agatston(volume: Volume, policy: CalciumPolicy = POLICY) -> float:
    score = score_lesion(volume, whole(volume), policy)
    return 0.0 if score is None else score.agatston


def test_ten_pixels_of_a_quarter_mm2_at_250_hu_score_five() -> None:
    assert agatston(a_volume(a_row(10, 250))) == pytest.approx(5.0)


def test_half_the_slice_increment_halves_the_score() -> None:
    assert agatston(a_volume(a_row(10, 250), spacing=(1.5, 0.5, 0.5))) == pytest.approx(2.5)


def test_three_pixels_of_a_quarter_mm2_are_too_small() -> None:
    assert score_lesion(a_volume(a_row(3, 250)), whole(a_volume({})), POLICY) is None


def test_an_area_of_exactly_one_mm2_counts() -> None:
    assert agatston(a_volume(a_row(4, 250))) == pytest.approx(2.0)


def test_an_area_of_one_mm2_counts_in_spite_of_rounded_pixel_spacings() -> None:
    third = (3.0, 1 / 3, 1 / 3)
    assert agatston(a_volume(a_row(9, 250), spacing=third)) == pytest.approx(2.0)
    assert agatston(a_volume(a_row(8, 250), spacing=third)) == 0


@pytest.mark.parametrize(
    ("highest", "weight"), [(129, 0), (130, 1), (199, 1), (200, 2), (299, 2), (300, 3), (399, 3), (400, 4), (1500, 4)]
)
def test_weight_follows_the_highest_value(highest: int, weight: int) -> None:
    assert agatston(a_volume(a_row(8, min(highest, 130), highest=highest))) == pytest.approx(2.0 * weight)


def test_the_weight_is_that_of_each_slice_and_not_of_the_whole_lesion() -> None:
    lesion = {**a_row(16, 150, k=5, highest=180), **a_row(24, 150, k=6, highest=450)}  # 4 mm² and 6 mm²
    assert agatston(a_volume(lesion)) == pytest.approx(28.0)


def test_each_part_of_a_slice_has_its_own_weight() -> None:
    apart = {(5, 10, n): 450 for n in range(4)} | {(5, 30, n): 150 for n in range(8)}
    assert agatston(a_volume(apart)) == pytest.approx(4 * 1.0 + 1 * 2.0)


def test_pixels_that_touch_at_a_corner_are_one_lesion_with_eight_neighbours_and_none_with_four() -> None:
    diagonal = a_volume({(5, 10 + n, 10 + n): 250 for n in range(6)})
    assert agatston(diagonal) == pytest.approx(1.5 * 2)
    assert agatston(diagonal, replace(POLICY, connectivity=4)) == 0


def test_small_parts_do_not_count_for_the_volume_either() -> None:
    volume = a_volume({**a_row(10, 250), (5, 5, 5): 900, (5, 5, 6): 900})
    score = score_lesion(volume, whole(volume), POLICY)
    assert score is not None
    assert score.volume_mm3 == pytest.approx(10 * 0.75)
    assert (score.max_hu, score.mean_hu) == (250, 250)


def test_voxels_outside_the_lesion_do_not_count() -> None:
    volume = a_volume({**a_row(10, 250), **a_row(10, 250, k=7)})
    first = np.zeros((1, *volume.grid.shape[1:]), dtype=np.bool_)
    first[0, 20, 10:20] = True
    score = score_lesion(volume, NoduleMask(first, (5, 0, 0), volume.grid), POLICY)
    assert score is not None
    assert score.agatston == pytest.approx(5.0)
    assert (score.centre.x, score.centre.y, score.centre.z) == pytest.approx((7.25, 10.0, 15.0))


@given(st.integers(0, 2**32 - 1))
def test_flips_crops_and_the_order_of_slices_change_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    hu = np.where(random.random((6, 12, 14)) < 0.3, random.integers(100, 600, (6, 12, 14)), 40).astype(np.int16)
    padded = np.full((9, 20, 20), 40, dtype=np.int16)
    padded[2:8, 3:15, 4:18] = hu
    expected = agatston(volume_of(hu))
    for other in (hu[::-1], hu[:, ::-1], hu[:, :, ::-1], random.permutation(hu), hu.transpose(0, 2, 1), padded):
        assert agatston(volume_of(other)) == pytest.approx(expected)


@given(st.floats(0.5, 5.0))
def test_the_score_is_proportional_to_the_slice_increment(increment: float) -> None:
    assert agatston(a_volume(a_row(12, 350), spacing=(increment, 0.5, 0.5))) == pytest.approx(9.0 * increment / 3)


@given(st.integers(130, 3000), st.integers(0, 500))
def test_denser_calcium_never_scores_less(hu: int, more: int) -> None:
    assert agatston(a_volume(a_row(9, min(hu + more, 3071)))) >= agatston(a_volume(a_row(9, hu)))


def lesion(site: Artery | OtherCalcium, score: float) -> CalcifiedLesion:
    volume = a_volume({})
    found = score_lesion(a_volume(a_row(4, 250)), whole(volume), POLICY)
    assert found is not None
    return CalcifiedLesion(site, 0.9, whole(volume), found.centre, score, 2 * score, 250, 200)


def test_a_site_sums_its_own_lesions_alone() -> None:
    lesions = (lesion(Artery.LAD, 10), lesion(Artery.LAD, 5.5), lesion(OtherCalcium.AORTA, 90))
    summed = site_score(lesions, Artery.LAD)
    assert (summed.agatston, summed.volume_mm3, summed.lesions) == (15.5, 31.0, 2)
    assert site_score(lesions, Artery.RCA).lesions == 0


@pytest.mark.parametrize(
    ("score", "tier", "level"),
    [
        (0, "0", "A0"),
        (0.4, "1-99", "A1"),
        (99, "1-99", "A1"),
        (99.9, "1-99", "A1"),
        (100, "100-399", "A2"),
        (299, "100-399", "A2"),
        (300, "100-399", "A3"),
        (399.9, "100-399", "A3"),
        (400, ">=400", "A3"),
        (5000, ">=400", "A3"),
    ],
)
def test_categories_follow_the_unrounded_score(score: float, tier: str, level: str) -> None:
    assert tier_of(score, POLICY) is CalciumTier(tier)
    assert cac_drs(score, 3, POLICY) == f"{level}/N3"


def test_every_category_names_its_scheme() -> None:
    first, second = categories_of(250, 2, POLICY)
    assert (first.scheme, first.value) == ("CAC-DRS", "A2/N2")
    assert "1-99 / 100-399" in second.scheme
    assert second.value == "100-399"


def test_area_of_a_turned_grid_is_that_of_its_pixels() -> None:
    straight = a_volume(a_row(10, 250))
    turn = np.deg2rad(10)
    affine = np.array(straight.grid.affine)
    x = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    affine[:3, :3] = x @ affine[:3, :3]
    turned = Volume(np.array(straight.hu), replace(straight.grid, affine=affine), "1.2")
    assert agatston(turned) == pytest.approx(5.0)


def test_spacing_of_the_phantom_is_what_the_vectors_assume() -> None:
    place: Index = (0, 0, 0)
    assert a_volume({place: 40}).grid.spacing_kji_mm == HALF_MM
