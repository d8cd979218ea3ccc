"""Nodules and calcium as low, medium or high, before they are put into words of any language."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cad.domain import (
    Assessment,
    CalciumScore,
    Findings,
    Guideline,
    Nodule,
    NotAssessed,
    NotAssessedReason,
    Recommendation,
)
from cad.policy import HeartLungPolicy
from cad.report.statements.subject import Subject


class Level(enum.IntEnum):
    """The three words of the page; their order is that of the policy's tables."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class LungLevel:
    """What the guideline says of the nodules, as a level; None where it leaves several open or gives none.

    `said` holds several where none was chosen as applicable: what each would be, if it were.
    """

    level: Level | None
    said: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True)
class HeartLevel:
    """The level of the calcium score, by the category of the named scheme."""

    level: Level | None
    scheme: str
    category: str


@dataclass(frozen=True, slots=True, eq=False)
class HeartLung:
    """Both results, each with a level; None where there is none, and `missing` then says why."""

    lung: LungLevel | None
    heart: HeartLevel | None
    missing: Mapping[Subject, NotAssessed]


NOT_LOOKED_AT = (NotAssessedReason.NOT_REQUESTED, NotAssessedReason.NOT_AVAILABLE)
"""Reasons for which a result is not missed on a page about both."""


def state_heart_lung(findings: Findings, policy: HeartLungPolicy) -> HeartLung | None:
    """The levels of both; None unless nodules and calcium were both looked at: the page is about the two together."""
    nodules, assessment, calcium = findings.nodules, findings.assessment, findings.calcium
    parts = (nodules, calcium)
    if any(isinstance(part, NotAssessed) and part.reason in NOT_LOOKED_AT for part in parts):
        return None
    named = ((Subject.NODULES, assessment), (Subject.NODULES, nodules), (Subject.CALCIUM, calcium))
    missing = {subject: part for subject, part in named if isinstance(part, NotAssessed)}
    known = None if isinstance(nodules, NotAssessed) or isinstance(assessment, NotAssessed) else assessment
    return HeartLung(
        lung=None if known is None else lung_level(known, policy),
        heart=None if isinstance(calcium, NotAssessed) else _heart(calcium, policy),
        missing=missing,
    )


def most_suspicious(nodules: Sequence[Nodule]) -> Nodule | None:
    """The nodule that a page shows: the most suspicious where all are rated, else the largest; None without any."""
    if not nodules:
        return None
    rated = [(n.ratings.suspicion, n) for n in nodules if n.ratings is not None]
    if len(rated) == len(nodules):
        return max(rated, key=lambda pair: (pair[0], pair[1].diameters.mean_mm))[1]
    return max(nodules, key=lambda nodule: nodule.diameters.mean_mm)


def lung_level(assessment: Assessment, policy: HeartLungPolicy) -> LungLevel:
    """The level of the applicable guideline's category; when none applies, that in which the policy's agree."""
    applicable = assessment.applicable.guideline
    guidelines = [Guideline(name) for name in policy.stand_ins] if applicable is None else [applicable]
    said = tuple(assessment.recommendation(guideline) for guideline in guidelines)
    levels = {
        level for guideline, one in zip(guidelines, said, strict=True) for level in _levels(guideline, one, policy)
    }
    return LungLevel(levels.pop() if len(levels) == 1 else None, said)


def _levels(guideline: Guideline, said: Recommendation, policy: HeartLungPolicy) -> set[Level | None]:
    tables = {name: rows for name, *rows in policy.lung}
    categories = said.possible if said.category is None else (said.category,)
    return {_level(category.removesuffix("S"), tables.get(guideline.value, [])) for category in categories}


def _heart(calcium: CalciumScore, policy: HeartLungPolicy) -> HeartLevel:
    scheme, *rows = policy.heart
    value = next((one.value for one in calcium.categories if one.scheme == scheme), "")
    return HeartLevel(_level(value.partition("/")[0], rows), scheme, value)


def _level(category: str, rows: list[tuple[str, ...]]) -> Level | None:
    return next((level for level, row in zip(Level, rows, strict=False) if category in row), None)
