"""From measured nodules to risks and recommendations: nothing that was not measured or stated is filled in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cad.domain import (
    AxialAxis,
    CalcificationPattern,
    ClinicalContext,
    Composition,
    Delineation,
    Diameters,
    ExamObservations,
    FdgUptake,
    Guideline,
    Lobe,
    MalignancyRisk,
    Nodule,
    NoduleAttributes,
    NoduleLocation,
    NoduleMask,
    NoduleMeasures,
    NoduleObservation,
    NotAssessed,
    NotAssessedReason,
    PatientFactors,
    PointLps,
    Sex,
    Side,
    SolidComponent,
)
from cad.exam.assessment import assess, assessment_cautions
from cad.geometry import grid_from, sphere_volume_mm3
from cad.policy import Policy, RiskPolicy
from cad.policy.guidelines.fleischner import FleischnerRow
from tests.made.guideline_nodules import in_english

POLICY = Policy()
GRID = grid_from((4, 4, 4), (1, 1, 1), PointLps(0, 0, 0))
ORIGIN = PointLps(0, 0, 0)


def a_measured(mean_mm: float = 9.0, number: int = 1, composition: Composition = Composition.SOLID) -> Nodule:
    return Nodule(
        tracking_uid=f"2.25.{number}",
        label=f"Nodule {number}",
        centre=ORIGIN,
        mask=NoduleMask(np.ones((1, 1, 1), dtype=np.bool_), (0, 0, 0), GRID),
        diameters=Diameters(AxialAxis(ORIGIN, PointLps(mean_mm, 0, 0)), AxialAxis(ORIGIN, PointLps(0, mean_mm, 0)), 0),
        volume_mm3=sphere_volume_mm3(mean_mm),
        mean_hu=20.0,
        composition=composition,
        side=Side.RIGHT,
        score=0.9,
    )


KNOWN = PatientFactors(
    age_years=62,
    sex=Sex.FEMALE,
    family_history_lung_cancer=False,
    emphysema=False,
    ever_smoker=True,
    extrathoracic_cancer=False,
)


def observing(*said: NoduleObservation, factors: PatientFactors = KNOWN) -> ClinicalContext:
    return ClinicalContext(factors, ExamObservations(nodules=said))


def known(risk: MalignancyRisk | NotAssessed) -> MalignancyRisk:
    assert isinstance(risk, MalignancyRisk)
    return risk


def test_every_guideline_is_listed() -> None:
    listed = [guideline for guideline, _ in assess((), ClinicalContext(), POLICY).recommendations]
    assert listed == list(Guideline)


def test_what_was_not_measured_is_unknown_to_the_models() -> None:
    (risks,) = assess((a_measured(),), ClinicalContext(KNOWN), POLICY).risks
    assert known(risks.brock).unknown == ("upper_lobe", "spiculated")
    assert known(risks.brock_without_spiculation).unknown == ("upper_lobe",)
    assert known(risks.brock).value is None


@pytest.mark.parametrize("name", ["Nodule 1", "2.25.1"])
def test_an_observation_by_label_or_tracking_uid_closes_the_range(name: str) -> None:
    said = NoduleObservation(name, lobe=Lobe.RUL, spiculated=False)
    (risks,) = assess((a_measured(8.0),), observing(said), POLICY).risks
    assert known(risks.brock).value == pytest.approx(0.057933, abs=5e-7)  # the worked vector


@pytest.mark.parametrize(
    ("lobe", "upper"), [("RUL", True), ("LUL", True), ("lingula", True), ("RML", False), ("RLL", False), ("LLL", False)]
)
def test_upper_lobes(lobe: str, upper: bool) -> None:
    (risks,) = assess((a_measured(),), observing(NoduleObservation("Nodule 1", lobe=Lobe(lobe))), POLICY).risks
    assert dict(known(risks.brock).inputs)["upper_lobe"] is upper


def test_the_policy_can_leave_the_lingula_out_of_the_upper_lobe() -> None:
    lower = replace(POLICY, risk=RiskPolicy(lingula_is_upper_lobe=False))
    (risks,) = assess((a_measured(),), observing(NoduleObservation("Nodule 1", lobe=Lobe.LINGULA)), lower).risks
    assert dict(known(risks.brock).inputs)["upper_lobe"] is False


def test_herder_needs_a_pet() -> None:
    (risks,) = assess((a_measured(),), ClinicalContext(KNOWN), POLICY).risks
    assert risks.herder == NotAssessed(NotAssessedReason.PET_UNKNOWN)


def test_uptake_given_for_the_patient_belongs_to_the_only_nodule_and_to_none_of_several() -> None:
    context = ClinicalContext(replace(KNOWN, fdg_uptake=FdgUptake.INTENSE))
    (risks,) = assess((a_measured(),), context, POLICY).risks
    assert "fdg_uptake" in dict(known(risks.herder).inputs)
    several = assess((a_measured(), a_measured(number=2)), context, POLICY).risks
    assert all(isinstance(risks.herder, NotAssessed) for risks in several)


def test_uptake_observed_on_a_nodule_is_that_nodule_s() -> None:
    said = NoduleObservation("Nodule 2", fdg_uptake=FdgUptake.FAINT)
    first, second = assess((a_measured(), a_measured(number=2)), observing(said), POLICY).risks
    assert isinstance(first.herder, NotAssessed)
    assert dict(known(second.herder).inputs)["fdg_uptake"] == "faint"


@pytest.mark.parametrize(
    ("composition", "said"),
    [
        (Composition.FAT, NoduleObservation("Nodule 1")),
        (Composition.CALCIFIED, NoduleObservation("Nodule 1", benign_pattern=True)),
        (Composition.SOLID, NoduleObservation("Nodule 1", proven_benign=True)),
    ],
)
def test_the_models_are_not_applied_to_benign_nodules(composition: Composition, said: NoduleObservation) -> None:
    (risks,) = assess((a_measured(composition=composition),), observing(said), POLICY).risks
    assert risks.brock == risks.mayo == risks.herder == NotAssessed(NotAssessedReason.BENIGN_PATTERN)


def test_the_guidelines_see_size_observations_and_risk() -> None:
    said = NoduleObservation("Nodule 1", lobe=Lobe.RUL, spiculated=True)
    assessment = assess((a_measured(9.0),), observing(said), POLICY)
    assert assessment.recommendation(Guideline.LUNG_RADS).category == "4X"
    assert assessment.recommendation(Guideline.FLEISCHNER).category == FleischnerRow.SOLID_ABOVE_8
    assert in_english(assessment.recommendation(Guideline.BTS)).category == "Brock 10 % or more"
    assert assessment.recommendation(Guideline.C_LUNG_RADS).category == "2"
    assert assessment.recommendation(Guideline.NELSON).category == "indeterminate"
    assert assessment.recommendation(Guideline.EU_POSITION).category == "positive"


def test_a_part_solid_nodule_has_a_component_that_was_not_measured() -> None:
    assessment = assess((a_measured(9.0, composition=Composition.PART_SOLID),), ClinicalContext(), POLICY)
    assert assessment.recommendation(Guideline.LUNG_RADS).possible == ("3", "4A", "4B")


def test_of_nodules_of_one_category_the_largest_is_named() -> None:
    assessment = assess((a_measured(9.0), a_measured(12.0, 2)), ClinicalContext(), POLICY)
    assert in_english(assessment.recommendation(Guideline.LUNG_RADS)).because.startswith("Nodule 2, solid, 12.0 mm")


def test_an_observation_that_names_no_nodule_and_a_size_that_was_not_measured_are_cautioned() -> None:
    ball = replace(a_measured(), delineation=Delineation.BALL)
    cautions = assessment_cautions((ball,), observing(NoduleObservation("Nodule 7")))
    assert [caution.code for caution in cautions] == ["observation-without-nodule", "size-of-the-mark"]
    assert assessment_cautions((a_measured(),), observing(NoduleObservation("Nodule 1"))) == ()


# -- measured signs --------------------------------------------------------------------------------------------


def spread(nodule: Nodule, *said: NoduleObservation) -> float:
    low, high = known(assess((nodule,), observing(*said), POLICY).risks[0].brock).range
    return high - low


def test_a_measured_lobe_and_spiculation_narrow_the_risk() -> None:
    located = replace(a_measured(), location=NoduleLocation(Lobe.RUL, 0.97, 12.0, 8.0))
    assert 0 < spread(located) < spread(a_measured())
    assert spread(replace(located, attributes=NoduleAttributes(spiculation=0.9))) == pytest.approx(0)
    assert spread(replace(located, attributes=NoduleAttributes(spiculation=0.4))) == pytest.approx(spread(located))


def test_a_readers_word_stands_against_the_measured_value() -> None:
    measured = replace(
        a_measured(),
        location=NoduleLocation(Lobe.RUL, 0.97, 12.0, 8.0),
        attributes=NoduleAttributes(spiculation=0.95),
    )
    said = NoduleObservation("Nodule 1", lobe=Lobe.RLL, spiculated=False)
    told = [assess((nodule,), observing(said), POLICY).risks[0].brock for nodule in (measured, a_measured())]
    assert told[0] == told[1]


def test_certain_benign_calcium_is_not_given_a_risk_unless_the_reader_denies_it() -> None:
    attributes = NoduleAttributes(calcification=0.99, calcification_pattern=CalcificationPattern.CENTRAL, fat=0.0)
    benign = replace(a_measured(), attributes=attributes)
    assert assess((benign,), observing(), POLICY).risks[0].brock == NotAssessed(NotAssessedReason.BENIGN_PATTERN)
    denied = NoduleObservation("Nodule 1", benign_pattern=False)
    assert isinstance(assess((benign,), observing(denied), POLICY).risks[0].brock, MalignancyRisk)
    eccentric = replace(attributes, calcification_pattern=CalcificationPattern.ECCENTRIC)
    assert isinstance(
        assess((replace(benign, attributes=eccentric),), observing(), POLICY).risks[0].brock, MalignancyRisk
    )


def test_the_measured_solid_component_decides_the_category_of_a_part_solid_nodule() -> None:
    def category(solid_mm: float | None) -> str | None:
        nodule = a_measured(12.0, composition=Composition.PART_SOLID)
        if solid_mm is not None:
            axes = Diameters(
                AxialAxis(ORIGIN, PointLps(solid_mm, 0, 0)), AxialAxis(ORIGIN, PointLps(0, solid_mm, 0)), 0
            )
            solid = SolidComponent(axes, sphere_volume_mm3(solid_mm))
            nodule = replace(nodule, measures=NoduleMeasures((800.0, 1000.0), (850.0, 950.0), 12.0, 450.0, 0.9, solid))
        recommendations = dict(assess((nodule,), observing(), POLICY).recommendations)
        return recommendations[Guideline.LUNG_RADS].category

    assert (category(4.0), category(7.0), category(9.0)) == ("3", "4A", "4B")  # Lung-RADS v2022
    assert category(None) not in ("3", "4A", "4B")
