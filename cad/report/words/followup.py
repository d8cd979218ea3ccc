"""What every language can say of a comparison with earlier examinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cad.report.statements.followup import ChangeStatement, FollowupStatement, Named


@dataclass(frozen=True, slots=True)
class ComparisonLabels:
    """The fixed words of the page of comparison.

    `rule` takes the per cent of a significant change, `more_in_table` the number of nodules that the chart leaves out.
    """

    title: str
    nodule: str
    then: str
    now: str
    change: str
    doubling: str
    verdict: str
    chart: str
    more_in_table: str
    pictures: str
    rule: str


@dataclass(frozen=True, slots=True)
class ChangeCells:
    """One nodule in a row of the table; a dash stands for what it cannot have."""

    nodule: str
    then: str
    now: str
    change: str
    doubling: str
    verdict: str


class ComparisonWords(Protocol):
    """A language: a module with these names."""

    @property
    def LABELS(self) -> ComparisonLabels: ...  # noqa: N802 - a constant of the module

    def name(self, named: Named) -> str:
        """The name of a nodule of now or of then."""

    def overview(self, statement: FollowupStatement) -> str:
        """What was compared with what, and how many nodules changed how."""

    def exams(self, statement: FollowupStatement) -> list[str]:
        """Each earlier examination: its date, where its nodules come from, and what of its registration is doubtful."""

    def place(self, one: ChangeStatement) -> str:
        """The lobe or the lung; empty when neither is known."""

    def change_sentence(self, one: ChangeStatement) -> str:
        """One nodule's change as a radiologist writes it."""

    def cells(self, one: ChangeStatement) -> ChangeCells:
        """One nodule's change as a row of the table."""
