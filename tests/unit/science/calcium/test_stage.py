"""The whole stage on digital hearts, with a reader that is told where lesions belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cad.domain import (
    Artery,
    CalciumScore,
    CalciumTier,
    LungMask,
    NotAssessed,
    NotAssessedReason,
    OtherCalcium,
    PointLps,
    Volume,
)
from cad.policy import CalciumPolicy, CalciumSuitabilityPolicy
from cad.report.words.en import calcium as english
from cad.science.calcium.stage import Scan, assess_calcium
from tests.made.hearts import Index, ToldReader, a_row, a_volume, flanked, heart_box, volume_of

POLICY = CalciumPolicy(suitability=CalciumSuitabilityPolicy(heart_ml=(0.1, 2500.0)))
"""The digital hearts are small."""


def scored(volume: Volume, reader: ToldReader | None = None) -> CalciumScore:
    result = assess_calcium(Scan(volume, flanked(volume), None), reader or ToldReader(), POLICY)
    assert isinstance(result, CalciumScore), result
    return result


def by_height(point: PointLps) -> Artery | OtherCalcium:
    """Slices 3, 5 and 7 belong to the left anterior descending artery, the right one and the aorta."""
    sites: dict[int, Artery | OtherCalcium] = {3: Artery.LAD, 5: Artery.RCA, 7: OtherCalcium.AORTA}
    return sites[round(point.z / 3.0)]


THREE: dict[Index, int] = {**a_row(10, 250, k=3), **a_row(20, 450, k=5), **a_row(40 - 12, 800, k=7)}


def test_scores_each_artery_and_keeps_other_calcium_out_of_the_total() -> None:
    score = scored(a_volume(THREE), ToldReader(site_of=by_height))
    by_artery = {artery: one.agatston for artery, one in score.arteries}
    assert by_artery == pytest.approx({Artery.LM: 0, Artery.LAD: 5.0, Artery.LCX: 0, Artery.RCA: 20.0})
    assert score.agatston == pytest.approx(25.0)
    assert score.volume_mm3 == pytest.approx(30 * 0.75)
    assert dict(score.other)[OtherCalcium.AORTA].agatston == pytest.approx(28.0)
    assert score.vessels == 2
    assert [one.value for one in score.categories] == ["A1/N2", "1-99"]


def test_lesions_come_by_artery_with_other_sites_last() -> None:
    score = scored(a_volume(THREE), ToldReader(site_of=by_height))
    assert [lesion.site for lesion in score.lesions] == [Artery.LAD, Artery.RCA, OtherCalcium.AORTA]
    assert [lesion.max_hu for lesion in score.lesions] == [250, 450, 800]
    assert {lesion.certainty for lesion in score.lesions} == {0.9}


def test_no_calcium_is_a_score_of_zero_in_every_artery() -> None:
    score = scored(a_volume({}))
    assert (score.agatston, score.tier, score.vessels, score.lesions) == (0, CalciumTier.NONE, 0, ())
    assert [artery for artery, _ in score.arteries] == list(Artery)
    assert score.categories[0].value == "A0/N0"
    assert not score.very_high


def test_specks_below_one_mm2_are_no_lesions_and_are_not_shown_to_the_reader() -> None:
    def never(point: PointLps) -> Artery:
        raise AssertionError(f"a speck was shown at {point}")

    assert scored(a_volume(a_row(3, 900)), ToldReader(site_of=never)).lesions == ()


def test_the_variant_says_every_choice() -> None:
    variant = english.variant(scored(a_volume({})))
    for words in ("non-gated", "per slice", "8-connected", ">= 130 HU", ">= 1 mm2", "/ 3 mm", "3 mm slices"):
        assert words in variant


def test_a_score_from_the_limit_on_is_very_high() -> None:
    block = np.full((12, 40, 40), 40, dtype=np.int16)
    block[5, 5:35, 5:39] = 500  # 255 mm² of weight 4
    block[5, 5, 5:25] = 40
    assert scored(volume_of(block)).agatston == pytest.approx(1000.0)
    assert scored(volume_of(block)).very_high
    block[5, 10, 10] = 40
    score = scored(volume_of(block))
    assert score.agatston == pytest.approx(999.0)
    assert not score.very_high


@pytest.mark.parametrize(
    ("pixels", "hu", "word"), [(0, 40, "No"), (10, 250, "Mild"), (400, 200, "Moderate"), (400, 500, "Severe")]
)
def test_the_advice_is_that_of_the_tier_and_names_its_source(pixels: int, hu: int, word: str) -> None:
    block = np.full((12, 40, 40), 40, dtype=np.int16)
    block[5, 10:30, 10:30].flat[:pixels] = hu
    advice = english.advice(scored(volume_of(_with_flat(block, pixels, hu))))
    assert advice.startswith(word)
    assert "BSTI 2020" in advice


def _with_flat(
    block: np.ndarray[tuple[int, int, int], np.dtype[np.int16]], pixels: int, hu: int
) -> np.ndarray[tuple[int, int, int], np.dtype[np.int16]]:
    patch = block[5, 10:30, 10:30].copy()
    patch.flat[:pixels] = hu
    block[5, 10:30, 10:30] = patch
    return block


def test_a_plaque_in_thin_slices_scores_as_in_thick_ones() -> None:
    thin = np.full((36, 40, 40), 40, dtype=np.int16)
    thin[12:18, 15:20, 15:20] = 350  # 6 mm high, 6.25 mm²
    score = scored(volume_of(thin, (1.0, 0.5, 0.5)), ToldReader(heart_of=lambda v: heart_box(v, (1, 8, 8))))
    assert score.agatston == pytest.approx(2 * 6.25 * 3)
    assert score.scored_spacing_mm == pytest.approx((0.5, 0.5, 3.0))
    assert "averaged from 1 mm" in english.variant(score)
    assert any(caveat.code == "calcium-averaged-slices" for caveat in score.caveats)


def test_lesions_of_averaged_slices_lie_on_the_slices_of_the_series() -> None:
    thin = np.full((36, 40, 40), 40, dtype=np.int16)
    thin[12:18, 15:20, 15:20] = 350
    volume = volume_of(thin, (1.0, 0.5, 0.5))
    (lesion,) = scored(volume, ToldReader(heart_of=lambda v: heart_box(v, (1, 8, 8)))).lesions
    assert lesion.mask.grid.is_same_as(volume.grid)
    assert np.array_equal(lesion.mask.full(), thin == 350)
    assert lesion.centre.z == pytest.approx(14.5)


def test_without_a_heart_nothing_is_scored() -> None:
    result = assess_calcium(
        Scan(a_volume(THREE), flanked(a_volume(THREE)), None), ToldReader(heart_of=lambda _: None), POLICY
    )
    assert isinstance(result, NotAssessed)
    assert result.reason is NotAssessedReason.HEART_NOT_COVERED


def test_enhanced_blood_gives_a_reason_and_no_number() -> None:
    result = assess_calcium(
        Scan(a_volume(THREE, blood_hu=125), flanked(a_volume(THREE, blood_hu=125)), None), ToldReader(), POLICY
    )
    assert isinstance(result, NotAssessed)
    assert result.reason is NotAssessedReason.CONTRAST


def test_a_pacemaker_lead_gives_a_reason_and_no_number() -> None:
    lead = a_volume({(k, 20, i): 3071 for k in range(3, 9) for i in range(18, 22)})
    result = assess_calcium(Scan(lead, flanked(lead), None), ToldReader(), POLICY)
    assert isinstance(result, NotAssessed)
    assert result.reason is NotAssessedReason.METAL


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mirrored_scan_has_the_same_score(axis: int) -> None:
    volume = a_volume(THREE)
    mirrored = volume_of(np.flip(volume.hu, axis))
    assert scored(mirrored).agatston == pytest.approx(scored(volume).agatston)


def test_another_threshold_of_policy_is_followed_and_named() -> None:
    policy = replace(POLICY, threshold_hu=260.0)
    result = assess_calcium(
        Scan(a_volume(THREE), flanked(a_volume(THREE)), None), ToldReader(site_of=by_height), policy
    )
    assert isinstance(result, CalciumScore)
    assert dict(result.arteries)[Artery.LAD].agatston == 0
    assert ">= 260 HU" in english.variant(result)


@pytest.mark.parametrize("lungs", ["none", "one", "swapped"])
def test_a_heart_without_a_lung_on_both_sides_is_not_scored(lungs: str) -> None:
    volume = a_volume(THREE)
    labels = flanked(volume).labels.copy()
    labels = np.where(labels == 2, 0, labels) if lungs == "one" else np.array([0, 2, 1])[labels]
    mask = None if lungs == "none" else LungMask(labels.astype(np.uint8), volume.grid)
    wide = replace(POLICY, suitability=replace(POLICY.suitability, heart_field_mm=1.0))
    result = assess_calcium(Scan(volume, mask, None), ToldReader(), wide)
    assert isinstance(result, NotAssessed)
    assert result.reason is NotAssessedReason.HEART_NOT_COVERED
    assert "between two lungs" in result.text


def test_a_field_of_view_of_the_heart_alone_needs_no_lungs() -> None:
    assert isinstance(assess_calcium(Scan(a_volume(THREE), None, None), ToldReader(), POLICY), CalciumScore)


@pytest.mark.parametrize("heart_ml", [(100.0, 2500.0), (0.001, 0.002)])
def test_a_heart_of_a_size_that_none_has_is_not_scored(heart_ml: tuple[float, float]) -> None:
    volume = a_volume(THREE)
    policy = replace(POLICY, suitability=replace(POLICY.suitability, heart_ml=heart_ml))
    result = assess_calcium(Scan(volume, flanked(volume), None), ToldReader(), policy)
    assert isinstance(result, NotAssessed)
    assert "ml" in result.text
