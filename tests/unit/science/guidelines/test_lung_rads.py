"""Lung-RADS v2022: every row of the table, its boundaries, and what lungcad decided where the text is silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from cad.domain import (
    AirwayFinding,
    AirwaySite,
    AirwayStatus,
    AxisLengths,
    Composition,
    CystChange,
    CystFinding,
    CystKind,
    ExamObservations,
    GuidelineNodule,
    LungRadsCategory,
    NoduleSize,
    Sighting,
)
from cad.geometry import sphere_volume_mm3
from cad.policy import LungRadsPolicy
from cad.report.words.guidelines import SpokenRecommendation
from cad.science.guidelines.lung_rads.exam import lung_rads
from cad.science.guidelines.lung_rads.growth import Pace, Past, pace
from tests.made.guideline_nodules import (
    GROUND_GLASS,
    PART_SOLID,
    SOLID,
    a_new,
    earlier,
    followed,
    guideline_nodule,
    in_english,
)

POLICY = LungRadsPolicy()
NOTHING_STATED = ExamObservations()
YEAR, HALF_YEAR, QUARTER = 365, 183, 92


def reading(
    *nodules: GuidelineNodule,
    exam: ExamObservations = NOTHING_STATED,
    policy: LungRadsPolicy = POLICY,
    immunosuppressed: bool | None = None,
) -> SpokenRecommendation:
    return in_english(lung_rads(nodules, exam, policy, immunosuppressed=immunosuppressed))


def category(nodule: GuidelineNodule, policy: LungRadsPolicy = POLICY) -> str | None:
    return reading(nodule, policy=policy).category


# -- the table -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean_mm", "expected"),
    [(3.0, "2"), (5.9, "2"), (6.0, "3"), (7.9, "3"), (8.0, "4A"), (14.9, "4A"), (15.0, "4B"), (40.0, "4B")],
)
def test_solid_at_baseline(mean_mm: float, expected: str) -> None:
    assert category(guideline_nodule(mean_mm)) == expected


@pytest.mark.parametrize(
    ("mean_mm", "expected"),
    [(3.9, "2"), (4.0, "3"), (5.9, "3"), (6.0, "4A"), (7.9, "4A"), (8.0, "4B"), (20.0, "4B")],
)
def test_new_solid(mean_mm: float, expected: str) -> None:
    assert category(a_new(mean_mm)) == expected


@pytest.mark.parametrize(
    ("before_mm", "now_mm", "expected"), [(3.0, 5.0, "4A"), (6.0, 7.9, "4A"), (6.0, 8.0, "4B"), (9.0, 12.0, "4B")]
)
def test_growing_solid(before_mm: float, now_mm: float, expected: str) -> None:
    assert category(followed(now_mm, earlier(before_mm, HALF_YEAR))) == expected


@pytest.mark.parametrize(
    ("total_mm", "solid_mm", "expected"),
    [
        (5.9, 0.5, "2"),
        (5.9, 5.9, "2"),
        (6.0, 0.0, "3"),
        (6.0, 5.9, "3"),
        (6.0, 6.0, "4A"),
        (9.0, 7.9, "4A"),
        (9.0, 8.0, "4B"),
    ],
)
def test_part_solid_at_baseline(total_mm: float, solid_mm: float, expected: str) -> None:
    assert category(guideline_nodule(total_mm, PART_SOLID, solid_mm=solid_mm)) == expected


@pytest.mark.parametrize(
    ("total_mm", "solid_mm", "expected"),
    [(5.0, 1.0, "3"), (5.9, 4.5, "3"), (6.0, 3.9, "4A"), (9.0, 3.9, "4A"), (9.0, 4.0, "4B")],
)
def test_new_part_solid_goes_by_total_below_6_mm_and_by_component_above(
    total_mm: float, solid_mm: float, expected: str
) -> None:
    assert category(a_new(total_mm, PART_SOLID, solid_mm=solid_mm)) == expected


@pytest.mark.parametrize(
    ("before_mm", "now_mm", "expected"), [(2.0, 3.9, "4A"), (2.0, 4.0, "4B"), (3.0, 3.9, "3"), (5.0, 8.0, "4B")]
)
def test_growing_solid_component(before_mm: float, now_mm: float, expected: str) -> None:
    past = earlier(9.0, QUARTER, PART_SOLID, solid_mm=before_mm, category="3")
    assert category(followed(9.0, past, composition=PART_SOLID, solid_mm=now_mm)) == expected


@pytest.mark.parametrize(("solid_mm", "expected"), [(1.0, "4A"), (3.9, "4A"), (4.0, "4B")])
def test_new_solid_component_in_ground_glass(solid_mm: float, expected: str) -> None:
    past = earlier(9.0, YEAR, GROUND_GLASS)
    assert category(followed(9.0, past, composition=PART_SOLID, solid_mm=solid_mm)) == expected


def test_ground_glass_that_became_solid_throughout_is_a_new_component_of_its_size() -> None:
    assert category(followed(9.0, earlier(9.0, YEAR, GROUND_GLASS))) == "4B"


def test_part_solid_that_became_solid_throughout_has_a_grown_component() -> None:
    assert category(followed(9.0, earlier(9.0, YEAR, PART_SOLID, solid_mm=4.0))) == "4B"


@pytest.mark.parametrize(("mean_mm", "expected"), [(3.0, "2"), (29.9, "2"), (30.0, "3"), (45.0, "3")])
def test_ground_glass_at_baseline_and_new(mean_mm: float, expected: str) -> None:
    assert category(guideline_nodule(mean_mm, GROUND_GLASS)) == expected
    assert category(a_new(mean_mm, GROUND_GLASS)) == expected


@pytest.mark.parametrize(
    ("before_mm", "now_mm", "days", "expected"),
    [
        (30.0, 30.0, HALF_YEAR, "2"),
        (30.0, 30.0, 30, "2"),
        (30.0, 31.5, YEAR, "2"),
        (30.0, 33.0, 3 * YEAR, "2"),
        (29.5, 30.5, YEAR, "2"),
        (10.0, 14.0, HALF_YEAR, "2"),
    ],
)
def test_followed_ground_glass_that_is_stable_slow_or_small_is_2(
    before_mm: float, now_mm: float, days: float, expected: str
) -> None:
    assert category(followed(now_mm, earlier(before_mm, days, GROUND_GLASS), composition=GROUND_GLASS)) == expected


def test_no_nodule_is_1() -> None:
    assert (reading().category, reading().because) == ("1", "no lung nodule")


@pytest.mark.parametrize(
    "nodule",
    [
        guideline_nodule(20.0, Composition.FAT),
        guideline_nodule(20.0, Composition.CALCIFIED, benign_pattern=True),
        guideline_nodule(20.0, benign_pattern=True),
    ],
)
def test_benign_features_are_1(nodule: GuidelineNodule) -> None:
    assert category(nodule) == "1"


def test_calcification_of_an_unknown_pattern_counts_as_solid_and_is_said() -> None:
    result = reading(guideline_nodule(7.0, Composition.CALCIFIED))
    assert result.category == "3"
    assert any("concentric-ring" in text for text in result.assuming)


def test_a_cavitary_nodule_counts_as_solid_by_its_total_diameter() -> None:
    assert category(guideline_nodule(9.0, PART_SOLID, solid_mm=2.0, cavitary=True)) == "4A"
    assert category(guideline_nodule(9.0, GROUND_GLASS, cavitary=True)) == "4A"


@pytest.mark.parametrize("interval", [30, YEAR, 5 * YEAR])
def test_4b_proven_benign_is_2_at_any_time(interval: float) -> None:
    assert category(followed(20.0, earlier(20.0, interval, category="4B"), proven_benign=True)) == "2"


@pytest.mark.parametrize("sighting", [Sighting.BASELINE, Sighting.NEW])
@pytest.mark.parametrize(("mean_mm", "expected"), [(4.0, "2"), (9.9, "2"), (10.0, None)])
def test_smooth_juxtapleural_below_10_mm_is_2(sighting: Sighting, mean_mm: float, expected: str | None) -> None:
    smooth = guideline_nodule(mean_mm, sighting=sighting, juxtapleural_smooth=True)
    by_size = category(replace(smooth, juxtapleural_smooth=False))
    assert category(smooth) == (expected or by_size)


def test_juxtapleural_and_not_smooth_goes_by_the_solid_rows() -> None:
    assert category(guideline_nodule(7.0, juxtapleural_smooth=False)) == "3"


def test_only_solid_nodules_that_were_not_followed_are_juxtapleural() -> None:
    assert category(guideline_nodule(8.0, PART_SOLID, solid_mm=6.5, juxtapleural_smooth=True)) == "4A"
    assert category(followed(8.0, earlier(6.0, HALF_YEAR), juxtapleural_smooth=True)) == "4B"


@pytest.mark.parametrize(("now_mm", "expected"), [(9.2, "2"), (10.0, "4A"), (10.4, "4A"), (10.6, "4B")])
def test_a_followed_smooth_juxtapleural_nodule_stays_2_until_it_is_10_mm_or_grows(now_mm: float, expected: str) -> None:
    nodule = followed(now_mm, earlier(9.0, HALF_YEAR), juxtapleural_smooth=True)
    assert category(nodule) == expected


def test_a_nodule_that_might_be_juxtapleural_says_so() -> None:
    assert any("juxtapleural" in text for text in reading(guideline_nodule(7.0)).assuming)
    assert not any("juxtapleural" in text for text in reading(guideline_nodule(10.0)).assuming)
    assert not any("juxtapleural" in text for text in reading(guideline_nodule(5.0)).assuming)


# -- rounding and measure --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("long_mm", "short_mm", "expected"),
    [
        (6.04, 5.74, "2"),  # 6.0 and 5.7: 5.85, to 5.9
        (6.0, 5.9, "3"),  # 5.95, to 6.0
        (6.14, 5.84, "3"),  # 6.1 and 5.8: 5.95, to 6.0, though the mean of the unrounded axes is 5.99
        (5.94, 5.94, "2"),
        (5.95, 5.95, "3"),
        (10.0, 1.8, "2"),
        (10.0, 2.0, "3"),
    ],
)
def test_axes_and_mean_are_rounded_to_a_tenth_of_a_mm(long_mm: float, short_mm: float, expected: str) -> None:
    size = NoduleSize(SOLID, AxisLengths(long_mm, short_mm))
    assert category(GuidelineNodule("Nodule 1", size)) == expected


def test_the_volumes_of_the_table_are_those_of_spheres() -> None:
    exact = {4.0: 33.510, 6.0: 113.097, 8.0: 268.083, 10.0: 523.599, 15.0: 1767.146, 30.0: 14137.167}
    for diameter_mm, volume_mm3 in POLICY.sphere_volumes_mm3:
        assert sphere_volume_mm3(diameter_mm) == pytest.approx(exact[diameter_mm], abs=5e-4)
        assert volume_mm3 == round(sphere_volume_mm3(diameter_mm))


BY_VOLUME = replace(POLICY, measure="volume")


@pytest.mark.parametrize(
    ("volume_mm3", "baseline", "new"),
    [
        (33.4, "2", "2"),
        (34.0, "2", "3"),
        (112.4, "2", "3"),
        (112.5, "3", "4A"),
        (267.4, "3", "4A"),
        (268.0, "4A", "4B"),
        (1766.4, "4A", "4B"),
        (1767.0, "4B", "4B"),
    ],
)
def test_by_volume_the_volumes_of_the_table_are_the_limits(volume_mm3: float, baseline: str, new: str) -> None:
    assert category(guideline_nodule(1.0, volume_mm3=volume_mm3), BY_VOLUME) == baseline
    assert category(a_new(1.0, volume_mm3=volume_mm3), BY_VOLUME) == new


def test_by_volume_components_and_ground_glass_have_their_limits_too() -> None:
    assert category(guideline_nodule(9.0, PART_SOLID, volume_mm3=300, solid_mm3=112), BY_VOLUME) == "3"
    assert category(guideline_nodule(9.0, PART_SOLID, volume_mm3=300, solid_mm3=113), BY_VOLUME) == "4A"
    assert category(guideline_nodule(9.0, GROUND_GLASS, volume_mm3=14136), BY_VOLUME) == "2"
    assert category(guideline_nodule(9.0, GROUND_GLASS, volume_mm3=14137), BY_VOLUME) == "3"
    assert category(guideline_nodule(9.0, volume_mm3=523, juxtapleural_smooth=True), BY_VOLUME) == "2"
    assert category(guideline_nodule(9.0, volume_mm3=524, juxtapleural_smooth=True), BY_VOLUME) == "4A"


def test_by_diameter_the_volume_does_not_count() -> None:
    assert category(guideline_nodule(7.0, volume_mm3=2000.0)) == "3"


def test_by_volume_a_nodule_without_volume_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="measure by diameter"):
        category(guideline_nodule(7.0), BY_VOLUME)


# -- growth ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gain_mm", "days", "expected"),
    [
        (1.5, 90, Pace.STABLE),
        (1.6, 90, Pace.GROWING),
        (1.6, 366, Pace.GROWING),
        (1.6, 400, Pace.SLOW),
        (1.7, 400, Pace.GROWING),
        (3.0, 730, Pace.SLOW),
        (3.1, 730, Pace.GROWING),
        (1.5, 2000, Pace.STABLE),
        (-1.5, 90, Pace.STABLE),
        (-1.6, 90, Pace.DECREASED),
    ],
)
def test_growth_is_more_than_1_5_mm_within_12_months(gain_mm: float, days: float, expected: Pace) -> None:
    assert pace(6.0 + gain_mm, [Past(days, 6.0)], POLICY) is expected


def test_the_policy_can_count_the_total_increase_over_a_longer_interval_as_growth() -> None:
    total = replace(POLICY, long_interval_growth="total")
    assert pace(7.6, [Past(1000, 6.0)], total) is Pace.GROWING
    assert category(followed(7.6, earlier(6.0, 1000)), total) == "4A"
    assert category(followed(7.6, earlier(6.0, 1000))) == "3"


@pytest.mark.parametrize(
    ("then_mm", "now_mm", "days", "expected"),
    [(6.0, 7.6, 366, "4A"), (6.0, 7.6, 390, "3"), (3.0, 4.6, 400, "2"), (3.0, 4.6, 800, "2"), (7.0, 9.0, 800, "4A")],
)
def test_slow_growth_since_one_earlier_examination_goes_by_size(
    then_mm: float, now_mm: float, days: float, expected: str
) -> None:
    """Note 8 asks for growth over multiple screening examinations; without a second interval note 5 holds."""
    assert category(followed(now_mm, earlier(then_mm, days))) == expected


def test_a_spiculated_nodule_is_no_smooth_juxtapleural_one() -> None:
    assert category(guideline_nodule(9.0, juxtapleural_smooth=True)) == "2"
    assert category(guideline_nodule(9.0, juxtapleural_smooth=True, spiculated=True)) == "4X"


def test_a_measured_sign_that_lowers_the_category_is_named() -> None:
    nodule = guideline_nodule(9.0, juxtapleural_smooth=True, measured_juxtapleural=True)
    assert any("no reader has confirmed it" in text for text in reading(nodule).assuming)
    assert not reading(replace(nodule, measured_juxtapleural=False)).assuming[1:]


def test_lungs_that_cannot_be_evaluated_do_not_take_back_what_was_found() -> None:
    exam = ExamObservations(lungs_not_evaluable=True)
    assert reading(guideline_nodule(20.0), exam=exam).category == "4B"
    assert reading(guideline_nodule(7.0), exam=exam).category == "0"


def test_an_increase_by_2_mm3_is_no_growth() -> None:
    past = replace(earlier(8.0, QUARTER), size=NoduleSize(SOLID, AxisLengths(8.0, 8.0), 268.0))
    for policy in (POLICY, BY_VOLUME):
        assert category(followed(8.0, past, volume_mm3=275.0), policy) == "3"


def test_by_volume_growth_is_that_of_the_sphere_s_diameter() -> None:
    past = replace(earlier(6.0, HALF_YEAR), size=NoduleSize(SOLID, AxisLengths(6.0, 6.0), 113.0))
    assert category(followed(6.0, past, volume_mm3=220.0), BY_VOLUME) == "2"  # 6.0 → 7.5 mm
    assert category(followed(6.0, past, volume_mm3=235.0), BY_VOLUME) == "4A"  # 6.0 → 7.7 mm


def test_slow_growth_of_a_solid_nodule_over_several_examinations_is_4b() -> None:
    past = (earlier(5.0, 3 * YEAR), earlier(5.8, 2 * YEAR), earlier(6.6, YEAR))
    assert pace(7.4, [Past(e.interval_days, e.size.axes.mean_mm) for e in past], POLICY) is Pace.SLOW
    result = reading(followed(7.4, *past))
    assert result.category == "4B"
    assert "note 8 [unverified]" in result.because


def test_slow_growth_of_a_part_solid_nodule_or_its_component_over_several_examinations_is_4b() -> None:
    part_solid: dict[str, Any] = {"composition": PART_SOLID, "solid_mm": 3.0}
    total = (earlier(10.0, 3 * YEAR, PART_SOLID, solid_mm=3.0), earlier(11.0, 1.5 * YEAR, PART_SOLID, solid_mm=3.0))
    component = (earlier(10.0, 3 * YEAR, PART_SOLID, solid_mm=1.0), earlier(10.0, 1.5 * YEAR, PART_SOLID, solid_mm=2.0))
    assert category(followed(12.0, *total, **part_solid)) == "4B"
    assert category(followed(10.0, *component, **part_solid)) == "4B"
    assert category(followed(12.0, total[0], **part_solid)) == "3"


def test_growth_between_earlier_examinations_is_not_counted_again() -> None:
    past = (earlier(5.0, 2 * YEAR), earlier(7.0, YEAR, category="4A"))
    assert category(followed(7.2, *past)) == "3"


def test_a_part_solid_nodule_that_grows_in_total_alone_keeps_its_row_and_is_at_least_3() -> None:
    large_past, small_past = (earlier(mm, HALF_YEAR, PART_SOLID, solid_mm=3.0) for mm in (8.0, 4.0))
    large = followed(10.0, large_past, composition=PART_SOLID, solid_mm=3.0)
    small = followed(5.9, small_past, composition=PART_SOLID, solid_mm=3.0)
    assert (category(large), category(small)) == ("3", "3")


@pytest.mark.parametrize(("now_mm", "expected"), [(33.0, "3"), (60.0, "4X")])
def test_large_ground_glass_that_grows_is_3_and_4x_when_it_doubled(now_mm: float, expected: str) -> None:
    past = earlier(30.0, YEAR, GROUND_GLASS)
    assert category(followed(now_mm, past, composition=GROUND_GLASS)) == expected


def test_small_ground_glass_that_doubled_stays_2_with_a_word_of_it() -> None:
    result = reading(followed(20.0, earlier(10.0, YEAR, GROUND_GLASS), composition=GROUND_GLASS))
    assert result.category == "2"
    assert any("doubled" in text for text in result.assuming)


def test_ground_glass_that_doubled_in_more_than_a_year_did_not_double_in_the_sense_of_4x() -> None:
    result = reading(followed(62.0, earlier(30.0, 400, GROUND_GLASS), composition=GROUND_GLASS))
    assert result.category == "3"


# -- stepped management ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "days", "expected"),
    [
        ("2", YEAR, "2"),
        ("3", 167, "3"),
        ("3", 175, "2"),
        ("4A", 79, "4A"),
        ("4A", 84, "3"),  # a booking in 12 weeks is the CT at 3 months
        ("4A", YEAR, "3"),
        ("4B", YEAR, "4B"),
        ("4X", YEAR, "4B"),
        ("0", YEAR, "4A"),
        ("1", YEAR, "4A"),
    ],
)
def test_a_stable_nodule_steps_down_one_category_when_its_time_has_come(
    before: str, days: float, expected: str
) -> None:
    assert category(followed(8.5, earlier(8.5, days, category=before))) == expected


def test_a_decreased_nodule_steps_down_likewise() -> None:
    assert category(followed(8.0, earlier(10.0, QUARTER, category="4A"))) == "3"


def test_4a_steps_to_3_and_then_to_2() -> None:
    first, second = earlier(8.5, QUARTER + HALF_YEAR), earlier(8.5, HALF_YEAR)
    assert category(followed(8.5, earlier(8.5, QUARTER))) == "3"
    assert category(followed(8.5, first, second)) == "2"
    assert category(followed(8.5, replace(second, lung_rads=LungRadsCategory("3")))) == "2"


def test_an_earlier_category_that_is_not_known_is_derived_and_said() -> None:
    result = reading(followed(7.0, earlier(7.0, HALF_YEAR)))
    assert result.category == "2"
    assert any("derived" in text for text in result.assuming)
    given = reading(followed(7.0, earlier(7.0, HALF_YEAR, category="3")))
    assert not any("derived" in text for text in given.assuming)


def test_a_nodule_that_reaches_a_higher_row_without_growth_has_the_category_of_its_size() -> None:
    assert category(followed(6.5, earlier(5.5, YEAR, category="2"))) == "3"
    assert category(followed(8.1, earlier(7.4, YEAR, category="2"))) == "4A"
    assert category(followed(7.4, earlier(7.0, YEAR, category="2"))) == "2"


def test_a_part_solid_nodule_steps_down() -> None:
    past = earlier(9.0, QUARTER, PART_SOLID, solid_mm=6.5)
    assert category(followed(9.0, past, composition=PART_SOLID, solid_mm=6.5)) == "3"


def test_a_solid_nodule_that_turned_to_ground_glass_steps_down_and_is_not_2_at_once() -> None:
    assert category(followed(16.0, earlier(16.0, QUARTER, category="4B"), composition=GROUND_GLASS)) == "4B"


# -- airway nodules and cysts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "status", "expected"),
    [
        ("segmental-or-proximal", "baseline", "4A"),
        ("segmental-or-proximal", "new", "4A"),
        ("segmental-or-proximal", "stable", "4B"),
        ("segmental-or-proximal", "growing", "4B"),
        ("subsegmental", "baseline", "2"),
        ("subsegmental", "new", "2"),
        ("subsegmental", "stable", "2"),
        ("subsegmental", "growing", "4B"),
    ],
)
def test_airway_nodules(site: str, status: str, expected: str) -> None:
    airway = AirwayFinding(AirwaySite(site), AirwayStatus(status))
    assert reading(exam=ExamObservations(airway_nodules=(airway,))).category == expected


def test_air_in_an_airway_nodule_favours_secretions() -> None:
    airway = AirwayFinding(AirwaySite.PROXIMAL, AirwayStatus.BASELINE, contains_air=True)
    assert reading(exam=ExamObservations(airway_nodules=(airway,))).category == "2"


def test_multiple_tubular_airway_findings_are_2_or_0_with_infection() -> None:
    airway = AirwayFinding(AirwaySite.SUBSEGMENTAL, AirwayStatus.BASELINE, multiple_tubular=True)
    exam = ExamObservations(airway_nodules=(airway,))
    assert reading(exam=exam).category == "2"
    assert reading(exam=replace(exam, infection_suspected=True)).category == "0"


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("thick-walled", "first-seen", "4A"),
        ("multilocular", "first-seen", "4A"),
        ("multilocular", "became-multilocular", "4A"),
        ("thick-walled", "growing", "3"),
        ("thick-walled", "wall-thicker-or-nodular", "4B"),
        ("multilocular", "growing", "4B"),
        ("multilocular", "more-locules-or-opacity", "4B"),
        ("thick-walled", "stable", "4A"),
        ("thin-walled", "first-seen", "1"),
        ("thin-walled", "growing", "1"),
        ("fluid-containing", "first-seen", "1"),
        ("multiple", "stable", "1"),
    ],
)
def test_cysts(kind: str, change: str, expected: str) -> None:
    cyst = CystFinding(CystKind(kind), CystChange(change))
    assert reading(exam=ExamObservations(cysts=(cyst,))).category == expected


@pytest.mark.parametrize(
    ("days", "before", "expected"),
    [(QUARTER, None, "3"), (30, None, "4A"), (HALF_YEAR, "3", "2"), (YEAR, "4B", "4B"), (YEAR, "1", "3")],
)
def test_a_stable_cyst_steps_down(days: float, before: str | None, expected: str) -> None:
    given = None if before is None else LungRadsCategory(before)
    cyst = CystFinding(CystKind.MULTILOCULAR, CystChange.STABLE, days, given)
    assert reading(exam=ExamObservations(cysts=(cyst,))).category == expected


def test_cysts_that_are_not_classified_do_not_hide_a_nodule() -> None:
    exam = ExamObservations(cysts=(CystFinding(CystKind.THIN_WALLED, CystChange.FIRST_SEEN),))
    result = reading(guideline_nodule(9.0), exam=exam)
    assert result.category == "4A"
    assert any("not classified" in text for text in result.assuming)


# -- 4X --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean_mm", "expected"), [(5.9, "2"), (6.0, "4X"), (9.0, "4X"), (20.0, "4X")])
def test_spiculation_makes_4x_from_category_3_on(mean_mm: float, expected: str) -> None:
    result = reading(guideline_nodule(mean_mm, spiculated=True))
    assert result.category == expected
    assert ("spiculation" in result.because) == (expected == "4X")


@pytest.mark.parametrize("exam", [ExamObservations(lymphadenopathy=True), ExamObservations(metastatic_disease=True)])
def test_features_of_the_examination_make_4x(exam: ExamObservations) -> None:
    assert reading(guideline_nodule(7.0), exam=exam).category == "4X"
    assert reading(guideline_nodule(5.0), exam=exam).category == "2"


def test_other_named_features_make_4x_and_are_named() -> None:
    result = reading(guideline_nodule(7.0, suspicious=("bubble-like lucency",)))
    assert result.category == "4X"
    assert "bubble-like lucency" in result.because


def test_4x_is_a_category_with_the_management_of_4b() -> None:
    suspicious, plain = (
        reading(guideline_nodule(20.0, spiculated=True)),
        reading(guideline_nodule(20.0, spiculated=False)),
    )
    assert suspicious.management == plain.management


def test_what_would_make_4x_is_said_where_it_is_not_known() -> None:
    unknown = reading(guideline_nodule(7.0)).assuming
    assert any("spiculated" in text for text in unknown)
    assert any("lymphadenopathy" in text for text in unknown)
    exam = ExamObservations(lymphadenopathy=False, metastatic_disease=False)
    known = reading(guideline_nodule(7.0, spiculated=False), exam=exam).assuming
    assert not any("4X" in text for text in known)
    assert not any("4X" in text for text in reading(guideline_nodule(5.0)).assuming)


# -- 0 and S ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exam", "management"),
    [
        (
            ExamObservations(prior_being_located=True),
            "Comparison with the prior chest CT before a category is assigned",
        ),
        (ExamObservations(lungs_not_evaluable=True), "Additional lung cancer screening CT images"),
        (ExamObservations(infection_suspected=True), "1- to 3-month LDCT"),
    ],
)
def test_an_incomplete_examination_is_0_and_says_what_it_would_be(exam: ExamObservations, management: str) -> None:
    result = reading(guideline_nodule(9.0), exam=exam)
    assert (result.category, result.management) == ("0", management)
    assert result.assuming[0].startswith("without that, category 4A")


def test_suspected_infection_comes_before_4x() -> None:
    assert (
        reading(guideline_nodule(9.0, spiculated=True), exam=ExamObservations(infection_suspected=True)).category == "0"
    )


@pytest.mark.parametrize(("mean_mm", "expected"), [(8.0, "4B"), (7.9, "0")])
def test_a_nodule_of_the_size_of_4b_is_4b_where_cancer_is_favoured(mean_mm: float, expected: str) -> None:
    exam = ExamObservations(infection_suspected=True, cancer_favoured_over_infection=True)
    assert reading(a_new(mean_mm), exam=exam).category == expected
    assert reading(guideline_nodule(20.0), exam=exam).category == "4B"
    assert reading(followed(20.0, earlier(15.0, QUARTER)), exam=exam).category == "4B"


@pytest.mark.parametrize(("new", "expected"), [(6, "2"), (7, "0")])
def test_more_than_six_new_nodules_suggest_infection(new: int, expected: str) -> None:
    nodules = [replace(a_new(3.5), label=f"Nodule {n}") for n in range(new)]
    assert reading(*nodules).category == expected
    assert reading(*nodules, exam=ExamObservations(infection_suspected=False)).category == "2"


def test_a_large_new_solid_nodule_says_that_infection_was_not_ruled_out() -> None:
    assert any("infection" in text for text in reading(a_new(8.0)).assuming)
    assert not any("infection" in text for text in reading(a_new(7.9)).assuming)
    assert not any("infection" in text for text in reading(guideline_nodule(8.0)).assuming)


def test_any_new_nodule_of_an_immunosuppressed_patient_says_so_too() -> None:
    assert any("infection" in text for text in reading(a_new(5.0), immunosuppressed=True).assuming)
    ruled_out = ExamObservations(infection_suspected=False)
    assert not any("infection" in t for t in reading(a_new(5.0), exam=ruled_out, immunosuppressed=True).assuming)


@pytest.mark.parametrize(
    ("nodules", "exam", "expected"),
    [
        ((), ExamObservations(), "1S"),
        ((guideline_nodule(9.0),), ExamObservations(), "4AS"),
        ((guideline_nodule(9.0),), ExamObservations(prior_being_located=True), "0S"),
    ],
)
def test_a_significant_other_finding_adds_s(
    nodules: tuple[GuidelineNodule, ...], exam: ExamObservations, expected: str
) -> None:
    result = reading(*nodules, exam=replace(exam, significant_other_finding=True))
    assert (result.category, result.possible) == (expected, (expected,))
    assert "other finding" in result.management


# -- the examination -------------------------------------------------------------------------------------------


def test_the_most_suspicious_finding_decides_and_is_named() -> None:
    small, large = guideline_nodule(5.0), replace(guideline_nodule(9.0), label="Nodule 2")
    result = reading(small, large)
    assert result.category == "4A"
    assert result.because == "Nodule 2, solid, 9.0 mm: solid 8 to <15 mm, baseline"
    assert (result.scheme, result.edition) == ("Lung-RADS", "v2022")


def test_an_unmeasured_component_leaves_a_range_without_a_category() -> None:
    result = reading(guideline_nodule(9.0, PART_SOLID))
    assert (result.category, result.possible) == (None, ("3", "4A", "4B"))
    assert "3: 6-month LDCT; 4A: 3-month LDCT" in result.management
    assert "solid component not measured" in result.because


@pytest.mark.parametrize(
    ("total_mm", "possible"), [(5.0, ("2",)), (6.0, ("3", "4A")), (7.9, ("3", "4A")), (8.0, ("3", "4A", "4B"))]
)
def test_an_unmeasured_component_is_no_larger_than_its_nodule(total_mm: float, possible: tuple[str, ...]) -> None:
    assert reading(guideline_nodule(total_mm, PART_SOLID)).possible == possible


def test_a_new_nodule_with_an_unmeasured_component_is_4a_or_4b() -> None:
    assert reading(a_new(9.0, PART_SOLID)).possible == ("4A", "4B")


def test_a_followed_nodule_with_an_unmeasured_component_may_have_grown_in_it() -> None:
    result = reading(followed(9.0, earlier(9.0, QUARTER, PART_SOLID), composition=PART_SOLID))
    assert result.possible == ("3", "4A", "4B")


def test_a_range_ends_where_another_nodule_is_certain() -> None:
    result = reading(guideline_nodule(9.0, PART_SOLID), replace(guideline_nodule(9.0), label="Nodule 2"))
    assert result.possible == ("4A", "4B")


def test_spiculation_of_an_unmeasured_component_is_4x_for_certain() -> None:
    assert category(guideline_nodule(9.0, PART_SOLID, spiculated=True)) == "4X"


def test_a_reading_without_a_prior_says_that_it_is_a_baseline() -> None:
    assert any("baseline" in text for text in reading(guideline_nodule(5.0)).assuming)
    assert not any("baseline" in text for text in reading(a_new(5.0)).assuming)


def test_earlier_sizes_belong_to_followed_nodules_oldest_first() -> None:
    with pytest.raises(ValueError, match="followed"):
        guideline_nodule(5.0, earlier=(earlier(5.0, 90),))
    with pytest.raises(ValueError, match="oldest first"):
        followed(5.0, earlier(5.0, 90), earlier(5.0, 180))


# -- properties ------------------------------------------------------------------------------------------------

RANKS = {row.code: rank for rank, row in enumerate(POLICY.rows)}
SIZES = st.floats(2.0, 45.0)
DAYS = st.floats(20.0, 1500.0)


def rank(nodule: GuidelineNodule) -> int:
    found = category(nodule)
    assert found is not None
    return RANKS[found]


@given(SIZES, SIZES, st.sampled_from([Sighting.BASELINE, Sighting.NEW]), st.booleans(), st.booleans())
def test_a_larger_solid_nodule_never_gets_a_lower_category(
    a_mm: float, b_mm: float, sighting: Sighting, spiculated: bool, smooth: bool
) -> None:
    smaller, larger = (
        guideline_nodule(mm, sighting=sighting, spiculated=spiculated, juxtapleural_smooth=smooth)
        for mm in sorted((a_mm, b_mm))
    )
    assert rank(smaller) <= rank(larger)


@given(SIZES, SIZES, SIZES, DAYS)
def test_a_larger_followed_solid_nodule_never_gets_a_lower_category(
    before_mm: float, a_mm: float, b_mm: float, days: float
) -> None:
    smaller, larger = (followed(mm, earlier(before_mm, days, category="3")) for mm in sorted((a_mm, b_mm)))
    assume(not (rank(smaller) == RANKS["4B"] and "slow growth" in reading(smaller).because))
    assert rank(smaller) <= rank(larger)


@given(SIZES, SIZES, SIZES, st.sampled_from([Sighting.BASELINE, Sighting.NEW]))
def test_a_larger_solid_component_never_gets_a_lower_category(
    total_mm: float, a_mm: float, b_mm: float, sighting: Sighting
) -> None:
    smaller, larger = (
        guideline_nodule(total_mm, PART_SOLID, solid_mm=min(mm, total_mm), sighting=sighting)
        for mm in sorted((a_mm, b_mm))
    )
    assert rank(smaller) <= rank(larger)


@given(SIZES, SIZES)
def test_a_larger_ground_glass_nodule_never_gets_a_lower_category(a_mm: float, b_mm: float) -> None:
    smaller, larger = (guideline_nodule(mm, GROUND_GLASS) for mm in sorted((a_mm, b_mm)))
    assert rank(smaller) <= rank(larger)


@given(SIZES)
def test_a_new_solid_nodule_never_gets_a_lower_category_than_at_baseline(mm: float) -> None:
    assert rank(guideline_nodule(mm)) <= rank(a_new(mm))


@given(SIZES, st.floats(0.1, 45.0), st.sampled_from([Sighting.BASELINE, Sighting.NEW]))
def test_what_is_measured_later_is_among_what_was_possible(
    total_mm: float, solid_mm: float, sighting: Sighting
) -> None:
    unknown = reading(guideline_nodule(total_mm, PART_SOLID, sighting=sighting))
    known = category(guideline_nodule(total_mm, PART_SOLID, sighting=sighting, solid_mm=min(solid_mm, total_mm)))
    assert known in unknown.possible


@given(st.lists(SIZES, min_size=1, max_size=4))
def test_the_category_of_an_examination_is_the_highest_of_its_nodules(sizes_mm: list[float]) -> None:
    nodules = [guideline_nodule(mm) for mm in sizes_mm]
    assert RANKS[str(reading(*nodules).category)] == max(rank(nodule) for nodule in nodules)
