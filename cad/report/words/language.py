"""What every language can say, and the languages of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cad.domain import Assessment, Caution, Nodule, NotAssessedReason
from cad.report.statements.nodules import NoduleStatement
from cad.report.statements.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Labels:
    """The fixed words of the page."""

    title: str
    origin: str
    patient: str
    patient_id: str
    born: str
    sex: str
    sexes: tuple[str, str, str]
    study: str
    accession: str
    series: str
    images: str
    not_given: str
    nodule: str
    place: str
    composition: str
    size: str
    volume: str
    signs: str
    suspicion: str
    brock: str
    note: str
    footer: str
    limits: str
    score_note: str


def sex_in(labels: Labels, code: str) -> str:
    """The word for a sex of DICOM (M, F, O); anything else as it is."""
    return dict(zip("MFO", labels.sexes, strict=True)).get(code, code)


@dataclass(frozen=True, slots=True)
class Technique:
    """How a series was acquired, and how much lung it shows."""

    slices: int
    spacing_mm: tuple[float, float, float]
    kernel: str | None
    kvp: float | None
    contrast: bool | None
    right_ml: float | None
    left_ml: float | None


@dataclass(frozen=True, slots=True)
class Cells:
    """One nodule in a row of the table; a dash stands for what is not known."""

    place: str
    composition: str
    size: str
    volume: str
    signs: str
    suspicion: str
    brock: str


class Words(Protocol):
    """A language: a module with these names."""

    @property
    def LABELS(self) -> Labels: ...  # noqa: N802 - a constant of the module

    def summary(self, nodules: Sequence[NoduleStatement] | None, *, is_limited: bool = False) -> str:
        """What was found, in one sentence; None is that nodules were not assessed, `is_limited` that not all of the
        lungs was searched as it should be."""

    def label(self, nodule: Nodule) -> str:
        """The name of a nodule."""

    def nodule_sentence(self, said: NoduleStatement) -> str:
        """One nodule as a radiologist writes it."""

    def cells(self, said: NoduleStatement) -> Cells:
        """One nodule as a row of the table."""

    def guidance(self, assessment: Assessment | None) -> list[str]:
        """The applicable guideline's recommendation, why, and what was assumed; or why none was chosen."""

    def technique(self, series: Technique) -> str:
        """How the series was acquired, in one line."""

    def lungs(self, series: Technique) -> str:
        """How much of the lungs is in view."""

    def unknown(self, names: Sequence[str]) -> str:
        """Why the Brock model gives a range; at least one name."""

    def caution(self, one: Caution) -> str:
        """What a reader of a result should know, in one sentence."""

    def made_by(self, made: Provenance, models: str, policy_version: str, series_uid: str) -> str:
        """Who made a report of which series."""

    def not_assessed(self, *, followup: NotAssessedReason | None, calcium: bool) -> str:
        """Which parts of a reading were not done, and why there is no comparison; empty when both were."""
