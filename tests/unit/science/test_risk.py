"""Brock, Mayo and Herder: published coefficients, worked vectors, and ranges over what is not known."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from cad.domain import AxisLengths, Composition, FdgUptake, MalignancyRisk, PatientFactors, RiskInputs, Sex
from cad.policy import Brock2aPolicy, Brock2bPolicy, RiskPolicy
from cad.science.risk import brock, brock_without_spiculation, herder, mayo

POLICY = RiskPolicy()
KIND = {"S": Composition.SOLID, "PS": Composition.PART_SOLID, "NS": Composition.GROUND_GLASS}
BROCK_ROWS = [
    # age, female, family history, emphysema, mm, type, upper lobe, count, spiculated, p(2b), p(2a)
    (62, 0, 0, 0, 4, "S", 0, 4, 0, 0.001125, 0.001105),
    (62, 0, 0, 0, 8, "S", 0, 1, 0, 0.017158, 0.019064),
    (62, 1, 0, 0, 8, "S", 1, 1, 0, 0.057933, 0.065033),
    (65, 1, 1, 1, 12, "PS", 1, 1, 1, 0.535811, None),
    (70, 0, 0, 1, 15, "S", 1, 2, 1, 0.365726, None),
    (55, 0, 0, 0, 6, "NS", 0, 3, 0, 0.004182, 0.003640),
    (75, 1, 0, 0, 25, "S", 1, 1, 1, 0.725566, None),
    (50, 0, 0, 0, 5, "S", 0, 10, 0, 0.001194, 0.001196),
]
MAYO_ROWS = [
    # age, ever smoker, extrathoracic cancer, mm, spiculated, upper lobe, p
    (62, 1, 0, 10, 0, 0, 0.088081),
    (70, 1, 0, 15, 1, 1, 0.607544),
    (55, 0, 0, 8, 0, 0, 0.025148),
    (68, 1, 1, 20, 1, 1, 0.911702),
]


def known_patient(age: float, female: int, history: int, emphysema: int) -> PatientFactors:
    return PatientFactors(
        age_years=age,
        sex=Sex.FEMALE if female else Sex.MALE,
        family_history_lung_cancer=bool(history),
        emphysema=bool(emphysema),
        ever_smoker=True,
        extrathoracic_cancer=False,
    )


def risk_inputs(mm: float = 8.0, kind: str = "S", upper: int = 0, count: int = 1, spiculated: int = 0) -> RiskInputs:
    return RiskInputs(AxisLengths(mm, mm), KIND[kind], count, bool(upper), bool(spiculated))


def brock_case(row: tuple[float | int | str | None, ...]) -> tuple[RiskInputs, PatientFactors]:
    age, female, history, emphysema, mm, kind, upper, count, spiculated = row[:9]
    nodule = risk_inputs(mm, kind, upper, count, spiculated)  # type: ignore[arg-type]
    return nodule, known_patient(age, female, history, emphysema)  # type: ignore[arg-type]


@pytest.mark.parametrize("row", BROCK_ROWS)
def test_brock_with_spiculation_gives_the_worked_probability(row: tuple[float, ...]) -> None:
    assert brock(*brock_case(row), POLICY).value == pytest.approx(row[9], abs=5e-7)


@pytest.mark.parametrize("row", [row for row in BROCK_ROWS if row[10] is not None])
def test_brock_without_spiculation_gives_the_worked_probability(row: tuple[float, ...]) -> None:
    assert brock_without_spiculation(*brock_case(row), POLICY).value == pytest.approx(row[10], abs=5e-7)


def test_the_uncentred_constant_of_brock_is_the_one_in_print() -> None:
    c = Brock2bPolicy()
    uncentred = (
        c.constant - c.per_year * c.centre_age_years - c.size * c.centre_size - c.per_nodule * c.centre_nodule_count
    )
    assert uncentred == pytest.approx(0.27607, abs=5e-6)


def test_the_centre_of_the_size_is_that_of_a_nodule_of_4_mm() -> None:
    assert Brock2aPolicy().centre_size == pytest.approx((4 / 10) ** -0.5, abs=5e-9)


def test_brock_without_spiculation_does_not_ask_for_it() -> None:
    nodule = replace(risk_inputs(), spiculated=None)
    risk = brock_without_spiculation(nodule, known_patient(62, 0, 0, 0), POLICY)
    assert risk.unknown == ()
    assert "spiculated" not in dict(risk.inputs)


@pytest.mark.parametrize("row", MAYO_ROWS)
def test_mayo_gives_the_worked_probability(row: tuple[float, ...]) -> None:
    age, smoker, cancer, mm, spiculated, upper, p = row
    patient = PatientFactors(age_years=age, ever_smoker=bool(smoker), extrathoracic_cancer=bool(cancer))
    risk = mayo(risk_inputs(mm, upper=int(upper), spiculated=int(spiculated)), patient, POLICY)
    assert risk.value == pytest.approx(p, abs=5e-7)


@pytest.mark.parametrize(
    ("probabilities", "band"),
    [
        ((0.0499, 0.0499), "low"),
        ((0.05, 0.05), "intermediate"),
        ((0.65, 0.65), "intermediate"),
        ((0.6501, 0.6501), "high"),
        ((0.04, 0.06), None),
        ((0.01, 0.9), None),
    ],
)
def test_bands_of_mayo(probabilities: tuple[float, float], band: str | None) -> None:
    from cad.science.risk import mayo_band

    assert mayo_band(MalignancyRisk("Mayo", "1997", probabilities, (), ()), POLICY.mayo) == band


@pytest.mark.parametrize(
    ("uptake", "log_odds"), [("none", 0.0), ("faint", 2.322), ("moderate", 4.617), ("intense", 4.771)]
)
def test_herder_adds_uptake_to_the_probability_of_mayo(uptake: str, log_odds: float) -> None:
    patient = PatientFactors(age_years=62, ever_smoker=True, extrathoracic_cancer=False)
    nodule = replace(risk_inputs(10.0), fdg_uptake=FdgUptake(uptake))
    expected = 1 / (1 + math.exp(-(-4.739 + 3.691 * 0.08808057 + log_odds)))
    risk = herder(nodule, patient, POLICY)
    assert risk.value == pytest.approx(expected, abs=1e-6)
    assert "[unverified]" in risk.version


def test_herder_without_a_pet_is_a_range_over_all_uptakes() -> None:
    patient = PatientFactors(age_years=62, ever_smoker=True, extrathoracic_cancer=False)
    ends = [herder(replace(risk_inputs(), fdg_uptake=uptake), patient, POLICY).value for uptake in FdgUptake]
    risk = herder(risk_inputs(), patient, POLICY)
    assert (risk.value, risk.unknown) == (None, ("fdg_uptake",))
    assert risk.range == (ends[0], ends[-1])


def test_what_is_not_known_is_named_and_gives_a_range_and_no_value() -> None:
    nodule = RiskInputs(AxisLengths(8.0, 6.0), Composition.SOLID, 1)
    risk = brock(nodule, PatientFactors(age_years=62, sex=Sex.FEMALE), POLICY)
    assert risk.value is None
    assert risk.unknown == ("family_history_lung_cancer", "emphysema", "upper_lobe", "spiculated")
    assert risk.range[0] < risk.range[1]
    assert dict(risk.inputs) == {
        "age_years": 62,
        "sex": "female",
        "diameter_mm": 8.0,
        "composition": "solid",
        "nodule_count": 1,
    }


def test_the_range_is_from_the_least_to_the_greatest_over_every_combination() -> None:
    nodule, nobody = RiskInputs(AxisLengths(9.0, 9.0), Composition.PART_SOLID, 2), PatientFactors(age_years=70)
    flags = (False, True)
    every = [
        brock(
            replace(nodule, upper_lobe=upper, spiculated=spiculated),
            replace(nobody, sex=sex, family_history_lung_cancer=history, emphysema=emphysema),
            POLICY,
        ).value
        for upper, spiculated, history, emphysema in itertools.product(flags, repeat=4)
        for sex in Sex
    ]
    values = [value for value in every if value is not None]
    assert len(values) == 32
    assert brock(nodule, nobody, POLICY).range == pytest.approx((min(values), max(values)), rel=1e-12)


def test_an_unknown_age_ranges_over_adults() -> None:
    patient = replace(known_patient(62, 0, 0, 0), age_years=None)
    ends = [brock(risk_inputs(), replace(patient, age_years=age), POLICY).value for age in (18.0, 100.0)]
    risk = brock(risk_inputs(), patient, POLICY)
    assert risk.unknown == ("age_years",)
    assert list(risk.range) == ends


def test_brock_takes_the_long_axis_unless_the_policy_says_mean() -> None:
    patient = known_patient(62, 0, 0, 0)
    oval = replace(risk_inputs(), axes=AxisLengths(10.0, 6.0))
    assert brock(oval, patient, POLICY).value == brock(risk_inputs(10.0), patient, POLICY).value
    by_mean = replace(POLICY, diameter="mean")
    assert brock(oval, patient, by_mean).value == brock(risk_inputs(8.0), patient, POLICY).value


def test_a_calcified_nodule_counts_as_solid() -> None:
    patient = known_patient(62, 0, 0, 0)
    calcified = replace(risk_inputs(), composition=Composition.CALCIFIED)
    assert brock(calcified, patient, POLICY).value == brock(risk_inputs(), patient, POLICY).value


@given(st.floats(3.0, 60.0), st.floats(3.0, 60.0), st.sampled_from(sorted(KIND)))
def test_a_larger_nodule_is_never_less_likely_cancer(a_mm: float, b_mm: float, kind: str) -> None:
    smaller, larger = sorted((a_mm, b_mm))
    patient = known_patient(62, 0, 0, 0)
    for model in (brock, brock_without_spiculation, mayo, herder):
        low, high = (model(risk_inputs(mm, kind), patient, POLICY).range for mm in (smaller, larger))
        assert low[0] <= high[0]
        assert low[1] <= high[1]


FLAG = st.sampled_from([None, False, True])


@given(FLAG, FLAG, FLAG, FLAG, st.sampled_from([None, *Sex]), st.sampled_from([None, 40.0, 80.0]))
def test_knowing_more_never_widens_a_range(
    history: bool | None,
    emphysema: bool | None,
    upper: bool | None,
    spiculated: bool | None,
    sex: Sex | None,
    age: float | None,
) -> None:
    patient = PatientFactors(age, sex, history, emphysema)
    nodule = RiskInputs(AxisLengths(8.0, 8.0), Composition.SOLID, 1, upper, spiculated)
    risk = brock(nodule, patient, POLICY)
    nothing_known = brock(replace(nodule, upper_lobe=None, spiculated=None), PatientFactors(), POLICY)
    assert nothing_known.range[0] <= risk.range[0] <= risk.range[1] <= nothing_known.range[1]
    assert (risk.value is not None) == (risk.unknown == ())


def test_a_probability_range_rises_within_0_and_1() -> None:
    with pytest.raises(ValueError, match="range"):
        MalignancyRisk("Brock", "2b", (0.4, 0.2), (), ())
