"""Measured nodules and what is known beside them → malignancy risks and what every guideline says.

What lungcad does not measure is passed on as unknown; the models then give ranges, and the guidelines say what they
took for granted.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cad.domain import (
    Assessment,
    Caution,
    ClinicalContext,
    Composition,
    Delineation,
    Guideline,
    GuidelineNodule,
    Lobe,
    MalignancyRisk,
    Nodule,
    NoduleAttributes,
    NoduleObservation,
    NodulePast,
    NoduleRisks,
    NotAssessed,
    NotAssessedReason,
    PatientFactors,
    Recommendation,
    RiskInputs,
)
from cad.exam.nodules import axes_of, nodule_size
from cad.policy import AttributePolicy, Policy, RiskPolicy
from cad.science.guidelines.bts import bts
from cad.science.guidelines.c_lung_rads import c_lung_rads
from cad.science.guidelines.chinese_consensus import chinese_consensus
from cad.science.guidelines.choice import applicable_guideline
from cad.science.guidelines.due import with_due_dates
from cad.science.guidelines.fleischner import fleischner
from cad.science.guidelines.lung_rads.exam import lung_rads
from cad.science.guidelines.volumetric import eu_position, nelson
from cad.science.nodules.attributes import has_benign_pattern, is_present, is_typical
from cad.science.risk import brock, brock_without_spiculation, herder, mayo

UPPER_LOBES = (Lobe.RUL, Lobe.LUL)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A measured nodule and what is known of it: a reader's word, else what was measured with certainty."""

    nodule: Nodule
    said: NoduleObservation
    by_reader: NoduleObservation
    past: NodulePast


def assess(
    nodules: tuple[Nodule, ...],
    context: ClinicalContext,
    policy: Policy,
    pasts: tuple[NodulePast, ...] = (),
    acquired: datetime.date | None = None,
) -> Assessment:
    """The risks of the nodules, in their order, and the recommendations for the examination.

    `pasts` are those of the nodules, in their order; without them this is their first examination. Without the day on
    which the scan was acquired nothing is said to be due on a date.
    """
    known_pasts = pasts or (NodulePast(),) * len(nodules)
    seen = [
        _seen(nodule, _observation_of(nodule, context), past, policy.attributes)
        for nodule, past in zip(nodules, known_pasts, strict=True)
    ]
    patient = _with_uptake_of_the_one_nodule(context.factors, len(nodules))
    risks = tuple(_risks(one, _risk_inputs(one, patient, len(nodules), policy.risk), patient, policy) for one in seen)
    views = [_view(one, risk) for one, risk in zip(seen, risks, strict=True)]
    views.sort(key=lambda view: -view.size.axes.mean_mm)  # of nodules of one category, the largest is named
    applicable = applicable_guideline(patient, policy.guidelines)
    said = _recommendations(views, context, policy)
    if acquired is not None:
        said = tuple((guideline, with_due_dates(one, views, acquired)) for guideline, one in said)
    return Assessment(risks, said, applicable)


def assessment_cautions(nodules: tuple[Nodule, ...], context: ClinicalContext) -> tuple[Caution, ...]:
    """What a reader should know of an assessment: observations without a nodule, and sizes that were not measured."""
    names = {name for nodule in nodules for name in (nodule.label, nodule.tracking_uid)}
    lost = sum(said.nodule not in names for said in context.observations.nodules)
    marks = [nodule.label for nodule in nodules if nodule.delineation is Delineation.BALL]
    cautions = []
    if lost:
        text = f"{lost} of the observations given name no nodule that was found, and were not used."
        cautions.append(Caution("observation-without-nodule", text))
    if marks:
        text = f"No border was found of {', '.join(marks)}: the size, and the category that follows, are the mark's."
        cautions.append(Caution("size-of-the-mark", text))
    return tuple(cautions)


def _recommendations(
    views: Sequence[GuidelineNodule], context: ClinicalContext, policy: Policy
) -> tuple[tuple[Guideline, Recommendation], ...]:
    patient, exam, rules = context.factors, context.observations, policy.guidelines
    screened = lung_rads(views, exam, rules.lung_rads, immunosuppressed=patient.immunosuppressed)
    return (
        (Guideline.LUNG_RADS, screened),
        (Guideline.FLEISCHNER, fleischner(views, patient, rules.fleischner)),
        (Guideline.BTS, bts(views, patient, rules.bts)),
        (Guideline.C_LUNG_RADS, c_lung_rads(views, rules.c_lung_rads)),
        (Guideline.NELSON, nelson(views, rules.nelson)),
        (Guideline.EU_POSITION, eu_position(views, rules.eu_position)),
        (Guideline.CHINESE_CONSENSUS, chinese_consensus(views, patient, rules.chinese_consensus)),
    )


