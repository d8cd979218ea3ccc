"""Findings and policy → everything that a report says of one series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cad.domain import Assessment, Caution, Findings, LungMask, ModelIdentity, Nodule, NotAssessed, NotAssessedReason
from cad.policy import LIMITING, WordingPolicy
from cad.report.statements.calcium import CalciumStatement, state_calcium
from cad.report.statements.followup import FollowupStatement, state_followup
from cad.report.statements.heart_lung import HeartLung, most_suspicious, state_heart_lung
from cad.report.statements.nodules import NoduleStatement, state_nodule
from cad.report.statements.subject import Subject


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """What a report says. A subject is None when it was not assessed, and `missing` then says why.

    `lungs` is None when none were segmented. `shown` is the nodule that a page with one picture shows.
    """

    lungs: LungMask | None
    nodules: tuple[NoduleStatement, ...] | None
    guidelines: Assessment | None
    followup: FollowupStatement | None
    calcium: CalciumStatement | None
    heart_lung: HeartLung | None
    missing: Mapping[Subject, NotAssessed]
    cautions: tuple[Caution, ...]
    models: tuple[ModelIdentity, ...]
    policy_version: str
    shown: Nodule | None

    @property
    def found(self) -> tuple[NoduleStatement, ...]:
        """The nodules; none also when they were not assessed."""
        return self.nodules or ()

    @property
    def is_search_limited(self) -> bool:
        """Whether a caution says that nodules may be where nobody looked, or may have been missed."""
        return self.nodules is not None and any(caution.code in LIMITING for caution in self.cautions)

    @property
    def mentions_calcium(self) -> bool:
        """Whether anything is to be said of calcium: a score, or why there is none although it was asked for."""
        why = self.missing.get(Subject.CALCIUM)
        return why is None or why.reason is not NotAssessedReason.NOT_REQUESTED


def state(findings: Findings, policy: WordingPolicy) -> Statements:
    """What a report says of these findings."""
    nodules = None if isinstance(findings.nodules, NotAssessed) else findings.nodules
    assessment = None if isinstance(findings.assessment, NotAssessed) else findings.assessment
    followup = None if isinstance(findings.followup, NotAssessed) or nodules is None else findings.followup
    calcium = None if isinstance(findings.calcium, NotAssessed) else findings.calcium
    return Statements(
        lungs=findings.lungs,
        nodules=None if nodules is None else _nodules(nodules, assessment, policy),
        guidelines=assessment,
        followup=None if followup is None else state_followup(followup, nodules or (), policy),
        calcium=None if calcium is None else state_calcium(calcium),
        heart_lung=state_heart_lung(findings, policy.heart_lung),
        missing=_missing(findings),
        cautions=findings.warnings,
        models=findings.models,
        policy_version=findings.policy_version,
        shown=most_suspicious(nodules or ()),
    )


def _nodules(
    nodules: tuple[Nodule, ...], assessment: Assessment | None, policy: WordingPolicy
) -> tuple[NoduleStatement, ...]:
    risks = [None] * len(nodules) if assessment is None else assessment.risks
    return tuple(state_nodule(nodule, risk, policy) for nodule, risk in zip(nodules, risks, strict=True))


def _missing(findings: Findings) -> Mapping[Subject, NotAssessed]:
    parts = {
        Subject.NODULES: findings.nodules,
        Subject.GUIDELINES: findings.assessment,
        Subject.FOLLOWUP: findings.followup,
        Subject.CALCIUM: findings.calcium,
    }
    return {subject: part for subject, part in parts.items() if isinstance(part, NotAssessed)}
