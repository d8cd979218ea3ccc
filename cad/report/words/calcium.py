"""What every language can say of coronary calcium and of heart and lungs together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cad.domain import (
    Artery,
    CalciumScore,
    CalciumSite,
    Nodule,
    NotAssessed,
    OtherCalcium,
    SiteScore,
)
from cad.report.statements.heart_lung import HeartLevel, LungLevel
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
    critical: str
    heart_lung: str
    lung: str
    heart: str
    rule: str


class CalciumWords(Protocol):
    """A language: a module with these names."""

    @property
    def LABELS(self) -> CalciumLabels: ...  # noqa: N802 - a constant of the module

    def site(self, site: CalciumSite) -> str:
        """The name of an artery or other site."""

    def summary(self, calcium: CalciumScore | NotAssessed) -> str:
        """The result in one sentence, or why there is none."""

    def apart(self, calcium: CalciumScore) -> str:
        """Calcium that is not coronary, in one sentence; empty when there is none."""

    def advice(self, calcium: CalciumScore) -> str:
        """What follows from the tier, with its source."""

    def caveats(self, calcium: CalciumScore) -> str:
        """What a reader of the score should know."""

    def level(self, result: LungLevel | HeartLevel | NotAssessed) -> str:
        """Low, medium, high, or that it was not assessed."""

    def lung_reason(self, result: LungLevel | NotAssessed) -> str:
        """From which category the level follows, or why there is none."""

    def heart_reason(self, result: HeartLevel | NotAssessed) -> str:
        """From which category the level follows, or why there is none."""

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


def with_calcium(calcium: CalciumScore) -> list[Artery]:
    """The arteries that hold calcium, in their order."""
    return [artery for artery, one in calcium.arteries if one.lesions]


def named_others(calcium: CalciumScore) -> list[tuple[OtherCalcium, SiteScore]]:
    """Aorta and valves, as far as they hold calcium: a score of lymph nodes or bone would mean nothing."""
    return [(site, one) for site, one in calcium.other if site is not OtherCalcium.OTHER]
