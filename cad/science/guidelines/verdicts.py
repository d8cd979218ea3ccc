"""From what a guideline says of each finding to what it says of the examination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cad.domain import Guideline, Management, Phrase, Recommendation
from cad.policy.guidelines.rows import Row
from cad.policy.guidelines.rules import NOT_APPLICABLE, Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """One category of a guideline's table, and the rule that led to it."""

    category: str
    because: Phrase


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a guideline says of one finding: one verdict, or one for each value that an unknown input can have.

    None at all means that the guideline does not cover the finding; `assuming` then says so.
    """

    verdicts: tuple[Verdict, ...]
    assuming: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """A guideline: its edition, and table of categories from least to most demanding.

    `high_risk` says which management is meant where it differs by risk; None is not known.
    """

    guideline: Guideline
    edition: str
    rows: tuple[Row, ...]
    high_risk: bool | None = None
    edition_verified: bool = True
    ranks: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ranks", {row.code: rank for rank, row in enumerate(self.rows)})

    def most_demanding(self, *categories: str) -> str:
        """The last of these categories in the table."""
        return max(categories, key=self.ranks.__getitem__)

    def recommend(self, opinions: Sequence[Opinion], nothing: Verdict) -> Recommendation:
        """The most demanding category among the findings; `nothing` when there are none.

        Where findings have several possible categories, every category remains possible that is at least as
        demanding as the lowest that each finding can have.
        """
        assuming = tuple(dict.fromkeys(phrase for opinion in opinions for phrase in opinion.assuming))
        covered = [opinion.verdicts for opinion in opinions if opinion.verdicts]
        if not covered:
            return self._not_covered(assuming) if opinions else self._recommendation((nothing,), assuming)
        least = max(min(self.ranks[v.category] for v in verdicts) for verdicts in covered)
        remaining: dict[int, Verdict] = {}
        for verdict in (v for verdicts in covered for v in verdicts):
            rank = self.ranks[verdict.category]
            if rank >= least:
                remaining.setdefault(rank, verdict)
        return self._recommendation(tuple(remaining[rank] for rank in sorted(remaining)), assuming)

    def answer(self, category: str | None, because: Phrase, management: tuple[Management, ...] = ()) -> Recommendation:
        """An answer of this guideline with one category, or with none."""
        return Recommendation(
            guideline=self.guideline,
            edition=self.edition,
            category=category,
            possible=() if category is None else (category,),
            management=management,
            because=because,
            edition_verified=self.edition_verified,
        )

    def management(self, category: str) -> Management:
        """What follows from a category of the table."""
        return Management(category, self.high_risk, self.rows[self.ranks[category]].verified)

    def _recommendation(self, verdicts: tuple[Verdict, ...], assuming: tuple[Phrase, ...]) -> Recommendation:
        possible = tuple(verdict.category for verdict in verdicts)
        is_one = len(verdicts) == 1
        return replace(
            self.answer(possible[0] if is_one else None, verdicts[0].because if is_one else either(verdicts)),
            possible=possible,
            management=tuple(self.management(category) for category in possible),
            assuming=assuming,
        )

    def _not_covered(self, assuming: tuple[Phrase, ...]) -> Recommendation:
        because = Phrase(Rule.NOT_COVERED, guideline=self.guideline, edition=self.edition)
        return replace(self.answer(None, because), assuming=assuming)


def either(verdicts: Sequence[Verdict]) -> Phrase:
    """The rules of several possible categories."""
    parts = (Phrase(Rule.OF_CATEGORY, category=category(v.category), because=v.because) for v in verdicts)
    return Phrase(Rule.EITHER, parts=tuple(parts))


def category(code: str) -> Phrase:
    """The category of a table as a fact of a sentence."""
    return Phrase(Rule.ROW, row=code)


def not_applicable(scheme: Scheme, because: Phrase) -> Recommendation:
    """The answer of a guideline that excludes the patient."""
    return scheme.answer(NOT_APPLICABLE, because)


def with_assumptions(recommendation: Recommendation, *phrases: Phrase) -> Recommendation:
    """The recommendation with more of what was taken for granted, first."""
    return replace(recommendation, assuming=(*phrases, *recommendation.assuming))
