"""The same nodule, found again: what is stable, grows, shrinks, is new or gone, against chests that are known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from cad.domain import (
    AxisLengths,
    ChangeStatus,
    Composition,
    Guideline,
    LungRadsCategory,
    Networks,
    Nodule,
    NoduleSize,
    NotAssessed,
    NotAssessedReason,
    PointLps,
    PriorNodule,
    PriorSource,
    Side,
)
from cad.exam.analyze import Request
from cad.exam.followup import CurrentScan, Tools, compare
from cad.exam.followup.examination import is_in_view, prior_nodule
from cad.exam.nodules import Scene
from cad.geometry import sphere_volume_mm3
from cad.science.lungs import segment_lungs
from tests.made.compared_chests import (
    FAINT,
    GOOD,
    POLICY,
    SHIFT,
    SURE,
    TODAY,
    Chest,
    Compared,
    KnowingRegistrar,
    MarkingDetector,
    affine,
    compared,
    prior_of,
    volume_of,
)
from tests.made.guideline_nodules import in_english
from tests.made.series import Sphere

RIGHT = Sphere((-60.0, 8.0, 5.0), 12.0)
LEFT = Sphere((62.0, -6.0, -12.0), 10.0)
OTHER = Sphere((-62.0, 20.0, -25.0), 9.0)
HIGH = Sphere((-60.0, 8.0, 35.0), 12.0)
DOUBLED = 2 ** (1 / 3)


def grown(sphere: Sphere, volume_ratio: float) -> Sphere:
    return replace(sphere, diameter_mm=sphere.diameter_mm * volume_ratio ** (1 / 3))


@pytest.fixture(scope="module")
def usual() -> Compared:
    """One nodule has doubled in 200 days, one is as before, one is gone and one is new."""
    new = Sphere((60.0, 20.0, 15.0), 9.0)
    return compared(Chest([grown(RIGHT, 2), LEFT, new]), prior_of(Chest([RIGHT, LEFT, OTHER]), 200))


def test_every_nodule_has_its_status_resolved_ones_last(usual: Compared) -> None:
    assert usual.statuses() == [ChangeStatus.GROWING, ChangeStatus.STABLE, ChangeStatus.NEW, ChangeStatus.RESOLVED]
    assert [change.current for change in usual.followup.changes] == [0, 1, 2, None]


def test_growth_is_that_of_the_spheres(usual: Compared) -> None:
    change = usual.change_at(RIGHT).change
    assert change is not None
    assert change.volume_percent == pytest.approx(100, abs=15)  # voxels of 4.5 mm³
    assert change.doubling_time_days == pytest.approx(200, rel=0.15)
    assert change.mean_diameter_mm == pytest.approx(12 * (DOUBLED - 1), abs=0.8)
    assert change.interval_days == 200


def test_places_in_both_scans_are_told(usual: Compared) -> None:
    for sphere, change in ((RIGHT, usual.followup.changes[0]), (OTHER, usual.followup.changes[3])):
        assert change.place_in_current is not None
        assert change.place_in_prior is not None
        here = change.place_in_current.as_array()
        assert here == pytest.approx(sphere.centre, abs=1.5)
        assert change.place_in_prior.as_array() == pytest.approx(here + SHIFT, abs=1.5)


def test_the_tracking_uid_lasts(usual: Compared) -> None:
    earlier = compared(replace(Chest([RIGHT, LEFT, OTHER]), moved=SHIFT))
    alone = {nodule.label: nodule.tracking_uid for nodule in earlier.nodules}
    for change in usual.followup.changes:
        if change.prior is not None:
            assert change.tracking_uid == change.prior.tracking_uid
    uids = [nodule.tracking_uid for nodule in usual.nodules]
    assert [change.tracking_uid for change in usual.followup.changes[:3]] == uids
    assert len(set(uids)) == 3
    assert set(alone) == {"Nodule 1", "Nodule 2", "Nodule 3"}


def test_an_earlier_scan_gives_the_same_uids_as_when_it_is_analysed_by_itself() -> None:
    name, chest, scan = prior_of(Chest([RIGHT, LEFT]), 100)
    found = compared(Chest([RIGHT, LEFT]), (name, chest, scan))
    detector = MarkingDetector({name: chest})
    alone = analyze_alone(scan.volume, detector, scan.series.series_uid)
    assert [nodule.tracking_uid for nodule in found.nodules] == [nodule.tracking_uid for nodule in alone]


def analyze_alone(volume: object, detector: MarkingDetector, seed: str) -> tuple[Nodule, ...]:
    from cad.domain import Volume
    from cad.exam.analyze import analyze
    from tests.made.compared_chests import no_stage

    assert isinstance(volume, Volume)
    nodules = analyze(volume, Networks(detector), POLICY, Request(seed), no_stage).nodules
    assert isinstance(nodules, tuple)
    return nodules


def test_guidelines_hear_of_growth_and_of_new_nodules(usual: Compared) -> None:
    assessment = usual.findings.assessment
    assert not isinstance(assessment, NotAssessed)
    screened = assessment.recommendation(Guideline.LUNG_RADS)
    assert screened.category == "4B"
    assert "growing solid 8 mm or more" in in_english(screened).because
    assert "volume +" in in_english(assessment.recommendation(Guideline.NELSON)).because
    assert assessment.recommendation(Guideline.NELSON).category == "positive"


def test_the_same_scan_again_is_stable_throughout() -> None:
    found = compared(Chest([RIGHT, LEFT]), prior_of(Chest([RIGHT, LEFT]), 90))
    assert found.statuses() == [ChangeStatus.STABLE] * 2
    assert found.change_at(LEFT).change is not None
    assert found.codes == set()


def test_half_the_volume_is_shrinking() -> None:
    found = compared(Chest([grown(RIGHT, 0.5)]), prior_of(Chest([RIGHT]), 90))
    assert found.statuses() == [ChangeStatus.SHRINKING]
    change = found.change_at(RIGHT).change
    assert change is not None
    assert change.doubling_time_days is None


def test_the_size_of_a_mark_is_said_to_be_rough() -> None:
    hazy = replace(LEFT, hu=-790.0)  # 70 HU above lung: no border can be measured
    found = compared(Chest([RIGHT, hazy]), prior_of(Chest([RIGHT, hazy]), 90))
    assert "Nodule 2" in found.text_of("change-of-the-mark")
    assert "Nodule 1" not in found.text_of("change-of-the-mark")


# -- searched again ----------------------------------------------------------------------------------------------


def test_a_faint_mark_in_the_earlier_scan_makes_a_nodule_not_new() -> None:
    found = compared(Chest([RIGHT, LEFT]), prior_of(Chest([RIGHT, LEFT], [SURE, FAINT]), 90))
    assert found.statuses() == [ChangeStatus.STABLE] * 2
    assert [change.searched_again for change in found.followup.changes] == [False, True]


def test_a_faint_mark_in_the_current_scan_makes_a_nodule_not_gone_and_joins_the_current_ones() -> None:
    found = compared(Chest([RIGHT, LEFT], [SURE, FAINT]), prior_of(Chest([RIGHT, LEFT]), 90))
    assert found.statuses() == [ChangeStatus.STABLE] * 2
    assert [(n.label, n.score) for n in found.nodules] == [("Nodule 1", SURE), ("Nodule 2", FAINT)]
    assert found.change_at(LEFT).searched_again
    assert found.nodules[1].attributes is not None  # described like any other


def test_a_sphere_without_any_mark_is_found_at_its_place() -> None:
    found = compared(Chest([RIGHT, LEFT], [SURE, None]), prior_of(Chest([RIGHT, LEFT], [None, SURE]), 90))
    assert found.statuses() == [ChangeStatus.STABLE] * 2
    assert all(change.searched_again for change in found.followup.changes)


def test_a_faint_mark_elsewhere_changes_nothing() -> None:
    found = compared(Chest([RIGHT]), prior_of(Chest([OTHER], [FAINT]), 90))
    assert found.statuses() == [ChangeStatus.NEW]


def test_nothing_is_found_again_in_empty_lung() -> None:
    found = compared(Chest([RIGHT]), prior_of(Chest([LEFT]), 90))
    assert found.statuses() == [ChangeStatus.NEW, ChangeStatus.RESOLVED]
    assert len(found.nodules) == 1


def test_the_same_mark_is_never_two_nodules() -> None:
    beside = Sphere((-60.0, 14.0, 5.0), 9.0)  # gone; its place is within reach of a nodule that is there
    found = compared(Chest([RIGHT]), prior_of(Chest([RIGHT, beside]), 90))
    assert len(found.nodules) == 1
    assert found.statuses()[0] is not ChangeStatus.NEW


def test_without_earlier_examinations_the_detector_is_asked_as_ever_and_nothing_is_compared() -> None:
    found = compared(Chest([RIGHT]))
    assert found.asked == [("now", 0.5)]
    assert found.findings.followup == NotAssessed(NotAssessedReason.NO_PRIOR)


def test_with_one_each_scan_is_read_once() -> None:
    found = compared(Chest([RIGHT]), prior_of(Chest([LEFT]), 90))
    assert found.asked == [("now", POLICY.followup.again_min_score), ("90", POLICY.followup.again_min_score)]


# -- out of view -------------------------------------------------------------------------------------------------


def test_a_place_that_the_earlier_scan_does_not_show_is_not_new() -> None:
    found = compared(Chest([RIGHT, HIGH]), prior_of(Chest([RIGHT], z_range=(-50, 30)), 90))
    assert found.statuses() == [ChangeStatus.STABLE]
    assert "Nodule 2" in found.text_of("place-outside-prior")
    assessment = found.findings.assessment
    assert not isinstance(assessment, NotAssessed)
    assert "Nodule 2" in in_english(assessment.recommendation(Guideline.LUNG_RADS)).because
    assert "baseline" in in_english(assessment.recommendation(Guideline.LUNG_RADS)).because


def test_a_place_that_the_current_scan_does_not_show_is_not_resolved() -> None:
    found = compared(Chest([RIGHT], z_range=(-50, 30)), prior_of(Chest([RIGHT, HIGH]), 90))
    assert found.statuses() == [ChangeStatus.STABLE]
    assert "Nodule 2" in found.text_of("place-outside-current")


@pytest.mark.parametrize(
    ("place", "seen"), [((0, 0, 0), True), ((0, 0, 44), True), ((0, 0, 47), False), ((0, 0, 60), False)]
)
def test_a_ball_is_in_view_when_all_of_it_is(place: tuple[float, float, float], seen: bool) -> None:
    assert is_in_view(volume_of(Chest([]), "now"), PointLps(*place), 4.0) is seen


# -- split and merged --------------------------------------------------------------------------------------------

WHOLE = Sphere((-60.0, 8.0, 5.0), 18.0)
PARTS = (Sphere((-60.0, 2.0, 5.0), 10.0), Sphere((-60.0, 14.0, 5.0), 9.0))


def test_a_nodule_that_split_is_compared_with_the_sum_of_its_parts() -> None:
    found = compared(Chest(PARTS), prior_of(Chest([WHOLE]), 90))
    (change,) = found.followup.changes
    assert {change.tracking_uid, *change.parts} == {nodule.tracking_uid for nodule in found.nodules}
    assert change.change is not None
    ratio = (10**3 + 9**3) / 18**3
    assert change.change.volume_percent == pytest.approx((ratio - 1) * 100, abs=6)
    assert "Nodule 1" in found.text_of("nodule-split")
    assert "Nodule 2" in found.text_of("nodule-split")


def test_nodules_that_merged_are_not_resolved() -> None:
    found = compared(Chest([WHOLE]), prior_of(Chest(PARTS), 90))
    (change,) = found.followup.changes
    assert change.status is ChangeStatus.GROWING
    assert len(change.parts) == 1
    assert change.change is not None
    assert change.change.volume_percent == pytest.approx((18**3 / (10**3 + 9**3) - 1) * 100, rel=0.15)


# -- several earlier examinations --------------------------------------------------------------------------------


def test_three_examinations_give_a_trend_and_the_uid_of_the_first() -> None:
    first = prior_of(Chest([RIGHT, LEFT]), 400)
    second = prior_of(Chest([LEFT, grown(RIGHT, 2)]), 200)  # in another order, with other labels
    found = compared(Chest([grown(RIGHT, 4), LEFT]), second, first)
    assert [exam.scan.interval_days for exam in found.followup.exams] == [400, 200]
    change = found.change_at(RIGHT)
    assert [entry.size.days for entry in change.history] == [-400, -200, 0]
    assert change.trend is not None
    assert change.trend.doubling_time_days == pytest.approx(200, rel=0.1)
    assert change.change is not None
    assert change.change.interval_days == 200
    alone = analyze_alone(first[2].volume, MarkingDetector({"400": first[1]}), first[2].series.series_uid)
    assert [n.tracking_uid for n in found.nodules] == [n.tracking_uid for n in alone]


def test_a_reported_uid_counts_more_than_one_made_now() -> None:
    reported = replace(a_prior_nodule(RIGHT, "2.25.77"), label="Nodule 5")
    first, second = prior_of(Chest([RIGHT]), 400), prior_of(Chest([RIGHT]), 200, nodules=(reported,))
    found = compared(Chest([RIGHT]), first, second)
    assert [nodule.tracking_uid for nodule in found.nodules] == ["2.25.77"]
    assert [exam.source for exam in found.followup.exams] == [PriorSource.ANALYSED, PriorSource.REPORT]


def a_prior_nodule(sphere: Sphere, uid: str) -> PriorNodule:
    """A nodule as an earlier report names it, in the earlier scan."""
    diameter, volume = sphere.diameter_mm, sphere_volume_mm3(sphere.diameter_mm)
    return PriorNodule(
        tracking_uid=uid,
        label="Nodule 1",
        centre=PointLps(*(a + b for a, b in zip(sphere.centre, SHIFT, strict=True))),
        size=NoduleSize(Composition.SOLID, AxisLengths(diameter, diameter), volume),
        volume_mm3=volume,
        mass_mg=None,
        side=Side.RIGHT,
        volume_interval_mm3=(volume * 0.9, volume * 1.1),
    )


def test_reported_nodules_are_taken_and_the_scan_is_not_read_again() -> None:
    prior = prior_of(Chest([RIGHT]), 200, nodules=(a_prior_nodule(RIGHT, "2.25.77"),))
    found = compared(Chest([RIGHT]), prior)
    assert [name for name, _ in found.asked] == ["now"]
    change = found.change_at(RIGHT)
    assert change.prior is not None
    assert change.change is not None
    assert (change.prior.tracking_uid, change.change.mass_percent) == ("2.25.77", None)


def test_what_a_report_does_not_name_is_searched_for_in_its_scan() -> None:
    prior = prior_of(Chest([RIGHT, LEFT]), 200, nodules=(a_prior_nodule(RIGHT, "2.25.77"),))
    found = compared(Chest([RIGHT, LEFT]), prior)
    assert found.statuses() == [ChangeStatus.STABLE] * 2
    assert found.change_at(LEFT).searched_again
    assert [name for name, _ in found.asked] == ["now", "200"]


def test_an_earlier_category_belongs_to_the_only_nodule_of_then() -> None:
    name, chest, scan = prior_of(Chest([RIGHT]), 200, nodules=(a_prior_nodule(RIGHT, "2.25.77"),))
    found = compared(Chest([RIGHT]), (name, chest, replace(scan, lung_rads=LungRadsCategory.SUSPICIOUS)))
    assessment = found.findings.assessment
    assert not isinstance(assessment, NotAssessed)
    screened = assessment.recommendation(Guideline.LUNG_RADS)
    assert screened.category == "3"  # stepped down from the 4A that was given, though 12 mm would be 4A by size
    assert "category 4A 200 days before" in in_english(screened).because


# -- registrations that are not good -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quality",
    [
        replace(GOOD, similarity=0.05),
        replace(GOOD, overlap=0.2),
        replace(GOOD, seen_fraction=0.01),
        replace(GOOD, residual_mm=4.5),
    ],
    ids=["unlike", "apart", "unseen", "other vessels"],
)
def test_a_scan_that_cannot_be_registered_is_not_compared_and_the_current_one_is_not_lost(quality: object) -> None:
    from cad.domain import RegistrationQuality

    assert isinstance(quality, RegistrationQuality)
    found = compared(Chest([RIGHT]), prior_of(Chest([RIGHT]), 90), registrar=KnowingRegistrar(quality))
    assert found.findings.followup == NotAssessed(NotAssessedReason.NO_SUITABLE_PRIOR)
    assert found.codes == {"prior-not-registered"}
    assert len(found.nodules) == 1


def test_an_affine_registration_is_used_with_its_caution_and_more_patience() -> None:
    off = (0.0, 8.0, 10.0)  # 12.8 mm, beyond 6 mm and half of the diameter
    rough = KnowingRegistrar(affine(), off)
    found = compared(Chest([RIGHT]), prior_of(Chest([RIGHT]), 90), registrar=rough)
    assert found.statuses() == [ChangeStatus.STABLE]
    assert "registration-affine" in found.codes
    exact = KnowingRegistrar(GOOD, off)
    assert compared(Chest([RIGHT]), prior_of(Chest([RIGHT]), 90), registrar=exact).statuses() != [ChangeStatus.STABLE]


def test_nothing_is_compared_where_nothing_registers() -> None:
    found = compared(Chest([RIGHT]), prior_of(Chest([RIGHT]), 90), registrar=None)
    assert found.findings.followup == NotAssessed(NotAssessedReason.NO_SUITABLE_PRIOR)
    assert found.codes == {"registration-not-available"}


def test_an_earlier_scan_without_lungs_is_said_and_the_other_one_is_used() -> None:
    name, chest, scan = prior_of(Chest([RIGHT]), 90)
    volume = scan.volume
    no_lungs = replace(volume, hu=volume.hu.clip(40, 40))
    found = compared(Chest([RIGHT]), (name, chest, replace(scan, volume=no_lungs)), prior_of(Chest([RIGHT]), 300))
    assert "prior-unsuitable" in found.codes
    assert [exam.scan.interval_days for exam in found.followup.exams] == [300]


def test_a_request_with_priors_needs_the_date_of_the_current_scan() -> None:
    with pytest.raises(ValueError, match="date"):
        Request("seed", priors=(prior_of(Chest([]), 90)[2],))


# -- order -------------------------------------------------------------------------------------------------------

MANY = (RIGHT, LEFT, OTHER, HIGH, Sphere((60.0, 20.0, 15.0), 9.0))


@pytest.fixture(scope="module")
def scene() -> Scene:
    volume = volume_of(Chest(MANY), "now")
    return Scene(volume, segment_lungs(volume, POLICY.lungs).lungs, "2.25.2now")


@pytest.fixture(scope="module")
def measured(scene: Scene) -> tuple[Nodule, ...]:
    return analyze_alone(scene.volume, MarkingDetector({"now": Chest(MANY)}), "2.25.2now")


@given(st.permutations(range(5)), st.permutations(range(5)), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=5)
def test_the_order_of_the_nodules_changes_nothing(
    scene: Scene, measured: tuple[Nodule, ...], now: list[int], then: list[int], shown_now: int, shown_then: int
) -> None:
    def outcome(current: list[Nodule], prior: list[PriorNodule]) -> set[tuple[str, ChangeStatus]]:
        scan = prior_of(Chest([]), 90, nodules=tuple(prior))[2]
        tools = Tools(Networks(MarkingDetector({"90": Chest([])}), registrar=KnowingRegistrar()), POLICY, 0.5)
        found = compare(CurrentScan(scene, tuple(current), (), TODAY), [scan], tools).followup
        assert not isinstance(found, NotAssessed)
        return {(change.tracking_uid, change.status) for change in found.changes}

    nodules, priors = list(measured[:shown_now]), [_there(nodule) for nodule in measured[-shown_then:]]
    expected = outcome(nodules, priors)
    mixed = [nodules[n] for n in now if n < shown_now], [priors[n] for n in then if n < shown_then]
    assert outcome(*mixed) == expected


def _there(nodule: Nodule) -> PriorNodule:
    """A current nodule as a report on the earlier scan would name it."""
    x, y, z = nodule.centre.as_array() + SHIFT
    volume = nodule.volume_mm3
    return replace(
        prior_nodule(nodule),
        tracking_uid=f"{nodule.tracking_uid}1",
        centre=PointLps(x, y, z),
        volume_interval_mm3=(volume / math.exp(0.1), volume * math.exp(0.1)),
    )
