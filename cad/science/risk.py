"""Malignancy of a nodule by published models: Brock, Mayo and Herder.

Each is a logistic model, p = 1 / (1 + e^-x), whose x is a sum with one term per input. An input that is not known is
never given a default: its term takes every value it can have, and the probability becomes a range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cad.domain import (
    AxisLengths,
    Composition,
    FdgUptake,
    MalignancyRisk,
    PatientFactors,
    RiskInputs,
    Sex,
)
from cad.policy import Brock2bPolicy, MayoPolicy, RiskPolicy

Value = str | float | bool


@dataclass(frozen=True, slots=True)
class _Term:
    """The part of x that one input adds, from `low` to `high`; `value` is None when the input is not known."""

    name: str
    low: float
    high: float
    value: Value | None


def brock(nodule: RiskInputs, patient: PatientFactors, policy: RiskPolicy) -> MalignancyRisk:
    """Probability by the full Brock model with spiculation (2b).

    x = c + a·(age − 62) + female + family history + emphysema + s·[(d / 10 mm)^−0.5 − 1.58113883] + composition
    + upper lobe + n·(count − 4) + spiculation. Source: McWilliams et al., N Engl J Med 2013, model 2b.
    """
    return _brock(nodule, patient, policy.brock, policy)


def brock_without_spiculation(nodule: RiskInputs, patient: PatientFactors, policy: RiskPolicy) -> MalignancyRisk:
    """Probability by the full Brock model without spiculation (2a). Source: McWilliams et al., model 2a."""
    return _brock(nodule, patient, policy.brock_without_spiculation, policy)


def mayo(nodule: RiskInputs, patient: PatientFactors, policy: RiskPolicy) -> MalignancyRisk:
    """Probability by the Mayo Clinic model, with the band low, intermediate or high.

    x = c + a·age + smoker + extrathoracic cancer + m·d_mm + spiculation + upper lobe. Source: Swensen et al., Arch
    Intern Med 1997.
    """
    terms = _mayo_terms(nodule, patient, policy)
    risk = _risk("Mayo", policy.mayo.version, policy.mayo.constant, terms)
    return MalignancyRisk(
        risk.model,
        risk.version,
        range=risk.range,
        unknown=risk.unknown,
        inputs=risk.inputs,
        band=mayo_band(risk, policy.mayo),
    )


def herder(nodule: RiskInputs, patient: PatientFactors, policy: RiskPolicy) -> MalignancyRisk:
    """Probability by the Herder model after FDG-PET: x = c + m·p(Mayo) + uptake. Source: Herder et al., Chest 2005.

    [unverified]: the coefficients were not read in the source.
    """
    before = mayo(nodule, patient, policy)
    low, high = (policy.herder.mayo_probability * p for p in before.range)
    terms = (_Term("mayo_probability", low, high, before.value), _uptake_term(nodule.fdg_uptake, policy))
    after = _risk("Herder", policy.herder.version, policy.herder.constant, terms)
    unknown = (*before.unknown, *(name for name in after.unknown if name != "mayo_probability"))
    inputs = (*before.inputs, *(pair for pair in after.inputs if pair[0] != "mayo_probability"))
    return MalignancyRisk(after.model, after.version, after.range, unknown, inputs)


def mayo_band(risk: MalignancyRisk, policy: MayoPolicy) -> str | None:
    """ "low" below 5 %, "intermediate" to 65 %, "high" above; None when the range has parts in several."""
    bands = {"low" if p < policy.low_below else "high" if p > policy.high_above else "intermediate" for p in risk.range}
    return bands.pop() if len(bands) == 1 else None


def _brock(
    nodule: RiskInputs, patient: PatientFactors, coefficients: Brock2bPolicy, policy: RiskPolicy
) -> MalignancyRisk:
    c = coefficients
    is_female = None if patient.sex is None else patient.sex is Sex.FEMALE
    diameter_mm = diameter_of(nodule.axes, policy)
    size = (diameter_mm / 10) ** c.size_exponent - c.centre_size
    terms = [
        _age_term(patient.age_years, c.per_year, c.centre_age_years, policy),
        _sex_term(is_female, c.female),
        _flag("family_history_lung_cancer", patient.family_history_lung_cancer, c.family_history_lung_cancer),
        _flag("emphysema", patient.emphysema, c.emphysema),
        _known("diameter_mm", round(diameter_mm, 2), c.size * size),
        _known("composition", nodule.composition.value, _composition_log_odds(nodule.composition, c)),
        _flag("upper_lobe", nodule.upper_lobe, c.upper_lobe),
        _known("nodule_count", nodule.nodule_count, c.per_nodule * (nodule.nodule_count - c.centre_nodule_count)),
    ]
    if c.spiculated is not None:
        terms.append(_flag("spiculated", nodule.spiculated, c.spiculated))
    return _risk("Brock", c.version, c.constant, terms)


def diameter_of(axes: AxisLengths, policy: RiskPolicy) -> float:
    """The diameter that the models take, in mm."""
    return axes.long_mm if policy.diameter == "long" else axes.mean_mm


def _composition_log_odds(composition: Composition, coefficients: Brock2bPolicy) -> float:
    """Solid is the reference; calcified nodules, which the model does not know, count as solid."""
    by_composition = {
        Composition.PART_SOLID: coefficients.part_solid,
        Composition.GROUND_GLASS: coefficients.ground_glass,
    }
    return by_composition.get(composition, 0.0)


def _mayo_terms(nodule: RiskInputs, patient: PatientFactors, policy: RiskPolicy) -> tuple[_Term, ...]:
    c = policy.mayo
    diameter_mm = diameter_of(nodule.axes, policy)
    return (
        _age_term(patient.age_years, c.per_year, 0.0, policy),
        _flag("ever_smoker", patient.ever_smoker, c.ever_smoker),
        _flag("extrathoracic_cancer", patient.extrathoracic_cancer, c.extrathoracic_cancer),
        _known("diameter_mm", round(diameter_mm, 2), c.per_mm * diameter_mm),
        _flag("spiculated", nodule.spiculated, c.spiculated),
        _flag("upper_lobe", nodule.upper_lobe, c.upper_lobe),
    )


def _uptake_term(uptake: FdgUptake | None, policy: RiskPolicy) -> _Term:
    log_odds = dict(policy.herder.uptake)
    if uptake is None:
        return _Term("fdg_uptake", min(log_odds.values()), max(log_odds.values()), None)
    return _known("fdg_uptake", uptake.value, log_odds[uptake.value])


def _age_term(age_years: float | None, per_year: float, centre_years: float, policy: RiskPolicy) -> _Term:
    if age_years is None:
        youngest, oldest = (per_year * (age - centre_years) for age in policy.unknown_age_range_years)
        return _Term("age_years", youngest, oldest, None)
    return _known("age_years", age_years, per_year * (age_years - centre_years))


def _sex_term(is_female: bool | None, log_odds: float) -> _Term:
    term = _flag("sex", is_female, log_odds)
    words = {True: Sex.FEMALE.value, False: Sex.MALE.value}
    return term if is_female is None else _Term("sex", term.low, term.high, words[is_female])


def _flag(name: str, value: bool | None, log_odds: float) -> _Term:
    if value is None:
        return _Term(name, min(0.0, log_odds), max(0.0, log_odds), None)
    return _known(name, value, log_odds if value else 0.0)


def _known(name: str, value: Value, log_odds: float) -> _Term:
    return _Term(name, log_odds, log_odds, value)


def _risk(model: str, version: str, constant: float, terms: Sequence[_Term]) -> MalignancyRisk:
    low, high = (_logistic(constant + math.fsum(ends)) for ends in ([t.low for t in terms], [t.high for t in terms]))
    unknown = tuple(term.name for term in terms if term.value is None)
    inputs = tuple((term.name, term.value) for term in terms if term.value is not None)
    return MalignancyRisk(model, version, (low, high), unknown, inputs)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
