"""From what a guideline says of each finding to what it says of the examination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cad.domain import Guideline, Management, NoduleVerdict, Phrase, Recommendation
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

    None at all means that the guideline does not cover the finding; `assuming` then says so, and `leaves_open` whether
    the examination could then be anything that the other findings do not exclude. `label` is that of the nodule.
    """

    verdicts: tuple[Verdict, ...]
    assuming: tuple[Phrase, ...] = ()
    leaves_open: bool = False
    label: str | None = None

    def of(self, label: str) -> Opinion:
        """The same, known to be about this nodule."""
        return replace(self, label=label)


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
        remaining = self._remaining(opinions)
        if not opinions:
            return self._recommendation((nothing,), assuming)
        said = self._recommendation(remaining, assuming) if remaining else self._not_covered(assuming)
        return replace(said, nodules=self._by_nodule(opinions), dominant=self._dominant(opinions, remaining))

    def _remaining(self, opinions: Sequence[Opinion]) -> tuple[Verdict, ...]:
        """The verdicts that remain possible for all findings, least demanding first; none if no finding is covered."""
        covered = [opinion.verdicts for opinion in opinions if opinion.verdicts]
        if not covered:
            return ()
        least = max(min(self.ranks[v.category] for v in verdicts) for verdicts in covered)
        remaining: dict[int, Verdict] = {}
        for verdict in (v for verdicts in covered for v in verdicts):
            rank = self.ranks[verdict.category]
            if rank >= least:
                remaining.setdefault(rank, verdict)
        if any(opinion.leaves_open for opinion in opinions):
            for rank, row in enumerate(self.rows[least:], start=least):
                remaining.setdefault(rank, Verdict(row.code, Phrase(Rule.LEFT_OPEN)))
        return tuple(remaining[rank] for rank in sorted(remaining))

    def _by_nodule(self, opinions: Sequence[Opinion]) -> tuple[NoduleVerdict, ...]:
        labels = dict.fromkeys(opinion.label for opinion in opinions if opinion.label is not None)
        return tuple(self._of_nodule(label, [o for o in opinions if o.label == label]) for label in labels)

    def _of_nodule(self, label: str, opinions: Sequence[Opinion]) -> NoduleVerdict:
        verdicts = self._remaining(opinions)
        assuming = tuple(dict.fromkeys(phrase for opinion in opinions for phrase in opinion.assuming))
        if not verdicts:
            return NoduleVerdict(label, (), (), None, assuming)
        possible = tuple(verdict.category for verdict in verdicts)
        because = verdicts[0].because if len(verdicts) == 1 else either(verdicts)
        return NoduleVerdict(label, possible, tuple(self.management(code) for code in possible), because, assuming)

    def _dominant(self, opinions: Sequence[Opinion], remaining: Sequence[Verdict]) -> str | None:
        """The first nodule that has the most demanding category of the examination."""
        if not remaining:
            return None
        most = remaining[-1].category
        named = (o.label for o in opinions if any(v.category == most for v in o.verdicts))
        return next(named, None)

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
        row = self.rows[self.ranks[category]]
        return Management(category, self.high_risk, row.verified, row.months, row.from_first)

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
