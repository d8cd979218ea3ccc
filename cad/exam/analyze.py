"""The order of the stages, nothing else."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cad.domain import (
    Caution,
    ClinicalContext,
    CtSeries,
    Findings,
    LungMask,
    Networks,
    NotAssessed,
    NotAssessedReason,
    PriorScan,
    StageTimer,
    Volume,
)
from cad.errors import Refusal
from cad.exam.assessment import assess, assessment_cautions
from cad.exam.followup import Comparison, CurrentScan, Tools, compare
from cad.exam.images import on_images
from cad.exam.nodules import Scene, describe, detect, look_for_masses, measure, soft_copy
from cad.policy import POLICY_VERSION, Policy
from cad.science.calcium.stage import Scan, assess_calcium
from cad.science.lungs import segment_lungs
from cad.science.lungs.opacities import unassessed
from cad.science.lungs.search_limits import search_limits, searched_lung
from cad.science.sampling import measured_grid

CALCIUM_NOT_AVAILABLE = NotAssessed(
    NotAssessedReason.NOT_AVAILABLE, "Coronary calcium was not scored: what finds the heart is not installed."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to do with one volume.

    `identity_seed` makes tracking UIDs deterministic: the series UID. `min_score` None means the detector's own
    threshold. `context` is what is known beside the images; `contrast` says whether the patient was given any. `priors`
    are earlier examinations to compare with, which needs the date of the current one (`acquired`); `clock` gives the
    seconds that the results name. `series` is what the headers say of how calcium may be scored; None when there are
    none.
    """

    identity_seed: str
    min_score: float | None = None
    with_nodules: bool = True
    context: ClinicalContext = field(default_factory=ClinicalContext)
    contrast: bool | None = None
    priors: tuple[PriorScan, ...] = ()
    acquired: datetime.date | None = None
    clock: Callable[[], float] | None = None
    with_calcium: bool = False
    series: CtSeries | None = None

    def __post_init__(self) -> None:
        if self.priors and self.acquired is None:
            raise ValueError("a comparison needs the date of the current examination")


def analyze(volume: Volume, networks: Networks, policy: Policy, request: Request, stage: StageTimer) -> Findings:
    """Everything that lungcad measures on one chest CT volume, on the grid of its images.

    Raises Refusal when there are no lungs in view, unless calcium alone is asked for.
    """
    with stage("sampling"):
        measured = measured_grid(volume, policy.sampling)
    return on_images(_analysed(measured.volume, networks, policy, request, stage), measured)


def _analysed(volume: Volume, networks: Networks, policy: Policy, request: Request, stage: StageTimer) -> Findings:
    if request.with_nodules:
        findings = _nodules(volume, networks, policy, request, stage)
    else:
        with stage("lungs"):
            lungs, cautions = _lungs_if_any(volume, networks, policy, request)
        not_asked = NotAssessed(NotAssessedReason.NOT_REQUESTED)
        findings = Findings(
            not_asked, lungs, cautions, networks.lung_identities, POLICY_VERSION, followup=_not_compared(request)
        )
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
        segmented = segment_lungs(volume, policy.lungs, networks.lungs)
    with stage("masses"):
        lungs, opacities = look_for_masses(volume, segmented.lungs, networks, policy.opacities)
        thickness = None if request.series is None else request.series.slice_thickness_mm
        limits = search_limits(searched_lung(volume, lungs, opacities, thickness), policy.search)
        soft = soft_copy(volume, policy)
    cautions = (*limits, *segmented.cautions, *unassessed(opacities, policy.opacities))
    scene = Scene(volume, lungs, request.identity_seed, request.contrast, opacities=opacities, soft=soft)
    compared = _compared(scene, networks, policy, request, stage)
    nodules = compared.nodules
    return Findings(
        nodules,
        lungs,
        warnings=(*cautions, *compared.cautions, *assessment_cautions(nodules, request.context)),
        models=networks.nodule_identities,
        policy_version=POLICY_VERSION,
        assessment=assess(nodules, request.context, policy, compared.pasts, request.acquired),
        followup=compared.followup,
    )


def _lungs_if_any(
    volume: Volume, networks: Networks, policy: Policy, request: Request
) -> tuple[LungMask | None, tuple[Caution, ...]]:
    """Lungs where nothing but calcium may be asked of them. Raises Refusal when not even calcium is."""
    try:
        segmented = segment_lungs(volume, policy.lungs, networks.lungs)
    except Refusal as refusal:
        if not request.with_calcium:
            raise
        return None, (Caution("no-lungs", f"Lungs were not segmented: {refusal.text}."),)
    return segmented.lungs, segmented.cautions


def _compared(scene: Scene, networks: Networks, policy: Policy, request: Request, stage: StageTimer) -> Comparison:
    """The nodules of the scan, compared with earlier examinations where there are any."""
    min_score = networks.detector.default_min_score if request.min_score is None else request.min_score
    with stage("detect"):
        found = detect(scene, networks, min_score, policy, faint=bool(request.priors))
    with stage("characterize"):
        nodules = describe(scene, measure(scene, found.sure, networks, policy), policy)
    if not request.priors or request.acquired is None:
        return Comparison(nodules, _not_compared(request), ())
    with stage("followup"):
        current = CurrentScan(scene, nodules, found.faint, request.acquired)
        return compare(current, request.priors, Tools(networks, policy, min_score, request.clock))


def _not_compared(request: Request) -> NotAssessed:
    """Why nothing was compared: there is no earlier examination, or nodules were not asked for."""
    return NotAssessed(NotAssessedReason.NOT_REQUESTED if request.priors else NotAssessedReason.NO_PRIOR)
