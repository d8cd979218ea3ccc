"""Nodules and calcium as low, medium or high, before they are put into words of any language."""

from __future__ import annotations

import enum
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


class Level(enum.IntEnum):
    """The three words of the page; their order is that of the policy's tables."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class LungLevel:
    """What the guideline says of the nodules, as a level; None where it leaves several open or gives none.

    `is_fallback`: none was chosen as applicable, and this one is named instead.
    """

    level: Level | None
    said: Recommendation
    is_fallback: bool


@dataclass(frozen=True, slots=True)
class HeartLevel:
    """The level of the calcium score, by the category of the named scheme."""

    level: Level | None
    scheme: str
    category: str


@dataclass(frozen=True, slots=True, eq=False)
class HeartLung:
    """Both results, each with a level, or the reason why there is none."""

    lung: LungLevel | NotAssessed
    heart: HeartLevel | NotAssessed


NOT_LOOKED_AT = (NotAssessedReason.NOT_REQUESTED, NotAssessedReason.NOT_AVAILABLE)
"""Reasons for which a result is not missed on a page about both."""


def heart_lung_of(findings: Findings, policy: HeartLungPolicy) -> HeartLung | None:
    """The levels of both; None unless nodules and calcium were both looked at: the page is about the two together."""
    if isinstance(findings.nodules, NotAssessed) and findings.nodules.reason in NOT_LOOKED_AT:
        return None
    calcium = findings.calcium
    if isinstance(calcium, CalciumScore):
        return HeartLung(_lung(findings, policy), _heart(calcium, policy))
    return None if calcium.reason in NOT_LOOKED_AT else HeartLung(_lung(findings, policy), calcium)


def most_suspicious(findings: Findings) -> Nodule | None:
    """The nodule that a page shows: the most suspicious where all are rated, else the largest; None without any."""
    if isinstance(findings.nodules, NotAssessed) or not findings.nodules:
        return None
    rated = [(n.ratings.suspicion, n) for n in findings.nodules if n.ratings is not None]
    if len(rated) == len(findings.nodules):
        return max(rated, key=lambda pair: (pair[0], pair[1].diameters.mean_mm))[1]
    return max(findings.nodules, key=lambda nodule: nodule.diameters.mean_mm)


def _lung(findings: Findings, policy: HeartLungPolicy) -> LungLevel | NotAssessed:
    if isinstance(findings.nodules, NotAssessed):
        return findings.nodules
    if isinstance(findings.assessment, NotAssessed):
        return findings.assessment
    return lung_level(findings.assessment, policy)


def lung_level(assessment: Assessment, policy: HeartLungPolicy) -> LungLevel:
    """The level of the applicable guideline's category, or of the policy's guideline when none applies."""
    applicable = assessment.applicable.guideline
    guideline = Guideline(policy.fallback) if applicable is None else applicable
    said = assessment.recommendation(guideline)
    tables = {name: rows for name, *rows in policy.lung}
    categories = said.possible if said.category is None else (said.category,)
    levels = {_level(category.removesuffix("S"), tables.get(guideline.value, [])) for category in categories}
    return LungLevel(levels.pop() if len(levels) == 1 else None, said, is_fallback=applicable is None)


def _heart(calcium: CalciumScore, policy: HeartLungPolicy) -> HeartLevel:
    scheme, *rows = policy.heart
    value = next((one.value for one in calcium.categories if one.scheme == scheme), "")
    return HeartLevel(_level(value.partition("/")[0], rows), scheme, value)


def _level(category: str, rows: list[tuple[str, ...]]) -> Level | None:
    return next((level for level, row in zip(Level, rows, strict=False) if category in row), None)
