"""The order of the stages, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cad.assessment import assess, assessment_cautions
from cad.domain import (
    CalciumNotAssessed,
    Caution,
    ClinicalContext,
    CtSeries,
    Findings,
    LungMask,
    Marks,
    Networks,
    Nodule,
    NotAssessed,
    NotAssessedReason,
    StageTimer,
    Volume,
)
from cad.errors import Refusal
from cad.policy import POLICY_VERSION, Policy
from cad.science.attributes import attributes_of
from cad.science.calcium.stage import Scan, assess_calcium
from cad.science.candidates import select_candidates
from cad.science.lobes.locating import find_borders, locate
from cad.science.lungs import segment_lungs
from cad.science.nodules import characterise

CALCIUM_NOT_AVAILABLE = CalciumNotAssessed(
    NotAssessedReason.NOT_AVAILABLE, "Coronary calcium was not scored: what finds the heart is not installed."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to do with one volume.

    `identity_seed` makes tracking UIDs deterministic: the series UID. `min_score` None means the detector's own
    threshold. `context` is what is known beside the images; `contrast` says whether the patient was given any.
    `series` is what the headers say of how calcium may be scored; None when there are none.
    """

    identity_seed: str
    min_score: float | None = None
    with_nodules: bool = True
    context: ClinicalContext = field(default_factory=ClinicalContext)
    contrast: bool | None = None
    with_calcium: bool = False
    series: CtSeries | None = None


def analyze(volume: Volume, networks: Networks, policy: Policy, request: Request, stage: StageTimer) -> Findings:
    """Everything that lungcad measures on one chest CT volume.

    Raises Refusal when there are no lungs in view, unless calcium alone is asked for.
    """
    if request.with_nodules:
        findings = _nodules(volume, networks, policy, request, stage)
    else:
        with stage("lungs"):
            lungs, cautions = _lungs_if_any(volume, policy, request)
        findings = Findings(NotAssessed(NotAssessedReason.NOT_REQUESTED), lungs, cautions, (), POLICY_VERSION)
    if not request.with_calcium:
        return findings
    if networks.calcium is None:
        return replace(findings, calcium=CALCIUM_NOT_AVAILABLE)
    with stage("calcium"):
        calcium = assess_calcium(Scan(volume, findings.lungs, request.series), networks.calcium, policy.calcium)
    return replace(findings, calcium=calcium, models=(*findings.models, *networks.calcium_identities))


def _nodules(volume: Volume, networks: Networks, policy: Policy, request: Request, stage: StageTimer) -> Findings:
    """Nodules and what follows from them. Raises Refusal when there are no lungs in view."""
    with stage("lungs"):
        segmented = segment_lungs(volume, policy.lungs)
    lungs = segmented.lungs
    detector = networks.detector
    min_score = detector.default_min_score if request.min_score is None else request.min_score
    with stage("detect"):
        marks = select_candidates(detector(volume, lungs, min_score), lungs, policy.candidates)
    with stage("characterize"):
        readings = () if networks.reader is None else networks.reader(volume, lungs, marks)
        measured = characterise(volume, lungs, Marks(marks, readings), policy.nodules, request.identity_seed)
        nodules = described(volume, lungs, measured, policy, contrast=request.contrast)
    cautions = (*segmented.cautions, *assessment_cautions(nodules, request.context))
    assessment = assess(nodules, request.context, policy)
    return Findings(nodules, lungs, cautions, networks.nodule_identities, POLICY_VERSION, assessment)


def _lungs_if_any(volume: Volume, policy: Policy, request: Request) -> tuple[LungMask | None, tuple[Caution, ...]]:
    """Lungs where nothing but calcium may be asked of them. Raises Refusal when not even calcium is."""
    try:
        segmented = segment_lungs(volume, policy.lungs)
    except Refusal as refusal:
        if not request.with_calcium:
            raise
        return None, (Caution("no-lungs", f"Lungs were not segmented: {refusal.text}."),)
    return segmented.lungs, segmented.cautions


def described(
    volume: Volume, lungs: LungMask, nodules: tuple[Nodule, ...], policy: Policy, *, contrast: bool | None
) -> tuple[Nodule, ...]:
    """The measured nodules with their places and signs."""
    if not nodules:
        return ()
    borders = find_borders(volume, lungs, policy.lobes)
    located = (replace(n, location=locate(n.mask, n.side, borders, policy.lobes)) for n in nodules)
    return tuple(
        replace(n, attributes=attributes_of(volume, n, n.location, policy.attributes, contrast)) for n in located
    )
