"""From what a guideline says of each finding to what it says of the examination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cad.domain import Recommendation

UNVERIFIED = "[unverified]"
"""Marks in the policy what was not read in the guideline itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One category of a guideline's table, and the rule that led to it, in words and numbers."""

    category: str
    because: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a guideline says of one finding: one verdict, or one for each value that an unknown input can have.

    None at all means that the guideline does not cover the finding; `assuming` then says so.
    """

    verdicts: tuple[Verdict, ...]
    assuming: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scheme:
    """A guideline: its name, edition, and table of categories from least to most demanding with their management."""

    name: str
    edition: str
    rows: tuple[tuple[str, str], ...]
    ranks: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ranks", {category: rank for rank, (category, _) in enumerate(self.rows)})

    def most_demanding(self, *categories: str) -> str:
        """The last of these categories in the table."""
        return max(categories, key=self.ranks.__getitem__)

    def recommend(self, opinions: Sequence[Opinion], nothing: Verdict) -> Recommendation:
        """The most demanding category among the findings; `nothing` when there are none.

        Where findings have several possible categories, every category remains possible that is at least as
        demanding as the lowest that each finding can have.
        """
        assuming = tuple(dict.fromkeys(text for opinion in opinions for text in opinion.assuming))
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

    def _recommendation(self, verdicts: tuple[Verdict, ...], assuming: tuple[str, ...]) -> Recommendation:
        management = dict(self.rows)
        possible = tuple(verdict.category for verdict in verdicts)
        is_one = len(verdicts) == 1
        return Recommendation(
            scheme=self.name,
            edition=self.edition,
            category=possible[0] if is_one else None,
            possible=possible,
            management=management[possible[0]] if is_one else "; ".join(f"{c}: {management[c]}" for c in possible),
            because=verdicts[0].because if is_one else "; or ".join(f"{v.category}: {v.because}" for v in verdicts),
            assuming=assuming,
            unverified=tuple(f"{c}: {management[c]}" for c in possible if UNVERIFIED in management[c]),
        )

    def _not_covered(self, assuming: tuple[str, ...]) -> Recommendation:
        because = f"{self.name} {self.edition} does not cover what was found"
        return Recommendation(
            self.name,
            self.edition,
            category=None,
            possible=(),
            management="none given",
            because=because,
            assuming=assuming,
        )


def not_applicable(scheme: Scheme, because: str) -> Recommendation:
    """The answer of a guideline that excludes the patient."""
    return Recommendation(
        scheme.name,
        scheme.edition,
        category="not applicable",
        possible=("not applicable",),
        management="none given",
        because=because,
    )


def with_assumptions(recommendation: Recommendation, *texts: str) -> Recommendation:
    """The recommendation with more of what was taken for granted, first."""
    return replace(recommendation, assuming=(*texts, *recommendation.assuming))