def _observation_of(nodule: Nodule, context: ClinicalContext) -> NoduleObservation:
    """What a reader said of a nodule; nothing when it was not named."""
    named = (said for said in context.observations.nodules if said.nodule in (nodule.label, nodule.tracking_uid))
    return next(named, NoduleObservation(nodule.label))


def _seen(nodule: Nodule, by_reader: NoduleObservation, past: NodulePast, policy: AttributePolicy) -> _Seen:
    return _Seen(nodule, _known_of(nodule, by_reader, policy), by_reader, past)


def _known_of(nodule: Nodule, said: NoduleObservation, policy: AttributePolicy) -> NoduleObservation:
    """What a reader said of a nodule, completed by signs that were measured; a reader's word always stands."""
    attributes = nodule.attributes or NoduleAttributes()
    return replace(
        said,
        lobe=said.lobe or (nodule.location.lobe if nodule.location is not None else None),
        spiculated=_first_known(said.spiculated, is_present(attributes.spiculation, policy)),
        benign_pattern=_first_known(said.benign_pattern, has_benign_pattern(attributes, policy)),
        juxtapleural_smooth=_first_known(said.juxtapleural_smooth, is_typical(nodule, said.spiculated, policy)),
        cavitary=_first_known(said.cavitary, is_present(attributes.cavitation, policy)),
    )


def _first_known(said: bool | None, measured: bool | None) -> bool | None:
    return measured if said is None else said


def _with_uptake_of_the_one_nodule(patient: PatientFactors, nodules: int) -> PatientFactors:
    """A PET uptake given for the patient belongs to the nodule only when there is exactly one."""
    return patient if nodules == 1 else replace(patient, fdg_uptake=None)


def _risk_inputs(one: _Seen, patient: PatientFactors, count: int, policy: RiskPolicy) -> RiskInputs:
    return RiskInputs(
        axes=axes_of(one.nodule),
        composition=one.nodule.composition,
        nodule_count=count,
        upper_lobe=_is_upper(one.said.lobe, policy),
        spiculated=one.said.spiculated,
        fdg_uptake=one.said.fdg_uptake or patient.fdg_uptake,
    )


def _is_upper(lobe: Lobe | None, policy: RiskPolicy) -> bool | None:
    if lobe is None:
        return None
    return policy.lingula_is_upper_lobe if lobe is Lobe.LINGULA else lobe in UPPER_LOBES


def _risks(one: _Seen, inputs: RiskInputs, patient: PatientFactors, policy: Policy) -> NoduleRisks:
    uid, rules = one.nodule.tracking_uid, policy.risk
    if one.nodule.composition is Composition.FAT or one.said.benign_pattern or one.said.proven_benign:
        benign = NotAssessed(NotAssessedReason.BENIGN_PATTERN)
        return NoduleRisks(uid, benign, benign, benign, benign)
    no_pet = inputs.fdg_uptake is None
    return NoduleRisks(
        tracking_uid=uid,
        brock=brock(inputs, patient, rules),
        brock_without_spiculation=brock_without_spiculation(inputs, patient, rules),
        mayo=mayo(inputs, patient, rules),
        herder=NotAssessed(NotAssessedReason.PET_UNKNOWN) if no_pet else herder(inputs, patient, rules),
    )


def _view(one: _Seen, risks: NoduleRisks) -> GuidelineNodule:
    """A nodule as the guidelines see it."""
    nodule, said = one.nodule, one.said
    return GuidelineNodule(
        label=nodule.label,
        size=nodule_size(nodule),
        sighting=one.past.sighting,
        earlier=one.past.earlier,
        benign_pattern=said.benign_pattern,
        juxtapleural_smooth=said.juxtapleural_smooth,
        cavitary=said.cavitary,
        measured_benign_pattern=one.by_reader.benign_pattern is None,
        measured_juxtapleural=one.by_reader.juxtapleural_smooth is None,
        proven_benign=said.proven_benign,
        spiculated=said.spiculated,
        brock=_range(risks.brock),
        herder=_range(risks.herder),
        mayo=_range(risks.mayo),
    )


def _range(risk: MalignancyRisk | NotAssessed) -> tuple[float, float] | None:
    return None if isinstance(risk, NotAssessed) else risk.range
