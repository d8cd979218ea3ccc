"""What stands on key images and beside lesions, in any language: a module for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cad.domain import Caution, Nodule, NotAssessedReason
from cad.report.statements.followup import ChangeStatement
from cad.report.statements.nodules import NoduleStatement


@dataclass(frozen=True, slots=True)
class PictureLabels:
    """Fixed words. `planes` are axial, coronal and sagittal; those with braces are filled in."""

    title: str
    title_with_calcium: str
    footer: str
    research_use: str
    planes: tuple[str, str, str]
    series: str
    lungs: str
    no_lungs: str
    lung_colours: str
    no_nodule: str
    not_assessed: str
    score_note: str
    caution: str
    more_lines: str
    not_coronary: str
    shown: str
    then: str
    now: str
    wide: str
    out_of_view: str
    whole_series: str
    nothing_found: str
    nodules_not_assessed: str
    language: tuple[str, str]


class PictureWords(Protocol):
    """A language: a module with these names."""

    REASON: Mapping[NotAssessedReason, str]

    @property
    def LABELS(self) -> PictureLabels: ...  # noqa: N802 - a constant of the module

    def beside(self, nodule: Nodule, change: str = "") -> str:
        """One neutral line about a nodule and its change: viewers show it beside the lesion."""

    def change(self, one: ChangeStatement | None) -> str:
        """The change in a few words; empty when there is nothing to say."""

    def nodule_lines(self, said: NoduleStatement, series: object, image: str | None) -> list[str]:
        """The lines above a nodule's panels; `series` and `image` are the numbers by which a viewer finds the slice."""

    def summary_line(self, said: NoduleStatement) -> str:
        """One nodule on the summary page."""

    def overlay_lines(self, nodule: Nodule, image: str | None, place: tuple[int, int]) -> tuple[str, ...]:
        """The lines of a whole slice with a nodule; `place` is its number from the feet and of how many."""

    def comparison_lines(self, said: ChangeStatement, then: str, now: str) -> list[str]:
        """The lines above the panels of then and now, which are dates."""

    def caution(self, one: Caution) -> str:
        """What a reader should know."""
