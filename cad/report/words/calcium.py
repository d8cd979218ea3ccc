"""What every language can say of coronary calcium and of heart and lungs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cad.domain import (
    CalciumScore,
    CalciumSite,
    Nodule,
    NotAssessed,
)
from cad.report.statements import Statements, Subject
from cad.report.statements.calcium import CalciumStatement
from cad.report.statements.heart_lung import HeartLevel, HeartLung, Level, LungLevel
from cad.report.words.numbers import whole


@dataclass(frozen=True, slots=True)
class CalciumLabels:
    """The fixed words of the calcium table and of the page of heart and lungs."""

    title: str
    artery: str
    agatston: str
    volume: str
    lesions: str
    total: str
    apart: str
    estimate: str
    very_high: str
    heart_lung: str
    lung: str
    heart: str
    rule: str
    stop: str


class CalciumWords(Protocol):
    """A language: a module with these names."""

    @property
    def LABELS(self) -> CalciumLabels: ...  # noqa: N802 - a constant of the module

    def site(self, site: CalciumSite) -> str:
        """The name of an artery or other site."""

    def summary(self, statement: CalciumStatement) -> str:
        """The result in one sentence."""

    def missing(self, why: NotAssessed) -> str:
        """Why there is no score, in one sentence."""

    def apart(self, statement: CalciumStatement) -> str:
        """Calcium that is not coronary, in one sentence; empty when there is none."""

    def advice(self, calcium: CalciumScore, mark: str = "") -> str:
        """What follows from the tier, with its source; `mark` follows what was not verified."""

    def variant(self, calcium: CalciumScore) -> str:
        """By which rules the score was computed."""

    def caveats(self, calcium: CalciumScore) -> str:
        """What a reader of the score should know."""

    def level(self, level: Level | None) -> str:
        """Low, medium, high, or that it was not assessed."""

    def lung_reason(self, result: LungLevel) -> str:
        """From which category the level follows."""

    def why_no_lung(self, why: NotAssessed) -> str:
        """Why there is no level of the nodules."""

    def heart_reason(self, result: HeartLevel) -> str:
        """From which category the level follows."""

    def why_no_heart(self, why: NotAssessed) -> str:
        """Why there is no level of the calcium."""

    def nodule_caption(self, nodule: Nodule) -> str:
        """What the picture of a nodule shows."""

    def slice_caption(self) -> str:
        """What the picture of calcium shows."""


def score(agatston: float) -> str:
    """An Agatston score; one decimal, so that 99.6 is not printed as 100, which is of the next tier."""
    return "0" if agatston == 0 else f"{agatston:.1f}"


def categories(calcium: CalciumScore) -> str:
    """Each category with the name of its scheme."""
    return "; ".join(f"{one.scheme}: {one.value}" for one in calcium.categories)


def volume(volume_mm3: float) -> str:
    """A volume in mm³, without the unit."""
    return whole(volume_mm3)


def result(words: CalciumWords, statements: Statements) -> str:
    """The score in one sentence, or why there is none."""
    if statements.calcium is None:
        return words.missing(statements.missing[Subject.CALCIUM])
    return words.summary(statements.calcium)


def lung_reason(words: CalciumWords, both: HeartLung) -> str:
    """From which category the level of the nodules follows, or why there is none."""
    return words.why_no_lung(both.missing[Subject.NODULES]) if both.lung is None else words.lung_reason(both.lung)


def heart_reason(words: CalciumWords, both: HeartLung) -> str:
    """From which category the level of the calcium follows, or why there is none."""
    return words.why_no_heart(both.missing[Subject.CALCIUM]) if both.heart is None else words.heart_reason(both.heart)
